"""One clip as a raw video: decoded with PyAV block by block, each frame aligned on the way.

Frames stand at their time, 30 places a second whatever the film's rate: a frame that cannot be
decoded moves no other, and a gap stays one. Pictures are shown as a player shows them, turned,
mirrored and stretched as the file says.
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
from deplib.cohorts.timeline import FPS, timeline
from deplib.errors import CohortError

COPY = "copy the video from the corpus again"
_WRONG = {
    "unreadable": f"cannot be decoded: {COPY}",
    "no_face": "shows no face: look at it, and try another detector",
    "several": "shows several faces, of which the largest sure one was taken: look whose it is",
    "gap": "is not there, the film has no picture at its time: film at a steady rate",
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

    One that counts the faces of the last image has them in ``n_faces``.
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
    id
        All that decides the pixels beside the file.
    n_frames
        Places from the first picture to the last, 30 a second; see `timeline`.
    timeline
        Which picture of the film stands at each place.
    numbers, seconds
        Of each place: the film's picture, from 0, or -1, and the time since the first one.
    announced, found
        Pictures that the header announces, 0 where it says nothing; and those of the film.

    Raises
    ------
    CohortError
        If PyAV is not installed, or the file is unreadable, empty, cut short beyond use, no
        video, says no rate, not one frame can be decoded, it is to be shown turned by no right
        angle or in parts, or as of `timeline`.
    """

    remedy = COPY

    def __init__(self, path: Path, aligner: Aligner) -> None:
        self.path, self.aligner = path, aligner
        self.id = f"{aligner.id}, each 1/{FPS} s of upright films"
        self._film: Generator[tuple[int, Any]] | None = None  # decodes on from where a block ended
        self._position, self._held = 0, list[tuple[int, Any]]()
        with _opened(path) as (container, stream, self._stamp):
            self.announced, self._times, seconds = _count(container, stream, shown(path))
            self._shape = float(stream.sample_aspect_ratio or 1)  # a pixel's width by its height
        if not len(seconds) or np.isnan(seconds[-1]):
            raise CohortError(f"{shown(path)} holds no frames, or says no rate: {COPY}")
        first = next(_decoded(path, self._times, self._stamp), None)
        if first is None:
            raise CohortError(f"not one frame of {shown(path)} can be decoded: {COPY}")
        self._pixels(first[1])
        if self._times is None:
            seconds = _let_out(seconds, *first)
        self.timeline = timeline(seconds, shown(path))
        self.numbers, self.seconds = self.timeline.frames, self.timeline.seconds
        self.n_frames, self.found = len(self.numbers), len(seconds)

    def read(self, start: int, stop: int) -> FrameBlock:
        """Decode and align frames ``start`` to ``stop``, black where there is none.

        Raises
        ------
        CohortError
            If the file is gone or has changed since it was opened, or the aligner's output is no
            aligned frame.
        """
        frames = np.zeros((stop - start, *CROP), np.uint8)
        asked = self.numbers[start:stop]
        kinds = np.where(asked < 0, "gap", "unreadable")
        for number, frame in self._frames(sorted({*asked.tolist()} - {-1})):
            if (image := self._pixels(frame)) is None:
                continue
            face, places = self.aligner(image), np.flatnonzero(asked == number)
            several = getattr(self.aligner, "n_faces", 1) > 1
            kinds[places] = "no_face" if face is None else "several" * several
            if face is None:
                continue
            if face.shape != CROP or face.dtype != np.uint8:
                found = f"{face.dtype} {face.shape}, not uint8 {CROP}"
                raise CohortError(f"aligner {self.aligner.id} returned {found}: mend it")
            frames[places] = face
        about = f"of {shown(self.path)}"
        if stop == self.n_frames:
            self.close()
        wrong = [(k, kind) for k, kind in enumerate(kinds.tolist(), start) if kind]
        faults = (FrameFault(k, x, f"frame {k} {about} {_WRONG[x]}") for k, x in wrong)
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

    def _frames(self, numbers: list[int]) -> Iterator[tuple[int, Any]]:
        """Yield those of the film's pictures, numbers ascending, that can be decoded."""
        if not numbers:
            return
        if self._film is None or self._position > numbers[0]:
            self.close()
            self._film, self._held = _decoded(self.path, self._times, self._stamp), []
        decoded, self._position, wanted = chain(self._held, self._film), numbers[-1], set(numbers)
        self._held = []
        for number, frame in decoded:
            if number >= numbers[-1]:  # a later block begins with it, or may hold it on
                self._held = [(number, frame)]
            if number in wanted:
                yield number, frame
            if self._held:
                break

    def _pixels(self, frame: Any) -> np.ndarray | None:
        """Return a frame as RGB, as a player shows it; None where that fails.

        Raises
        ------
        CohortError
            If it is to be turned by no right angle.
        """
        width = round(frame.width * max(self._shape, 1))
        height = round(frame.height / min(self._shape, 1))
        try:
            image = frame.to_ndarray(format="rgb24", width=width, height=height)
        except (ValueError, OSError):  # FFmpeg's errors are among these
            return None
        data = [bytes(one) for one in frame.side_data if one.type.name == "DISPLAYMATRIX"]
        if data:  # (x, y) is shown at (ax + cy, bx + dy), of nine numbers a b u c d v x y w
            a, b, _, c, d = (np.frombuffer(data[0], np.int32) / 65536)[:5].round(2)
            if a == d == 0 != b * c:
                image, a, d = image.transpose(1, 0, 2), c, b
            elif not b == c == 0 != a * d:
                text = f"{shown(self.path)} is to be shown turned by no right angle"
                raise CohortError(f"{text}: convert it to H.264 in mp4, upright")
            image = image[:: int(np.sign(d)), :: int(np.sign(a))]
        return np.ascontiguousarray(image)

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
    broken = require_av().FFmpegError, OSError  # looked up now: at its end Python imports nothing
    try:
        yield from container.demux(stream)
    except broken:
        return  # cut short: what came before it can be used


