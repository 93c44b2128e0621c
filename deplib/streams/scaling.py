"""The scaling of a stream, fitted on the valid frames of Train and on nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deplib.errors import StoreError
from deplib.streams.missing import StreamMissingError
from deplib.windows import Read


@dataclass(frozen=True, eq=False)
class Scaling:
    """What a stream's channels are z-scored by.

    Attributes
    ----------
    mean, sd
        Of each channel over all valid Train frames, float64 ``(width,)``; population SD (1/n).
    n_frames
        Valid frames that they were computed from.
    """

    mean: np.ndarray
    sd: np.ndarray
    n_frames: int

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return z-scores over the root of the width: a row's mean squared length is 1 on Train.

        An encoder's rows have unit length, so the streams are of one size. A channel that is
        constant on Train is 0 there, and only shifted elsewhere.

        Parameters
        ----------
        values
            Shape ``(n, width)``.

        Returns
        -------
        ndarray of float32, shape (n, width)
        """
        constant = self.sd <= 1e-7 * np.maximum(np.abs(self.mean), 1.0)
        unit = np.where(constant, 1.0, self.sd) * np.sqrt(len(self.mean))
        return ((values - self.mean) / unit).astype(np.float32)


def fit_scaling(
    read: Read, train: Iterable[str], *, frame_limit: int, what: str = "the stream"
) -> Scaling:
    """Fit the scaling of one stream on the recordings of Train.

    Means and squares of one recording after the other are merged (Chan, Golub and LeVeque 1983),
    so one recording is held at a time.

    Parameters
    ----------
    read
        Reader of the stream; recordings that lack it are passed over.
    train
        Names of the Train recordings. No other is read.
    frame_limit
        Frames of a recording that are used.
    what
        Names the stream in messages.

    Raises
    ------
    StoreError
        If Train has no valid frame of the stream, or one that is not finite.
    """
    n, mean, square = 0, np.zeros(1), np.zeros(1)
    asked = 0
    for recording in train:
        asked += 1
        try:
            values, valid = read(recording)
        except StreamMissingError:
            continue
        part = np.asarray(values[:frame_limit], float)[valid[:frame_limit]]
        if not len(part):
            continue
        if not np.isfinite(part).all():
            raise StoreError(f"{what} of {recording!r} holds NaN or infinity in a valid frame")
        shift = part.mean(axis=0) - mean
        total = n + len(part)
        square = square + np.square(part - part.mean(axis=0)).sum(axis=0)
        square = square + shift**2 * (n * len(part) / total)
        mean = mean + shift * (len(part) / total)
        n = total
    if n == 0:
        raise StoreError(
            f"{what} has no valid frame in any of {asked} Train recordings, so nothing tells its "
            "scale: leave the stream out, or mend its files"
        )
    return Scaling(mean, np.sqrt(square / n), n)
