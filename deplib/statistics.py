"""Intervals over persons, and what a correlation of n recordings can show.

Recordings of one person are not independent, so persons are resampled, never recordings. A
resample of persons is a vector of counts; as every metric is a function of sums over recordings,
the sums of all resamples are one matrix product, and 10,000 resamples take milliseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from deplib.metrics import METRICS, is_constant

Method = Literal["bca", "percentile"]


@dataclass(frozen=True)
class Interval:
    """An estimate with a bootstrap interval over persons."""

    metric: str
    estimate: float  # of the sample itself
    low: float
    high: float
    confidence: float
    method: str  # "bca" or "percentile"
    n_persons: int
    n_recordings: int
    n_resamples: int
    n_undefined: int  # resamples in which the metric is nan; left out of the quantiles

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def cluster_bootstrap(
    y: ArrayLike,
    y_hat: ArrayLike,
    persons: ArrayLike,
    *,
    metric: str = "mae",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    method: Method = "bca",
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
        ``"percentile"``, or ``"bca"``: bias-corrected and accelerated (Efron 1987), the
        acceleration from leaving out one person at a time.
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
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    method: Method = "bca",
    rng: np.random.Generator,
) -> Interval:
    """Interval of metric(a) - metric(b), both models scored on the same resampled persons.

    Parameters and errors are those of ``cluster_bootstrap``; rows of ``y_hat_a`` and ``y_hat_b``
    belong to the same recordings. An interval without 0 tells the models apart.
    """
    predictions = [y_hat_a, y_hat_b]
    return _interval(y, predictions, persons, metric, n_resamples, confidence, method, rng)


def bootstrap_distribution(
    y: ArrayLike,
    predictions: ArrayLike,
    persons: ArrayLike,
    *,
    n_resamples: int = 10_000,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """All metrics of all models in the same resamples of persons.

    Parameters
    ----------
    y
        (n_recordings,).
    predictions
        (n_models, n_recordings).
    persons
        (n_recordings,).
    n_resamples
        Resamples of persons.
    rng
        Draws the resamples.

    Returns
    -------
    dict of str to ndarray, shape (n_resamples, n_models)
        Metric -> its values; nan where a resample leaves it undefined.
    """
    y, predictions, sums = _person_sums(y, predictions, persons)
    counts = _resample(len(sums), n_resamples, rng)
    moments = _moments(counts, sums)
    return {name: _FROM_MOMENTS[name](moments) for name in METRICS}


def critical_r(n: int, *, alpha: float = 0.05) -> float:
    """Return the smallest absolute r of n pairs that differs from 0 in a two-sided test.

    >>> round(critical_r(50), 3)
    0.279
    """
    _check_n(n, 3)
    t = stats.t.isf(alpha / 2, n - 2)
    return float(t / np.sqrt(n - 2 + t * t))


def correlation_p_value(r: float, n: int) -> float:
    """Two-sided p-value of a Pearson correlation of n pairs, if the truth were 0.

    >>> round(correlation_p_value(0.267, 50), 3)
    0.061
    """
    _check_n(n, 3)
    _check_r(r)
    with np.errstate(divide="ignore"):
        t = abs(r) * np.sqrt((n - 2) / np.float64(1 - r * r))
    return float(2 * stats.t.sf(t, n - 2))


def fisher_interval(r: float, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a Pearson correlation of n independent pairs, by Fisher's z.

    >>> low, high = fisher_interval(0.267, 50)
    >>> round(low, 2), round(high, 2)
    (-0.01, 0.51)
    """
    _check_n(n, 4)
    _check_r(r)
    _check_confidence(confidence)
    half = stats.norm.isf((1 - confidence) / 2) / np.sqrt(n - 3)
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def compare_correlations(r_a: float, n_a: int, r_b: float, n_b: int) -> tuple[float, float]:
    """Fisher's z and two-sided p-value of the difference of two independent correlations.

    Two models scored on the same recordings are not independent: ``paired_difference`` is for
    them, and this is what a published table without predictions allows.

    >>> z, p = compare_correlations(0.267, 50, 0.101, 50)
    >>> round(z, 2), round(p, 2)
    (0.84, 0.4)
    """
    for r, n in ((r_a, n_a), (r_b, n_b)):
        _check_n(n, 4)
        _check_r(r)
    if 1.0 in (abs(r_a), abs(r_b)):
        raise ValueError("a correlation of exactly 1 or -1 has no Fisher z to compare")
    error = np.sqrt(1 / (n_a - 3) + 1 / (n_b - 3))
    z = (np.arctanh(r_a) - np.arctanh(r_b)) / error
    return float(z), float(2 * stats.norm.sf(abs(z)))


def _interval(
    y: ArrayLike,
    predictions: list[ArrayLike],
    persons: ArrayLike,
    metric: str,
    n_resamples: int,
    confidence: float,
    method: str,
    rng: np.random.Generator,
) -> Interval:
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; choose from {list(METRICS)}")
    if method not in ("bca", "percentile"):
        raise ValueError(f"unknown method {method!r}; choose 'bca' or 'percentile'")
    _check_confidence(confidence)
    y, stacked, sums = _person_sums(y, predictions, persons)
    n_persons = len(sums)

    def score(counts: np.ndarray) -> np.ndarray:  # (k, n_persons) -> (k,)
        values = _FROM_MOMENTS[metric](_moments(counts, sums))
        return values[:, 0] if values.shape[1] == 1 else values[:, 0] - values[:, 1]

    exact = [METRICS[metric](y, y_hat) for y_hat in stacked]
    estimate = exact[0] if len(exact) == 1 else exact[0] - exact[1]
    values = score(_resample(n_persons, n_resamples, rng))
    defined = values[np.isfinite(values)]
    left_out = score(1.0 - np.eye(n_persons))
    low, high = interval_of(defined, estimate, left_out, confidence, method)
    return Interval(
        metric=metric,
        estimate=estimate,
        low=low,
        high=high,
        confidence=confidence,
        method=method,
        n_persons=n_persons,
        n_recordings=len(y),
        n_resamples=n_resamples,
        n_undefined=n_resamples - len(defined),
    )


