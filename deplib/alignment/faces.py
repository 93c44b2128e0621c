"""What every face detector here takes, gives and promises."""

from typing import NamedTuple, Protocol

import cv2
import numpy as np

from deplib.errors import EncoderError


class Face(NamedTuple):
    """One detected face, in pixels of the image."""

    box: np.ndarray
    """float64, shape ``(4,)``: left, top, right, bottom; may reach over the image's edge."""
    score: float
    """The detector's confidence, on its own scale."""
    landmarks: np.ndarray | None
    """float64, shape ``(5, 2)``: x, y of the eyes, nose and mouth corners, image left first; None
    where the detector gives only boxes."""


class Detector(Protocol):
    """A face detector that fits its image to a canvas of fixed size."""

    @property
    def id(self) -> str:
        """All that decides its boxes, in one line: file hash and settings."""
        ...

    @property
    def threshold(self) -> float:
        """Least score of a face that `detect` returns."""
        ...

    def detect(self, image: np.ndarray) -> list[Face]:
        """Return the faces in an image, RGB uint8 ``(height, width, 3)``, largest first.

        An empty list, and no exception, where nothing is found: as in insightface.
        """
        ...

    def best_score(self, image: np.ndarray) -> float:
        """Return the best score of any candidate in the image, below the threshold too."""
        ...


def check_image(image: np.ndarray) -> None:
    """Raise EncoderError unless the image is RGB, uint8, shape ``(height, width, 3)``."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise EncoderError(
            f"image is {image.dtype} {image.shape}; give one RGB image, uint8 (h, w, 3)"
        )


def letterbox(image: np.ndarray, height: int, width: int) -> tuple[np.ndarray, float]:
    """Scale an image to fill a canvas, padded with black at the right and bottom.

    Parameters
    ----------
    image
        uint8, shape ``(h, w, 3)`` or ``(h, w)``.
    height, width
        Of the canvas, pixels.

    Returns
    -------
    canvas : ndarray of uint8, shape (height, width, 3) or (height, width)
    scale : float
        Pixels of the canvas a pixel of the image. A small image is enlarged, as in insightface:
        that is what makes the face of a tight crop larger than any that a detector looks for.
    """
    scale = min(height / image.shape[0], width / image.shape[1])
    # the nudge keeps an exact fit exact: 112 * (256 / 112) is not 256 in floating point
    fitted = tuple(max(1, int(side * scale + 1e-6)) for side in image.shape[1::-1])
    canvas = np.zeros((height, width, *image.shape[2:]), np.uint8)
    canvas[: fitted[1], : fitted[0]] = cv2.resize(image, fitted)
    return canvas, scale


def largest_first(faces: list[Face]) -> list[Face]:
    """Sort faces by the area of their boxes."""
    return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))
