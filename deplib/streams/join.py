"""Early fusion: several streams as one reader of features, with a presence row a stream."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from deplib.errors import CohortError, StoreError
from deplib.streams.missing import StreamMissingError
from deplib.streams.names import ENCODED, WIDTHS, parse, width_of
from deplib.streams.scaling import Scaling, fit_scaling
from deplib.windows import Read

TRAIN = "train"


def join(
    features: str,
    reads: Mapping[str, Read],
    recordings: pd.DataFrame,
    *,
    frame_limit: int = 2000,
) -> Read:
    """Return one reader of the streams that ``features`` names.

    Rows of embeddings are used as they are, of unit length; other streams are scaled by the valid
    frames of the Train recordings (``Scaling``). The scalings are fitted here, once.

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
        Of one encoder's stream the very reader that was given. Else a ``Joined``.

    Raises
    ------
    CohortError
        If a name is wrong or has no reader, or the table lacks a column.
    StoreError
        If a stream has no valid Train frame.
    """
    names = parse(features)
    without = [name for name in names if name not in reads]
    if without:
        raise CohortError(f"stream {without[0]!r} of {features!r} has no reader: give one")
    absent = [c for c in ("recording", "split", "n_frames") if c not in recordings]
    if absent:
        raise CohortError(f"the table of recordings lacks {absent}: streams cannot be joined")
    if len(names) == 1 and names[0] in ENCODED:
        return reads[names[0]]
    train = recordings.loc[recordings["split"] == TRAIN, "recording"].tolist()
    scalings = {
        name: fit_scaling(reads[name], train, frame_limit=frame_limit, what=f"stream {name!r}")
        for name in names
        if name not in ENCODED
    }
    used = recordings["n_frames"].clip(upper=frame_limit).astype(int)
    n_frames = dict(zip(recordings["recording"], used, strict=True))
    return Joined(features, reads, scalings, n_frames)


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
        """Read one recording: one stream at a time, so little more than the result is held.

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
        out = np.zeros((n, self.width), np.float32)
        any_valid = np.zeros(n, bool)
        at = 0
        for k, name in enumerate(self.names):
            part = self._part(name, recording, n)
            if part is not None:
                values, valid = part
                out[:, at : at + WIDTHS[name]][valid] = values
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

    def _part(self, name: str, recording: str, n: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the scaled rows of the valid frames, and which these are; None if it lacks all."""
        try:
            values, valid = self.reads[name](recording)
        except StreamMissingError:
            return None
        what = f"stream {name!r} of {recording!r}"
        if values.ndim != 2 or values.shape[1] != WIDTHS[name]:
            raise StoreError(
                f"{what} has shape {values.shape}; expected (n_frames, {WIDTHS[name]})"
            )
        if valid.dtype != bool or valid.shape != values.shape[:1]:
            raise StoreError(f"{what} has valid {valid.dtype} {valid.shape}: one bool a frame")
        if len(values) < n:
            raise StoreError(
                f"{what} has {len(values)} frames and the recording {n}: make the stream again"
            )
        valid = valid[:n]
        if not valid.any():
            return None
        rows = values[:n][valid]
        if not np.isfinite(rows).all():
            raise StoreError(f"{what} holds NaN or infinity in a valid frame")
        return (self.scalings[name](rows) if name in self.scalings else rows), valid
