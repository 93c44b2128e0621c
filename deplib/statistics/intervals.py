"""Intervals over persons of one metric of one model, or of any value that recordings have."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit  # as in scipy.stats, without its checks

from deplib.statistics.resampling import bootstrap_distribution, jackknife

Method = Literal["expanded", "bca", "percentile"]
METHODS: tuple[Method, ...] = ("expanded", "bca", "percentile")
"""The first is the default: of the three it comes nearest to its name with 40 persons."""
SEED = 2014
"""Of every bootstrap in the book: the same tables give the same intervals."""
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; in an f-string, ``f"{gap:+.2f}"``, the three of them.

    >>> f"{Interval(0.44, -0.21, 1.08):+.2f}"
    '+0.44 (-0.21 to +1.08)'
    """

    estimate: float  # of the sample itself
    low: float
    high: float
    n_persons: int = 0

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __format__(self, spec: str) -> str:
        return f"{self.estimate:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def mean_over_persons(
    values: ArrayLike, persons: ArrayLike, *, n_resamples: int = RESAMPLES, rng: np.random.Generator
) -> Interval:
    """Return the mean of one value a recording, (n_recordings,), with its interval over persons.

    Of the absolute errors of one model minus those of another, it is the interval of their paired
    difference in MAE: about these two trained networks. What other seeds would give is in
    ``Scores.difference(..., draw_seeds=True)``.

    Parameters
    ----------
    values
        (n_recordings,).
    persons
        Who each recording shows, (n_recordings,).
    n_resamples
        Resamples of persons, with replacement.
    rng
        The same state gives the same interval.

    Raises
    ------
    ValueError
        If the vectors are empty, unequal or not finite, or if there is one person only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> interval = mean_over_persons(rng.normal(2, 5, 50), np.arange(50) // 2, rng=rng)
    >>> interval.low < interval.estimate < interval.high
    True
    """
    zero, row = np.zeros(np.shape(values)), np.asarray(values)[None]
    draws = bootstrap_distribution(zero, row, persons, n_resamples=n_resamples, rng=rng)["bias"]
    left_out, estimate = jackknife(zero, row, persons)["bias"], float(np.mean(row))
    ends = interval_of(draws[:, 0], estimate, left_out[:, 0])
    return Interval(estimate, *ends, n_persons=len(left_out))


def interval_of(
    values: np.ndarray,
    estimate: float,
    left_out: np.ndarray,
    confidence: float = 0.95,
    method: Method = "expanded",
) -> tuple[float, float]:
    """Return the interval that resampled values give; both nan where there is none.

    Parameters
    ----------
    values
        (n_resamples,), the statistic in each resample; nan, where it is undefined, plays no part.
    estimate
        The statistic itself.
    left_out
        (n_persons,), the statistic without one person at a time: for the acceleration of BCa, and
        for how many persons there are.
    confidence
        Between 0 and 1.
    method
        ``"percentile"``; ``"expanded"``, the same widened by Student's t and by the factor that a
        bootstrap of few persons loses (Hesterberg 2015); or ``"bca"``: bias-corrected and
        accelerated (Efron 1987), the acceleration from leaving out one person at a time.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose from {list(METHODS)}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")
    values = values[np.isfinite(values)]
    if not len(values) or not np.isfinite(estimate):
        return float("nan"), float("nan")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "expanded":
        n = len(left_out)
        # A bootstrap's variance is the one with 1/n (Hesterberg 2015, The American Statistician
        # 69, 371-386).
        tails = ndtr(stdtrit(n - 1, tails) * np.sqrt(n / (n - 1)))
    elif method == "bca" and np.ptp(values) > 0:
        z0, a = _bca_constants(values, estimate, left_out)
        z = z0 + ndtri(tails)
        tails = ndtr(z0 + z / (1 - a * z))
        if not np.isfinite(tails).all():  # the estimate lies outside all resamples
            return float("nan"), float("nan")
    low, high = np.quantile(values, tails)
    return float(low), float(high)


def _bca_constants(
    values: np.ndarray, estimate: float, left_out: np.ndarray
) -> tuple[float, float]:
    """Return bias correction z0 and acceleration a (Efron 1987) for ``interval_of``.

    z0: how far the estimate is from the median of the resamples; a: skewness of the estimate's
    influence values. Ties count half, as in scipy.
    """
    below = np.count_nonzero(values < estimate) + np.count_nonzero(values == estimate) / 2
    influence = np.nanmean(left_out) - left_out[np.isfinite(left_out)]
    cubed, squared = (influence**3).sum(), (influence**2).sum()
    a = cubed / (6 * squared**1.5) if squared > 0 else 0.0
    return float(ndtri(below / len(values))), float(a)
