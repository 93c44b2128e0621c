"""Single frames that fail, and cohorts that go on past them.

A night of extraction must not end at one truncated image. So a cohort of filmed recordings may
offer, beside the strict ``frames``, a ``read`` that leaves a failed frame black and says why.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from deplib.cohorts.base import Cohort

FAULT_KINDS = {
    "unreadable": "the file or its place in the video cannot be decoded as 112x112 RGB",
    "no_face": "no face was found in the video's frame, so there is nothing to align",
    "blank": "the frame is a single tone, as face trackers write when they lose the face",
    "not_embedded": "the encoder's output was not finite, or had no length",
    "gap": "frame numbers are missing before this frame; the frame itself is sound",
}
"""What can be wrong with one frame. All but ``gap`` leave the frame without an embedding."""

_BLANK_RANGE = 8  # grey levels; a frame whose pixels differ by less shows no face


class FrameFault(NamedTuple):
    """One thing wrong with one frame."""

    frame: int  # index within the recording
    kind: str  # a key of FAULT_KINDS
    message: str  # what, where, and how to mend it


class FrameBlock(NamedTuple):
    """A block of frames, and what was wrong with some of them."""

    frames: np.ndarray
    """uint8 RGB, shape ``(n, 112, 112, 3)``; black where the frame is unreadable or has no face."""
    faults: tuple[FrameFault, ...]


@runtime_checkable
class TolerantCohort(Cohort, Protocol):
    """A cohort that can go on past a frame that fails."""

    def read(self, recording: str, start: int = 0, stop: int | None = None) -> FrameBlock:
        """Return aligned frames ``start`` to ``stop``, black where one failed, and the faults.

        Raises
        ------
        CohortError
            If the whole recording is at fault: unknown, gone, or changed since it was opened.
        """
        ...


def read_frames(cohort: Cohort, recording: str, start: int, stop: int) -> FrameBlock:
    """Read a block of any cohort; one without ``read`` has no faulty frames, or raises."""
    if isinstance(cohort, TolerantCohort):
        return cohort.read(recording, start, stop)
    return FrameBlock(cohort.frames(recording, start, stop), ())


def is_blank(frames: np.ndarray) -> np.ndarray:
    """Return which frames are a single tone, as face trackers write when they lose the face.

    Parameters
    ----------
    frames
        uint8, shape ``(n, height, width, 3)``.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    return np.ptp(frames[:, ::4, ::4], axis=(1, 2, 3)) < _BLANK_RANGE
