"""Split conformal widths, against order statistics and against draws."""

import doctest

import numpy as np
import pytest

from deplib.uncertainty import conformal, half_width, scaled_factor


def test_the_examples_hold():
    assert doctest.testmod(conformal).failed == 0


@pytest.mark.parametrize(
    ("n", "level", "rank"), [(50, 0.9, 46), (50, 0.8, 41), (9, 0.9, 9), (99, 0.55, 55), (3, 0.5, 2)]
)
def test_the_rank_counts_the_new_recording(n, level, rank):
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, n + 1)) * np.resize([1, -1], n)
    assert half_width(residuals, level) == rank
    assert scaled_factor(2 * residuals, np.full(n, 4.0), level) == rank / 2


def test_one_residual_less_is_too_few():
    assert half_width(np.arange(9), 0.9) == 8
    with pytest.raises(
        ValueError, match=r"8 residuals are too few for a level of 0\.9: at least 9"
    ):
        half_width(np.arange(8), 0.9)
    with pytest.raises(ValueError, match="at least 19"):
        scaled_factor(np.arange(18), np.ones(18), 0.95)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_exchangeable_recordings_are_covered_as_often_as_the_theorem_says(level):
    rng = np.random.default_rng(1)
    n, draws = 50, 20_000
    sd = rng.lognormal(0, 1, (draws, n + 1))  # heavy tails, and no normal distribution
    residuals = sd * rng.standard_t(3, (draws, n + 1))
    exact = np.ceil((n + 1) * level) / (n + 1)
    inside = [abs(r[-1]) <= half_width(r[:-1], level) for r in residuals[:4000]]
    assert np.mean(inside) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))
    scaled = [
        abs(r[-1]) <= s[-1] * scaled_factor(r[:-1], s[:-1], level)
        for r, s in zip(residuals[4000:8000], sd[4000:8000], strict=True)
    ]
    assert np.mean(scaled) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))


def test_the_factor_does_not_depend_on_the_unit_of_the_sd():
    rng = np.random.default_rng(2)
    r, sd = rng.normal(size=40), rng.uniform(1, 2, 40)
    assert 10 * scaled_factor(r, 10 * sd) == pytest.approx(scaled_factor(r, sd))


@pytest.mark.parametrize("level", [0.0, 1.0, 90, -0.1, float("nan")])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        half_width(np.ones(200), level)


def test_bad_vectors_are_refused():
    with pytest.raises(ValueError, match="one vector with a recording"):
        half_width([])
    with pytest.raises(ValueError, match="one vector with a recording"):
        half_width(np.ones((5, 5)))
    with pytest.raises(ValueError, match=r"residuals\[1\] is nan"):
        half_width([1.0, float("nan"), 2.0], 0.5)
    with pytest.raises(ValueError, match="of the same recordings"):
        scaled_factor([1.0, 2.0], [1.0], 0.5)
    with pytest.raises(ValueError, match=r"sd\[1\] is 0: an SD to divide by"):
        scaled_factor([1.0, 2.0, 3.0], [1.0, 0.0, -1.0], 0.5)
