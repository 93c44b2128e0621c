"""Equivalence of two models within a margin that was stated beforehand: two one-sided tests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtr

from deplib.statistics.intervals import interval_of, resampled, widening
from deplib.statistics.moments import check_metric

MCID_SHARE = 0.175
"""Share of a patient's first BDI-II score that is the least change the patient notices.

The minimal clinically important difference of Button et al. 2015. It is about a change within a
patient; as a margin between two models' errors it is a choice, and the smaller the margin the more
an equivalence says.
"""


@dataclass(frozen=True)
class Equivalence:
    """A difference, its interval, and whether that lies within the margin."""

    difference: float
    low: float  # of the 1 - 2 alpha interval over persons
    high: float
    margin: float
    p_value: float  # the larger of the two one-sided ones
    equivalent: bool  # -margin < low and high < margin: the same as p_value < alpha


def equivalence_test(
    y: ArrayLike,
    y_hat_a: ArrayLike,
    y_hat_b: ArrayLike,
    persons: ArrayLike,
    *,
    margin: float,
    metric: str = "mae",
    alpha: float = 0.05,
    n_resamples: int = 10_000,
    rng: np.random.Generator,
) -> Equivalence:
    """Test whether metric(a) - metric(b) lies within a margin: two one-sided tests (TOST).

    A difference without significance is no equivalence. Here the null hypothesis is a difference
    of at least ``margin`` in either direction, and rejecting it needs both one-sided tests.

    Parameters
    ----------
    y, y_hat_a, y_hat_b, persons
        (n_recordings,) each, as for ``paired_difference``.
    margin
        In the units of the metric and above 0; stated before the data are seen.
    metric
        A key of ``deplib.metrics.METRICS``.
    alpha
        Level of the test, below 0.5.
    n_resamples
        Resamples of persons; more than 1 / alpha.
    rng
        The same state gives the same result.

    Returns
    -------
    Equivalence
        The interval is ``paired_difference`` with a confidence of 1 - 2 alpha. The p-value
        is that interval turned round: the smallest alpha at which it lies within the margin, and
        at least 1 / (n_resamples + 1). So ``p_value < alpha`` and ``equivalent`` always agree.
        Interval and p-value are nan, and the two not equivalent, where the metric is undefined,
        or is so in all but 1 / alpha resamples.

    Raises
    ------
    ValueError
        As ``paired_difference``; and if the margin is not above 0, or alpha not between 0 and 0.5.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(15, 12, 50)
    >>> a, b = y + rng.normal(0, 9, (2, 50))
    >>> equivalence_test(y, a, b, np.arange(50), margin=20.0, rng=rng).equivalent
    True
    >>> equivalence_test(y, a, b, np.arange(50), margin=0.1, rng=rng).equivalent
    False
    """
    check_metric(metric)
    estimate, values, left_out = resampled(y, [y_hat_a, y_hat_b], persons, metric, n_resamples, rng)
    return equivalence_of(values, estimate, left_out, margin, alpha)


def equivalence_of(
    values: np.ndarray, estimate: float, left_out: np.ndarray, margin: float, alpha: float = 0.05
) -> Equivalence:
    """Return the equivalence that resampled differences give; arguments as of ``interval_of``."""
    if not 0.0 < margin < np.inf:
        raise ValueError(f"margin is {margin}; it must be above 0, in the units of the metric")
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha is {alpha}; it must lie between 0 and 0.5")
    if (len(values) + 1) * alpha <= 1:
        raise ValueError(f"{len(values)} resamples cannot tell a p-value below {alpha}; draw more")
    defined = values[np.isfinite(values)]
    low = high = p_value = float("nan")
    if (len(defined) + 1) * alpha > 1:
        low, high = interval_of(defined, estimate, left_out, 1 - 2 * alpha)
    if np.isfinite(low):
        # Quantiles at the margins: the largest that are not inside, counted from either end.
        quantiles = (_quantile_at(defined, -margin), _quantile_at(-defined, -margin))
        levels = [_level(quantile, len(left_out)) for quantile in quantiles]
        p_value = max(*levels, 1 / (len(defined) + 1))
    return Equivalence(
        difference=float(estimate),
        low=low,
        high=high,
        margin=float(margin),
        p_value=p_value,
        equivalent=bool(-margin < low and high < margin),
    )


def _quantile_at(values: np.ndarray, limit: float) -> float:
    """Return the largest q with ``np.quantile(values, q) <= limit``; 0 where there is none."""
    ordered = np.sort(values)
    n_below = int(np.searchsorted(ordered, limit, side="right"))
    if n_below in (0, len(ordered)):
        return float(n_below > 0)
    left, right = ordered[n_below - 1 : n_below + 1]
    return float((n_below - 1 + (limit - left) / (right - left)) / (len(ordered) - 1))


def _level(quantile: float, n_persons: int) -> float:
    """Return the alpha at which the lower end of an expanded interval is that quantile."""
    return float(stdtr(n_persons - 1, ndtri(quantile) / widening(n_persons)))
