"""Exponents, their intervals, and ratios, on costs whose answer is known."""

import numpy as np
import pytest

from deplib.cost.fits import Estimate, exponent, local_exponents, ratio, shown_by
from deplib.cost.ways import LENGTHS


def test_a_power_law_is_found_and_its_interval_covers_as_often_as_it_says() -> None:
    fit = exponent(LENGTHS, [3e-9 * n**1.5 for n in LENGTHS])
    assert (fit.value, fit.low, fit.high) == pytest.approx((1.5, 1.5, 1.5))
    rng = np.random.default_rng(0)
    noise = np.exp(0.1 * rng.standard_normal((1000, len(LENGTHS))))
    fits = [exponent(LENGTHS, (np.array(LENGTHS) * factor).tolist()) for factor in noise]
    covered = np.mean([fit.low <= 1 <= fit.high for fit in fits])
    assert covered == pytest.approx(0.95, abs=0.02)  # three standard errors


def test_what_does_not_grow_has_exponent_zero_and_two_lengths_are_refused() -> None:
    assert exponent([1, 2, 4], [7.0, 7.0, 7.0]) == Estimate(0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="at least 3"):
        exponent([1, 2], [1.0, 2.0])


def test_orders_show_the_exponents_that_they_must() -> None:
    assert shown_by("O(1)", LENGTHS) == 0
    assert shown_by("O(N)", LENGTHS) == pytest.approx(1)
    assert shown_by("O(N^2)", LENGTHS) == pytest.approx(2)
    # The slope of log(N log N) is 1 + 1 / ln N, so it lies between its ends.
    assert 1 + 1 / np.log(LENGTHS[-1]) < shown_by("O(N log N)", LENGTHS) < 1 + 1 / np.log(128)


def test_an_estimate_is_compared_as_it_is_printed() -> None:
    estimate = Estimate(0.004, 0.0021, 0.0099)
    assert str(estimate) == "0.00 [0.00, 0.01]"
    assert estimate.holds(0.0)
    assert not estimate.holds(0.02)
    assert str(Estimate(-0.001, -0.02, 0.001)) == "0.00 [-0.02, 0.00]"


def test_local_exponents_and_ratios_take_the_smallest_rounds_between_single_ones() -> None:
    (local,) = local_exponents([10, 20], [[1.0, 1.1], [4.4, 4.0]])
    assert local.value == pytest.approx(2)
    assert (local.low, local.high) == pytest.approx((np.log2(4 / 1.1), np.log2(4.4)))
    assert ratio([4.0, 5.0], [2.0, 1.0]) == Estimate(4.0, 2.0, 5.0)