def interval_of(
    values: np.ndarray, estimate: float, left_out: np.ndarray, confidence: float, method: str
) -> tuple[float, float]:
    """Return the interval that resampled values give.

    Parameters
    ----------
    values
        (n_resamples,), the statistic in each resample in which it is defined.
    estimate
        The statistic itself.
    left_out
        (n_persons,), the statistic without one person at a time, for the acceleration of BCa.
    confidence
        Such as 0.95.
    method
        ``"percentile"`` or ``"bca"`` (Efron 1987).

    Returns
    -------
    tuple of float
        Both nan where there is no interval.
    """
    if not len(values) or not np.isfinite(estimate):
        return float("nan"), float("nan")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "bca" and np.ptp(values) > 0:
        # z0: how far the estimate is from the median of the resamples; a: skewness of the
        # estimate's influence values. Ties count half, as in scipy.
        below = (values < estimate).mean() + (values == estimate).mean() / 2
        z0 = stats.norm.ppf(below)
        influence = np.nanmean(left_out) - left_out[np.isfinite(left_out)]
        cubed, squared = (influence**3).sum(), (influence**2).sum()
        a = cubed / (6 * squared**1.5) if squared > 0 else 0.0
        z = z0 + stats.norm.ppf(tails)
        tails = stats.norm.cdf(z0 + z / (1 - a * z))
        if not np.isfinite(tails).all():  # the estimate lies outside all resamples
            return float("nan"), float("nan")
    low, high = np.quantile(values, tails)
    return float(low), float(high)


# Sums over the recordings of one person: one column each, then (n_models,) columns each.
_SUMS = ("n", "y", "yy", "h", "hh", "yh", "abs", "square", "error")


def _person_sums(
    y: ArrayLike, predictions: ArrayLike | list[ArrayLike], persons: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check, and sum over recordings: -> y (n,), predictions (m, n), sums (n_persons, 9, m)."""
    y, h = np.asarray(y, dtype=float), np.asarray(predictions, dtype=float)
    who = np.asarray(persons)
    if y.ndim != 1 or h.ndim != 2 or h.shape[1:] != y.shape or who.shape != y.shape:
        raise ValueError(
            f"y {y.shape}, predictions {h.shape} and persons {who.shape} must be "
            "(n,), (n_models, n) and (n,) over the same recordings"
        )
    if not (np.isfinite(y).all() and np.isfinite(h).all()):
        raise ValueError("a label or a prediction is NaN or infinite")
    code, names = pd.factorize(who)
    if (code < 0).any():
        raise ValueError("a person is missing: every recording needs to say whom it shows")
    if len(names) < 2:
        raise ValueError(f"{len(names)} person: an interval over persons needs at least two")
    # Centred first, so that the differences of sums in _moments do not cancel.
    a = np.broadcast_to(_centred(y), h.shape)
    b = np.stack([_centred(row) for row in h])
    error = h - y
    terms = [np.ones_like(h), a, a * a, b, b * b, a * b, np.abs(error), error**2, error]
    sums = np.zeros((len(names), len(_SUMS), len(h)))
    np.add.at(sums, code, np.stack(terms).transpose(2, 0, 1))
    return y, h, sums


def _centred(vector: np.ndarray) -> np.ndarray:
    return vector - vector.mean() if not is_constant(vector) else np.zeros_like(vector)


def _resample(n_persons: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each person is drawn: (n_resamples, n_persons)."""
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples}; it must be at least 1")
    share = np.full(n_persons, 1 / n_persons)
    return rng.multinomial(n_persons, share, size=n_resamples).astype(float)


def _moments(counts: np.ndarray, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Means over the recordings of each resample, (k, n_models) each, and central moments."""
    total = (counts @ sums.reshape(len(sums), -1)).reshape(-1, *sums.shape[1:])
    mean = {name: total[:, i] / total[:, 0] for i, name in enumerate(_SUMS)}
    for name, first, second in (("yy", "y", "y"), ("hh", "h", "h"), ("yh", "y", "h")):
        mean[name] = mean[name] - mean[first] * mean[second]
    for name, first in (("yy", "y"), ("hh", "h")):  # exactly 0 where only rounding is left
        rounding = 1e-13 * (mean[name] + mean[first] ** 2)
        mean[name] = np.where(mean[name] > rounding, mean[name], 0.0)
    return mean


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1.0)
    return np.where(denominator > 0, numerator / safe, np.nan)


# The default conventions of deplib.metrics, from moments; a test holds the two together.
_FROM_MOMENTS: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
    "mae": lambda m: m["abs"],
    "rmse": lambda m: np.sqrt(m["square"]),
    "pcc": lambda m: _ratio(m["yh"], np.sqrt(m["yy"] * m["hh"])),
    "ccc": lambda m: _ratio(2 * m["yh"], m["yy"] + m["hh"] + m["error"] ** 2),
    "sigma_ratio": lambda m: np.sqrt(_ratio(m["hh"], m["yy"])),
    "bias": lambda m: m["error"],
}


def _check_n(n: int, least: int) -> None:
    if n < least:
        raise ValueError(f"n is {n}; at least {least} pairs are needed")


def _check_r(r: float) -> None:
    if not -1.0 <= r <= 1.0:
        raise ValueError(f"r is {r}; a correlation lies from -1 to 1")


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")
