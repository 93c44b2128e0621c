"""Models with several runs each, as in rliable (Agarwal et al. 2021), by our own resampling."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import trim_mean

QUARTER = 0.25


def interquartile_mean(values: ArrayLike) -> float:
    """Return the mean of the middle half of the values: a quarter is cut from each end.

    A number of values that four does not divide loses the integer part of a quarter at each end,
    as in ``scipy.stats.trim_mean``; fewer than four lose none.

    Raises
    ------
    ValueError
        If there is no value, or one is not finite.

    Examples
    --------
    >>> interquartile_mean([5, 6, 8, 90])
    7.0
    """
    return float(trim_mean(_checked(values, "values"), QUARTER))


def probability_of_improvement(a: ArrayLike, b: ArrayLike) -> float:
    """Return how often a run of ``a`` has a higher value than one of ``b``; ties count half.

    Over all pairs of runs, so Mann and Whitney's U over the number of pairs. Higher is better
    here: for errors, exchange the two.

    Parameters
    ----------
    a, b
        (n_runs_a,) and (n_runs_b,).

    Raises
    ------
    ValueError
        If one of them is empty or holds a value that is not finite.

    Examples
    --------
    >>> probability_of_improvement([0.3, 0.5], [0.2, 0.5])
    0.625
    """
    return float(superiority(_checked(a, "a"), _checked(b, "b")))


def draw_runs(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw as many runs as there are, with replacement, anew in each row: (n_resamples, n_runs)."""
    drawn = rng.integers(0, values.shape[1], size=values.shape)
    return np.take_along_axis(values, drawn, axis=1)


def superiority(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return ``probability_of_improvement`` of each row: (..., n_a) and (..., n_b) -> (...).

    nan where the row of ``a`` or of ``b`` holds one.
    """
    first, second = a[..., :, None], b[..., None, :]
    share = ((first > second) + 0.5 * (first == second)).mean(axis=(-2, -1))
    return np.where(np.isfinite(a).all(axis=-1) & np.isfinite(b).all(axis=-1), share, np.nan)


def trimmed(values: np.ndarray) -> np.ndarray:
    """Return ``interquartile_mean`` of each row; nan where the row holds one."""
    # trim_mean alone would sort the nan to an end, cut it, and return a number.
    return np.where(np.isfinite(values).all(axis=-1), trim_mean(values, QUARTER, axis=-1), np.nan)


def _checked(values: ArrayLike, name: str) -> np.ndarray:
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} {vector.shape} must be one vector with a run at least")
    bad = np.flatnonzero(~np.isfinite(vector))
    if len(bad):
        raise ValueError(
            f"{name}[{bad[0]}] is {vector[bad[0]]}: leave undefined runs out and say how many"
        )
    return vector
