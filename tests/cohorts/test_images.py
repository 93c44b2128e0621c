"""One image file: only a whole 8-bit RGB crop passes, and every refusal names file and remedy."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from deplib.cohorts.images import read_crop
from deplib.errors import CohortError


def picture(size: tuple[int, int] = (112, 112)) -> np.ndarray:
    """A smooth picture with different channels."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([2 * x % 256, 2 * y % 256, (x + y) % 256], axis=-1).astype(np.uint8)


def encoded(
    mode: str = "RGB", form: str = "PNG", size: tuple[int, int] = (112, 112), **how
) -> bytes:
    stream = BytesIO()
    Image.fromarray(picture(size)).convert(mode).save(stream, form, **how)
    return stream.getvalue()


def deep(shape: tuple[int, ...]) -> bytes:
    """A 16-bit PNG."""
    return cv2.imencode(".png", np.full(shape, 40000, np.uint16))[1].tobytes()


def bomb() -> bytes:
    """A PNG of 300,000 x 300,000 pixels that is small on disk."""

    def chunk(body: bytes) -> bytes:
        return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))

    header = b"IHDR" + struct.pack(">IIBBBBB", 300_000, 300_000, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(20_000_000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunk, (header, pixels, b"IEND")))


def animation(form: str) -> bytes:
    first, second = Image.fromarray(picture()), Image.fromarray(picture()[::-1])
    stream = BytesIO()
    first.save(stream, form, save_all=True, append_images=[second])
    return stream.getvalue()


@pytest.mark.parametrize(("form", "worst"), [("PNG", 0), ("JPEG", 12)])
@pytest.mark.parametrize("tag", range(1, 9))
def test_a_frame_is_turned_as_its_exif_says(tmp_path, form, worst, tag):
    stored = picture().transpose(1, 0, 2) if tag > 4 else picture()  # on its side
    stored = stored[:: -1 if tag in (3, 4, 6, 7) else 1, :: -1 if tag in (2, 3, 7, 8) else 1]
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(stored).save(tmp_path / "1.png", form, exif=exif)
    assert np.abs(read_crop(tmp_path / "1.png").astype(int) - picture()).mean() <= worst


SOUND = [("PNG", {}), ("BMP", {}), ("JPEG", {}), ("JPEG", {"progressive": True})]


@pytest.mark.parametrize(("form", "how"), SOUND)
def test_a_sound_frame_is_read_as_rgb_and_no_truncated_one_passes(tmp_path, form, how):
    content = encoded(form=form, **how)
    file = tmp_path / "frame_000001.png"  # the content decides, not the name
    file.write_bytes(content)
    wrong = np.abs(read_crop(file).astype(int) - picture())
    assert (wrong.mean() < 12) if form == "JPEG" else not wrong.any()
    contents = [content[:k] for k in (*range(0, len(content), len(content) // 50), *range(-9, 0))]
    if form == "PNG":
        flipped = bytearray(content)
        flipped[content.index(b"IDAT") + 60] ^= 4
        contents.append(bytes(flipped))
    for part in contents:
        file.write_bytes(part)
        with pytest.raises(CohortError, match="extract this recording's frames again"):
            read_crop(file)


GAMMA = PngInfo()
GAMMA.add(b"gAMA", (100_000).to_bytes(4))
BAD = {
    "224x224": (encoded(size=(224, 224)), "PNG of 224x224"),
    "greyscale BMP": (encoded("L", "BMP"), "BMP of 112x112, L"),
    "palette": (encoded("P"), "P/P"),
    "alpha": (encoded("RGBA"), "RGBA"),
    "alpha in BMP": (encoded("RGBA", "BMP"), "BGRX"),
    "transparent colour": (encoded(transparency=(0, 0, 0)), "with transparency"),
    "CMYK": (encoded("CMYK", "JPEG"), "CMYK"),
    "16-bit RGB": (deep((112, 112, 3)), "RGB/RGB;16B"),
    "animated PNG": (animation("PNG"), "several pictures"),
    "two pictures in one JPEG": (animation("MPO"), "several pictures"),
    "animated GIF named png": (animation("GIF"), "no PNG, JPEG or BMP"),
    "WEBP": (encoded(form="WEBP"), "no PNG, JPEG or BMP"),
    "TIFF": (encoded(form="TIFF"), "no PNG, JPEG or BMP"),
    "linear light": (encoded(pnginfo=GAMMA), "gamma of 1, not"),
    "zero bytes": (b"", "is empty"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 112 112\n", "no PNG, JPEG or BMP"),
    "bomb": (bomb(), "exceeds limit"),
}


@pytest.mark.parametrize(("content", "text"), BAD.values(), ids=BAD)
def test_what_is_no_aligned_frame_is_refused_with_file_and_remedy(tmp_path, content, text):
    file = tmp_path / "frame_000001.png"
    file.write_bytes(content)
    with pytest.raises(CohortError) as caught:
        read_crop(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert text in message
    assert "extract this recording's frames again" in message or "--detector" in message
