"""Models with several runs compared: tests over persons, and equivalence within a margin."""

import numpy as np
import pandas as pd
import pytest
from drawn import N, rng, runs_of
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from deplib.statistics import score_runs, sign_flip_test
from deplib.statistics.intervals import SEED


def test_sign_flips_are_of_the_errors_that_seeds_have_on_average(table, scores):
    errors = table.assign(error=(table["bdi_hat"] - table["bdi"]).abs())
    wide = errors.pivot_table("error", ["recording", "person"], "model").reset_index()
    ours = scores.test("a", "c")
    assert ours.statistic == pytest.approx(scores.difference("a", "c").estimate)
    assert ours.n_persons == 25
    again = sign_flip_test(wide["a"] - wide["c"], wide["person"], rng=rng(SEED))
    assert ours.p_value == again.p_value
    assert 0.01 < ours.p_value < 0.3
    assert scores.test("a", "a").p_value == 1.0


def test_equivalence_is_that_of_the_two_t_tests_where_those_hold():
    errors = rng(0).normal(0, 8, (2, 1, N))
    runs = [runs_of(name, one, persons=N) for name, one in zip("ab", errors, strict=True)]
    scores, (a, b) = score_runs(pd.concat(runs)), np.abs(errors[:, 0])
    widest = scores.equivalence("a", "b", 50.0)
    expected = DescrStatsW(a - b).tconfint_mean(0.1)
    assert (widest.low, widest.high) == pytest.approx(expected, abs=0.1)
    for margin in (1.0, 2.0, 3.0, 4.0):
        theirs, *_ = ttost_paired(a, b, -margin, margin)
        assert scores.equivalence("a", "b", margin).equivalent == (theirs < 0.05)


@pytest.mark.parametrize("margin", [0.0, -1.0, np.nan, np.inf])
def test_a_margin_that_is_none_and_too_few_resamples_are_refused(table, scores, margin):
    with pytest.raises(ValueError, match=f"margin is {margin}"):
        scores.equivalence("a", "b", margin)
    with pytest.raises(ValueError, match="19 resamples cannot tell"):
        score_runs(table, n_resamples=19).equivalence("a", "b", 1.0)
