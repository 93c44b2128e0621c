"""Several streams as one model's input (early fusion) or one prediction (late fusion)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib.errors import CohortError, ResultError, StoreError
from deplib.streams import ENCODED, SEPARATOR, WIDTHS, parse, width_of
from deplib.windows import Read

FUSED = ("recording", "person", "split", "bdi", "bdi_hat")
LABEL_TOLERANCE = 1e-3
"""BDI-II points: labels that were z-scored and scaled back differ by rounding."""


class StreamMissingError(StoreError):
    """A recording lacks this stream altogether; joined streams go on without it."""


def join(
    features: str,
    reads: Mapping[str, Read],
    recordings: pd.DataFrame,
    *,
    frame_limit: int = 2000,
) -> Read:
    """Return one reader of the streams that ``features`` names.

    Rows of embeddings are used as they are, of unit length; other streams are scaled by the valid
    frames of the Train recordings (`Scaling`). The scalings are fitted here, once.

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

    Returns
    -------
    Read
        Of one encoder's stream the very reader that was given. Else a `Joined`.

    Raises
    ------
    CohortError
        If a name is wrong or has no reader, or the table lacks a column.
    StoreError
        If a stream has no valid Train frame.
    """
    names = parse(features)
    if without := [name for name in names if name not in reads]:
        raise CohortError(f"stream {without[0]!r} of {features!r} has no reader: give one")
    _require(recordings, ("recording", "split", "n_frames"))
    if len(names) == 1 and names[0] in ENCODED:
        return reads[names[0]]
    train = recordings.loc[recordings["split"] == "train", "recording"].tolist()
    scalings = {
        name: fit_scaling(reads[name], train, frame_limit=frame_limit, what=f"stream {name!r}")
        for name in names
        if name not in ENCODED
    }
    used = recordings["n_frames"].clip(upper=frame_limit).astype(int)
    n_frames = dict(zip(recordings["recording"], used, strict=True))
    return Joined(features, reads, scalings, n_frames)


@dataclass(frozen=True, eq=False)
class Scaling:
    """What a stream's channels are z-scored by.

    Attributes
    ----------
    mean, sd
        Of each channel over all valid Train frames, float64 ``(width,)``; population SD (1/n).
    """

    mean: np.ndarray
    sd: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return z-scores ``(n, width)`` over the root of the width, float32.

        A row's mean squared length is 1 on Train, as that of an encoder's rows, so the streams are
        of one size. A channel that is constant on Train is 0 there, and only shifted elsewhere.
        """
        constant = self.sd <= 1e-7 * np.maximum(np.abs(self.mean), 1.0)
        unit = np.where(constant, 1.0, self.sd) * np.sqrt(len(self.mean))
        return ((values - self.mean) / unit).astype(np.float32)


def fit_scaling(
    read: Read, train: Iterable[str], *, frame_limit: int, what: str = "the stream"
) -> Scaling:
    """Fit the scaling of one stream on the recordings of Train; no other is read.

    Raises
    ------
    StoreError
        If Train has no valid frame of the stream, or one that is not finite.
    """
    parts = []
    for recording in train:
        try:
            values, valid = read(recording)
        except StreamMissingError:
            continue
        parts.append(np.asarray(values[:frame_limit], float)[valid[:frame_limit]])
        if not np.isfinite(parts[-1]).all():
            raise StoreError(f"{what} of {recording!r} holds NaN or infinity in a valid frame")
    if not sum(map(len, parts)):
        raise StoreError(
            f"{what} has no valid frame in any Train recording, so nothing tells its scale: leave "
            "the stream out, or mend its files"
        )
    rows = np.concatenate(parts)
    return Scaling(rows.mean(axis=0), rows.std(axis=0))


