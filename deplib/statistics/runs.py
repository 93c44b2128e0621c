"""One value a run: parts of the variance, interquartile mean, probability of improvement.

The last two as in rliable (Agarwal et al. 2021).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import trim_mean


@dataclass(frozen=True)
class Components:
    """Parts of the variance of one metric of one model, as SDs of the score.

    A variance is estimated by what is left when another is taken away, so a small one can come out
    below 0: it is set to 0, and the sums are of what stands here.
    """

    seed_sd: float  # from the seed alone: what it does to the score on any persons
    person_sd: float  # from the draw of persons alone: what they do to the score at any seed
    interaction_sd: float  # from both at once: a seed that suits some persons, and all the rest
    run_sd: float  # of one run on as many other persons: all three parts
    mean_sd: float  # of the mean over this many other seeds on as many other persons
    seed_share: float  # of the variance of one run: what the mean over ever more seeds removes
    share_left: float  # of the variance of this mean: what more seeds than these could remove


def components_of(values: np.ndarray, left_out: np.ndarray) -> Components:
    """Tell the parts of the variance apart, by a two-way analysis of variance.

    Persons and seeds are crossed: each run scores each person. What person p adds to the score of
    run s is taken from the jackknife, theta_s + (P - 1) (mean of theta_s without one - theta_s
    without p): for MAE just the error of the person, for the other metrics its linear part. The
    mean squares of persons, seeds and residual of that table, with both factors random, give the
    three variances (Cornfield and Tukey 1956). There is one value a cell, so the residual holds the
    interaction and all else. The same in other words: on these persons the variance between runs
    is that of seed and interaction, and the jackknife variance of the mean over n seeds is that of
    persons and 1/n of the interaction.

    Parameters
    ----------
    values
        (n_runs,), a metric of each run.
    left_out
        (n_persons, n_runs), the same without one person at a time.
    """
    n_persons, n_runs = left_out.shape
    if n_runs < 2 or not (np.isfinite(values).all() and np.isfinite(left_out).all()):
        return Components(*[float("nan")] * 7)
    table = values + (n_persons - 1) * (left_out.mean(axis=0) - left_out)  # (persons, runs)
    of_person, of_run = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    residual = table - of_person - of_run + table.mean()
    free = (n_persons - 1) * (n_runs - 1)
    interaction = (residual**2).sum() / free / n_persons
    seed = max(of_run.var(ddof=1) - interaction, 0.0)
    person = max(of_person.var(ddof=1) / n_persons - interaction / n_runs, 0.0)
    one, more = seed + interaction + person, (seed + interaction) / n_runs + person
    return Components(
        *np.sqrt([seed, person, interaction, one, more]).tolist(),
        seed_share=float((seed + interaction) / one) if one > 0 else float("nan"),
        share_left=float((seed + interaction) / n_runs / more) if more > 0 else float("nan"),
    )


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
    return float(trimmed(_checked(values, "values")))


def probability_of_improvement(a: ArrayLike, b: ArrayLike) -> float:
    """Return how often a run of ``a`` has a higher value than one of ``b``; ties count half.

    Over all pairs of runs, (n_runs_a,) and (n_runs_b,), so Mann and Whitney's U over the number
    of pairs. Higher is better here: for errors, exchange the two.

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
    """Return ``probability_of_improvement`` of each row, nan where one holds nan."""
    first, second = a[..., :, None], b[..., None, :]
    share = ((first > second) + 0.5 * (first == second)).mean(axis=(-2, -1))
    return np.where(np.isfinite(a).all(axis=-1) & np.isfinite(b).all(axis=-1), share, np.nan)


def trimmed(values: np.ndarray) -> np.ndarray:
    """Return ``interquartile_mean`` of each row; nan where the row holds one."""
    # trim_mean alone would sort the nan to an end, cut it, and return a number.
    return np.where(np.isfinite(values).all(axis=-1), trim_mean(values, 0.25, axis=-1), np.nan)


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
