"""Intervals over persons of one metric of one model, or of the difference of two."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit  # as in scipy.stats, without its checks

from deplib.metrics import METRICS
from deplib.statistics.resampling import (
    FROM_MOMENTS,
    check_metric,
    moments_of,
    person_sums,
    resample,
)

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
    confidence: float = 0.95
    n_persons: int = 0
    n_undefined: int = 0  # resamples in which the metric is nan; left out of the quantiles

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __format__(self, spec: str) -> str:
        return f"{self.estimate:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def cluster_bootstrap(
    y: ArrayLike,
    y_hat: ArrayLike,
    persons: ArrayLike,
    *,
    metric: str = "mae",
    n_resamples: int = RESAMPLES,
    confidence: float = 0.95,
    method: Method = "expanded",
    rng: np.random.Generator,
) -> Interval:
    """Interval of one metric of one model, persons resampled with replacement.

    Parameters
    ----------
    y, y_hat
        Labels and predictions, (n_recordings,).
    persons
        Who each recording shows, (n_recordings,).
    metric
        A key of ``deplib.metrics.METRICS``.
    n_resamples
        Resamples of persons.
    confidence
        Between 0 and 1.
    method
        ``"percentile"``; ``"expanded"``, the same widened by Student's t and by the factor that a
        bootstrap of few persons loses (Hesterberg 2015); or ``"bca"``: bias-corrected and
        accelerated (Efron 1987), the acceleration from leaving out one person at a time.
    rng
        The same state gives the same interval.

    Raises
    ------
    ValueError
        If the vectors are empty, unequal or not finite, if the metric or method is unknown, or if
        there is one person only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(15, 12, 50).clip(0, 63)
    >>> interval = cluster_bootstrap(y, np.full(50, 15.0), np.arange(50) // 2, rng=rng)
    >>> interval.low < interval.estimate < interval.high
    True
    """
    return _interval(y, [y_hat], persons, metric, n_resamples, confidence, method, rng)


def paired_difference(
    y: ArrayLike,
    y_hat_a: ArrayLike,
    y_hat_b: ArrayLike,
    persons: ArrayLike,
    *,
    metric: str = "mae",
    n_resamples: int = RESAMPLES,
    confidence: float = 0.95,
    method: Method = "expanded",
    rng: np.random.Generator,
) -> Interval:
    """Interval of metric(a) - metric(b), both models scored on the same resampled persons.

    Parameters and errors are those of ``cluster_bootstrap``; rows of ``y_hat_a`` and ``y_hat_b``
    belong to the same recordings. It is about these two trained networks: what other seeds would
    give is in ``Scores.difference(..., draw_seeds=True)``.
    """
    predictions = [y_hat_a, y_hat_b]
    return _interval(y, predictions, persons, metric, n_resamples, confidence, method, rng)


def mean_over_persons(
    values: ArrayLike, persons: ArrayLike, *, n_resamples: int = RESAMPLES, rng: np.random.Generator
) -> Interval:
    """Return the mean of one value a recording, (n_recordings,), with its interval over persons."""
    zero = np.zeros(np.shape(values))
    return _interval(zero, [values], persons, "bias", n_resamples, 0.95, "expanded", rng)


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
        (n_resamples,), the statistic in each resample in which it is defined.
    estimate
        The statistic itself.
    left_out
        (n_persons,), the statistic without one person at a time: for the acceleration of BCa, and
        for how many persons there are.
    confidence, method
        As of ``cluster_bootstrap``.
    """
    if not len(values) or not np.isfinite(estimate):
        return float("nan"), float("nan")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "expanded":
        tails = ndtr(stdtrit(len(left_out) - 1, tails) * widening(len(left_out)))
    elif method == "bca" and np.ptp(values) > 0:
        z0, a = bca_constants(values, estimate, left_out)
        z = z0 + ndtri(tails)
        tails = ndtr(z0 + z / (1 - a * z))
        if not np.isfinite(tails).all():  # the estimate lies outside all resamples
            return float("nan"), float("nan")
    low, high = np.quantile(values, tails)
    return float(low), float(high)


def widening(n_persons: int) -> float:
    """Return the factor by which the bootstrap of n persons falls short: sqrt(n / (n - 1)).

    Its variance is the one with 1/n (Hesterberg 2015, The American Statistician 69, 371-386).
    """
    return float(np.sqrt(n_persons / (n_persons - 1)))


def bca_constants(values: np.ndarray, estimate: float, left_out: np.ndarray) -> tuple[float, float]:
    """Return bias correction z0 and acceleration a (Efron 1987) for ``interval_of``.

    z0: how far the estimate is from the median of the resamples; a: skewness of the estimate's
    influence values. Ties count half, as in scipy.
    """
    below = np.count_nonzero(values < estimate) + np.count_nonzero(values == estimate) / 2
    influence = np.nanmean(left_out) - left_out[np.isfinite(left_out)]
    cubed, squared = (influence**3).sum(), (influence**2).sum()
    a = cubed / (6 * squared**1.5) if squared > 0 else 0.0
    return float(ndtri(below / len(values))), float(a)


def check_confidence(confidence: float) -> None:
    """Refuse a level of confidence that is none, such as 95."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")


def _interval(
    y: ArrayLike,
    predictions: list[ArrayLike],
    persons: ArrayLike,
    metric: str,
    n_resamples: int,
    confidence: float,
    method: Method,
    rng: np.random.Generator,
) -> Interval:
    """Interval of a metric of one model, or of the first of two minus the second."""
    check_metric(metric)
    check_confidence(confidence)
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose from {list(METHODS)}")
    sums, sign = person_sums(y, predictions, persons), [1.0, -1.0][: len(predictions)]

    def score(counts: np.ndarray) -> np.ndarray:  # (k, n_persons) -> (k,)
        return FROM_MOMENTS[metric](moments_of(counts, sums)) @ sign

    estimate = float(np.dot([METRICS[metric](y, y_hat) for y_hat in predictions], sign))
    values = score(resample(len(sums), n_resamples, rng))
    defined, left_out = values[np.isfinite(values)], score(1.0 - np.eye(len(sums)))
    low, high = interval_of(defined, estimate, left_out, confidence, method)
    undefined = n_resamples - len(defined)
    return Interval(estimate, low, high, confidence, len(left_out), undefined)
