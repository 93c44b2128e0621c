"""Aligned frames from image files: one crop a file, one clip a folder.

Pillow decodes, since it tells a truncated file; OpenCV silently returns half a picture. What is
not a whole RGB crop is refused: nothing is resized or converted.
"""

import hashlib
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image, UnidentifiedImageError

from deplib.cohorts.base import FrameBlock, FrameFault
from deplib.errors import CohortError
from deplib.paths import data_root, write_atomically

CROP = (112, 112, 3)
IMAGES = (".png", ".jpg", ".jpeg", ".bmp")
AGAIN = "extract this recording's frames again"
REALIGN = "give the film itself and a detector, which aligns it: --detector yunet or det_10g"
_PNG_END = b"IEND\xaeB`\x82"
_SETTLED = 2e9  # ns; within them a coarse clock may give two states of a file the same time
_MAX_BYTES = 2**24  # a crop has 37 kB of pixels; more than this is no crop, whatever it is


def read_crop(file: Path) -> np.ndarray:
    """Read one aligned frame, uint8 RGB ``(112, 112, 3)``, by its content, whatever its name.

    Raises
    ------
    CohortError
        If the file cannot be read, is truncated, is no PNG, JPEG or BMP, is animated, or is not
        RGB of 112x112.
    """
    try:
        with open(file, "rb") as stream:
            content = stream.read(_MAX_BYTES)
    except OSError as error:
        raise CohortError(f"{shown(file)} cannot be read ({error.strerror}): restore it") from error
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG", "BMP")) as image:
            # The mode alone will not do: Pillow reads 16-bit RGB, and BMP of four channels, as RGB.
            args = image.tile[0].args if image.tile else None
            stored = str(args[0] if isinstance(args, tuple) else args)
            keyed = " with transparency" if "transparency" in image.info else ""
            if getattr(image, "n_frames", 1) > 1:
                wrong = f"holds several pictures (an animation), not one: {AGAIN}"
            elif image.size != CROP[:2] or stored not in ("RGB", "BGR") or keyed:
                size, mode = f"{image.width}x{image.height}", f"{image.mode}/{stored}{keyed}"
                wrong = f"is {image.format} of {size}, {mode}, not 8-bit RGB of 112x112: frames "
                wrong += f"are never resized or converted here; {REALIGN}"
            elif image.format == "PNG" and _PNG_END not in content:
                wrong = f"is truncated or damaged (its end is missing): {AGAIN}"
            else:
                return np.asarray(image)
    except UnidentifiedImageError:
        wrong = "is no PNG, JPEG or BMP image, whatever its name" if content else "is empty"
        wrong += f": {AGAIN}"
    except Exception as error:  # a damaged file leads decoders to raise nearly anything
        wrong = f"is truncated or damaged ({error}): {AGAIN}"
    raise CohortError(f"{shown(file)} {wrong}")


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

    remedy = AGAIN

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_frames = len(list_frames(path))

    def read(self, start: int, stop: int) -> FrameBlock:
        """Read frames ``start`` to ``stop``; one that is no whole RGB crop stays black.

        Raises
        ------
        CohortError
            If the folder is gone or has changed since it was opened.
        """
        files = self.files()
        frames = np.zeros((stop - start, *CROP), np.uint8)
        faults = []
        for index in range(start, stop):
            file = files[index]
            before, number = frame_number(files[index - 1].name), frame_number(file.name)
            if index and before is not None and number is not None and number > before + 1:
                text = f"no frame has a number between {before} and {number}, the next is "
                text += f"{shown(file)}: {AGAIN} if the video has them"
                faults.append(FrameFault(index, "gap", text))
            try:
                frames[index - start] = read_crop(file)
            except CohortError as error:
                faults.append(FrameFault(index, "unreadable", str(error)))
        return FrameBlock(frames, tuple(faults))

    def frame_name(self, index: int) -> str:
        """Return the file name of one frame, as messages show it."""
        return shown(self.files()[index].name)

    def files(self) -> list[Path]:
        """Return the files that the clip consists of, in order."""
        names = list_frames(self.path) if self.path.is_dir() else []
        if len(names) != self.n_frames:
            what = f"{shown(self.path)} had {self.n_frames} frames when the corpus was opened"
            raise CohortError(f"{what} and has {len(names)} now: open it again")
        return [self.path / name for name in names]

    def close(self) -> None:
        """Do nothing: no file stays open."""


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


def content_of(files: Sequence[Path]) -> str:
    """Return a hash of the names and the content of some files, in order; not of their place.

    They are read once: the data folder keeps what was found by the size, times and inode of each.
    """
    seen = [_status(file) for file in files]
    named = repr([(file.name, status) for file, status in zip(files, seen, strict=True)])
    kept = data_root() / "fingerprints" / hashlib.sha256(os.fsencode(named)).hexdigest()
    with suppress(OSError):
        return kept.read_text(encoding="ascii")
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.name) + b"\0")
        try:
            with open(file, "rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError:
            digest.update(b"unreadable")
    settled = time.time_ns() - _SETTLED
    if all(s and max(s[1:3]) < settled for s in seen) and seen == [_status(f) for f in files]:
        with suppress(OSError):  # a full disk costs reading them again
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, digest.hexdigest().encode())
    return digest.hexdigest()


def _status(file: Path) -> tuple[int, int, int, int] | None:
    """Return what changes when a file is written; None for what cannot be read."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def unlisted(error: OSError) -> NoReturn:
    """Refuse a folder that ``os.walk`` cannot list; its ``onerror``."""
    raise CohortError(
        f"folder {shown(error.filename)} cannot be listed ({error.strerror}): mend its permissions"
    ) from error


def shown(name: str | Path) -> str:
    """Return a name as messages show it: on one line, control characters escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
        for c in str(name)
    )
