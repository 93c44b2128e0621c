"""What an encoder expects of its pixels: channel order, mean and standard deviation.

An encoder is a file plus this convention. It is explicit, since a wrong one is nearly silent: BGR
in place of RGB keeps norms and variances healthy and moves an embedding by only a few hundredths
in cosine.
"""

from dataclasses import dataclass

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
            raise EncoderError(
                f"channel_order is {self.channel_order!r}; it must be 'RGB' or 'BGR'"
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != 3 or not np.isfinite(values).all():
                raise EncoderError(f"{name} is {values}; give three finite numbers, one a channel")
        if min(self.std) <= 0:
            raise EncoderError(f"std is {self.std}; each of the three must be above zero")

    def __str__(self) -> str:
        mean, std = (",".join(f"{v:g}" for v in values) for values in (self.mean, self.std))
        return f"{self.channel_order} mean={mean} std={std} size={self.size}"

    def __call__(self, frames: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the network's input for a block of frames.

        Parameters
        ----------
        frames
            RGB, uint8, shape ``(n, size, size, 3)``.
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
