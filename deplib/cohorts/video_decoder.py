"""An open video file: frames in the order of presentation, past what is damaged, with PyAV."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deplib.cohorts.images import shown
from deplib.errors import CohortError

COPY = "copy the video from the corpus again"
_OPTIONS = {
    # Only these containers: ffmpeg also reads playlists, which name other files and hosts to open.
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm",
    "protocol_whitelist": "",
}


class VideoDecoder:
    """An open video and the place that decoding has reached."""

    def __init__(self, path: Path, times: np.ndarray | None = None) -> None:
        av = require_av()
        self.position = 0
        self._path, self._times = path, times
        self._held: tuple[int, Any] | None = None  # decoded, but belongs to a later block
        try:
            self._file = open(path, "rb")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise CohortError(
                f"{shown(path)} cannot be read ({error.strerror}): restore it"
            ) from error
        try:
            # a file object has no name that ffmpeg could take for a URL or a pattern
            self._container = av.open(
                _Bytes(self._file), options=_OPTIONS, metadata_errors="replace"
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            self._file.close()
            raise CohortError(
                f"{shown(path)} is empty, cut short or no video (mp4, mov, mkv, avi): {COPY}"
            ) from error
        streams = [
            stream
            for stream in self._container.streams.video
            if not stream.disposition & av.stream.Disposition.attached_pic  # a cover is no film
        ]
        if not streams or streams[0].codec_context is None:
            self.close()
            what = "in a format that PyAV cannot decode" if streams else "without a video stream"
            raise CohortError(f"{shown(path)} is {what}: {COPY}, or convert it to H.264 in mp4")
        self._stream = streams[0]
        self._stream.codec_context.thread_count = 1
        self.announced = int(self._stream.frames)
        self._decoding = self.frames()

    def count(self) -> tuple[int, np.ndarray | None]:
        """Return the number of frames and the presentation time of each, without decoding.

        The times are None where the file has none to rely on: frames are then numbered as they
        come out.
        """
        times = [packet.pts for packet in self._packets() if packet.size and not packet.is_discard]
        # AVI stores no presentation times; what is read as such is a guess
        if self._container.format.name == "avi" or None in times or len(set(times)) < len(times):
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
        av = require_av()
        due, damaged = 0, False
        for packet in self._packets():
            try:
                decoded = packet.decode()
            except (av.FFmpegError, ValueError):
                due, damaged = due + (self._times is None), True
                continue
            for frame in decoded:
                damaged = frame.is_corrupt or (damaged and not frame.key_frame)
                index = self._index(frame, due)
                if index is not None:
                    due = index + 1
                    if not damaged:
                        yield index, frame

    def _index(self, frame: Any, due: int) -> int | None:
        times = self._times
        if times is None:
            return due
        if frame.pts is None:
            return None
        index = int(np.searchsorted(times, frame.pts))
        return index if index < len(times) and times[index] == frame.pts else None

    def _packets(self) -> Iterator[Any]:
        av = require_av()
        try:
            yield from self._container.demux(self._stream)
        except (av.FFmpegError, OSError):
            return  # cut short: what came before it can be used

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()

    def __enter__(self) -> "VideoDecoder":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Bytes:
    """A file without a name."""

    def __init__(self, file: Any) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


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
        raise CohortError(
            "reading videos needs PyAV: pip install av, or give a corpus of aligned frames"
        ) from error
    return av
