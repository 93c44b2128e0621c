"""Other splits of the same recordings: person-disjoint ones, and who is known to Train.

The official split is by recording, so a person of Test may have another recording in Train. Here
are the split in which nobody is in two splits, and the question which recordings are of a person
whom Train knows.
"""

from collections.abc import Collection
from typing import Literal, get_args

import numpy as np
import pandas as pd

from deplib.cohorts.base import SPLITS
from deplib.errors import CohortError

Split = Literal["official", "disjoint"]
"""The table's own split, or one in which no person is in two splits."""
DISJOINT_SEED = 2014
"""Draws the person-disjoint split of the study: the same table always gives the same one."""


def split_as(recordings: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Return the recordings in the split of that name, in the same order.

    Raises
    ------
    CohortError
        If there is no such split, or the recordings cannot be split so.
    """
    if split not in get_args(Split):
        raise CohortError(f"unknown split {split!r}; there are {', '.join(get_args(Split))}")
    if split == "official":
        return recordings
    return person_disjoint(recordings, rng=np.random.default_rng(DISJOINT_SEED))


def person_disjoint(
    recordings: pd.DataFrame, *, rng: np.random.Generator, balanced: bool = True
) -> pd.DataFrame:
    """Split the same recordings anew, so that nobody is in two splits.

    Persons are drawn at random and placed in the split with the most room left, those with many
    recordings first. The sizes aimed at are those of the table's own splits; they are met exactly
    where enough persons have a single recording, and as nearly as whole persons allow otherwise.

    Parameters
    ----------
    recordings
        ``recording``, ``person``, ``split``, ``bdi``; one row a recording.
    rng
        Draws who is placed first.
    balanced
        Afterwards exchange two persons with as many recordings each, always the pair that lowers
        ``imbalance`` most, until no pair lowers it: the official splits are balanced in their
        labels, too. Persons, not recordings, move, and no prediction is looked at.

    Returns
    -------
    DataFrame
        The same rows in the same order with another ``split``.

    Raises
    ------
    CohortError
        If a column is missing, a recording occurs twice, a person or label is missing, or there
        are too few persons for every split to have one.

    Examples
    --------
    >>> table = pd.DataFrame({"recording": [*"abcdef"], "person": [*"ppqqrr"],
    ...     "split": ["train", "dev", "test"] * 2, "bdi": [3., 5., 20., 22., 9., 8.]})
    >>> split = person_disjoint(table, rng=np.random.default_rng(0))
    >>> split.groupby("person")["split"].nunique().max(), split["split"].value_counts().max()
    (1, 2)
    """
    _check(recordings)
    code, persons = pd.factorize(recordings["person"])
    n_recordings = np.bincount(code)
    room = np.array([(recordings["split"] == split).sum() for split in SPLITS])
    if len(persons) < (room > 0).sum():
        raise CohortError(
            f"too few persons ({len(persons)}) to fill {(room > 0).sum()} splits with nobody in "
            "two: add recordings of others, or keep the split by recording"
        )
    place = np.empty(len(persons), dtype=int)
    order, empty = rng.permutation(len(persons)), room > 0
    order = order[np.argsort(-n_recordings[order], kind="stable")]
    for left, person in zip(range(len(order), 0, -1), order, strict=True):
        open_to = empty if left <= empty.sum() else room > 0  # the last persons leave none empty
        most = np.flatnonzero(open_to & (room == room[open_to].max()))
        place[person] = rng.choice(most)
        room[place[person]] -= n_recordings[person]
        empty[place[person]] = False
    if balanced:
        _balance(place, n_recordings, _cumulative(recordings["bdi"], code, len(persons)))
    return recordings.assign(split=np.array(SPLITS, dtype=object)[place[code]])


def known(recordings: pd.DataFrame, among: Collection[str] = ("train",)) -> pd.Series:
    """Tell of each recording outside some splits whether its person has one inside.

    Parameters
    ----------
    recordings
        ``recording``, ``person``, ``split``.
    among
        The splits whose persons count as known.

    Returns
    -------
    Series of bool
        Index ``recording``; only recordings of the other splits.
    """
    inside = recordings["split"].isin(list(among))
    outside = recordings[~inside].set_index("recording")
    return outside["person"].isin(recordings.loc[inside, "person"]).rename("known")


def imbalance(recordings: pd.DataFrame) -> float:
    """Return how far the labels of the splits are from those of the whole table.

    Returns
    -------
    float
        The Wasserstein distance between the labels of a split and of all recordings, in BDI-II
        points, mean over the splits: 0 if all have the same distribution.
    """
    split = pd.factorize(recordings["split"])[0]
    levels, counts = _cumulative(recordings["bdi"], split, split.max() + 1)
    return float(_distance(counts, levels).mean())


def _cumulative(bdi: pd.Series, code: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels that occur, and of each group how many recordings are at or below each."""
    levels, at = np.unique(bdi.to_numpy(float), return_inverse=True)
    counts = np.zeros((n, len(levels)))
    np.add.at(counts, (code, at), 1)
    return levels, counts.cumsum(axis=1)


def _distance(counts: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the Wasserstein distance of each split from all of them: (..., k, n) -> (..., k)."""
    whole = counts.sum(axis=-2, keepdims=True)
    size, total = counts[..., -1:], whole[..., -1:]
    gap = np.abs(counts / np.maximum(size, 1) - whole / total)
    return gap[..., :-1] @ np.diff(levels)


def _balance(
    place: np.ndarray, n_recordings: np.ndarray, cumulative: tuple[np.ndarray, np.ndarray]
) -> None:
    """Exchange persons between splits, in place, while that lowers the sum of distances."""
    levels, counts = cumulative
    first, second = np.triu_indices(len(place), k=1)
    alike = n_recordings[first] == n_recordings[second]
    first, second = first[alike], second[alike]
    while True:
        totals = np.stack([counts[place == k].sum(axis=0) for k in range(len(SPLITS))])
        apart = place[first] != place[second]
        one, two = first[apart], second[apart]
        if not len(one):
            return
        moved = counts[two] - counts[one]
        tried = np.repeat(totals[None], len(one), axis=0)
        rows = np.arange(len(one))
        tried[rows, place[one]] += moved
        tried[rows, place[two]] -= moved
        sums = _distance(tried, levels).sum(axis=1)
        best = int(sums.argmin())
        if not sums[best] < _distance(totals, levels).sum() - 1e-9:
            return
        place[[one[best], two[best]]] = place[[two[best], one[best]]]


def _check(recordings: pd.DataFrame) -> None:
    missing = [c for c in ("recording", "person", "split", "bdi") if c not in recordings]
    if missing:
        raise CohortError(f"the table of recordings lacks {missing}: it cannot be split")
    if recordings.empty:
        raise CohortError("the table of recordings is empty: there is nothing to split")
    twice = recordings["recording"][recordings["recording"].duplicated()]
    if len(twice):
        raise CohortError(f"recording {twice.iloc[0]!r} occurs more than once in the table")
    unknown = sorted(set(recordings["split"].astype(str)) - set(SPLITS))
    if unknown:
        raise CohortError(f"unknown split {unknown}; the splits are {list(SPLITS)}")
    unlabelled = recordings["recording"][
        recordings["person"].isna() | ~np.isfinite(pd.to_numeric(recordings["bdi"]))
    ]
    if len(unlabelled):
        raise CohortError(
            f"recording {unlabelled.iloc[0]!r} has no person or no label: leave it out "
            f"({len(unlabelled)} recordings)"
        )
