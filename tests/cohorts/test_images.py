"""One image file: only a whole 8-bit RGB crop passes, and every refusal names file and remedy."""

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deplib.cohorts.base import is_blank
from deplib.cohorts.images import read_crop, shown
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


@pytest.mark.parametrize("form", ["PNG", "BMP", "JPEG"])
def test_a_sound_frame_is_read_as_rgb(tmp_path, form):
    file = tmp_path / "frame_000001.png"  # the content decides, not the name
    file.write_bytes(encoded(form=form, **({"quality": 95} if form == "JPEG" else {})))
    frame = read_crop(file)
    assert frame.shape == (112, 112, 3)
    assert frame.dtype == np.uint8
    wrong = np.abs(frame.astype(int) - picture())
    assert (wrong.mean() < 6) if form == "JPEG" else not wrong.any()


@pytest.mark.parametrize(
    ("form", "how"), [("PNG", {}), ("BMP", {}), ("JPEG", {}), ("JPEG", {"progressive": True})]
)
def test_no_truncated_or_damaged_file_passes(tmp_path, form, how):
    content = encoded(form=form, **how)
    file = tmp_path / "frame_000001.img"
    contents = [content[:k] for k in (*range(0, len(content), len(content) // 50), *range(-9, 0))]
    if form == "PNG":
        flipped = bytearray(content)
        flipped[content.index(b"IDAT") + 60] ^= 4
        contents.append(bytes(flipped))
    for part in contents:
        file.write_bytes(part)
        with pytest.raises(CohortError, match="extract this recording's frames again"):
            read_crop(file)


BAD = {
    "111x112": (encoded(size=(112, 111)), "PNG of 111x112"),
    "224x224": (encoded(size=(224, 224)), "PNG of 224x224"),
    "greyscale PNG": (encoded("L"), "L/L"),
    "greyscale BMP": (encoded("L", "BMP"), "BMP of 112x112, L"),
    "palette": (encoded("P"), "P/P"),
    "alpha": (encoded("RGBA"), "RGBA"),
    "alpha in BMP": (encoded("RGBA", "BMP"), "BGRX"),
    "transparent colour": (encoded(transparency=(0, 0, 0)), "with transparency"),
    "CMYK": (encoded("CMYK", "JPEG"), "CMYK"),
    "16-bit RGB": (deep((112, 112, 3)), "RGB/RGB;16B"),
    "16-bit greyscale": (deep((112, 112)), "I;16"),
    "animated PNG": (animation("PNG"), "several pictures"),
    "two pictures in one JPEG": (animation("MPO"), "several pictures"),
    "animated GIF named png": (animation("GIF"), "no PNG, JPEG or BMP"),
    "zero bytes": (b"", "is empty"),
    "HTML": (b"<!doctype html><html><body>Log in</body></html>", "no PNG, JPEG or BMP"),
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
    assert "extract this recording's frames again" in message or "OpenFace" in message


@pytest.mark.parametrize(
    "name", [b'it\'s "one".png', b"two\nlines\t.png", b"%s%d.png", b"\xff.png"]
)
def test_any_name_that_the_file_system_allows_will_do(tmp_path, name):
    file = tmp_path / os.fsdecode(name)
    try:
        file.write_bytes(encoded())
    except OSError:
        pytest.skip("this file system refuses the name")
    np.testing.assert_array_equal(read_crop(file), picture())
    file.write_bytes(b"")
    with pytest.raises(CohortError) as caught:
        read_crop(file)
    assert str(caught.value).isprintable()


def test_files_that_cannot_be_opened_are_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name in ("folder.png", "loop.png", "missing.png"):
        with pytest.raises(CohortError, match=rf"{name} cannot be read \(.+\): restore it"):
            read_crop(tmp_path / name)


def test_names_are_shown_on_one_line():
    assert shown(Path("a/plain name é.png")) == "a/plain name é.png"
    assert shown("two\nlines\x1b[31m") == r"two\nlines\x1b[31m"
    assert shown(os.fsdecode(b"\xff")) == r"\udcff"


def test_only_a_single_tone_is_blank():
    frames = np.stack([np.zeros((112, 112, 3)), np.full((112, 112, 3), 90), picture()])
    assert is_blank(frames.astype(np.uint8)).tolist() == [True, True, False]
