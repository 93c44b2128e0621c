"""Scores over seeds: against values computed by hand, by brute force, and by scipy."""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from drawn import N, by_hand, runs_of
from scipy import stats

from deplib.errors import ResultError
from deplib.statistics import score_runs


def bounds(interval):
    return interval.low, interval.high


LEVEL = 2 * stats.norm.cdf(stats.t.ppf(0.975, N - 1) * np.sqrt(N / (N - 1))) - 1
"""Confidence at which a percentile interval is the expanded one at 95 %, of N persons."""


@pytest.mark.parametrize("metric", ["mae", "rmse", "pcc", "ccc", "sigma_ratio", "bias"])
def test_mean_and_sd_over_seeds_are_those_of_the_single_runs(table, scores, metric):
    values = by_hand(table, "a", metric)
    summary = scores.summary("a", metric)
    np.testing.assert_allclose(scores.values("a", metric), values)
    assert summary.estimate == pytest.approx(values.mean())
    assert summary.seed_sd == pytest.approx(values.std(ddof=1))
    assert summary.low < summary.estimate < summary.high
    assert summary.n_runs == 5


def test_the_interval_of_a_mean_over_seeds_is_that_of_scipy_where_persons_come_once():
    errors = np.random.default_rng(1).gamma(2, 4, (6, N))
    ours = score_runs(runs_of("a", errors, persons=N)).summary("a")
    how = {"n_resamples": 20_000, "method": "percentile", "confidence_level": LEVEL, "rng": 2}
    theirs = stats.bootstrap((np.abs(errors).mean(axis=0),), np.mean, **how)
    interval = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx(tuple(interval), abs=0.06)


def test_differences_are_paired_on_the_same_persons(table, scores):
    difference = scores.difference("a", "b")
    expected = by_hand(table, "a", "mae").mean() - by_hand(table, "b", "mae").mean()
    assert difference.estimate == pytest.approx(expected)
    single = [scores.summary(name) for name in ("a", "b")]
    assert difference.high - difference.low < min(s.high - s.low for s in single)
    back = scores.difference("b", "a")
    assert (back.low, back.high) == pytest.approx((-difference.high, -difference.low), abs=1e-9)
    assert bounds(scores.difference("a", "a")) == (0.0, 0.0)


def test_a_metric_that_a_run_leaves_undefined_is_counted_and_not_zero(table):
    constant = runs_of("k", np.zeros((1, N)))
    constant["bdi_hat"] = 13.0
    one = table.query("model == 'a' and seed == 0")
    mixed = score_runs(pd.concat([one, constant.assign(model="a", seed=1)]))
    summary = mixed.summary("a", "pcc")
    assert summary.n_runs == 1
    assert summary.estimate == pytest.approx(by_hand(one, "a", "pcc")[0])
    assert np.isnan(summary.seed_sd)
    nothing = score_runs(constant).summary("k", "pcc")
    assert nothing.n_runs == 0
    assert np.isnan([nothing.estimate, nothing.low, nothing.high]).all()


def test_the_same_state_gives_the_same_interval_and_rows_may_come_in_any_order(table, scores):
    again = score_runs(table.sample(frac=1, random_state=0))
    assert astuple(again.summary("a")) == pytest.approx(astuple(scores.summary("a")))
    other = score_runs(table, seed=1)
    assert other.summary("a").low != scores.summary("a").low


def test_models_or_metrics_that_do_not_exist_are_named(scores):
    for call in (scores.summary, scores.components):
        with pytest.raises(ResultError, match="no run of 'd'"):
            call("d")
        with pytest.raises(ValueError, match="unknown metric 'r2'"):
            call("a", "r2")
    with pytest.raises(ResultError, match="no run of 'd'"):
        scores.test("a", "d")


@pytest.fixture(scope="module")
def shifted():
    """All errors too high, so that a seed's shift is a shift of its MAE; and the same unshifted."""
    rng = np.random.default_rng(3)
    same = np.abs(rng.normal(20, 3, (1, N)))
    shift = rng.normal(0, 2, (10, 1))
    still, moved = (
        runs_of(m, same + k * shift, persons=N) for m, k in (("still", 0), ("moved", 1))
    )
    return score_runs(pd.concat([still, moved]))


def test_a_difference_of_architectures_holds_the_seeds_as_well_as_the_persons(shifted):
    fixed = shifted.difference("moved", "still")
    drawn = shifted.difference("moved", "still", draw_seeds=True)
    assert drawn.estimate == fixed.estimate
    assert fixed.high - fixed.low < 1e-9  # a shift is the same for every person
    theirs = stats.bootstrap((shifted.values("moved"),), np.mean, method="percentile", rng=1)
    standard_error = (drawn.high - drawn.low) / (2 * stats.t.ppf(0.975, N - 1))
    assert standard_error == pytest.approx(theirs.standard_error, rel=0.1)
    assert shifted.equivalence("moved", "still", 0.1 + abs(fixed.estimate)).equivalent
    margin = 0.1 + abs(fixed.estimate)
    assert not shifted.equivalence("moved", "still", margin, draw_seeds=True).equivalent


def test_two_models_do_not_share_their_draws_of_seeds(table):
    one = table.query("model == 'a'")
    scores = score_runs(pd.concat([one, one.assign(model="again")]))
    drawn = scores.difference("a", "again", draw_seeds=True)
    assert drawn.estimate == 0 < drawn.high - drawn.low
    assert drawn == scores.difference("a", "again", draw_seeds=True)


UNFIT = [
    (lambda t: t[(t.model != "b") | (t.seed != 4) | (t.index % N)], ResultError, "b at seed 4"),
    (lambda t: pd.concat([t, t.tail(1)]), ResultError, "twice"),
    (lambda t: t.assign(bdi=t["bdi"] + (t.index == 60)), ResultError, "different labels"),
    (lambda t: t.assign(person=t["person"].mask(t.index == 60, "x")), ResultError, "persons"),
    (lambda t: t.assign(bdi_hat=t["bdi_hat"].mask(t.index == 3)), ResultError, "nan"),
    (lambda t: t.assign(bdi_hat=np.inf), ValueError, "is inf"),
    (lambda t: t.head(0), ResultError, "no run to score"),
    (lambda t: t.assign(person="p"), ValueError, "1 person"),
    *[
        (lambda t, c=c: t.assign(**{c: t[c].astype(object).mask(t.index == 3)}), ResultError, c)
        for c in ("recording", "person", "bdi", "model", "seed")
    ],
]


@pytest.mark.parametrize(("change", "error", "message"), UNFIT)
def test_what_does_not_fit_together_is_refused(table, change, error, message):
    with pytest.raises(error, match=message):
        score_runs(change(table))
