"""Persons, sessions and BDI-II scores, drawn freely: the population behind the simulated cohort.

The marginal of the scores, a person's share of severity and the reliability of the questionnaire
are those of ``deplib.cohorts.simulated.labels``. That module balances the splits on purpose, as the
official ones are; what a sample of persons can show has to be asked of free draws, so nothing is
balanced here unless asked for.
"""

from functools import cache

import numpy as np
from scipy import stats

from deplib.cohorts.base import BANDS
from deplib.cohorts.simulated import (
    MAX_SESSIONS,
    PERSON_SHARE,
    RELIABILITY,
    THRESHOLDS,
    draw_labels,
    to_bdi,
)

SCORES = np.arange(BANDS[-1][-1] + 1)
"""The possible scores, 0 to 63."""
PERSONS_PER_RECORDING = 40 / 50
"""As in Test of the simulated cohort: 50 recordings of 40 persons."""


@cache
def score_shares() -> np.ndarray:
    """Return the share of each score in the population, (64,); the same array each time.

    >>> bool(np.isclose(score_shares().sum(), 1))
    True
    """
    shares = np.diff(stats.norm.cdf(THRESHOLDS), prepend=0.0, append=1.0)
    shares.flags.writeable = False
    return shares


def score_mean() -> float:
    """Return the mean score of the population, BDI-II points."""
    return float(score_shares() @ SCORES)


def score_sd() -> float:
    """Return the standard deviation of the score in the population, BDI-II points."""
    return float(np.sqrt(score_shares() @ (SCORES - score_mean()) ** 2))


def persons_of(n_recordings: int) -> int:
    """Return how many persons a sample of that size has, at the ratio of the Test split.

    >>> persons_of(50)
    40
    """
    return max(2, round(n_recordings * PERSONS_PER_RECORDING))


def draw_persons(
    n_samples: int, n_recordings: int, *, rng: np.random.Generator, n_persons: int | None = None
) -> np.ndarray:
    """Draw who is on each recording: one session a person and the rest at random, at most four.

    Parameters
    ----------
    n_samples
        Independent samples.
    n_recordings
        In each of them.
    rng
        Source of randomness.
    n_persons
        In each sample; ``persons_of(n_recordings)`` by default.

    Returns
    -------
    ndarray of int, shape (n_samples, n_recordings)
        Person 0 to ``n_persons - 1`` of each recording, in order.

    Raises
    ------
    ValueError
        If the recordings are fewer than the persons or more than four for each.
    """
    n_persons = persons_of(n_recordings) if n_persons is None else n_persons
    if not 2 <= n_persons <= n_recordings <= MAX_SESSIONS * n_persons:
        raise ValueError(
            f"{n_recordings} recordings of {n_persons} persons: at least 2 persons are needed, "
            f"with 1 to {MAX_SESSIONS} recordings each"
        )
    tickets = np.full(n_persons, MAX_SESSIONS - 1)
    more = rng.multivariate_hypergeometric(tickets, n_recordings - n_persons, size=n_samples)
    persons = np.tile(np.arange(n_persons), n_samples)
    return np.repeat(persons, 1 + more.ravel()).reshape(n_samples, n_recordings)


def draw_scores(
    person: np.ndarray, *, rng: np.random.Generator, balanced: bool = False
) -> np.ndarray:
    """Draw the BDI-II of every recording; sessions of a person share most of the severity.

    Parameters
    ----------
    person
        As ``draw_persons`` returns it, (n_samples, n_recordings).
    rng
        Source of randomness.
    balanced
        Spread the scores of a sample evenly over the marginal, as ``draw_labels`` does with a
        split.

    Returns
    -------
    ndarray of float, shape (n_samples, n_recordings)
        Whole numbers, 0 to 63.
    """
    if balanced:
        return np.stack([draw_labels(who, np.zeros_like(who), rng=rng)[1] for who in person])
    severity = shared_and_own(person, PERSON_SHARE, rng=rng)
    noise = rng.standard_normal(person.shape)
    return to_bdi(np.sqrt(RELIABILITY) * severity + np.sqrt(1 - RELIABILITY) * noise)


def shared_and_own(
    person: np.ndarray, share: float, *, rng: np.random.Generator, n_values: int | None = None
) -> np.ndarray:
    """Draw standard normal values of which persons keep a share of the variance.

    Parameters
    ----------
    person
        (n_samples, n_recordings), persons numbered from 0 within each sample.
    share
        0 to 1: the correlation between two recordings of a person.
    rng
        Source of randomness.
    n_values
        Independent values a recording; None for one without an axis of its own.

    Returns
    -------
    ndarray of float, shape (n_samples, n_recordings) or (n_samples, n_recordings, n_values)
    """
    last = () if n_values is None else (n_values,)
    level = rng.standard_normal((len(person), person.max() + 1, *last))
    own = rng.standard_normal((*person.shape, *last))
    rows = np.arange(len(person))[:, None]
    return np.sqrt(share) * level[rows, person] + np.sqrt(1 - share) * own