class Joined:
    """Several streams as one: a ``Read``.

    Parameters
    ----------
    features
        Names joined by ``+``.
    reads
        Reader of each stream.
    scalings
        Of each stream that is scaled.
    n_frames
        Frames of each recording that are used.
    """

    def __init__(
        self,
        features: str,
        reads: Mapping[str, Read],
        scalings: Mapping[str, Scaling],
        n_frames: Mapping[str, int],
    ) -> None:
        self.names, self.width = parse(features), width_of(features)
        self.reads, self.scalings, self.n_frames = dict(reads), dict(scalings), dict(n_frames)

    def __call__(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Read one recording.

        Returns
        -------
        features : ndarray of float32, shape (n_frames, width)
            The streams side by side, 0 where one has no valid value; then, of several, one column
            a stream that is 1 where it has.
        valid : ndarray of bool, shape (n_frames,)
            Where any stream has a value.

        Raises
        ------
        StoreError
            If the recording is unknown or lacks every stream, or a stream has another width or
            fewer frames than the recording, or NaN or infinity in a valid frame.
        """
        if recording not in self.n_frames:
            raise StoreError(f"recording {recording!r} is not in the table of the joined streams")
        n = self.n_frames[recording]
        out, any_valid = np.zeros((n, self.width), np.float32), np.zeros(n, bool)
        at = 0
        for k, name in enumerate(self.names):
            values, valid = self._part(name, recording, n)
            out[valid, at : at + WIDTHS[name]] = values
            if len(self.names) > 1:
                out[:, k - len(self.names)] = valid
            any_valid |= valid
            at += WIDTHS[name]
        if not any_valid.any():
            raise StoreError(
                f"{recording!r} has no valid frame in {' or '.join(self.names)}: leave it out, or "
                "repair one of its streams"
            )
        return out, any_valid

    def _part(self, name: str, recording: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the scaled rows of a stream's valid frames, and which these are."""
        try:
            values, valid = self.reads[name](recording)
        except StreamMissingError:
            return np.zeros((0, WIDTHS[name])), np.zeros(n, bool)
        wrong = ""
        if values.ndim != 2 or values.shape[1] != WIDTHS[name]:
            wrong = f"has shape {values.shape}; expected (n_frames, {WIDTHS[name]})"
        elif valid.dtype != bool or valid.shape != values.shape[:1]:
            wrong = f"has valid {valid.dtype} {valid.shape}: one bool a frame"
        elif len(values) < n:
            wrong = f"has {len(values)} frames and the recording {n}: make the stream again"
        elif not np.isfinite(values[:n][valid[:n]]).all():
            wrong = "holds NaN or infinity in a valid frame"
        if wrong:
            raise StoreError(f"stream {name!r} of {recording!r} {wrong}")
        rows = values[:n][valid[:n]]
        return self.scalings[name](rows) if name in self.scalings else rows, valid[:n]


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
        raise CohortError(
            f"a share of {share} of the recordings cannot lack a stream: give one from 0 to below "
            "1, and leave the stream out where all lack it"
        )
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
            raise StreamMissingError(
                f"{recording!r} is one of the {len(names)} that lack this stream"
            )
        return read(recording)

    return partial


def to_frames(
    values: np.ndarray, valid: np.ndarray, *, rate: float, fps: float, n_frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Give each frame the sample that is current when the frame is taken.

    Sample ``k`` begins at ``k / rate`` seconds and stands until the next one, never longer: a
    slower stream is held, a faster one decimated, without any filter.

    Parameters
    ----------
    values, valid
        Shape ``(n_samples, width)`` and bool ``(n_samples,)``.
    rate, fps
        Samples and frames a second.
    n_frames
        Frames of the recording.

    Returns
    -------
    values : ndarray of float32, shape (n_frames, width)
        0 after the last sample or at an invalid one.
    valid : ndarray of bool, shape (n_frames,)
    """
    current = np.floor(np.arange(n_frames) * (rate / fps) + 1e-3).astype(int)  # rounding
    there = current < len(values)
    there[there] = valid[current[there]]
    out = np.zeros((n_frames, values.shape[1]), np.float32)
    out[there] = values[current[there]]
    return out, there


def fuse(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Average the predictions of the streams that a recording has, all with equal weight.

    Equal weights need no data to be chosen on. A recording of one stream keeps its prediction.

    Parameters
    ----------
    tables
        One a stream, each with ``FUSED`` and one row a recording, as
        ``deplib.training.recording_table`` returns for one model and seed. A table leaves out the
        recordings that lack its stream.

    Returns
    -------
    DataFrame
        ``FUSED`` and ``streams``, the names that were averaged joined by ``+``; one row a
        recording, in the order of first appearance.

    Raises
    ------
    ResultError
        If there is no table, one lacks a column, holds a recording twice or a value that is not
        finite, or two disagree about a recording's person, split or label.
    """
    if not tables:
        raise ResultError("no table to fuse: give the predictions of one stream or more")
    for stream, table in tables.items():
        if absent := [column for column in FUSED if column not in table]:
            raise ResultError(f"the table of stream {stream!r} lacks {absent}; it needs {FUSED}")
        twice = table["recording"].duplicated().to_numpy()
        infinite = ~np.isfinite(table[["bdi", "bdi_hat"]].to_numpy(float)).all(axis=1)
        for wrong, what in ((twice, "twice: give one seed"), (infinite, "without finite numbers")):
            if wrong.any():
                name = table["recording"].iloc[wrong.argmax()]
                raise ResultError(f"the table of stream {stream!r} has recording {name!r} {what}")
    parts = [table[[*FUSED]].assign(streams=stream) for stream, table in tables.items()]
    groups = pd.concat(parts, ignore_index=True).groupby("recording", sort=False)
    agree = groups[["person", "split"]].nunique().eq(1)
    agree["label"] = groups["bdi"].max() - groups["bdi"].min() <= LABEL_TOLERANCE
    for recording, row in agree[~agree.all(axis=1)].iterrows():
        raise ResultError(
            f"the streams disagree about the {row.idxmin()} of recording {recording!r}: their "
            "tables are of different cohorts, splits or labels"
        )
    how = {"person": "first", "split": "first", "bdi": "first", "bdi_hat": "mean"}
    return groups.agg(how | {"streams": SEPARATOR.join}).reset_index()


def _require(recordings: pd.DataFrame, columns: Collection[str]) -> None:
    if absent := [column for column in columns if column not in recordings]:
        raise CohortError(f"the table of recordings lacks {absent}: add these columns")
