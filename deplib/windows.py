"""From the features of a recording to the 512-frame windows that a model sees.

A recording is cut at ``protocol.sequence_length`` frames and zero-padded to whole windows; a
window without a single real frame is dropped. ``mask`` is True where a frame is real.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deplib.cohorts.base import COLUMNS, SPLITS
from deplib.errors import CohortError, StoreError
from deplib.protocol import Protocol

BDI_MIN, BDI_MAX = 0.0, 63.0
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
        Of the Train recordings, each counted once; population SD (1/n), in BDI-II points.

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

    @property
    def nbytes(self) -> int:
        """Bytes held by the features and masks."""
        return self.features.nbytes + self.mask.nbytes

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
        has no frame, or a label is missing, outside 0-63, or the same in all of Train.
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
    missing = [column for column in COLUMNS if column not in recordings]
    if missing:
        raise CohortError(f"the table of recordings lacks {missing}; it needs {list(COLUMNS)}")
    if recordings.empty:
        raise CohortError("the table of recordings is empty: there is nothing to cut into windows")
    twice = recordings["recording"][recordings["recording"].duplicated()]
    if len(twice):
        raise CohortError(f"recording {twice.iloc[0]!r} occurs more than once in the table")
    unknown = sorted(set(recordings["split"].astype(str)) - set(SPLITS))
    if unknown:
        raise CohortError(f"unknown split {unknown}; the splits are {list(SPLITS)}")
    bdi = pd.to_numeric(recordings["bdi"], errors="coerce")
    bad = recordings["recording"][~bdi.between(BDI_MIN, BDI_MAX)]  # NaN is not between
    if len(bad):
        raise CohortError(
            f"recording {bad.iloc[0]!r} has BDI-II {recordings['bdi'][bad.index[0]]}: a label "
            f"must be a number from {BDI_MIN:g} to {BDI_MAX:g} ({len(bad)} recordings are wrong)"
        )
    short = recordings["recording"][~(pd.to_numeric(recordings["n_frames"], errors="coerce") >= 1)]
    if len(short):
        n = recordings["n_frames"][short.index[0]]
        raise CohortError(f"recording {short.iloc[0]!r} has {n} frames; leave it out")
    order = recordings["split"].map(SPLITS.index).argsort(kind="stable")
    return recordings.assign(bdi=bdi.astype(float)).iloc[order].reset_index(drop=True)


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
        raise StoreError(
            f"features of {recording!r} have shape {features.shape}; "
            f"expected (n_frames, {protocol.feature_dim})"
        )
    if valid.dtype != bool or valid.shape != features.shape[:1]:
        raise StoreError(
            f"valid of {recording!r} is {valid.dtype} {valid.shape}; "
            f"expected bool {features.shape[:1]}, one per frame"
        )
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
