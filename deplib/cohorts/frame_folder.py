"""One clip as a folder of aligned frames: images numbered like the film's frames."""

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from deplib.cohorts.faults import FrameBlock, FrameFault
from deplib.cohorts.images import AGAIN, CROP, read_crop, shown
from deplib.errors import CohortError

IMAGES = (".png", ".jpg", ".jpeg", ".bmp")


class FrameFolder:
    """Frames of one clip in the order of their number.

    Time closes over missing numbers: the frame after a gap follows the one before it, and carries
    a fault of kind ``"gap"``.

    Parameters
    ----------
    path
        A folder of images.

    Attributes
    ----------
    n_frames
        Images at the time of opening.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_frames = len(list_frames(path))
        self._listed: list[str] | None = None

    def read(self, start: int, stop: int) -> FrameBlock:
        """Read frames ``start`` to ``stop``; one that is no whole RGB crop stays black.

        Raises
        ------
        CohortError
            If the folder is gone or has changed since it was opened.
        """
        names = self._names()
        frames = np.zeros((stop - start, *CROP), np.uint8)
        faults = []
        for index in range(start, stop):
            if index and (fault := self._gap(names, index)):
                faults.append(fault)
            file = self.path / names[index]
            try:
                frames[index - start] = read_crop(file)
            except CohortError as error:
                if not os.path.lexists(file):
                    raise CohortError(
                        f"{shown(file)} is gone since the corpus was opened: restore it, or open "
                        "the corpus again"
                    ) from error
                faults.append(FrameFault(index, "unreadable", str(error)))
        return FrameBlock(frames, tuple(faults))

    def frame_name(self, index: int) -> str:
        """Return the file name of one frame, as messages show it."""
        return shown(self._names()[index])

    def files(self) -> list[Path]:
        """Return the files that the clip consists of, in order."""
        return [self.path / name for name in self._names()]

    def close(self) -> None:
        """Forget the listing; the next read makes it anew and notices a changed folder."""
        self._listed = None

    def _gap(self, names: list[str], index: int) -> FrameFault | None:
        before, here = frame_number(names[index - 1]), frame_number(names[index])
        if before is None or here is None or here - before <= 1:
            return None
        first, last = before + 1, here - 1
        missing = f"number {first} is" if first == last else f"numbers {first} to {last} are"
        text = f"frame {missing} missing before {shown(self.path / names[index])}"
        return FrameFault(index, "gap", f"{text}: {AGAIN} if the video has them")

    def _names(self) -> list[str]:
        names = self._listed
        if names is None:
            names = list_frames(self.path) if self.path.is_dir() else []
            if len(names) != self.n_frames:
                raise CohortError(
                    f"{shown(self.path)} had {self.n_frames} frames when the corpus was opened and "
                    f"has {len(names)} now: open it again"
                )
            self._listed = names
        return names

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_listed": None}


def list_frames(folder: Path) -> list[str]:
    """Return the names of a folder's images in the order of their number, 2 before 10."""
    return sorted(filter(is_image, os.listdir(folder)), key=lambda n: (frame_number(n) or 0, n))


def is_image(name: str) -> bool:
    """Tell whether a file counts as a frame by its name; hidden files do not."""
    return name.lower().endswith(IMAGES) and not name.startswith(".")


def frame_number(name: str) -> int | None:
    """Return the last number in a file name, or None."""
    digits = re.findall(r"\d+", name.rsplit(".", 1)[0])
    return int(digits[-1]) if digits else None


def missing_numbers(numbers: list[int]) -> int:
    """Return how many numbers are missing between the first and the last of a sorted list."""
    return sum(later - number - 1 for number, later in pairwise(numbers))


def file_size(file: Path) -> int | None:
    """Return a file's size; None for what cannot be read, such as a link that leads nowhere."""
    try:
        return file.stat().st_size
    except OSError:
        return None
