"""One clip as a raw video: decoded with PyAV block by block, each frame aligned on the way.

Frames keep their place by their time stamp, so a frame that cannot be decoded moves no other.
"""

import threading
from collections.abc import Iterator
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

    def __init__(self, path: Path, aligner: Aligner) -> None:
        self.path, self.aligner = path, aligner
        self._stamp = _stamp(path)
        with _Film(path) as film:
            self.announced = int(film.stream.frames)
            self.n_frames, self._times = film.count()
        if not self.n_frames:
            raise CohortError(f"{shown(path)} holds no frames: {COPY}")
        with _Film(path, self._times) as film:
            if next(film.frames(), None) is None:
                raise CohortError(f"not one frame of {shown(path)} can be decoded: {COPY}")
        self._film: _Film | None = None
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
        kinds = dict.fromkeys(range(start, stop), "unreadable")
        with self._lock:
            for index, image in self._decoded(start, stop):
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
        with self._lock:
            self._shut()

    def _decoded(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        if self._film is None or self._film.position > start:
            self._shut()
            if _stamp(self.path) != self._stamp:
                text = f"{shown(self.path)} has changed since the corpus was opened: open it again"
                raise CohortError(text)
            self._film = _Film(self.path, self._times)
        yield from self._film.block(start, stop)
        if stop == self.n_frames:
            self._shut()

    def _shut(self) -> None:
        if self._film is not None:
            self._film.close()
            self._film = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: workers open their own."""
        return {**self.__dict__, "_film": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


class _Film:
    """An open video and the place that decoding has reached."""

    def __init__(self, path: Path, times: np.ndarray | None = None) -> None:
        self.av = require_av()
        self.position, self._times = 0, times
        self._held: tuple[int, Any] | None = None  # decoded, but belongs to a later block
        try:
            self._file = open(path, "rb")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise CohortError(
                f"{shown(path)} cannot be read ({error.strerror}): restore it"
            ) from error
        file = self._file
        # an object without a name, which ffmpeg could take for a URL or a pattern
        nameless = SimpleNamespace(read=file.read, seek=file.seek, tell=file.tell)
        try:
            self._container = self.av.open(nameless, options=_OPTIONS, metadata_errors="replace")
        except (self.av.FFmpegError, OSError, ValueError) as error:
            file.close()
            raise CohortError(
                f"{shown(path)} is empty, cut short or no video (mp4, mov, mkv, avi): {COPY}"
            ) from error
        cover = self.av.stream.Disposition.attached_pic  # a cover is no film
        streams = [s for s in self._container.streams.video if not s.disposition & cover]
        if not streams or streams[0].codec_context is None:
            self.close()
            what = "in a format that PyAV cannot decode" if streams else "without a video stream"
            raise CohortError(f"{shown(path)} is {what}: {COPY}, or convert it to H.264 in mp4")
        self.stream = streams[0]
        self.stream.codec_context.thread_count = 1
        self._decoding = self.frames()

    def count(self) -> tuple[int, np.ndarray | None]:
        """Return the number of frames and the presentation time of each, without decoding.

        The times are None where the file has none to rely on: frames are then numbered as they
        come out. AVI stores none; what is read as such is a guess.
        """
        times = [packet.pts for packet in self._packets() if packet.size and not packet.is_discard]
        guessed = self._container.format.name == "avi" or None in times
        if guessed or len(set(times)) < len(times):
            return len(times), None
        return len(times), np.sort(np.array(times, np.int64))

    def block(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield index and image of the frames from ``start`` to ``stop`` that can be decoded."""
        self.position = stop
        while True:
            index, frame = self._held or next(self._decoding, (stop, None))
            self._held = None
            if index >= stop:
                self._held = (index, frame) if frame is not None else None
                return
            if index >= start and (image := _pixels(frame)) is not None:
                yield index, image

    def frames(self) -> Iterator[tuple[int, Any]]:
        """Yield index and undamaged frame, in the order of presentation."""
        due, damaged = 0, False
        for packet in self._packets():
            try:
                decoded = packet.decode()
            except (self.av.FFmpegError, ValueError):
                due, damaged = due + (self._times is None), True
                continue
            for frame in decoded:
                damaged = frame.is_corrupt or (damaged and not frame.key_frame)
                index = due
                if self._times is not None:
                    if frame.pts is None:
                        continue
                    index = int(np.searchsorted(self._times, frame.pts))
                    if index == len(self._times) or self._times[index] != frame.pts:
                        continue
                due = index + 1
                if not damaged:
                    yield index, frame

    def _packets(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self.stream)
        except (self.av.FFmpegError, OSError):
            return  # cut short: what came before it can be used

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def __enter__(self) -> "_Film":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _pixels(frame: Any) -> np.ndarray | None:
    """Return a frame as RGB, turned as its rotation says; None where that fails."""
    try:
        image = frame.to_ndarray(format="rgb24")
    except (ValueError, OSError):  # FFmpeg's errors are among these
        return None
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise CohortError(f"{shown(path)} cannot be read ({error.strerror}): restore it") from error
    return status.st_size, status.st_mtime_ns


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
