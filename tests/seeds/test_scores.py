"""Scores over seeds: against values computed by hand, by brute force, and by scipy."""

from dataclasses import astuple
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from score_tables import N, by_hand, runs_of

from deplib import evaluation, seeds
from deplib.errors import ResultError

LEVEL = 2 * stats.norm.cdf(stats.t.ppf(0.975, N - 1) * np.sqrt(N / (N - 1))) - 1
"""Confidence at which a percentile interval is the expanded one at 95 %, of N persons."""


@pytest.mark.parametrize("metric", ["mae", "rmse", "pcc", "ccc", "sigma_ratio", "bias"])
def test_mean_and_sd_over_seeds_are_those_of_the_single_runs(table, scores, metric):
    values = by_hand(table, "a", metric)
    summary = scores.summary("a", metric)
    np.testing.assert_allclose(scores.values("a", metric), values)
    assert summary.value == pytest.approx(values.mean())
    assert summary.seed_sd == pytest.approx(values.std(ddof=1))
    assert summary.low < summary.value < summary.high
    assert (summary.n_runs, summary.n_defined) == (5, 5)


@pytest.mark.parametrize("metric", ["mae", "pcc"])
def test_the_interval_of_one_run_is_that_of_the_cluster_bootstrap(table, metric):
    one = table.query("model == 'a' and seed == 0")
    summary = seeds.score(one).summary("a", metric)
    expected = evaluation.with_intervals(one)
    assert summary.low == pytest.approx(expected[f"{metric}_low"], abs=1e-9)
    assert summary.high == pytest.approx(expected[f"{metric}_high"], abs=1e-9)
    assert np.isnan(summary.seed_sd)


def test_the_interval_of_a_mean_over_seeds_is_that_of_scipy_where_persons_come_once():
    errors = np.random.default_rng(1).gamma(2, 4, (6, N))
    ours = seeds.score(runs_of("a", errors, persons=N)).summary("a")
    theirs = stats.bootstrap(
        (np.abs(errors).mean(axis=0),),
        np.mean,
        n_resamples=20_000,
        method="percentile",
        confidence_level=LEVEL,
        rng=np.random.default_rng(2),
    )
    interval = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx(tuple(interval), abs=0.06)
    assert ours.person_sd == pytest.approx(theirs.standard_error, rel=0.05)


def test_equal_runs_have_no_spread_between_seeds_and_the_interval_of_one_of_them(table):
    one = table.query("model == 'a' and seed == 0")
    many = pd.concat([one.assign(seed=k) for k in range(10)])
    summary, alone = (seeds.score(t).summary("a") for t in (many, one))
    assert summary.seed_sd == pytest.approx(0, abs=1e-12)
    assert (summary.low, summary.high) == pytest.approx((alone.low, alone.high))


def test_a_shift_of_all_predictions_of_a_seed_is_spread_between_seeds_only():
    rng = np.random.default_rng(3)
    errors = np.abs(rng.normal(20, 1, (1, N))) + np.arange(5)[:, None]  # all too high: MAE = bias
    summary = seeds.score(runs_of("a", errors)).summary("a")
    assert summary.seed_sd == pytest.approx(np.arange(5).std(ddof=1))
    assert summary.high - summary.low < 1


def test_differences_are_paired_on_the_same_persons(table, scores):
    difference = scores.difference("a", "b")
    expected = by_hand(table, "a", "mae").mean() - by_hand(table, "b", "mae").mean()
    assert difference.value == pytest.approx(expected)
    single = [scores.summary(name) for name in ("a", "b")]
    assert difference.high - difference.low < min(s.high - s.low for s in single)
    back = scores.difference("b", "a")
    assert (back.low, back.high) == pytest.approx((-difference.high, -difference.low), abs=1e-9)
    assert scores.difference("a", "a") == evaluation.Difference(0.0, 0.0, 0.0)


def test_the_standard_error_from_seeds_is_that_of_two_means(table, scores):
    variances = [by_hand(table, name, "mae").var(ddof=1) / 5 for name in ("a", "b")]
    assert scores.seed_error("a", "b") == pytest.approx(np.sqrt(sum(variances)))


