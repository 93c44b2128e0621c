"""Models with several runs compared: tests over persons, and equivalence within a margin."""

import numpy as np
import pytest
from drawn import rng
from hypothesis import given, settings
from hypothesis import strategies as st
from score_tables import N, runs_of
from statsmodels.stats.weightstats import ttost_paired

from deplib.statistics import SEED, equivalence_of, score_runs, sign_flip_test


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


def test_equivalence_is_the_interval_of_the_difference_at_ninety_per_cent(scores):
    difference, ours = scores.difference("a", "b"), scores.equivalence("a", "b", 3.0)
    assert ours.difference == difference.estimate
    assert difference.low < ours.low < ours.high < difference.high
    assert ours.equivalent
    assert not scores.equivalence("a", "c", 1.5).equivalent
    assert not scores.equivalence("a", "b", abs(difference.estimate) / 2).equivalent
    assert not scores.equivalence("a", "b", 0.5).equivalent  # no significance is no equivalence


@pytest.mark.parametrize("margin", [2.0, 3.0, 4.0])
def test_p_value_is_that_of_the_t_tests_where_those_hold(margin):
    errors = rng(0).normal(0, 8, (2, 1, N))
    scores = score_runs(
        pair := runs_of("a", errors[0], persons=N).merge(
            runs_of("b", errors[1], persons=N), how="outer"
        )
    )
    assert len(pair) == 2 * N
    theirs, *_ = ttost_paired(*np.abs(errors[:, 0]), -margin, margin)
    ours = scores.equivalence("a", "b", margin)
    assert ours.p_value == pytest.approx(theirs, abs=0.02)
    assert ours.equivalent == (ours.p_value < 0.05)


skewed = st.integers(0, 2**32 - 1).map(lambda s: rng(s).gamma(1.5, 1.0, 30) - rng(s + 1).random())


@settings(deadline=None)
@given(skewed, st.floats(0.05, 2.5), st.floats(0.005, 0.45), st.booleans())
def test_equivalent_says_the_same_as_the_p_value(contributions, margin, alpha, coarse):
    """On values with ties, too: ``coarse`` rounds them."""
    values = contributions[rng().integers(0, 30, (999, 30))].mean(axis=1)
    values = values.round(1) if coarse else values
    left_out = (contributions.sum() - contributions) / 29
    ours = equivalence_of(values, contributions.mean(), left_out, margin, alpha)
    assert ours.equivalent == (ours.p_value < alpha)
    assert ours.equivalent == (-margin < ours.low and ours.high < margin)
    assert ours.p_value >= 1 / 1000


def test_models_that_never_differ_are_equivalent_and_undefined_ones_never():
    same, left_out = np.zeros(10_000), np.zeros(40)
    ours = equivalence_of(same, 0.0, left_out, 1e-6)
    assert ours.equivalent
    assert ours.p_value == 1 / 10_001
    assert equivalence_of(same + 1, 1.0, left_out, 0.5).p_value == 1.0
    nan = equivalence_of(np.full(99, np.nan), np.nan, left_out, 1.0)
    assert np.isnan([nan.difference, nan.low, nan.high, nan.p_value]).all()
    assert not nan.equivalent


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"margin": 0.0}, "margin is 0.0"),
        ({"margin": -1.0}, "margin is -1.0"),
        ({"margin": np.nan}, "margin is nan"),
        ({"alpha": 0.5}, "alpha is 0.5"),
        ({"values": np.zeros(19)}, "19 resamples cannot tell"),
    ],
)
def test_bad_input_is_refused(change, message):
    good = {"values": np.zeros(99), "estimate": 0.0, "left_out": np.zeros(9), "margin": 1.0}
    with pytest.raises(ValueError, match=message):
        equivalence_of(**good | change)
