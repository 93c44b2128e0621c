"""The aligned frames of one clip, in one folder, embedded as the recordings of training were."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.base import COLUMNS
from deplib.cohorts.faults import FrameBlock, FrameFault
from deplib.cohorts.frame_folder import IMAGES, FrameFolder, frame_number, missing_numbers
from deplib.cohorts.images import AGAIN, REALIGN, shown
from deplib.errors import CohortError, VerificationError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.misses import MissCount, is_miss
from deplib.extraction.recording import embed_recording

Progress = Callable[[int], object]
"""Called with the number of frames that were read since the last call."""


@dataclass(frozen=True, eq=False)
class EmbeddedClip:
    """The embeddings of one clip.

    Attributes
    ----------
    features
        float32, (n_frames, dim): unit rows; NaN where ``valid`` is False.
    valid
        bool, (n_frames,).
    faults
        What was wrong with single frames, in their order; see `deplib.cohorts.faults`.
    n_gaps
        Frame numbers that the folder lacks between its first and its last. Time closes over them,
        as in training.
    """

    features: np.ndarray
    valid: np.ndarray
    faults: tuple[FrameFault, ...]
    n_gaps: int

    @property
    def n_missing(self) -> int:
        """Frames without an embedding."""
        return int((~self.valid).sum())


def embed_clip(
    folder: str | Path,
    encoder: OnnxEncoder,
    *,
    frame_limit: int,
    max_miss_rate: float = 0.5,
    progress: Progress | None = None,
) -> EmbeddedClip:
    """Embed the frames of one folder; the next block is read while one is embedded.

    Parameters
    ----------
    folder
        Images of 112x112 in 8-bit RGB, numbered like the film's frames.
    encoder
        What turns a frame into an embedding.
    frame_limit
        Frames that are used, from the first.
    max_miss_rate
        Share of these frames that may lack an embedding.
    progress
        Called from the thread that reads, after each block.

    Raises
    ------
    CohortError
        If there is no such folder, it holds no image, an image has no number or the number of
        another, or it changes meanwhile.
    VerificationError
        If more frames than ``max_miss_rate`` could not be read or embedded.
    """
    path = Path(folder)
    frames = _open(path)
    numbers = _numbers([file.name for file in frames.files()], path)[:frame_limit]
    clip = _Clip(frames, len(numbers), max_miss_rate, progress)
    try:
        features, valid, faults = embed_recording(
            clip, encoder, clip.name, len(numbers), read_ahead=True
        )
    finally:
        frames.close()
    misses = MissCount()
    misses.add(faults)
    clip.require_few(misses)
    return EmbeddedClip(features, valid, faults, missing_numbers(numbers))


class _Clip:
    """A folder as a cohort of one recording without a label, to be embedded like all others."""

    simulated = False
    fingerprint = ""

    def __init__(
        self, folder: FrameFolder, n_frames: int, max_miss_rate: float, progress: Progress | None
    ) -> None:
        self.name = shown(folder.path)
        self.recordings = pd.DataFrame(columns=list(COLUMNS))
        self._folder, self._n_frames, self._progress = folder, n_frames, progress
        self._max_miss_rate, self._unreadable = max_miss_rate, MissCount()

    def read(self, recording: str, start: int = 0, stop: int | None = None) -> FrameBlock:
        """Read a block; give up at once when too many of all frames are unreadable."""
        stop = self._n_frames if stop is None else stop
        block = self._folder.read(start, stop)
        self._unreadable.add(fault for fault in block.faults if is_miss(fault.kind))
        self.require_few(self._unreadable)
        if self._progress is not None:
            self._progress(stop - start)
        return block

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Read a block without its faults."""
        return self.read(recording, start, stop).frames

    def require_few(self, misses: MissCount) -> None:
        """Pass as long as the misses are a bearable share of the clip's frames."""
        bearable = min(self._max_miss_rate * self._n_frames, self._n_frames - 1)
        if misses.misses <= bearable:
            return
        raise VerificationError(
            f"{misses.misses:,} of the {self._n_frames:,} frames of {self.name}, or more, could "
            f"not be used; up to {self._max_miss_rate:.0%} may be missing.\n{misses.describe()}\n"
            "Nothing is predicted from so little: mend the frames"
        )


def _open(path: Path) -> FrameFolder:
    if path.is_file():
        raise CohortError(
            f"{shown(path)} is a file; a folder of aligned frames is needed: {REALIGN}"
        )
    if not path.is_dir():
        raise CohortError(f"no folder at {shown(path.absolute())}: give the folder of one clip")
    try:
        folder = FrameFolder(path)
    except OSError as error:
        raise CohortError(
            f"folder {shown(path)} cannot be listed ({error.strerror}): mend its permissions"
        ) from error
    if not folder.n_frames:
        raise CohortError(
            f"{shown(path)} holds no image ({', '.join(IMAGES)}): give the folder that the "
            "aligned frames of one clip lie in"
        )
    return folder


def _numbers(names: list[str], path: Path) -> list[int]:
    """Return the frames' numbers, in order; each frame needs one of its own."""
    numbers: list[int] = []
    for name in names:
        number = frame_number(name)
        if number is None:
            raise CohortError(f"{shown(path / name)} has no frame number: number it, or remove it")
        if numbers and number == numbers[-1]:
            raise CohortError(
                f"{shown(path)} has two images of frame {number}: keep one image a frame, of one "
                f"clip a folder, or {AGAIN}"
            )
        numbers.append(number)
    return numbers
