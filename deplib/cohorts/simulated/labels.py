"""Persons, sessions, splits, BDI-II scores and clip lengths of the simulated cohort.

The structure follows what is published about AVEC2014: 150 recordings of 84 persons, 58 of them
in Train and Dev, split 50/50/50 by recording and not by person. Scores follow a gamma marginal
through a Gaussian copula, so that a latent severity without noise exists beside each score.
No value of the licensed corpus enters here.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from deplib.cohorts.base import BANDS, SPLITS
from deplib.errors import CohortError

BDI_MAX = BANDS[-1][-1]
GAMMA_SHAPE, GAMMA_SCALE = 1.35, 11.4
"""Marginal of BDI-II before truncation to the scale: mean 14.9 and SD 12.1 after it."""
RELIABILITY = 0.93
"""Retest reliability of BDI-II over one week; the rest of the score's variance is noise."""
PERSON_SHARE = 0.75
"""Share of severity's variance that a person keeps from session to session: an assumption."""
MAX_SESSIONS = 4
MIN_RECORDINGS = 2
"""Of a split: with fewer, no person can recur and no label can differ."""

_PERSONS, _NEW_PERSONS = 84, 26  # in 150 recordings; those that only Test has
_NEW_RECORDINGS = 36 / 50  # share of Test recorded from them: an assumption inside 26/50 to 48/50

CLIP_LENGTHS = ((0, 180), (0.25, 1080), (0.50, 1260), (0.75, 1860), (0.90, 3120), (1, 7440))
"""Published quantiles of the frames in an AVEC2014 clip, at 30 a second (zhen-gitch/STC)."""

_GAMMA = stats.gamma(GAMMA_SHAPE, scale=GAMMA_SCALE)
_GAMMA_MASS = float(_GAMMA.cdf(BDI_MAX + 0.5))

THRESHOLDS = stats.norm.ppf(_GAMMA.cdf(np.arange(BDI_MAX) + 0.5) / _GAMMA_MASS)
"""BDI-II is at least ``k`` where the normal score passes ``THRESHOLDS[k - 1]``."""


def severity_points(z: np.ndarray) -> np.ndarray:
    """Map standard normal severity to BDI-II points without rounding, 0 to 63.5."""
    return _GAMMA.ppf(stats.norm.cdf(z) * _GAMMA_MASS)


def to_bdi(z: np.ndarray) -> np.ndarray:
    """Map a standard normal score to the integer BDI-II of the same quantile, as float."""
    return np.searchsorted(THRESHOLDS, z, side="right").astype(float)


@cache
def severity_correlation() -> float:
    """Return the correlation of normal severity with BDI-II: noise and skew make it less than 1."""
    nodes = (np.arange(20_000) + 0.5) / 20_000
    z = stats.norm.ppf(nodes)
    bdi = to_bdi(z)
    return float(np.sqrt(RELIABILITY) * np.mean(z * bdi) / (bdi.std() * z.std()))