def _count(container: Any, stream: Any, name: str) -> tuple[int, np.ndarray | None, np.ndarray]:
    """Return frames announced, the time stamps of those shown, and their seconds.

    Nothing is decoded. The stamps are None where the file has none to rely on: frames are then
    numbered as they come out. AVI stores none; what is read as such is a guess, but its order of
    decoding tells where a chunk is empty.
    """
    avi, packets = container.format.name == "avi", _packets(container, stream)
    # of each its time and place, and not its content: that of a long film fills the memory
    sound = [(p.dts if avi else p.pts, p.pos, p.is_discard) for p in packets if p.size]
    used = [(time, place) for time, place, discarded in sound if not discarded]
    announced = stream.frames if len(used) == len(sound) else 0  # the header counts those cut off
    if "mp4" in container.format.name and len({place for _, place in used}) < len(used):
        # FFmpeg shows the film's start where an edit list says that there is nothing.
        text = f"{name} has an edit list that shows parts twice, or nothing between two parts"
        raise CohortError(f"{text}: export it without edits")
    times = [time for time, _ in used]
    if None in times or len(set(times)) < len(times):
        return announced, None, np.arange(len(times)) / float(stream.average_rate or "nan")
    stamps = np.sort(np.array(times, np.int64))
    return announced, None if avi else stamps, stamps * float(stream.time_base)


def _let_out(seconds: np.ndarray, index: int, frame: Any) -> np.ndarray:
    """Return when frames are shown, of when chunks are read: each with the one that lets it out.

    Between pictures that are predicted from later ones, a decoder gives the first one out, and so
    all, only with a later chunk.
    """
    if frame.dts is None:  # only the end of the file let it out
        return seconds
    read = float(frame.dts * frame.time_base) - 1e-6
    late = int(np.clip(np.searchsorted(seconds, read) - index, 0, len(seconds) - 1))
    usual = np.median(np.diff(seconds)) if late else 0.0
    return np.append(seconds[late:], seconds[-1] + usual * np.arange(1, late + 1))


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
