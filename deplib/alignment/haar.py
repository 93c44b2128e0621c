"""OpenCV's Haar cascade: the stand-in of the debugging story, and the detector that needs no file.

P. Viola and M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR
2001; the cascade is the one that OpenCV ships.
"""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from deplib.alignment.faces import Face, check_image, largest_first, letterbox
from deplib.alignment.template import TEMPLATE, align
from deplib.errors import EncoderError

BOX_SIDE = 98.0
"""Side of the cascade's box on the face of an aligned crop, pixels."""
BOX_CORNER = (8.0, 12.0)
"""Where its upper left corner (x, y) lies there.

Both are the least-squares fit of boxes on whole scenes of simulated persons to the five-point
template, rounded to a pixel."""


@dataclass(frozen=True)
class BoundedHaarDetector:
    """A Viola-Jones face detector with a fixed canvas and a bounded range of face sizes.

    The image is scaled to fill a square canvas, longer side first, and padded with black at the
    right and bottom, as insightface does. Only faces between ``min_size`` and
    ``max_size_fraction`` of the canvas are looked for. A face's score is the number of
    overlapping hits of the cascade, at neighbouring places and sizes.

    The upper bound was *chosen* to match the measured behaviour of SCRFD at a canvas of 640 in
    insightface 0.7.3, whose largest anchor is 512 pixels: on 86 public photographs it found the
    face in 86 of 87 whole photographs, in none of their 86 aligned crops, and in 85 of 86 crops
    with 25 % of padding. The lower bound keeps the cascade from taking a nose for a face, which a
    detector as good as SCRFD does not. The same cascade without the upper bound,
    ``max_size_fraction=1.0``, finds the crops as well: that is the control.
    """

    det_size: int = 256  # side of the canvas, pixels
    min_neighbors: int = 10  # a detection has more overlapping hits than these
    min_size: int = 48  # least face, pixels of the canvas
    max_size_fraction: float = 0.55  # largest face, share of the canvas
    scale_factor: float = field(default=1.1, repr=False)  # step between searched sizes

    @property
    def id(self) -> str:
        """Hash of the cascade, settings and OpenCV's version in one line."""
        return (
            f"Haar sha256={_cascade_hash()} det_size={self.det_size} "
            f"min_neighbors={self.min_neighbors} min_size={self.min_size} "
            f"max_size_fraction={self.max_size_fraction:g} scale_factor={self.scale_factor:g} "
            f"opencv={cv2.__version__}"
        )

    @property
    def threshold(self) -> float:
        """Least hits of a face that `detect` returns."""
        return self.min_neighbors + 1.0

    def detect(self, image: np.ndarray) -> list[Face]:
        """Find frontal faces.

        Parameters
        ----------
        image
            RGB, uint8, shape ``(height, width, 3)``.

        Returns
        -------
        list of Face
            Largest first, without landmarks; empty, and no exception, where nothing is found: as
            the real one does.

        Raises
        ------
        EncoderError
            If the image is no RGB uint8 image.
        """
        return [face for face in self._candidates(image) if face.score >= self.threshold]

    def best_score(self, image: np.ndarray) -> float:
        """Return the most hits on one place; 0 where no two hits overlap."""
        return max((face.score for face in self._candidates(image)), default=0.0)

    def _candidates(self, image: np.ndarray) -> list[Face]:
        """Return all places with two overlapping hits or more, largest first."""
        check_image(image)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        canvas, scale = letterbox(grey, self.det_size, self.det_size)
        largest = int(self.max_size_fraction * self.det_size)
        found, hits = _cascade().detectMultiScale2(
            canvas,
            scaleFactor=self.scale_factor,
            minNeighbors=1,
            minSize=(self.min_size, self.min_size),
            maxSize=(largest, largest),
        )
        boxes = np.asarray(found, np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        counts = np.asarray(hits, np.float64).ravel()
        return largest_first(
            [Face(box, float(n), None) for box, n in zip(boxes / scale, counts, strict=True)]
        )


def align_box(image: np.ndarray, box: np.ndarray, *, size: int = 112) -> np.ndarray:
    """Cut an aligned crop by the box of the Haar cascade alone.

    A stop-gap where there are no landmarks: the box is put where it lies on average in a
    five-point crop, upright, by one fixed scale and shift. A tilted head stays tilted, and the
    crop trembles with the box. On whole scenes of simulated persons the five points lie 1.9 pixels
    from the template (median; one in ten more than 3.8), where the five-point warp leaves 1.0,
    and the embeddings of the two crops have a median cosine of 0.92. Real faces differ more: a
    detector with landmarks is the better choice.

    Parameters
    ----------
    image
        RGB, uint8, shape ``(height, width, 3)``.
    box
        Left, top, right, bottom in pixels of the image.
    size
        Height and width of the crop, pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Black where the crop reaches over the image's edge.
    """
    landmarks = box[:2] + (box[2] - box[0]) * (TEMPLATE - BOX_CORNER) / BOX_SIDE
    return align(image, landmarks, size=size)


def _cascade_path() -> Path:
    return Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt.xml"


@lru_cache(maxsize=1)
def _cascade_hash() -> str:
    _cascade()  # says what is missing where there is no such file
    return hashlib.sha256(_cascade_path().read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _cascade() -> cv2.CascadeClassifier:
    path = _cascade_path()
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise EncoderError(
            f"OpenCV has no face cascade at {path}: install opencv-python-headless below version 5"
        )
    return cascade
