"""Persons, sessions and scores, drawn freely: by default a population like AVEC2014's Test split.

Its scores have the shares and means that are published of its severity bands, so that the best
constant errs by 9.54 points. The simulated cohort balances its splits on purpose, as the official
ones are; what a sample of persons can show has to be asked of free draws.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, stats

from deplib.cohorts.simulated.labels import BDI_MAX, MAX_SESSIONS, PERSON_SHARE, RELIABILITY

TEST_BANDS = (
    (0, 13, 0.50, 4.96),
    (14, 19, 0.20, 16.20),
    (20, 28, 0.16, 25.0),
    (29, 46, 0.14, 34.14),
)
"""Lowest and highest score, share and mean of AVEC2014's Test labels (umayrah-mm/
Depression-Severity-Estimation); the highest is in the mid-forties."""


def shares_of(bands: Sequence[tuple[int, int, float, float]] = TEST_BANDS) -> np.ndarray:
    """Return the share of each score in a population of given bands, (64,).

    Within a band shares rise or fall exponentially, so that its mean is the given one.
    """
    shares = np.zeros(BDI_MAX + 1)
    for low, high, share, mean in bands:
        apart = np.arange(low, high + 1) - mean
        tilt = optimize.brentq(lambda t, x=apart: (x * np.exp(t * x)).sum(), -3, 3)
        shares[low : high + 1] = share * np.exp(tilt * apart) / np.exp(tilt * apart).sum()
    return shares


SHARES = shares_of()
"""Share of each BDI-II score in the population, (64,)."""


class Population(NamedTuple):
    """The values that a label has, ascending, the share of each, and how often persons return."""

    values: np.ndarray
    shares: np.ndarray
    persons: float = 40 / 50  # a recording

    @property
    def mean(self) -> float:
        """Mean label."""
        return float(self.shares @ self.values)

    @property
    def sd(self) -> float:
        """SD of the labels."""
        return float(np.sqrt(self.shares @ (self.values - self.mean) ** 2))


AVEC2014 = Population(np.arange(len(SHARES)), SHARES)


def population_like(test: pd.DataFrame) -> Population:
    """Return a population with the shares of labels, and persons a recording, of a split.

    >>> split = pd.DataFrame({"recording": [*"abcd"], "person": [*"ppqr"], "bdi": [3, 0, 3, 8]})
    >>> population_like(split)[1:]
    (array([0.25, 0.5 , 0.25]), 0.75)
    """
    once = test.drop_duplicates("recording")
    values, counts = np.unique(once["bdi"].to_numpy(float), return_counts=True)
    return Population(values, counts / len(once), once["person"].nunique() / len(once))


def persons_of(n_recordings: int, population: Population = AVEC2014) -> int:
    """Return how many persons a sample of that size has.

    >>> persons_of(50)
    40
    """
    return max(2, round(n_recordings * population.persons))


def draw_persons(
    n_samples: int, n_recordings: int, *, rng: np.random.Generator, n_persons: int | None = None
) -> np.ndarray:
    """Draw who is on each recording: one session a person and the rest at random.

    At most four of each; where they have more than two on average, twice as many as that.

    Returns
    -------
    ndarray of int, shape (n_samples, n_recordings)
        Person 0 to ``n_persons - 1`` of each recording, in order; ``persons_of(n_recordings)``
        persons by default.

    Raises
    ------
    ValueError
        If the recordings are fewer than the persons, or there is one person only.
    """
    n_persons = persons_of(n_recordings) if n_persons is None else n_persons
    if not 2 <= n_persons <= n_recordings:
        what = f"{n_recordings} recordings of {n_persons} persons"
        raise ValueError(f"{what}: at least 2 persons are needed, each with a recording")
    most = max(MAX_SESSIONS, -(-2 * n_recordings // n_persons))
    tickets = np.full(n_persons, most - 1)
    more = rng.multivariate_hypergeometric(tickets, n_recordings - n_persons, size=n_samples)
    persons = np.tile(np.arange(n_persons), n_samples)
    return np.repeat(persons, 1 + more.ravel()).reshape(n_samples, n_recordings)


def draw_scores(
    person: np.ndarray,
    *,
    rng: np.random.Generator,
    balanced: bool = False,
    population: Population = AVEC2014,
) -> np.ndarray:
    """Draw the score of every recording; sessions of a person share most of the severity.

    Parameters
    ----------
    person
        As ``draw_persons`` returns it, (n_samples, n_recordings).
    rng
        Source of randomness.
    balanced
        Spread the scores of a sample evenly over the shares, as the cohort does with a split.
    population
        Whose shares the scores have.
    """
    score = np.sqrt(RELIABILITY) * shared_and_own(person, PERSON_SHARE, rng=rng)
    score = score + np.sqrt(1 - RELIABILITY) * rng.standard_normal(person.shape)
    if balanced:
        rank = score.argsort(axis=1).argsort(axis=1)
        score = stats.norm.ppf((rank + rng.random(rank.shape)) / rank.shape[1])
    # a score is at least the k-th value where the normal one passes the share of those below it
    passed = stats.norm.ppf(np.cumsum(population.shares)[:-1].clip(max=1.0))
    return population.values[np.searchsorted(passed, score, side="right")].astype(float)


def shared_and_own(
    person: np.ndarray, share: float, *, rng: np.random.Generator, n_values: int | None = None
) -> np.ndarray:
    """Draw standard normal values, of which two recordings of a person correlate by ``share``.

    Of shape (n_samples, n_recordings), and (..., n_values) where those are given.
    """
    last = () if n_values is None else (n_values,)
    level = rng.standard_normal((len(person), person.max() + 1, *last))
    own = rng.standard_normal((*person.shape, *last))
    rows = np.arange(len(person))[:, None]
    return np.sqrt(share) * level[rows, person] + np.sqrt(1 - share) * own
