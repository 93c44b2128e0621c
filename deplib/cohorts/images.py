"""One aligned frame from one image file: what is not a whole 8-bit RGB crop is refused.

Pillow decodes, since it tells a truncated file; OpenCV silently returns half a picture.
"""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from deplib.errors import CohortError

CROP = (112, 112, 3)
REALIGN = (
    "align the video first, for example with OpenFace: FeatureExtraction -simalign -simsize 112 "
    "-nomask"
)
AGAIN = "extract this recording's frames again"

_RAW_MODES = {"PNG": "RGB", "JPEG": "RGB", "BMP": "BGR"}  # how 8-bit RGB is stored in each format
_MODES = {
    "1": "black and white",
    "L": "greyscale",
    "I": "greyscale",
    "I;16": "greyscale",
    "LA": "greyscale with alpha",
    "P": "palette",
    "RGBA": "RGB with alpha",
}
_PNG_END = b"IEND\xaeB`\x82"
_MAX_BYTES = 2**24  # a crop has 37 kB of pixels; more than this is no crop, whatever it is


def read_crop(file: Path) -> np.ndarray:
    """Read one aligned frame, uint8 RGB ``(112, 112, 3)``.

    The file is decoded from its bytes, so any name that the file system allows will do, and by
    its content: a GIF named ``.png`` is no PNG.

    Raises
    ------
    CohortError
        If the file cannot be read, is truncated, is no PNG, JPEG or BMP, is animated, or is not
        8-bit RGB of 112x112; nothing is resized or converted here.
    """
    try:
        with open(file, "rb") as stream:
            if os.fstat(stream.fileno()).st_size > _MAX_BYTES:
                raise CohortError(f"{shown(file)} is too large for a frame of 112x112: {AGAIN}")
            content = stream.read()
    except OSError as error:
        raise CohortError(f"{shown(file)} cannot be read ({error.strerror}): restore it") from error
    try:
        return decode_crop(content)
    except CohortError as error:
        raise CohortError(f"{shown(file)} {error}") from error.__cause__


def decode_crop(content: bytes) -> np.ndarray:
    """Decode the bytes of an image file; see `read_crop`, which adds the file's name."""
    if not content:
        raise CohortError(f"is empty: {AGAIN}")
    try:
        with Image.open(BytesIO(content), formats=tuple(_RAW_MODES)) as image:
            _require_crop(image)  # from the header, before a pixel is decoded
            pixels = np.asarray(image)
    except CohortError:
        raise
    except UnidentifiedImageError as error:
        raise CohortError(f"is no PNG, JPEG or BMP image, whatever its name: {AGAIN}") from error
    except Image.DecompressionBombError as error:
        raise CohortError(f"claims a size that no frame has: {AGAIN}") from error
    except Exception as error:  # a damaged file leads decoders to raise nearly anything
        raise CohortError(f"is truncated or damaged ({error}): {AGAIN}") from error
    if image.format == "PNG" and _PNG_END not in content:
        raise CohortError(f"is truncated or damaged (its end is missing): {AGAIN}")
    return pixels


def _require_crop(image: ImageFile.ImageFile) -> None:
    if getattr(image, "n_frames", 1) > 1:
        raise CohortError(f"holds several pictures (an animation), not one: {AGAIN}")
    # The mode alone will not do: Pillow reads 16-bit RGB, and BMP of four channels, as RGB.
    args = image.tile[0].args if image.tile else None
    stored = str(args[0] if isinstance(args, tuple) else args)
    keyed = "transparency" in image.info
    if image.size != CROP[:2] or stored != _RAW_MODES[str(image.format)] or keyed:
        raise CohortError(
            f"is {image.format} of {image.width}x{image.height}, {_described(image.mode, stored)}"
            f"{' with transparency' if keyed else ''}, not 8-bit RGB of 112x112: frames are never "
            f"resized or converted here; {REALIGN}"
        )


def _described(mode: str, stored: str) -> str:
    """Say in words what Pillow's names of pixel formats mean."""
    deep = "16" in stored or "15" in stored
    if stored == "BGRX":
        mode = "RGBA"
    return ("16-bit " if deep else "") + _MODES.get(mode, mode)


def shown(name: str | Path) -> str:
    """Return a name as messages show it: on one line, control characters escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
        for c in str(name)
    )
