"""Models with several runs compared: intervals over persons and seeds, and tests over persons."""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from score_tables import N, by_hand, runs_of

from deplib.statistics import SEED, equivalence_test, score_runs, sign_flip_test


def triple(interval):
    return interval.estimate, interval.low, interval.high


def bounds(difference):
    return difference.low, difference.high


def test_interquartile_mean_is_that_of_the_runs(table, scores):
    for metric in ("mae", "pcc", "bias"):
        values = by_hand(table, "a", metric)
        ours = scores.interquartile_mean("a", metric)
        assert ours.estimate == pytest.approx(stats.trim_mean(values, 0.25))
        assert ours.low < ours.estimate < ours.high


def test_a_single_run_leaves_the_interval_over_persons(table):
    one = score_runs(table.query("seed == 0"))
    for metric in ("mae", "pcc"):
        summary, ours = one.summary("a", metric), one.interquartile_mean("a", metric)
        assert triple(ours) == pytest.approx(triple(summary))


def test_the_interval_holds_the_seeds_as_well_as_the_persons():
    """All errors too high, so that a seed's shift is a shift of its MAE."""
    rng = np.random.default_rng(3)
    same = np.abs(rng.normal(20, 3, (1, N)))
    shift = rng.normal(0, 2, (10, 1))
    moved = score_runs(runs_of("m", same + shift, persons=N))
    narrow = score_runs(runs_of("m", same + 0 * shift, persons=N)).interquartile_mean("m")
    wide, over_persons = moved.interquartile_mean("m"), moved.summary("m")
    assert wide.high - wide.low > 1.5 * (over_persons.high - over_persons.low)
    assert narrow.high - narrow.low == pytest.approx(over_persons.high - over_persons.low, rel=0.01)
    runs = stats.bootstrap(
        (moved.values("m"),), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis)
    )
    width = np.hypot(
        np.ptp(runs.confidence_interval), over_persons.high - over_persons.low
    )  # the two are independent here
    assert wide.high - wide.low == pytest.approx(width, rel=0.15)


def test_improvement_counts_pairs_of_runs_in_the_right_direction(table, scores):
    a, c = by_hand(table, "a", "mae"), by_hand(table, "c", "mae")
    expected = (a[:, None] < c[None, :]).mean()
    ours = scores.improvement("a", "c")
    assert ours.estimate == pytest.approx(expected)
    assert ours.estimate > 0.5  # c is the worse one
    assert ours.low <= ours.estimate <= ours.high
    assert scores.improvement("c", "a").estimate == pytest.approx(1 - expected)
    a, c = by_hand(table, "a", "pcc"), by_hand(table, "c", "pcc")
    assert scores.improvement("a", "c", "pcc").estimate == (a[:, None] > c[None, :]).mean()
    assert scores.improvement("a", "a").estimate == 0.5


def test_improvement_over_an_equal_model_is_one_half_and_over_a_worse_one_is_sure():
    errors = np.random.default_rng(1).normal(0, 5, (4, N))
    larger = errors + np.sign(errors)  # every error one point larger, in every run
    both = score_runs(pd.concat([runs_of("a", errors), runs_of("b", errors)]))
    assert both.improvement("a", "b").estimate == 0.5
    worse = score_runs(pd.concat([runs_of("a", errors[:1]), runs_of("b", larger[:1])]))
    assert triple(worse.improvement("a", "b")) == (1.0, 1.0, 1.0)
    assert triple(worse.improvement("b", "a")) == (0.0, 0.0, 0.0)


def test_an_undefined_run_makes_both_undefined(table):
    constant = table.query("model == 'b' and seed == 0").assign(bdi_hat=13.0)
    scores = score_runs(pd.concat([table.query("not (model == 'b' and seed == 0)"), constant]))
    assert np.isnan(triple(scores.interquartile_mean("b", "pcc"))).all()
    assert np.isnan(triple(scores.improvement("a", "b", "pcc"))).all()
    assert np.isfinite(triple(scores.improvement("a", "b", "mae"))).all()


def test_a_metric_without_a_better_end_has_no_improvement(scores):
    for metric in ("bias", "sigma_ratio", "r2"):
        with pytest.raises(ValueError, match=f"'{metric}' does not say which run is better"):
            scores.improvement("a", "b", metric)


def test_sign_flips_are_of_the_errors_that_seeds_have_on_average(table, scores):
    errors = table.assign(error=(table["bdi_hat"] - table["bdi"]).abs())
    wide = errors.pivot_table("error", ["recording", "person"], "model").reset_index()
    ours = scores.test("a", "c")
    assert ours.statistic == pytest.approx(scores.difference("a", "c").estimate)
    assert (ours.n_persons, ours.n_recordings) == (25, 50)
    assert 0.01 < ours.p_value < 0.3
    again = sign_flip_test(wide["a"] - wide["c"], wide["person"], rng=np.random.default_rng(SEED))
    assert astuple(ours) == pytest.approx(astuple(again))
    assert scores.test("a", "a").p_value == 1.0


def test_few_persons_are_flipped_in_every_way(table):
    few = table[table["person"] < "p08"]
    ours = score_runs(few).test("a", "b")
    errors = few.assign(error=(few["bdi_hat"] - few["bdi"]).abs())
    sums = errors.pivot_table("error", "person", "model", aggfunc="sum") / 5
    theirs = stats.permutation_test(
        ((sums["a"] - sums["b"]).to_numpy(),), np.sum, permutation_type="samples"
    )
    assert ours.n_resamples == 2**8
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_equivalence_is_the_interval_of_the_difference_at_ninety_per_cent(table, scores):
    difference, ours = scores.difference("a", "b"), scores.equivalence("a", "b", 3.0)
    assert ours.difference == difference.estimate
    assert difference.low < ours.low < ours.high < difference.high
    assert ours.equivalent
    assert not scores.equivalence("a", "c", 1.5).equivalent
    assert not scores.equivalence("a", "b", abs(difference.estimate) / 2).equivalent
    with pytest.raises(ValueError, match="margin is 0"):
        scores.equivalence("a", "b", 0)


def test_equivalence_of_single_runs_is_that_of_their_predictions(table):
    one = table.query("seed == 0").sort_values("recording")
    a, b = (one[one["model"] == model] for model in "ab")
    expected = equivalence_test(
        a["bdi"],
        a["bdi_hat"],
        b["bdi_hat"],
        a["person"],
        margin=1.0,
        rng=np.random.default_rng(SEED),
    )
    assert astuple(score_runs(one).equivalence("a", "b", 1.0)) == pytest.approx(astuple(expected))


def test_the_same_state_draws_the_same_and_another_draws_others(table, scores):
    def drawn(scores):
        return (
            *bounds(scores.interquartile_mean("a")),
            *bounds(scores.improvement("a", "b")),
            scores.test("a", "b").p_value,
        )

    assert drawn(score_runs(table)) == drawn(scores) == drawn(scores)
    assert drawn(score_runs(table, seed=1)) != drawn(scores)
