"""One clip as a raw video: decoded with PyAV block by block, each frame aligned on the way.

Frames keep their place by their time stamp, so a frame that cannot be decoded moves no other.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from deplib.cohorts.base import FrameBlock, FrameFault
from deplib.cohorts.images import CROP, shown
from deplib.errors import CohortError

COPY = "copy the video from the corpus again"
_WRONG = {
    "unreadable": f"cannot be decoded: {COPY}",
    "no_face": "shows no face: look at it, and try another detector",
}
_OPTIONS = {
    # Only these containers: ffmpeg also reads playlists, which name other files and hosts to open.
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm",
    "protocol_whitelist": "",
}


class Aligner(Protocol):
    """Finds the face of a video frame and aligns it.

    Attributes
    ----------
    id
        All that decides its pixels: the detector file's hash, settings, versions that matter.
    """

    id: str

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        """Return the face of an RGB uint8 image ``(h, w, 3)``, uint8 ``(112, 112, 3)``, or None."""
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

    remedy = COPY

    def __init__(self, path: Path, aligner: Aligner) -> None:
        self.path, self.aligner = path, aligner
        self._film: Generator[tuple[int, Any]] | None = None  # decodes on from where a block ended
        self._position, self._held = 0, list[tuple[int, Any]]()
        with _opened(path) as (container, stream, self._stamp):
            self.announced = int(stream.frames)
            self.n_frames, self._times = _count(container, stream)
        if not self.n_frames:
            raise CohortError(f"{shown(path)} holds no frames: {COPY}")
        if next(_decoded(path, self._times, self._stamp), None) is None:
            raise CohortError(f"not one frame of {shown(path)} can be decoded: {COPY}")

    def read(self, start: int, stop: int) -> FrameBlock:
        """Decode and align frames ``start`` to ``stop``, black where there is none.

        Raises
        ------
        CohortError
            If the file is gone or has changed since it was opened, or the aligner's output is no
            aligned frame.
        """
        frames = np.zeros((stop - start, *CROP), np.uint8)
        kinds = dict.fromkeys(range(start, stop), "unreadable")
        for index, image in self._images(start, stop):
            face = self.aligner(image)
            if face is None:
                kinds[index] = "no_face"
                continue
            if face.shape != CROP or face.dtype != np.uint8:
                found = f"{face.dtype} {face.shape}, not uint8 {CROP}"
                raise CohortError(f"aligner {self.aligner.id} returned {found}: mend it")
            frames[index - start] = face
            del kinds[index]
        about = f"of {shown(self.path)}"
        faults = (FrameFault(k, x, f"frame {k} {about} {_WRONG[x]}") for k, x in kinds.items())
        return FrameBlock(frames, tuple(faults))

    def frame_name(self, index: int) -> str:
        """Return how messages name one frame."""
        return str(index)

    def files(self) -> list[Path]:
        """Return the files that the clip consists of."""
        return [self.path]

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._film is not None:
            self._film.close()
        self._film = None

    def _images(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield index and image of the frames from ``start`` to ``stop`` that can be decoded."""
        if self._film is None or self._position > start:
            self.close()
            self._film, self._held = _decoded(self.path, self._times, self._stamp), []
        decoded, self._position = chain(self._held, self._film), stop
        self._held = []
        for index, frame in decoded:
            if index >= stop:
                self._held = [(index, frame)]  # belongs to a later block
                break
            if index >= start and (image := _pixels(frame)) is not None:
                yield index, image
        if stop == self.n_frames:
            self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: workers open their own."""
        return {**self.__dict__, "_film": None, "_held": []}


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any, tuple[int, int]]]:
    """Open a video: its container, the stream of its pictures, and the file's size and time."""
    av = require_av()
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise CohortError(f"{shown(path)} cannot be read ({error.strerror}): restore it") from error
    with file:
        # an object without a name, which ffmpeg could take for a URL or a pattern
        nameless = SimpleNamespace(read=file.read, seek=file.seek, tell=file.tell)
        try:
            container = av.open(nameless, options=_OPTIONS, metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            text = "is empty, cut short or no video (mp4, mov, mkv, avi)"
            raise CohortError(f"{shown(path)} {text}: {COPY}") from error
        with container:
            cover = av.stream.Disposition.attached_pic  # a cover is no film
            streams = [s for s in container.streams.video if not s.disposition & cover]
            if not streams or streams[0].codec_context is None:
                why = "in a format that PyAV cannot decode" if streams else "without a video stream"
                remedy = f"{COPY}, or convert it to H.264 in mp4"
                raise CohortError(f"{shown(path)} is {why}: {remedy}")
            streams[0].codec_context.thread_count = 1
            status = os.fstat(file.fileno())
            yield container, streams[0], (status.st_size, status.st_mtime_ns)


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    try:
        yield from container.demux(stream)
    except (require_av().FFmpegError, OSError):
        return  # cut short: what came before it can be used


def _count(container: Any, stream: Any) -> tuple[int, np.ndarray | None]:
    """Return the number of frames and the presentation time of each, without decoding.

    The times are None where the file has none to rely on: frames are then numbered as they come
    out. AVI stores none; what is read as such is a guess.
    """
    packets = _packets(container, stream)
    times = [packet.pts for packet in packets if packet.size and not packet.is_discard]
    guessed = container.format.name == "avi" or None in times
    if guessed or len(set(times)) < len(times):
        return len(times), None
    return len(times), np.sort(np.array(times, np.int64))


def _decoded(
    path: Path, times: np.ndarray | None, stamp: tuple[int, int]
) -> Generator[tuple[int, Any]]:
    """Yield index and undamaged frame, in the order of presentation."""
    due, damaged = 0, False
    with _opened(path) as (container, stream, found):
        if found != stamp:
            text = f"{shown(path)} has changed since the corpus was opened: open it again"
            raise CohortError(text)
        for packet in _packets(container, stream):
            try:
                decoded = packet.decode()
            except (require_av().FFmpegError, ValueError):
                due, damaged = due + (times is None), True
                continue
            for frame in decoded:
                damaged = frame.is_corrupt or (damaged and not frame.key_frame)
                index = due
                if times is not None:
                    place = np.flatnonzero(times == frame.pts)
                    if not len(place):
                        continue
                    index = int(place[0])
                due = index + 1
                if not damaged:
                    yield index, frame


def _pixels(frame: Any) -> np.ndarray | None:
    """Return a frame as RGB, turned as its rotation says; None where that fails."""
    try:
        image = frame.to_ndarray(format="rgb24")
    except (ValueError, OSError):  # FFmpeg's errors are among these
        return None
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def require_av() -> Any:
    """Return PyAV, which only videos need.

    Raises
    ------
    CohortError
        If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        text = "reading videos needs PyAV: pip install av, or give a corpus of aligned frames"
        raise CohortError(text) from error
    return av
