"""From the features of a recording to the 512-frame windows that a model sees.

A recording is cut at ``protocol.sequence_length`` frames and zero-padded to whole windows; a
window without a single real frame is dropped. ``mask`` is True where a frame is real.

Beside that: splits in which nobody is in two, and what can stand in the place of a lost frame. The
study put random unit vectors there; this library masks it, and has the other ways to compare.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from deplib.cohorts.base import COLUMNS, SPLITS
from deplib.errors import CohortError, StoreError
from deplib.extraction import fill_invalid
from deplib.protocol import Protocol

SplitRule = Literal["official", "disjoint"]
"""The table's own split, or one in which no person is in two splits."""
Fill = Literal["mask", "interpolate", "random", "zeros"]
"""What stands in the place of a frame that could not be embedded."""
DISJOINT_SEED = 2014
"""Draws the person-disjoint split of the study: the same table always gives the same one."""
INDEX_COLUMNS = ("recording", "person", "split", "window", "bdi", "y")

Read = Callable[[str], tuple[np.ndarray, np.ndarray]]
"""recording -> features (n_frames, width), valid (n_frames,)"""


@dataclass(frozen=True, eq=False)
class WindowSet:
    """Windows of all splits, ordered train, dev, test, so that a split is a view.

    Attributes
    ----------
    features
        float32, (n_windows, window, width), time-major and contiguous; 0 where ``mask`` is False.
    mask
        bool, (n_windows, window); True = real frame.
    index
        One row a window: ``recording``, ``person``, ``split``, ``window`` (0, 1, ... within the
        recording), ``bdi`` and ``y``, the z-scored label.
    label_mean, label_std
        Of the Train recordings, each counted once; population SD (1/n), in points of the scale.

    Notes
    -----
    Memory is 1 MiB a window of 512 frames of 512 float32 features: about 0.5 GB for the 150
    recordings of the protocol. ``subset`` copies none of it.
    """

    features: np.ndarray
    mask: np.ndarray
    index: pd.DataFrame
    label_mean: float
    label_std: float

    def __post_init__(self) -> None:
        if not self.index["split"].map(SPLITS.index).is_monotonic_increasing:
            raise CohortError(f"windows must be ordered by split: {', '.join(SPLITS)}")

    def __len__(self) -> int:
        return len(self.features)

    def subset(self, split: str) -> "WindowSet":
        """Return the windows of one split, as views of the same memory.

        Raises
        ------
        CohortError
            If the split is unknown or has no window.
        """
        rows = np.flatnonzero((self.index["split"] == split).to_numpy())
        if split not in SPLITS or not len(rows):
            raise CohortError(
                f"split {split!r} has no window; there are windows of "
                f"{sorted(self.index['split'].unique())}"
            )
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        index = self.index.iloc[part].reset_index(drop=True)
        return replace(self, features=self.features[part], mask=self.mask[part], index=index)


