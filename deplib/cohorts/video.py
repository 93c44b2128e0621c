"""One clip as a raw video: decoded with PyAV block by block, each frame aligned on the way.

Frames keep their place by their time stamp, so a frame that cannot be decoded moves no other.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from deplib.cohorts.faults import FrameBlock, FrameFault
from deplib.cohorts.images import CROP, shown
from deplib.cohorts.video_decoder import COPY, VideoDecoder, require_av
from deplib.errors import CohortError


class Aligner(Protocol):
    """Finds the face of a video frame and aligns it.

    Attributes
    ----------
    id
        All that decides its pixels: the detector file's hash, settings, versions that matter.
    """

    id: str

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        """Return the aligned face of an RGB uint8 image ``(h, w, 3)``, or None without a face.

        Returns
        -------
        ndarray of uint8, shape (112, 112, 3), or None
            RGB.
        """
        ...


class VideoClip:
    """Aligned faces of one video, in the order of presentation.

    Reading ascending blocks goes through the file once; going back starts it again. Memory is
    bounded by the block. After a frame that cannot be decoded, the following ones are unreadable
    up to the next key frame: they would be predicted from a picture that is not there.

    Parameters
    ----------
    path
        An mp4, mov, mkv or avi file. It is opened as a file and read as a container of one of
        these kinds, whatever its name or content: never as a URL, a pattern or a playlist.
    aligner
        Applied to each frame.

    Attributes
    ----------
    n_frames
        Frames that the file holds: counted, not taken from its header.
    announced
        Frames that the header announces; 0 where it says nothing.

    Raises
    ------
    CohortError
        If PyAV is not installed, or the file is unreadable, empty, cut short beyond use, no
        video, or not one frame can be decoded.
    """

    def __init__(self, path: Path, aligner: Aligner) -> None:
        require_av()
        self.path, self.aligner = path, aligner
        self._stamp = _stamp(path)
        with VideoDecoder(path) as decoder:
            self.announced = decoder.announced
            self.n_frames, self._times = decoder.count()
        if not self.n_frames:
            raise CohortError(f"{shown(path)} holds no frames: {COPY}")
        with VideoDecoder(path, self._times) as decoder:
            if next(decoder.frames(), None) is None:
                raise CohortError(f"not one frame of {shown(path)} can be decoded: {COPY}")
        self._decoder: VideoDecoder | None = None
        self._lock = threading.Lock()

    def read(self, start: int, stop: int) -> FrameBlock:
        """Decode and align frames ``start`` to ``stop``, black where there is none.

        Raises
        ------
        CohortError
            If the file is gone or has changed since it was opened, or the aligner's output is no
            aligned frame.
        """
        frames = np.zeros((stop - start, *CROP), np.uint8)
        faults = {}
        undecoded = set(range(start, stop))
        with self._lock:
            for index, image in self._decoded(start, stop):
                undecoded.discard(index)
                face = self.aligner(image)
                if face is None:
                    text = f"no face was found in frame {index} of {shown(self.path)}"
                    faults[index] = FrameFault(
                        index, "no_face", f"{text}: look at it, and try another detector"
                    )
                    continue
                if face.shape != CROP or face.dtype != np.uint8:
                    raise CohortError(
                        f"aligner {self.aligner.id} returned {face.dtype} {face.shape}, not uint8 "
                        f"{CROP}: mend it"
                    )
                frames[index - start] = face
        for index in undecoded:
            text = f"frame {index} of {shown(self.path)} cannot be decoded: {COPY}"
            faults[index] = FrameFault(index, "unreadable", text)
        return FrameBlock(frames, tuple(faults[index] for index in sorted(faults)))

    def frame_name(self, index: int) -> str:
        """Return how messages name one frame."""
        return str(index)

    def files(self) -> list[Path]:
        """Return the files that the clip consists of."""
        return [self.path]

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        with self._lock:
            self._shut()

    def _decoded(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        if self._decoder is None or self._decoder.position > start:
            self._shut()
            if _stamp(self.path) != self._stamp:
                raise CohortError(
                    f"{shown(self.path)} has changed since the corpus was opened: open it again"
                )
            self._decoder = VideoDecoder(self.path, self._times)
        yield from self._decoder.block(start, stop)
        if stop == self.n_frames:
            self._shut()

    def _shut(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: workers open their own."""
        return {**self.__dict__, "_decoder": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise CohortError(f"{shown(path)} cannot be read ({error.strerror}): restore it") from error
    return status.st_size, status.st_mtime_ns
