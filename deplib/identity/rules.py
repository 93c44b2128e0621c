"""Rules by which the same recordings are split anew; none of them looks at a label."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from deplib.cohorts.base import SPLITS
from deplib.errors import CohortError
from deplib.windows import known, person_disjoint

ATTEMPTS = 1000
"""Draws of whole persons that may miss the size of Test before a rule gives up."""


def by_recording(recordings: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Shuffle the splits among the recordings: persons recur as they fall."""
    return recordings.assign(split=rng.permutation(recordings["split"].to_numpy()))


def as_official(recordings: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a split in which persons recur as often as they do in the table's own.

    As many Test recordings as there are of persons who are only in Test; of all other persons one
    recording at least stays in Train or Dev, between which recordings are shuffled.

    Raises
    ------
    CohortError
        If no draw fills Test in this way.
    """
    split = recordings["split"].to_numpy()
    n_known = int(known(recordings, among=("train", "dev")).sum())
    n_new = int((split == "test").sum()) - n_known
    for _ in range(ATTEMPTS):
        test = _draw_test(recordings["person"].to_numpy(), n_new, n_known, rng)
        if test is not None:
            drawn = np.full(len(recordings), "test", dtype=object)
            drawn[~test] = rng.permutation(split[split != "test"])
            return recordings.assign(split=drawn)
    raise CohortError(
        f"in {ATTEMPTS} draws no Test had {n_new} recordings of new persons and {n_known} of known "
        "ones, as the table's own has: too few persons have a single recording, or several"
    )


def _draw_test(
    person: np.ndarray, n_new: int, n_known: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Draw whole persons for Test, then single recordings of others; None where that fails."""
    test = np.zeros(len(person), dtype=bool)
    spare: list[int] = []
    for name in rng.permutation(pd.unique(person)):
        rows = rng.permutation(np.flatnonzero(person == name))
        if len(rows) <= n_new:
            test[rows] = True
            n_new -= len(rows)
        else:
            spare.extend(rows[1:])
    if n_new or len(spare) < n_known:
        return None
    test[rng.permutation(spare)[:n_known].astype(int)] = True
    return test


def _disjoint(recordings: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    return person_disjoint(recordings, rng=rng, balanced=False)  # as free as the other two


RULES: dict[str, Callable[..., pd.DataFrame]] = {
    "by recording": by_recording,
    "as official": as_official,
    "person-disjoint": _disjoint,
}
"""Ways to split the same recordings, by how much persons recur."""


def draw_replacement(
    recordings: pd.DataFrame, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a Test of persons who have other recordings, and a Train with and one without those.

    Of a third of the persons with several recordings, one each is Test. Their others are part of
    the first Train; in the second, as many recordings of other persons stand in their place. The
    rest of Train, and Dev, are the same on both sides and of other persons. Train and Dev have the
    sizes of the table's own.

    Returns
    -------
    seen, replaced : ndarray of str, shape (n_recordings,)
        Split of each recording; "" is in none.

    Raises
    ------
    CohortError
        If fewer than three persons have several recordings, or the others have too few.
    """
    person = recordings["person"].to_numpy()
    names, counts = np.unique(person, return_counts=True)
    several = names[counts > 1]
    chosen = rng.permutation(several)[: len(several) // 3]
    is_chosen = np.isin(person, chosen)
    test = [rng.choice(np.flatnonzero(person == name)) for name in chosen]
    own = np.setdiff1d(np.flatnonzero(is_chosen), test)
    others = rng.permutation(np.flatnonzero(~is_chosen))
    n_train, n_dev = ((recordings["split"] == split).sum() for split in SPLITS[:2])
    n_fill = max(n_train - len(own), 0)
    if not len(chosen) or n_fill + len(own) + n_dev > len(others):
        raise CohortError(
            f"{len(several)} persons have several recordings, and of all others there are "
            f"{len(others)}: too few to replace persons in a Train of {n_train} beside a Dev of "
            f"{n_dev}"
        )
    fill, instead, dev, _ = np.split(others, np.cumsum([n_fill, len(own), n_dev]))
    seen, replaced = np.full((2, len(person)), "", dtype=object)
    for split, in_place in ((seen, own), (replaced, instead)):
        split[test], split[dev] = "test", "dev"
        split[np.concatenate([fill, in_place])] = "train"
    return seen, replaced
