"""Detect-then-embed, the pipeline that turned the study's features into zeros, and alignment.

The study's frames were aligned 112 x 112 crops already; a face detector was run on them, found
nothing, raised nothing, and the features stayed zero. What fails is the *scale* of the face, not
missing context: the detector enlarges its input to fill a fixed canvas, and the face of a square
crop is then larger than the largest face that it looks for.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from deplib.errors import EncoderError
from deplib.extraction.encoder import OnnxEncoder

TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]]
)
"""Eyes, nose and mouth corners (x, y) in an aligned 112 x 112 crop, image left first; insightface.
"""


@dataclass(frozen=True)
class BoundedHaarDetector:
    """A Viola-Jones face detector with a fixed canvas and a bounded range of face sizes.

    The image is scaled to fill a square canvas, longer side first, and padded with black at the
    right and bottom, as insightface does. Only faces between ``min_size`` and
    ``max_size_fraction`` of the canvas are looked for.

    The upper bound was *chosen* to match the measured behaviour of SCRFD at a canvas of 640 in
    insightface 0.7.3, whose largest anchor is 512 pixels: on 86 public photographs it found the
    face in 86 of 87 whole photographs, in none of their 86 aligned crops, and in 85 of 86 crops
    with 25 % of padding. The lower bound keeps the cascade from taking a nose for a face, which a
    detector as good as SCRFD does not. The same cascade without the upper bound,
    ``max_size_fraction=1.0``, finds the crops as well: that is the control.
    """

    det_size: int = 256  # side of the canvas, pixels
    min_neighbors: int = 10  # overlapping hits that make a detection
    min_size: int = 48  # least face, pixels of the canvas
    max_size_fraction: float = 0.55  # largest face, share of the canvas
    scale_factor: float = field(default=1.1, repr=False)  # step between searched sizes

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Find frontal faces.

        Parameters
        ----------
        image
            RGB, uint8, shape ``(height, width, 3)``.

        Returns
        -------
        ndarray of float64, shape (k, 4)
            Left, top, right, bottom in pixels of the image, largest face first. Shape ``(0, 4)``,
            and no exception, where nothing is found: as the real one does.

        Raises
        ------
        EncoderError
            If the image is no RGB uint8 image.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise EncoderError(
                f"image is {image.dtype} {image.shape}; give one RGB image, uint8 (h, w, 3)"
            )
        scale = self.det_size / max(image.shape[:2])
        width, height = (max(1, round(side * scale)) for side in image.shape[1::-1])
        canvas = np.zeros((self.det_size, self.det_size), np.uint8)
        canvas[:height, :width] = cv2.resize(
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (width, height)
        )
        largest = int(self.max_size_fraction * self.det_size)
        found = _cascade().detectMultiScale(
            canvas,
            scaleFactor=self.scale_factor,
            minNeighbors=self.min_neighbors,
            minSize=(self.min_size, self.min_size),
            maxSize=(largest, largest),
        )
        boxes = np.asarray(found, np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        order = np.argsort(boxes[:, 0] - boxes[:, 2], kind="stable")
        return boxes[order] / scale


def detect_then_embed_with_zeros(
    frames: np.ndarray, detector: BoundedHaarDetector, encoder: OnnxEncoder
) -> np.ndarray:
    """Embed the largest face found in each frame, and leave zeros where none is found.

    This is the study's bug, reproduced on purpose: a frame without a detection is neither
    reported nor marked, and its row stays zero. Use `deplib.extraction.pipeline.extract`.

    Parameters
    ----------
    frames
        RGB, uint8, shape ``(n, height, width, 3)``: whole scenes, or crops.
    detector, encoder
        The two stages. The face's box is resized to the encoder's input without alignment.

    Returns
    -------
    ndarray of float32, shape (n, dim)
    """
    features = np.zeros((len(frames), encoder.dim), np.float32)
    size = encoder.preprocess.size
    for i, frame in enumerate(frames):
        boxes = detector.detect(frame)
        if len(boxes):
            left, top, right, bottom = boxes[0].round().astype(int).clip(min=0)
            face = cv2.resize(frame[top:bottom, left:right], (size, size))
            features[i] = encoder.embed(face[None]).features[0]
    return features


def align(image: np.ndarray, landmarks: np.ndarray, *, size: int = 112) -> np.ndarray:
    """Warp a face to the five-point template, as encoders of the ArcFace family expect.

    The similarity transform (rotation, one scale, shift) is the least-squares one of Umeyama,
    "Least-squares estimation of transformation parameters between two point patterns", IEEE
    TPAMI 13(4), 1991.

    Parameters
    ----------
    image
        RGB, uint8, shape ``(height, width, 3)``.
    landmarks
        Shape ``(5, 2)``: x, y of the eyes, nose and mouth corners, image left first.
    size
        Height and width of the crop, pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Black where the crop reaches over the image's edge.

    Raises
    ------
    EncoderError
        If the landmarks are not five distinct, finite points.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all() or np.ptp(points, axis=0).max() == 0:
        raise EncoderError(
            f"landmarks have shape {points.shape}; give five distinct, finite points (x, y): eyes, "
            "nose, mouth corners"
        )
    matrix = similarity_transform(points, TEMPLATE * (size / 112))
    return cv2.warpAffine(image, matrix, (size, size))


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the least-squares rotation, scale and shift from points to points.

    Parameters
    ----------
    source, target
        Shape ``(n, 2)``, n at least 2.

    Returns
    -------
    ndarray, shape (2, 3)
        ``A`` with ``target ~ source @ A[:, :2].T + A[:, 2]``; without reflection.
    """
    # A similarity of the plane is multiplication by one complex number, then a shift.
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    z_mean, w_mean = z.mean(), w.mean()
    a = np.vdot(z - z_mean, w - w_mean) / np.vdot(z - z_mean, z - z_mean).real
    b = w_mean - a * z_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


@lru_cache(maxsize=1)
def _cascade() -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt.xml"
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise EncoderError(
            f"OpenCV has no face cascade at {path}: install opencv-python-headless below version 5"
        )
    return cascade
