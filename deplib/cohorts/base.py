"""The contract of a cohort: a table of recordings, the frames of each, and frames that fail."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd

SPLITS = ("train", "dev", "test")
AS_GIVEN = "as they were given"
"""What is said of the alignment of faces that came as crops."""
BANDS = (("minimal", 0, 13), ("mild", 14, 19), ("moderate", 20, 28), ("severe", 29, 63))
"""BDI-II severity bands, in points, both ends included."""
SIMULATED_MARKER = "SIMULATED.txt"
"""A file of this name beside clips, or above, says that they were rendered and not filmed."""
COLUMNS = ("recording", "person", "split", "task", "bdi", "n_frames")
"""Columns of ``Cohort.recordings``: str, str, one of SPLITS, str, float in 0-63, int."""
FAULT_KINDS = {
    "unreadable": "the file or its place in the video cannot be decoded as 112x112 RGB",
    "no_face": "no face was found in the video's frame, so there is nothing to align",
    "blank": "the frame is a single tone, as face trackers write when they lose the face",
    "not_embedded": "the encoder's output was not finite, or had no length",
    "several": "several faces were found and the largest sure one was taken; the frame is sound",
    "gap": "there is no frame at this time: its number is missing, or the film has a gap",
}
"""What can be wrong with one frame, which then has no embedding, save where it is `SOUND`."""
SOUND = frozenset({"several"})

_BLANK_RANGE = 8  # grey levels; a frame whose pixels differ by less shows no face


class Scale(NamedTuple):
    """What labels measure, and between which ends, both included."""

    name: str
    low: float
    high: float
    bands: tuple[tuple[str, float, float], ...] = ()  # name, lowest and highest label


BDI = Scale("BDI-II", 0, 63, BANDS)
SPLIT_NAMES = {"training": "train", "testing": "test"} | {split: split for split in SPLITS}
SPLIT_NAMES |= dict.fromkeys("devel development val valid validate validation".split(), "dev")  # noqa: SIM905
"""What a split is called in corpora, in lower case."""


def scale_of(cohort: "Cohort") -> Scale:
    """Return what a cohort's labels measure; the BDI-II, if it says nothing."""
    return getattr(cohort, "scale", BDI)


@runtime_checkable
class Cohort(Protocol):
    """Recordings of persons with one BDI-II score each, and their aligned face frames.

    Attributes
    ----------
    name
        Short name for tables and badges, such as ``"simulated/default"`` or ``"AVEC2014"``.
    simulated
        True when the recordings are rendered and not filmed; every page says which.
    recordings
        One row a recording with the columns of ``COLUMNS``, in a fixed order.
    fingerprint
        Hash of all that determines the frames; where each recording has a fingerprint of its own,
        of what all of them share, such as how faces are aligned.
    """

    name: str
    simulated: bool
    recordings: pd.DataFrame

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return aligned frames ``start`` to ``stop`` of one recording.

        Returns
        -------
        ndarray of uint8, shape (stop - start, 112, 112, 3)
            RGB. A block can be asked for, so memory is bounded whatever the clip's length.

        Raises
        ------
        CohortError
            If the recording is unknown or a frame cannot be read.
        """
        ...


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
    """A cohort that goes on past a frame that fails: a night of work must not end at one image."""

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
    """Return which frames, uint8 ``(n, height, width, 3)``, are a single tone: bool ``(n,)``."""
    return np.ptp(frames[:, ::4, ::4], axis=(1, 2, 3)) < _BLANK_RANGE