def build_windows(recordings: pd.DataFrame, read: Read, protocol: Protocol) -> WindowSet:
    """Cut the features of every recording into windows with masks and z-scored labels.

    Parameters
    ----------
    recordings
        One row a recording with the columns of ``deplib.cohorts.base.COLUMNS``.
    read
        recording -> features (n, ``protocol.feature_dim``) and valid (n,) bool, where n is
        ``n_frames``, or any smaller number that still reaches ``protocol.sequence_length``.
    protocol
        Gives the sequence length, the window length and the width.

    Returns
    -------
    WindowSet
        Windows ordered by split, then as in ``recordings``, then in time.

    Raises
    ------
    CohortError
        If a column is missing, a recording occurs twice, a split is unknown, a recording
        has no frame, or a label is missing, no number, or the same in all of Train.
    StoreError
        If the features of a recording have a wrong shape, hold NaN or infinity in a valid frame,
        or if it has no valid frame at all.
    """
    table = _checked_table(recordings)
    label_mean, label_std = _label_scale(table)
    length, limit = protocol.window_length, protocol.sequence_length
    n_used = table["n_frames"].clip(upper=limit).to_numpy(dtype=int)
    capacity = int((-(-n_used // length)).sum())
    features = np.zeros((capacity, length, protocol.feature_dim), dtype=np.float32)
    mask = np.zeros((capacity, length), dtype=bool)

    rows, n_windows = [], 0
    who = zip(*(table[c] for c in ("recording", "person", "split", "bdi")), n_used, strict=True)
    for recording, person, split, bdi, n in who:
        frames, valid = _checked_features(recording, *read(recording), n, protocol)
        for window, start in enumerate(range(0, n, length)):
            real = valid[start : start + length]
            if not real.any():
                continue
            features[n_windows, : len(real)][real] = frames[start : start + length][real]
            mask[n_windows, : len(real)] = real
            rows.append((recording, person, split, window, bdi))
            n_windows += 1

    index = pd.DataFrame(rows, columns=list(INDEX_COLUMNS[:-1]))
    index["y"] = (index["bdi"] - label_mean) / label_std
    return WindowSet(features[:n_windows], mask[:n_windows], index, label_mean, label_std)


def permute_labels(windows: WindowSet, *, rng: np.random.Generator) -> WindowSet:
    """Return the same windows with the labels permuted among the recordings of each split.

    A control: nothing can be learnt from them, while the labels of every split keep their
    distribution, so the scaling stays as it is.
    """
    index = windows.index.copy()
    of_recording = index.drop_duplicates("recording")
    permuted: dict[str, float] = {}
    for _, group in of_recording.groupby("split", sort=False):
        labels = rng.permutation(group["bdi"].to_numpy())
        permuted.update(zip(group["recording"], labels, strict=True))
    index["bdi"] = index["recording"].map(permuted)
    index["y"] = (index["bdi"] - windows.label_mean) / windows.label_std
    return replace(windows, index=index)


def _checked_table(recordings: pd.DataFrame) -> pd.DataFrame:
    recordings = _required(recordings, COLUMNS)
    n_frames = pd.to_numeric(recordings["n_frames"], errors="coerce")
    _refuse(recordings, ~(n_frames >= 1), "has {n_frames} frames; leave it out")
    order = recordings["split"].map(SPLITS.index).argsort(kind="stable")
    return recordings.iloc[order].reset_index(drop=True)


def _label_scale(table: pd.DataFrame) -> tuple[float, float]:
    train = table["bdi"][table["split"] == "train"].to_numpy()
    if not len(train):
        raise CohortError("no Train recording: labels are z-scored by the Train labels")
    if np.ptp(train) == 0:
        raise CohortError(f"all {len(train)} Train labels are {train[0]:g}: nothing can be learnt")
    return float(train.mean()), float(train.std())


def _checked_features(
    recording: str, features: np.ndarray, valid: np.ndarray, n: int, protocol: Protocol
) -> tuple[np.ndarray, np.ndarray]:
    features, valid = np.asarray(features), np.asarray(valid)
    if features.ndim != 2 or features.shape[1] != protocol.feature_dim:
        wanted = f"expected (n_frames, {protocol.feature_dim})"
        raise StoreError(f"features of {recording!r} have shape {features.shape}; {wanted}")
    if valid.dtype != bool or valid.shape != features.shape[:1]:
        wanted = f"expected bool {features.shape[:1]}, one per frame"
        raise StoreError(f"valid of {recording!r} is {valid.dtype} {valid.shape}; {wanted}")
    features, valid = features[: protocol.sequence_length], valid[: protocol.sequence_length]
    if len(features) != n:
        raise StoreError(
            f"{recording!r} has features of {len(features)} frames and {n} in the table "
            f"(up to {protocol.sequence_length}); extract it again"
        )
    if not valid.any():
        raise StoreError(f"{recording!r} has no valid frame; leave it out or repair the extraction")
    if not np.isfinite(features[valid]).all():
        raise StoreError(f"features of {recording!r} hold NaN or infinity in a valid frame")
    return features, valid


def split_as(recordings: pd.DataFrame, rule: SplitRule) -> pd.DataFrame:
    """Return the recordings split by a rule, in the same order.

    Raises
    ------
    CohortError
        If there is no such rule, or the recordings cannot be split so.
    """
    if rule not in get_args(SplitRule):
        there = ", ".join(get_args(SplitRule))
        raise CohortError(f"unknown split rule {rule!r}; there are {there}")
    if rule == "official":
        return recordings
    return person_disjoint(recordings, rng=np.random.default_rng(DISJOINT_SEED))


def person_disjoint(recordings: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Split the same recordings anew, so that nobody is in two splits.

    Persons are drawn at random and placed in the split with the most room left, those with many
    recordings first. The sizes aimed at are those of the table's own splits; they are met exactly
    where enough persons have a single recording, and as nearly as whole persons allow otherwise.
    Afterwards two persons with as many recordings each are exchanged, always the pair that lowers
    most how far the labels of the splits are from all labels (the mean Wasserstein distance),
    until no pair lowers it: the official splits are balanced, too. No prediction is looked at.

    Parameters
    ----------
    recordings
        ``recording``, ``person``, ``split``, ``bdi``; one row a recording.
    rng
        Draws who is placed first.

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
    >>> split.groupby("person")["split"].nunique().tolist()
    [1, 1, 1]
    """
    bdi = _required(recordings, ("recording", "person", "split", "bdi"))["bdi"]
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
    _balance(place, code, bdi.to_numpy())
    return recordings.assign(split=np.array(SPLITS, dtype=object)[place[code]])


def _distance(counts: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the Wasserstein distance of each split from all of them: (..., k, n) -> (..., k)."""
    whole = counts.sum(axis=-2, keepdims=True)
    size, total = counts[..., -1:], whole[..., -1:]
    gap = np.abs(counts / np.maximum(size, 1) - whole / total)
    return gap[..., :-1] @ np.diff(levels)


def _balance(place: np.ndarray, code: np.ndarray, bdi: np.ndarray) -> None:
    """Exchange persons between splits, in place, while that lowers the sum of distances."""
    levels, at = np.unique(bdi, return_inverse=True)
    counts = np.zeros((len(place), len(levels)))  # of a person's recordings at or below each label
    np.add.at(counts, (code, at), 1)
    counts = counts.cumsum(axis=1)
    first, second = np.triu_indices(len(place), k=1)
    alike = counts[first, -1] == counts[second, -1]
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


def _required(recordings: pd.DataFrame, columns: Collection[str]) -> pd.DataFrame:
    """Check what splitting and cutting both need: columns, rows, names, splits and labels."""
    missing = [column for column in columns if column not in recordings]
    if missing:
        raise CohortError(f"the table of recordings lacks {missing}; it needs {list(columns)}")
    if recordings.empty:
        raise CohortError("the table of recordings is empty: there is nothing to split or cut")
    bdi = pd.to_numeric(recordings["bdi"], errors="coerce")
    of_split = f"is of an unknown split, {{split!r}}; the splits are {', '.join(SPLITS)}"
    _refuse(recordings, recordings["recording"].duplicated(), "occurs more than once in the table")
    _refuse(recordings, ~recordings["split"].isin(SPLITS), of_split)
    _refuse(recordings, recordings["person"].isna(), "has no person: leave it out")
    _refuse(recordings, ~np.isfinite(bdi), "has the label {bdi}, which is no number: mend it")
    return recordings.assign(bdi=bdi.astype(float))


def _refuse(recordings: pd.DataFrame, wrong: pd.Series, text: str) -> None:
    """Name the first recording of which something is wrong, and how many there are."""
    if wrong.any():
        row = recordings[wrong].iloc[0]
        why = f"recording {row['recording']!r} {text.format(**row)}"
        raise CohortError(f"{why} ({wrong.sum()} recordings are wrong)")


def interpolate_invalid(features: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return features with each row that is not valid interpolated in time, at unit length.

    Linear between the nearest valid rows; before the first and after the last, the nearest one.

    Raises
    ------
    StoreError
        If no row is valid: there is nothing to interpolate from.
    """
    known = np.flatnonzero(valid)
    if not len(known):
        raise StoreError("no frame is valid: there is nothing to interpolate from")
    lost = np.flatnonzero(~valid)
    after = np.searchsorted(known, lost)
    left, right = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
    share = np.where(right > left, (lost - left) / np.maximum(right - left, 1), 0)[:, None]
    rows = features[left] * (1 - share) + features[right] * share
    rows[lost < known[0]] = features[known[0]]
    filled = features.copy()
    filled[lost] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return filled


def fill(
    features: np.ndarray, valid: np.ndarray, how: Fill, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Treat the rows that are not valid in one of the four ways.

    Parameters
    ----------
    features
        Shape ``(n, dim)``.
    valid
        bool, shape ``(n,)``.
    how
        ``"mask"`` hides the rows from every model. The others fill them and let models see them:
        ``"zeros"`` as the study's bug left them, ``"random"`` as its fix did, ``"interpolate"``
        from the neighbours in time.
    rng
        Source of the random vectors.

    Returns
    -------
    features : ndarray, shape (n, dim)
    valid : ndarray of bool, shape (n,)
        What models may see: all True, but for ``"mask"``.

    Raises
    ------
    StoreError
        If there is no such way, or nothing to interpolate from.
    """
    if how == "mask":
        return features, valid
    seen = np.ones_like(valid)
    if how == "zeros":
        return np.where(valid[:, None], features, np.float32(0)), seen
    if how == "random":
        return fill_invalid(features, valid, rng=rng), seen
    if how == "interpolate":
        return interpolate_invalid(features, valid), seen
    raise StoreError(f"no way {how!r} to fill frames; there are {', '.join(get_args(Fill))}")


def lose_bursts(
    n: int, rate: float, *, rng: np.random.Generator, mean_burst: float = 30.0
) -> np.ndarray:
    """Return which of ``n`` frames a face tracker would lose, in bursts, as ``valid``.

    A two-state Markov chain: losses last ``mean_burst`` frames on average (one second at 30
    frames a second) and cover the share ``rate`` of the frames in the long run.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the frame is kept; at least one frame always is.

    Raises
    ------
    StoreError
        If ``mean_burst`` is below 1, or bursts of that length with at least one frame between
        them cannot cover so much.
    """
    if mean_burst < 1 or not 0 <= rate <= mean_burst / (mean_burst + 1):
        raise StoreError(
            f"rate is {rate} and mean_burst {mean_burst}; mean_burst must be at least 1, and rate "
            "from 0 to mean_burst / (mean_burst + 1)"
        )
    valid = np.ones(n, bool)
    lost = rng.random() < rate
    start = 0
    mean_kept = mean_burst * (1 - rate) / rate if rate else np.inf
    while start < n and rate:
        length = int(rng.geometric(1 / (mean_burst if lost else mean_kept)))
        valid[start : start + length] = not lost
        start, lost = start + length, not lost
    if n and not valid.any():
        valid[int(rng.integers(n))] = True
    return valid


def losing(read: Read, rate: float, how: Fill) -> Read:
    """Return a reader that loses frames in bursts and treats the gaps in one of the ways.

    Which frames are lost depends on the recording's name and the rate only, so every model and
    every way of filling meets the same gaps.
    """

    def lossy(recording: str) -> tuple[np.ndarray, np.ndarray]:
        features, valid = read(recording)
        rng = np.random.default_rng(list(recording.encode()))
        return fill(features, valid & lose_bursts(len(valid), rate, rng=rng), how, rng=rng)

    return lossy