def draw_sessions(n_recordings: int | Sequence[int], *, rng: np.random.Generator) -> pd.DataFrame:
    """Draw who is recorded how often, and the split of each recording.

    Parameters
    ----------
    n_recordings
        How many in all, in three equal splits, or how many in Train, Dev and Test; each split has
        ``MIN_RECORDINGS`` at least. With 150 there are 84 persons, 26 of them in Test only.
    rng
        Source of randomness.

    Returns
    -------
    DataFrame
        Columns ``recording`` (``PPP_S``: person and session), ``person``, ``split``; ordered by
        split, then recording. Every person of Train or Dev may recur in any split.

    Raises
    ------
    CohortError
        If a split has too few recordings for persons to recur.
    """
    n = n_recordings
    sizes = [n // 3 + (k < n % 3) for k in range(3)] if isinstance(n, int) else list(n)
    if len(sizes) != len(SPLITS) or min(sizes) < MIN_RECORDINGS:
        raise CohortError(
            f"n_recordings={n_recordings} gives splits of {sizes} recordings: Train, Dev and Test "
            f"share persons, so ask for at least {MIN_RECORDINGS} in each, at least "
            f"{MIN_RECORDINGS * len(SPLITS)} in all"
        )
    n_recordings, known = sum(sizes), sizes[0] + sizes[1]
    if max(sizes) - min(sizes) <= 1:
        n_persons = round(n_recordings * (_PERSONS / 150))
        n_new = max(1, round(n_persons * (_NEW_PERSONS / _PERSONS)))
    else:
        n_new = max(1, round(sizes[2] * _NEW_PERSONS / 50))
        n_persons = n_new + round(known * (_PERSONS - _NEW_PERSONS) / 100)
    n_seen = n_persons - n_new
    # A Test much larger than the rest takes what the seen persons have, and new ones beyond.
    beyond = sizes[2] - (MAX_SESSIONS * n_seen - known)
    from_new = max(n_new, min(round(sizes[2] * _NEW_RECORDINGS), sizes[2] - 1), beyond)
    from_seen = sizes[2] - from_new

    new = np.repeat(np.arange(n_new), _sessions_each(n_new, from_new, rng=rng))
    # A seen person keeps one recording for Train or Dev; only the others may go to Test.
    counts = _sessions_each(n_seen, n_recordings - from_new, rng=rng)
    extra = rng.permutation(np.repeat(np.arange(n_seen), counts - 1))
    rest = rng.permutation(np.concatenate([np.arange(n_seen), extra[from_seen:]]))
    person = np.concatenate([rest + n_new, extra[:from_seen] + n_new, new])

    width = max(3, len(str(n_persons)))
    names = np.array([f"{number:0{width}d}" for number in range(1, n_persons + 1)], dtype=object)
    table = pd.DataFrame(
        {
            # Numbers are shuffled, so that neither tells when or in which split it was recorded.
            "person": names[rng.permutation(n_persons)[person]],
            "split": pd.Categorical(np.repeat(SPLITS, sizes), SPLITS, ordered=True),
            "order": rng.random(n_recordings),
        }
    )
    session = table.groupby("person")["order"].rank().astype(int)
    table["recording"] = table["person"] + "_" + session.astype(str)
    table = table.sort_values(["split", "recording"], ignore_index=True)
    return table.astype({"split": str})[["recording", "person", "split"]]


def draw_labels(
    person: np.ndarray, split: np.ndarray, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw severity and BDI-II, with splits balanced as the official ones are.

    Severity is ``sqrt(PERSON_SHARE)`` times a person's level plus a session's own; the score adds
    noise down to ``RELIABILITY``. Within a split the scores keep their ranks but are spread evenly,
    one in each of ``n`` equal slices of the marginal: the official splits are as balanced (means
    15.1, 14.8 and 14.5), where free draws of 50 would differ by 1.7 points (SD). Severity then
    follows the spread scores by the exact conditional of the same model (Matheron's rule).

    Parameters
    ----------
    person, split
        Labels of the recordings, shape ``(n,)``.
    rng
        Source of randomness.

    Returns
    -------
    severity : ndarray of float, shape (n,)
        Standard normal over the population, free of measurement noise.
    bdi : ndarray of float, shape (n,)
        Integers from 0 to 63.
    """
    _, code = np.unique(person, return_inverse=True)
    n = len(code)
    severity = np.sqrt(PERSON_SHARE) * rng.standard_normal(code.max() + 1)[code]
    severity += np.sqrt(1 - PERSON_SHARE) * rng.standard_normal(n)
    score = np.sqrt(RELIABILITY) * severity + np.sqrt(1 - RELIABILITY) * rng.standard_normal(n)
    spread = _spread(score, split, rng=rng)
    severity += np.sqrt(RELIABILITY) * _regressed(spread - score, code)
    return severity, to_bdi(spread)


def draw_lengths(n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw clip lengths in frames at 30 a second, one from each of ``n`` equal slices.

    Lengths are interpolated on a log scale between the published quantiles: mean about 1,660
    frames and 23 % above 2,000, where the corpus has 1,644 and 22 %.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    quantiles, frames = np.array(CLIP_LENGTHS).T
    u = (rng.permutation(n) + rng.random(n)) / n
    return np.rint(np.exp(np.interp(u, quantiles, np.log(frames)))).astype(int)


def _spread(score: np.ndarray, split: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return normal scores with the ranks of ``score``, one in each equal slice of a split."""
    out = np.empty_like(score)
    for name in np.unique(split):
        rows = np.flatnonzero(split == name)
        slices = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
        out[rows[np.argsort(score[rows])]] = stats.norm.ppf(slices)
    return out


def _regressed(x: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Multiply by the inverse of the scores' covariance, then by severity's, over recordings.

    Both are a shared part a person and an own one: the inverse is Sherman and Morrison's.
    """
    shared = RELIABILITY * PERSON_SHARE
    own = 1 - shared
    x = (x - (shared * np.bincount(code, x) / (own + shared * np.bincount(code)))[code]) / own
    return PERSON_SHARE * np.bincount(code, x)[code] + (1 - PERSON_SHARE) * x


def _sessions_each(n_persons: int, n_sessions: int, *, rng: np.random.Generator) -> np.ndarray:
    """Give each person one session and the rest at random, at most ``MAX_SESSIONS`` a person."""
    tickets = rng.permutation(np.repeat(np.arange(n_persons), MAX_SESSIONS - 1))
    return 1 + np.bincount(tickets[: n_sessions - n_persons], minlength=n_persons)
