"""The smallest model of choosing: candidates that guess, the best of them on Dev, and its Test."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from deplib.cohorts.simulated import to_bdi

CENTRE, NOISE_SD = 15.0, 6.0
"""Of the guesses, BDI-II points: an assumption."""
N = 50
"""Recordings of Dev and of Test."""
KS = (1, 2, 5, 10, 20, 50, 100)


def best_of_noise(
    ks: Sequence[int] = KS,
    *,
    n_repeats: int = 1000,
    centre: float = CENTRE,
    sd: float = NOISE_SD,
    n: int = N,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Choose the best of K guessing candidates on Dev, many times.

    A candidate predicts ``centre + N(0, sd)`` for each recording, on Dev and on Test alike. Labels
    are spread evenly over the simulator's marginal in each split, as the official ones are.

    Parameters
    ----------
    ks
        Numbers of candidates, each at least 1.
    n_repeats
        Repetitions, with new labels and new guesses.
    centre, sd
        Of the guesses, BDI-II points.
    n
        Recordings of a split.
    rng
        Source of randomness.

    Returns
    -------
    DataFrame
        One row a K: ``candidates``; ``dev_mae``, ``test_mae``, ``dev_pcc``, ``test_pcc``, means
        over the repetitions; ``constant_mae``, of the label median.

    Raises
    ------
    ValueError
        If no K is given or one is below 1, or there are fewer than 3 recordings.
    """
    if not len(ks) or min(ks) < 1 or n < 3:
        raise ValueError(
            f"ks is {list(ks)} and n {n}: give numbers from 1, and 3 recordings or more"
        )
    found = np.empty((n_repeats, len(ks), 4))
    constant = np.empty(n_repeats)
    for repeat in range(n_repeats):
        dev, test = labels(n, rng=rng), labels(n, rng=rng)
        guesses = rng.normal(centre, sd, (2, max(ks), n))
        of_dev, of_test = np.abs(guesses[0] - dev), np.abs(guesses[1] - test)
        mae = of_dev.mean(axis=1)
        constant[repeat] = np.abs(dev - np.median(dev)).mean()
        for k, size in enumerate(ks):
            best = int(mae[:size].argmin())
            found[repeat, k] = (
                mae[best],
                of_test[best].mean(),
                np.corrcoef(dev, guesses[0, best])[0, 1],
                np.corrcoef(test, guesses[1, best])[0, 1],
            )
    means = pd.DataFrame(found.mean(axis=0), columns=["dev_mae", "test_mae", "dev_pcc", "test_pcc"])
    means.insert(0, "candidates", list(ks))
    return means.assign(constant_mae=constant.mean())


def labels(n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw BDI-II of one balanced split, one in each of n equal slices of the marginal, (n,)."""
    return to_bdi(stats.norm.ppf((np.arange(n) + rng.random(n)) / n))