def test_opposite_signs_are_counted_over_all_pairs_of_runs(table, scores):
    first, second = (by_hand(table, name, "mae") for name in ("a", "b"))
    sign = np.sign(first.mean() - second.mean())
    opposite = sum(np.sign(i - j) == -sign for i, j in product(first, second))
    assert scores.against_the_mean("a", "b") == (opposite, 25)


def test_ranks_and_lottery_agree_with_brute_force(table, scores):
    values = {name: by_hand(table, name, "mae") for name in "abc"}
    ranks = scores.ranks(["a", "b", "c"])
    for seed in range(5):
        order = sorted(values, key=lambda name: values[name][seed])
        assert [ranks.loc[seed, name] for name in order] == [1, 2, 3]
    tables = list(product(*values.values()))
    means = tuple(np.argsort([v.mean() for v in values.values()]))
    lottery = scores.lottery(["a", "b", "c"])
    assert lottery.n_tables == len(tables) == 125
    assert lottery.n_orders == len({tuple(np.argsort(t)) for t in tables})
    assert lottery.first["a"] == pytest.approx(np.mean([np.argmin(t) == 0 for t in tables]))
    same = [tuple(np.argsort(t)) == means for t in tables]
    assert lottery.same_order == pytest.approx(np.mean(same))
    assert sum(lottery.first.values()) == pytest.approx(1)


def test_who_is_first_over_persons_is_told_apart_from_who_is_first_over_seeds(scores):
    alike = seeds.score(
        pd.concat(
            [runs_of("a", np.full((3, N), 5.0)), runs_of("b", np.full((3, N), 5.5))]
        )  # the same for everybody, so no resample can change the order
    )
    assert alike.first_over_persons(["a", "b"]) == {"a": 1.0, "b": 0.0}
    shares = scores.first_over_persons(["a", "b", "c"])
    means = scores.resampled["mae"].reshape(-1, 3, 5).mean(axis=2)  # the runs of a, of b, of c
    for k, model in enumerate("abc"):
        assert shares[model] == pytest.approx((means.argmin(axis=1) == k).mean())


def test_a_metric_that_a_run_leaves_undefined_is_counted_and_not_zero(table):
    constant = runs_of("k", np.zeros((1, N)))
    constant["bdi_hat"] = 13.0
    one = table.query("model == 'a' and seed == 0")
    mixed = seeds.score(pd.concat([one, constant.assign(model="a", seed=1)]))
    summary = mixed.summary("a", "pcc")
    assert (summary.n_runs, summary.n_defined) == (2, 1)
    assert summary.value == pytest.approx(by_hand(one, "a", "pcc")[0])
    assert np.isnan(summary.seed_sd)
    nothing = seeds.score(constant).summary("k", "pcc")
    assert nothing.n_defined == 0
    assert np.isnan([nothing.value, nothing.low, nothing.high, nothing.person_sd]).all()


def test_the_same_state_gives_the_same_interval_and_rows_may_come_in_any_order(table, scores):
    again = seeds.score(table.sample(frac=1, random_state=0))
    assert astuple(again.summary("a")) == pytest.approx(astuple(scores.summary("a")))
    other = seeds.score(table, seed=1)
    assert other.summary("a").low != scores.summary("a").low


def test_a_run_without_a_value_is_left_out_of_comparisons_or_refuses_them(table):
    constant = table.query("model == 'b' and seed == 0").assign(bdi_hat=13.0)
    scores = seeds.score(pd.concat([table.query("not (model == 'b' and seed == 0)"), constant]))
    assert scores.against_the_mean("a", "b", "pcc")[1] == 5 * 4
    with pytest.raises(ResultError, match="cannot be ranked: pcc is undefined"):
        scores.lottery(["a", "b"], "pcc")
    only = seeds.score(pd.concat([constant, table.query("model == 'a'")]))
    assert np.isnan(list(only.first_over_persons(["a", "b"], "pcc").values())).all()


def test_models_or_metrics_that_do_not_exist_are_named(scores):
    for call in (scores.summary, scores.components, scores.interquartile_mean):
        with pytest.raises(ResultError, match="no run of 'd'"):
            call("d")
        with pytest.raises(ValueError, match="unknown metric 'r2'"):
            call("a", "r2")
    with pytest.raises(ResultError, match="no run of 'd'"):
        scores.ranks(["a", "d"])
    with pytest.raises(ResultError, match="no run of 'd'"):
        scores.test("a", "d")
