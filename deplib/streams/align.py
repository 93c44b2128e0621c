"""Streams of other lengths and rates brought to the frames of a recording."""

import numpy as np

from deplib.errors import CohortError

TOLERANCE = 1.0
"""Seconds by which a stream's duration may differ from its recording's: our choice. It is one
estimate of a stream that has one a second, and more than what trackers drop at the ends."""
ROUNDING = 1e-3
"""Share of a sample by which one may begin after the frame that it belongs to."""
MAX_SAMPLES = 1_000_000
"""More samples than any recording's stream has: nine hours at 30 a second."""


def to_frames(
    values: np.ndarray,
    valid: np.ndarray,
    *,
    rate: float,
    fps: float,
    n_frames: int,
    tolerance: float = TOLERANCE,
    what: str = "the stream",
) -> tuple[np.ndarray, np.ndarray]:
    """Give each frame the sample that is current when the frame is taken.

    Sample ``k`` begins at ``k / rate`` seconds and stands until the next one, never longer: a
    slower stream is held, a faster one decimated, without any filter. A frame after the last
    sample, or at an invalid one, is invalid and 0.

    Parameters
    ----------
    values
        Shape ``(n_samples, width)``.
    valid
        bool, shape ``(n_samples,)``.
    rate
        Samples a second.
    fps
        Frames a second of the recording.
    n_frames
        Frames of the recording.
    tolerance
        Seconds by which the two durations may differ.
    what
        Names stream and recording in messages.

    Returns
    -------
    values : ndarray of float32, shape (n_frames, width)
    valid : ndarray of bool, shape (n_frames,)

    Raises
    ------
    CohortError
        If a rate is not positive, the shapes don't fit, or the durations differ by more than
        ``tolerance``.
    """
    if not (0 < rate < np.inf and 0 < fps < np.inf):
        raise CohortError(f"{what} has {rate} samples for {fps} frames a second: both must be > 0")
    if values.ndim != 2 or valid.shape != values.shape[:1] or valid.dtype != bool:
        raise CohortError(
            f"{what} has values {values.shape} and valid {valid.dtype} {valid.shape}: expected "
            "(n_samples, width) and one bool a sample"
        )
    lasts, film = len(values) / rate, n_frames / fps
    if abs(lasts - film) > tolerance:
        raise CohortError(
            f"{what} lasts {lasts:.2f} s ({len(values)} samples at {rate:g} a second) and its "
            f"recording {film:.2f} s ({n_frames} frames at {fps:g}); more than {tolerance:g} s "
            "apart: check that they are of the same film and that the rates are right, or make "
            "the stream again from the whole film"
        )
    current = np.floor(np.arange(n_frames) * (rate / fps) + ROUNDING).astype(int)
    there = current < len(values)
    there[there] = valid[current[there]]
    out = np.zeros((n_frames, values.shape[1]), np.float32)
    out[there] = values[current[there]]
    return out, there


def place(
    index: np.ndarray, values: np.ndarray, valid: np.ndarray, *, what: str = "the stream"
) -> tuple[np.ndarray, np.ndarray]:
    """Put samples at their places, so that gaps between them stand as invalid samples.

    Parameters
    ----------
    index
        Ascending places from 0, shape ``(n,)``.
    values, valid
        Shape ``(n, width)`` and bool ``(n,)``.
    what
        Names stream and recording in messages.

    Returns
    -------
    values : ndarray of float32, shape (index[-1] + 1, width)
        0 where no sample is.
    valid : ndarray of bool, shape (index[-1] + 1,)

    Raises
    ------
    CohortError
        If a place lies beyond any recording's end.
    """
    length = int(index[-1]) + 1 if len(index) else 0
    if length > MAX_SAMPLES:
        raise CohortError(
            f"{what} has a sample at place {length}, beyond the end of any recording: the file is "
            "damaged, make it again"
        )
    out = np.zeros((length, values.shape[1]), np.float32)
    there = np.zeros(length, bool)
    out[index], there[index] = values, valid
    return out, there
