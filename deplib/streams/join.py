"""Several streams as one model's input."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from deplib.errors import CohortError, StoreError
from deplib.streams import ENCODED, WIDTHS, widths_of
from deplib.windows import Read


class StreamMissingError(StoreError):
    """A recording lacks this stream altogether; joined streams go on without it."""


def join(
    features: str,
    reads: Mapping[str, Read],
    recordings: pd.DataFrame,
    *,
    frame_limit: int = 2000,
    identity: int = 512,
) -> Read:
    """Return one reader of the streams that ``features`` names.

    Rows of embeddings are used as they are, of unit length; other streams are scaled by the valid
    frames of the Train recordings (`fit_scaling`), here and once.

    Parameters
    ----------
    features
        Names joined by ``+``, such as ``"identity+action"``.
    reads
        Reader of each stream. For a recording that lacks the stream it raises
        ``StreamMissingError``, or returns no valid frame.
    recordings
        ``recording``, ``split`` and ``n_frames``; the split tells which recordings are Train.
    frame_limit
        Frames of a recording that are used, ``protocol.sequence_length``.
    identity
        Width of the stream ``identity``, ``protocol.feature_dim``.

    Returns
    -------
    Read
        Of one encoder's stream the very reader that was given. Else one of float32
        ``(n_frames, width_of(features, identity))``: the streams side by side, 0 where one has none
        valid; then, of several, one column a stream that is 1 where it has. A frame is valid where
        any stream has a value. It raises ``StoreError`` if a recording is unknown or lacks every
        stream, or a stream has another width, fewer frames than the recording, or NaN or infinity
        in a valid frame.

    Raises
    ------
    CohortError
        If a name is wrong or has no reader, or the table lacks a column.
    StoreError
        If a stream has no valid Train frame.
    """
    widths = widths_of(features, identity)
    names = list(widths)
    if without := [name for name in names if name not in reads]:
        raise CohortError(f"stream {without[0]!r} of {features!r} has no reader: give one")
    _require(recordings, ("recording", "split", "n_frames"))
    if len(names) == 1 and names[0] in ENCODED:
        return reads[names[0]]
    used = recordings["n_frames"].clip(upper=frame_limit).astype(int)
    n_frames = dict(zip(recordings["recording"], used, strict=True))
    train = {r: n_frames[r] for r in recordings.loc[recordings["split"] == "train", "recording"]}
    scalings = {n: fit_scaling(n, reads[n], train) for n in names if n not in ENCODED}

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        if recording not in n_frames:
            raise StoreError(f"recording {recording!r} is not in the table of the joined streams")
        blocks, presence = [], []
        for name in names:
            n, width = n_frames[recording], widths[name]
            values, valid = _checked(name, reads[name], recording, n, width)
            mean, unit = scalings.get(name, (0.0, 1.0))
            block = np.zeros((n, width), np.float32)
            block[valid] = (values - mean) / unit
            blocks.append(block)
            presence.append(valid.astype(np.float32))
        any_valid = np.any(presence, axis=0)
        if not any_valid.any():
            what = f"{recording!r} has no valid frame in {' or '.join(names)}"
            raise StoreError(f"{what}: leave it out, or repair one of its streams")
        return np.column_stack(blocks + presence * (len(names) > 1)), any_valid

    return read


def fit_scaling(name: str, read: Read, train: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return what a stream's channels are z-scored by, from Train recordings; no other is read.

    Parameters
    ----------
    train
        How many frames of each Train recording are used.

    Returns
    -------
    mean, unit : ndarray of float64, shape (width,)
        Mean of each channel over all valid frames, and its SD (1/n) times the root of the width: a
        scaled row's mean squared length is 1 on Train, as that of an encoder's rows, so the
        streams are of one size. A channel that is constant on Train is only shifted.

    Raises
    ------
    StoreError
        If Train has no valid frame of the stream, or a recording's rows are wrong.
    """
    parts = [_checked(name, read, recording, n, WIDTHS[name])[0] for recording, n in train.items()]
    if not sum(map(len, parts)):
        raise StoreError(
            f"stream {name!r} has no valid frame in any Train recording, so nothing tells its "
            "scale: leave the stream out, or mend its files"
        )
    rows = np.concatenate(parts).astype(float)
    mean, sd = rows.mean(axis=0), rows.std(axis=0)
    constant = sd <= 1e-7 * np.maximum(np.abs(mean), 1.0)
    return mean, np.where(constant, 1.0, sd) * np.sqrt(len(mean))


