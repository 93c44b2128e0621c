"""What a correlation of n pairs can show, as far as the pairs are independent."""

import numpy as np
from scipy import stats


def critical_r(n: int, *, alpha: float = 0.05) -> float:
    """Return the smallest absolute r of n pairs that differs from 0 in a two-sided test.

    >>> round(critical_r(50), 3)
    0.279
    """
    _check(n, 3)
    t = stats.t.isf(alpha / 2, n - 2)
    return float(t / np.sqrt(n - 2 + t * t))


def correlation_p_value(r: float, n: int) -> float:
    """Two-sided p-value of a Pearson correlation of n pairs, if the truth were 0.

    >>> round(correlation_p_value(0.267, 50), 3)
    0.061
    """
    _check(n, 3, r)
    with np.errstate(divide="ignore"):
        t = abs(r) * np.sqrt((n - 2) / np.float64(1 - r * r))
    return float(2 * stats.t.sf(t, n - 2))


def fisher_interval(r: float, n: int) -> tuple[float, float]:
    """95 % interval of a Pearson correlation of n independent pairs, by Fisher's z.

    >>> low, high = fisher_interval(0.267, 50)
    >>> round(low, 2), round(high, 2)
    (-0.01, 0.51)
    """
    _check(n, 4, r)
    half = stats.norm.isf(0.025) / np.sqrt(n - 3)
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
    _check(min(n_a, n_b), 4, r_a, r_b)
    if 1.0 in (abs(r_a), abs(r_b)):
        raise ValueError("a correlation of exactly 1 or -1 has no Fisher z to compare")
    error = np.sqrt(1 / (n_a - 3) + 1 / (n_b - 3))
    z = (np.arctanh(r_a) - np.arctanh(r_b)) / error
    return float(z), float(2 * stats.norm.sf(abs(z)))


def _check(n: int, least: int, *correlations: float) -> None:
    if n < least:
        raise ValueError(f"n is {n}; at least {least} pairs are needed")
    for r in correlations:
        if not -1.0 <= r <= 1.0:
            raise ValueError(f"r is {r}; a correlation lies from -1 to 1")
