import numpy as np
import pytest
from drawn import rng, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import ttost_paired

from deplib.statistics import equivalence_of, equivalence_test, paired_difference


def test_the_interval_is_that_of_the_paired_difference_at_twice_alpha():
    y, (a, b), persons = sample()
    for alpha, metric in ((0.05, "mae"), (0.025, "rmse")):
        ours = equivalence_test(y, a, b, persons, margin=1.0, metric=metric, alpha=alpha, rng=rng())
        expected = paired_difference(
            y, a, b, persons, metric=metric, confidence=1 - 2 * alpha, rng=rng()
        )
        assert (ours.difference, ours.low, ours.high) == (
            expected.estimate,
            expected.low,
            expected.high,
        )
        assert ours.margin == 1.0


@pytest.mark.parametrize("margin", [0.8, 1.2, 1.6])
def test_p_value_is_that_of_the_t_tests_where_those_hold(margin):
    y, (a, b), _ = sample(n=400)
    errors = np.abs(a - y), np.abs(b - y)
    theirs, *_ = ttost_paired(*errors, -margin, margin)
    ours = equivalence_test(y, a, b, range(400), margin=margin, rng=rng())
    assert ours.p_value == pytest.approx(theirs, abs=0.01)
    assert ours.equivalent == (theirs < 0.05)


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


def test_the_p_value_is_the_alpha_at_which_the_interval_touches_the_margin():
    y, (a, b), persons = sample(seed=4)
    p = equivalence_test(y, a, b, persons, margin=2.0, rng=rng()).p_value
    assert 0.001 < p < 0.4
    at = equivalence_test(y, a, b, persons, margin=2.0, alpha=p, rng=rng())
    assert max(-at.low, at.high) == pytest.approx(2.0, abs=1e-9)


def test_models_that_never_differ_are_equivalent_within_any_margin():
    y, (a, _), persons = sample()
    same = equivalence_test(y, a, a, persons, margin=1e-6, rng=rng())
    assert same.equivalent
    assert same.p_value == 1 / 10_001
    shifted = equivalence_test(y, a, a + np.sign(a - y), persons, margin=0.5, rng=rng())
    assert not shifted.equivalent  # the same for everybody, and larger than the margin
    assert shifted.p_value == 1.0


def test_a_difference_without_significance_is_no_equivalence():
    y, (a, b), persons = sample(n=20)
    assert 0.0 in paired_difference(y, a, b, persons, rng=rng())
    assert not equivalence_test(y, a, b, persons, margin=0.5, rng=rng()).equivalent


def test_an_undefined_metric_is_never_equivalent():
    y, (a, _), persons = sample()
    ours = equivalence_test(y, a, np.full(50, 15.0), persons, margin=1.0, metric="pcc", rng=rng())
    assert np.isnan([ours.difference, ours.low, ours.high, ours.p_value]).all()
    assert not ours.equivalent


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"margin": 0.0}, "margin is 0.0"),
        ({"margin": -1.0}, "margin is -1.0"),
        ({"margin": np.nan}, "margin is nan"),
        ({"alpha": 0.5}, "alpha is 0.5"),
        ({"n_resamples": 19}, "19 resamples cannot tell"),
        ({"persons": ["a"] * 50}, "1 person"),
        ({"y_hat_a": np.full(50, np.nan)}, "NaN or infinite"),
        ({"metric": "r2"}, "unknown metric 'r2'"),
    ],
)
def test_bad_input_is_refused(change, message):
    y, (a, b), persons = sample()
    arguments = {"y": y, "y_hat_a": a, "y_hat_b": b, "persons": persons, "margin": 1.0, **change}
    with pytest.raises(ValueError, match=message):
        equivalence_test(**arguments, rng=rng())