def _checked(
    name: str, read: Read, recording: str, n: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a stream's valid frames, and which of the ``n`` frames these are."""
    try:
        values, valid = read(recording)
    except StreamMissingError:
        return np.zeros((0, width)), np.zeros(n, bool)
    wrong = ""
    if values.ndim != 2 or values.shape[1] != width:
        wrong = f"has shape {values.shape}; expected (n_frames, {width})"
    elif valid.dtype != bool or valid.shape != values.shape[:1]:
        wrong = f"has valid {valid.dtype} {valid.shape}: one bool a frame"
    elif len(values) < n:
        wrong = f"has {len(values)} frames and the recording {n}: make the stream again"
    elif not np.isfinite(values[:n][valid[:n]]).all():
        wrong = "has NaN or infinity where valid"
    if wrong:
        raise StoreError(f"stream {name!r} of {recording!r} {wrong}")
    return values[:n][valid[:n]], valid[:n]


def lacking(recordings: pd.DataFrame, share: float, *, rng: np.random.Generator) -> set[str]:
    """Draw the recordings that lack a stream, the same share of each split.

    Parameters
    ----------
    recordings
        ``recording`` and ``split``. Labels are not looked at.
    share
        From 0 to below 1. Of each split the nearest whole number is drawn, and at least one
        recording is left. From the same state of ``rng``, a larger share lacks all that a smaller
        one lacks.
    rng
        Source of the draw.

    Raises
    ------
    CohortError
        If the share is outside, or a column is missing.
    """
    if not 0 <= share < 1:
        raise CohortError(f"a share of {share} cannot lack a stream: give one from 0 to below 1")
    _require(recordings, ("recording", "split"))
    chosen: set[str] = set()
    for _, names in recordings.groupby("split", sort=True)["recording"]:
        drawn = rng.permutation(names.sort_values().to_numpy(dtype=object))
        chosen.update(drawn[: min(round(share * len(drawn)), len(drawn) - 1)])
    return chosen


def hiding(read: Read, hidden: Collection[str]) -> Read:
    """Return a reader that raises ``StreamMissingError`` for some recordings."""
    names = frozenset(hidden)

    def partial(recording: str) -> tuple[np.ndarray, np.ndarray]:
        if recording in names:
            raise StreamMissingError(f"{recording!r} is one of {len(names)} that lack this stream")
        return read(recording)

    return partial


def to_frames(
    values: np.ndarray, valid: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give each frame the sample that is current when the frame is taken.

    A sample stands until the next one, never longer: a slower stream is held, a faster one
    decimated, without any filter.

    Parameters
    ----------
    values, valid
        Shape ``(n_samples, width)`` and bool ``(n_samples,)``.
    at
        Where each frame is in the stream, ``(n_frames,)``, in samples from its start; negative
        for a frame that is nowhere.

    Returns
    -------
    values : ndarray of float32, shape (n_frames, width)
        0 outside the samples or at an invalid one.
    valid : ndarray of bool, shape (n_frames,)
    """
    current = np.floor(at + 1e-3).astype(int)  # rounding
    there = (current >= 0) & (current < len(values))
    there[there] = valid[current[there]]
    out = np.zeros((len(at), values.shape[1]), np.float32)
    out[there] = values[current[there]]
    return out, there


def _require(recordings: pd.DataFrame, columns: Collection[str]) -> None:
    if absent := [column for column in columns if column not in recordings]:
        raise CohortError(f"the table of recordings lacks {absent}: add these columns")
