"""What an encoder expects of its pixels: channel order, mean and standard deviation.

An encoder is a file plus this convention. It is explicit, since a wrong one is nearly silent: BGR
in place of RGB keeps norms and variances healthy and moves an embedding by only a few hundredths
in cosine. On a command line it is one of `PRESETS`, or spelled out as ``str`` prints it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from deplib.errors import EncoderError


@dataclass(frozen=True)
class Preprocess:
    """What is done to an RGB uint8 frame before the network sees it: ``(x - mean) / std``.

    The defaults are those of the ArcFace family (insightface's ``w600k_r50`` among them).
    """

    channel_order: str = "RGB"  # order of the network's input channels, "RGB" or "BGR"
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)  # in channel_order, on 0-255
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)  # in channel_order, on 0-255
    size: int = 112  # height and width of a frame, pixels

    def __post_init__(self) -> None:
        if self.channel_order not in ("RGB", "BGR"):
            raise EncoderError(f"channel_order is {self.channel_order!r}; give 'RGB' or 'BGR'")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != 3 or not np.isfinite(values).all():
                raise EncoderError(f"{name} is {values}; give three finite numbers, one a channel")
        if min(self.std) <= 0:
            raise EncoderError(f"std is {self.std}; each of the three must be above zero")
        if self.size < 1:
            raise EncoderError(f"size is {self.size}; a frame has one pixel at least, often 112")

    def __str__(self) -> str:
        mean, std = (",".join(map(_shortest, values)) for values in (self.mean, self.std))
        return f"{self.channel_order} mean={mean} std={std} size={self.size}"

    @classmethod
    def parse(cls, text: str) -> "Preprocess":
        """Read what ``str`` prints, or the name of a preset.

        Parameters
        ----------
        text
            A name of `PRESETS` in any case, or ``"RGB mean=127.5 std=127.5 size=112"`` with any
            part left out: a missing part is ArcFace's. One number stands for three equal ones.

        Raises
        ------
        EncoderError
            If the text is neither, or says something impossible.

        Examples
        --------
        >>> Preprocess.parse("BGR mean=0 std=255")
        Preprocess(channel_order='BGR', mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0), size=112)
        """
        if text.strip().lower() in PRESETS:
            return PRESETS[text.strip().lower()]
        options: dict[str, Any] = {}
        try:
            for word in text.split():
                name, _, value = word.rpartition("=")
                if (name := name or "channel_order") in options:
                    raise ValueError(f"{name} is given twice")
                options[name] = _READ[name](value)
            if not options:
                raise ValueError("it is empty")
            return cls(**options)
        except (KeyError, ValueError, EncoderError) as error:
            raise EncoderError(
                f"cannot read the preprocessing {text!r} ({error}): give one of "
                f"{', '.join(PRESETS)}, or write it like '{ARCFACE}'"
            ) from error

    def __call__(self, frames: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the network's input for a block of frames.

        Parameters
        ----------
        frames
            RGB, uint8, shape ``(n, size, size, 3)``; square frames of another side are resized.
        out
            Where to write; new memory by default.

        Returns
        -------
        ndarray of float32, shape (n, 3, size, size)
        """
        shape = (len(frames), self.size, self.size)
        planes = np.empty((shape[0], 3, *shape[1:]), np.float32) if out is None else out
        if not len(frames):
            return planes
        if frames.shape[1] != self.size:  # cubic, and by areas where that makes them smaller
            way = cv2.INTER_CUBIC if frames.shape[1] < self.size else cv2.INTER_AREA
            side = (self.size, self.size)
            frames = np.stack([cv2.resize(frame, side, interpolation=way) for frame in frames])
        # One split of the whole block is twice as quick as strided reading of each channel.
        channels = cv2.split(frames.reshape(-1, self.size, 3))
        if self.channel_order == "BGR":
            channels = channels[::-1]
        for i, (channel, mean, std) in enumerate(zip(channels, self.mean, self.std, strict=True)):
            plane = planes[:, i]
            np.multiply(channel.reshape(shape), np.float32(1 / std), out=plane)
            plane -= np.float32(mean / std)
        return planes


ARCFACE = Preprocess()
"""The convention of the ArcFace family: RGB, ``(x - 127.5) / 127.5``, 112 x 112."""

RAW = Preprocess(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
"""Pixels as they are, 0 to 255: for a network whose graph normalises them."""

UNIT = Preprocess(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))
"""Pixels from 0 to 1: for a network whose graph normalises numbers of that range."""

IMAGENET = Preprocess(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
"""Mean and standard deviation of ImageNet's channels, as torchvision's networks expect."""

PRESETS = {"arcface": ARCFACE, "raw": RAW, "unit": UNIT, "imagenet": IMAGENET}
"""The conventions that have a name."""


def _shortest(value: float) -> str:
    """Return six digits where they say the number, else all of them: an id must not round."""
    text = f"{value:g}"
    return text if float(text) == value else repr(float(value))


def _three(text: str) -> tuple[float, ...]:
    numbers = tuple(float(number) for number in text.split(","))
    return numbers * 3 if len(numbers) == 1 else numbers


_READ: dict[str, Callable[[str], Any]] = {
    "channel_order": str.upper, "mean": _three, "std": _three, "size": int,
}  # fmt: skip
