"""Aligned frames from image files: one crop a file, one clip a folder.

Pillow decodes, since it tells a truncated file; OpenCV silently returns half a picture. What is
not a whole RGB crop is refused: nothing is resized or converted.
"""

import hashlib
import os
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from deplib.cohorts.base import FrameBlock, FrameFault
from deplib.cohorts.timeline import FPS, timeline
from deplib.errors import CohortError
from deplib.paths import data_root, write_atomically

CROP = (112, 112, 3)
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".heic", ".avif")
"""Endings of files that count as frames; what is in one decides whether it can be read."""
AGAIN = "extract this recording's frames again"
REALIGN = "give the film itself and a detector, which aligns it: --detector yunet or det_10g"
_PNG_END = b"IEND\xaeB`\x82"
_SETTLED = 2e9  # ns; within them a coarse clock may give two states of a file the same time
_SRGB = 0.45455  # what PNG writes of it
_MAX_BYTES = 2**24  # a crop has 37 kB of pixels; more than this is no crop, whatever it is


def read_crop(file: Path) -> np.ndarray:
    """Read one aligned frame, uint8 RGB ``(112, 112, 3)``, by its content, whatever its name.

    It is turned or mirrored as its EXIF says.

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
            elif abs(image.info.get("gamma", _SRGB) - _SRGB) > 0.01:
                wrong = f"has a gamma of {image.info['gamma']:g}, not that of sRGB: {AGAIN}"
            else:
                ImageOps.exif_transpose(image, in_place=True)
                return np.asarray(image)
    except UnidentifiedImageError:
        wrong = "is no PNG, JPEG or BMP image, whatever its name" if content else "is empty"
        wrong += f": {AGAIN}, as PNG"
    except Exception as error:  # a damaged file leads decoders to raise nearly anything
        wrong = f"is truncated or damaged ({error}): {AGAIN}"
    raise CohortError(f"{shown(file)} {wrong}")


class FrameFolder:
    """Frames of one clip at the places of their numbers; a number that is missing stays empty.

    Of the numbers in its images' names, one changes from name to name: the frame's.

    Parameters
    ----------
    path
        A folder of images.
    rate
        Frames a second of the film whose frames the numbers count.

    Attributes
    ----------
    id
        What decides the frames beside the files.
    n_frames
        Places, from the first number to the last; see `timeline`.
    timeline
        Which of ``files`` stands at each place.
    numbers, seconds
        Of each place: the film's frame, counted from 0, and the time since the film's start.
        Images are counted from 1, or from 0 where there is an image 0.
    strays
        Names of images that are not named like the others, and not used.

    Raises
    ------
    CohortError
        If there is no image, most are not named alike, no number or more than one changes, two
        images have one number, or as of `timeline`.
    """

    remedy = AGAIN

    def __init__(self, path: Path, rate: float = FPS) -> None:
        self.path, self.id = path, f"{rate:g} a second"
        self._names, numbers, self.strays = _numbered(path, _images(path))
        first = max(numbers[0] - 1, 0)
        since = np.array([number - numbers[0] for number in numbers], float)
        self.timeline = timeline(since / rate, f"{shown(path)}, by its frame numbers,", steady=True)
        self.n_frames = len(self.timeline.frames)
        self.seconds = self.timeline.seconds + first / rate
        self.numbers = np.rint(self.seconds * rate).astype(int)

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
        for index, place in enumerate(self.timeline.frames[start:stop], start):
            if place < 0:
                why = f"{shown(self.path)} has no {self.frame_name(index)}: {AGAIN}"
                faults.append(FrameFault(index, "gap", why))
                continue
            try:
                frames[index - start] = read_crop(files[place])
            except CohortError as error:
                faults.append(FrameFault(index, "unreadable", str(error)))
        return FrameBlock(frames, tuple(faults))

    def frame_name(self, index: int) -> str:
        """Return the file name of one frame, as messages show it."""
        place = self.timeline.frames[index]
        return shown(self._names[place]) if place >= 0 else f"image at {self.seconds[index]:.3f} s"

    def files(self) -> list[Path]:
        """Return the files that the clip consists of, in order."""
        there, n = _images(self.path) if self.path.is_dir() else [], len(self._names + self.strays)
        if len(there) != n:
            what = f"{shown(self.path)} had {n} frames when the corpus was opened"
            raise CohortError(f"{what} and has {len(there)} now: open it again")
        return [self.path / name for name in self._names]

    def close(self) -> None:
        """Do nothing: no file stays open."""


def _images(folder: Path) -> list[str]:
    return sorted(filter(is_image, os.listdir(folder)))


def _numbered(folder: Path, names: list[str]) -> tuple[list[str], list[int], list[str]]:
    """Return names in the order of their frames, these' numbers, and names of other patterns."""
    alike: dict[tuple[str, ...], dict[str, list[int]]] = defaultdict(dict)
    for name in names:
        parts = re.split(r"(\d+)", name.rsplit(".", 1)[0])
        alike[tuple(parts[::2])][name] = [*map(int, parts[1::2])]
    used = max(alike.values(), key=len, default={})
    columns = list(zip(*used.values(), strict=True)) or [(0,) * len(used)]
    moving = [column for column in columns if len(set(column)) > 1] or columns[-1:]
    number = dict(zip(used, moving[0], strict=True))
    strays = [name for name in names if name not in used]
    told = ", ".join(map(shown, [*used][:1] + strays[:1] + [*used][:0:-1][:1]))
    for what, wrong in {
        "no image (PNG, JPEG or BMP)": not used,
        f"images named in {len(alike)} ways": len(used) <= len(strays),
        "images without a frame number": not any(used.values()),
        f"images with {len(moving)} numbers that change": len(moving) > 1,
        "two images of one frame number": len(set(number.values())) < len(number),
    }.items():
        if wrong:
            remedy = "keep one clip and one face a folder, numbered by the film's frames"
            raise CohortError(f"{shown(folder)} holds {what} ({told}): {remedy}")
    return sorted(number, key=number.__getitem__), sorted(number.values()), strays


def is_image(name: str) -> bool:
    """Tell whether a file counts as a frame by its name; hidden files do not."""
    return name.lower().endswith(IMAGES) and not name.startswith(".")


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
