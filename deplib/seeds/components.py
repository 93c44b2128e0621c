"""How much of the variance of a score comes from the seed, how much from the persons."""

from dataclasses import dataclass

import numpy as np


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
    n_runs: int
    n_persons: int


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

    Returns
    -------
    Components
        All nan for a single run, whose seed and persons cannot be told apart, and where the metric
        is undefined for a run or without a person.
    """
    n_persons, n_runs = left_out.shape
    nan = float("nan")
    if n_runs < 2 or not (np.isfinite(values).all() and np.isfinite(left_out).all()):
        return Components(nan, nan, nan, nan, nan, nan, nan, n_runs, n_persons)
    table = values + (n_persons - 1) * (left_out.mean(axis=0) - left_out)  # (persons, runs)
    of_person, of_run = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    residual = table - of_person - of_run + table.mean()
    free = (n_persons - 1) * (n_runs - 1)
    interaction = (residual**2).sum() / free / n_persons
    seed = max(of_run.var(ddof=1) - interaction, 0.0)
    person = max(of_person.var(ddof=1) / n_persons - interaction / n_runs, 0.0)
    one, more = seed + interaction + person, (seed + interaction) / n_runs + person
    return Components(
        seed_sd=float(np.sqrt(seed)),
        person_sd=float(np.sqrt(person)),
        interaction_sd=float(np.sqrt(interaction)),
        run_sd=float(np.sqrt(one)),
        mean_sd=float(np.sqrt(more)),
        seed_share=float((seed + interaction) / one) if one > 0 else nan,
        share_left=float((seed + interaction) / n_runs / more) if more > 0 else nan,
        n_runs=n_runs,
        n_persons=n_persons,
    )
