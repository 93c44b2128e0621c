"""Camera frames to aligned 112 x 112 crops: five landmarks, one template, one warp.

`BoundedHaarDetector` needs no file (P. Viola and M. Jones, CVPR 2001) and gives boxes alone;
``deplib.detection`` has the detectors with landmarks, which are networks.
"""

import hashlib
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from deplib.errors import EncoderError

SIZE = 112
"""Height and width of an aligned crop, pixels."""
_X = (38.2946, 73.5318, 56.0252, 41.5493, 70.7299)
_Y = (51.6963, 51.5014, 71.7366, 92.3655, 92.2041)
TEMPLATE = np.column_stack([_X, _Y])
"""Eyes, nose and mouth corners (x, y) in an aligned crop, image left first; insightface."""
BOX_SIDE, BOX_CORNER = 98.0, (8.0, 12.0)
"""Side and upper left corner (x, y) of the Haar cascade's box on the face of an aligned crop: the
least-squares fit on whole scenes of simulated persons, rounded to a pixel."""
MARGIN = 56
"""Black around a crop, pixels, within which the cascade also finds a face that is too large."""
HAAR_CANVAS, HAAR_LEAST = 256, 48
"""Side of the cascade's canvas and its least face, pixels of the canvas."""
HAAR_NEIGHBOURS = 10
"""A detection of the cascade has more overlapping hits than these."""


def align(image: np.ndarray, landmarks: np.ndarray, *, size: int = SIZE) -> np.ndarray:
    """Warp a face to the five-point template, as encoders of the ArcFace family expect.

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
    if points.shape != (5, 2) or not np.isfinite(points).all() or not np.ptp(points, axis=0).any():
        raise EncoderError(f"landmarks {points.shape}: give five distinct, finite points (x, y)")
    matrix = similarity_transform(points, TEMPLATE * (size / SIZE))
    return cv2.warpAffine(image, matrix, (size, size))


def align_box(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut an aligned crop by the box of the Haar cascade alone, where there are no landmarks.

    The box is put where it lies on average in a five-point crop. A tilted head stays tilted, and
    the crop trembles with the box: on scenes of simulated persons the five points lie 1.9 pixels
    from the template (median), where the five-point warp leaves 1.0. Real faces differ more.
    """
    return align(image, _points_of(box))


def template_distance(crops: np.ndarray) -> float:
    """Return how far the faces in aligned crops lie from the template, pixels: their median.

    Of a face, the mean distance of the five points, as far as the box of OpenCV's cascade tells
    them. Right crops have 0.2 to 6 and a median of 1.6 (simulated persons) or 2.8 (ten real clips);
    crops of the same frames as OpenFace makes them, larger and higher, 10 to 20 and a median of 15.

    Parameters
    ----------
    crops
        RGB, uint8, shape ``(n, 112, 112, 3)``.

    Returns
    -------
    float
        NaN where no face is found: turned away, covered, or none.
    """
    detector, distances = BoundedHaarDetector(max_size_fraction=1.0), []
    for crop in crops:
        if faces := detector.detect(np.pad(crop, ((MARGIN,) * 2, (MARGIN,) * 2, (0, 0)))):
            away = _points_of(faces[0].box - MARGIN) - TEMPLATE
            distances.append(np.linalg.norm(away, axis=1).mean())
    return float(np.median(distances)) if distances else np.nan


def _points_of(box: np.ndarray) -> np.ndarray:
    """Return where the five points of a face lie on average, by its box."""
    return box[:2] + (box[2] - box[0]) * (TEMPLATE - BOX_CORNER) / BOX_SIDE


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the least-squares rotation, scale and shift between points ``(n, 2)``, as ``(2, 3)``.

    ``target ~ source @ A[:, :2].T + A[:, 2]``, without reflection: Umeyama, IEEE TPAMI 13(4), 1991.
    A similarity of the plane is multiplication by one complex number, then a shift.
    """
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    z_mean, w_mean = z.mean(), w.mean()
    a = np.vdot(z - z_mean, w - w_mean) / np.vdot(z - z_mean, z - z_mean).real
    b = w_mean - a * z_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


class Face(NamedTuple):
    """One detected face, in pixels of the image."""

    box: np.ndarray
    """float64, shape ``(4,)``: left, top, right, bottom; may reach over the image's edge."""
    score: float
    """The detector's confidence, on its own scale."""
    landmarks: np.ndarray | None
    """float64, shape ``(5, 2)``, as `align` takes them; None where there is only a box."""


class Detector(ABC):
    """A face detector that fits its image to a canvas of fixed size.

    Attributes
    ----------
    id
        All that decides its faces, in one line: file hash and settings.
    threshold
        Least score of a face that `detect` returns.
    canvas
        Height and width that images are fitted to, pixels. A small image is enlarged, as in
        insightface: that makes the face of a tight crop larger than any that a detector looks for.
    grey
        Whether colours are taken away first.
    """

    id: str
    threshold: float
    canvas: tuple[int, int]
    grey: ClassVar[bool] = False
    doubt: ClassVar[float] = 0.0
    """Share of the best score in an image below which a face comes last: it may be a hand."""

    def detect(self, image: np.ndarray) -> list[Face]:
        """Return the faces in an image, RGB uint8 ``(height, width, 3)``, largest first.

        After all others come those whose score is below ``doubt`` of the best. An empty list, and
        no exception, where nothing is found: as in insightface.

        Raises
        ------
        EncoderError
            If the image is no RGB uint8 image, or the network fails.
        """
        fitted, scale = self._fit(image)
        found = self._find(fitted, self.threshold)
        faces = [Face(b / scale, s, None if p is None else p / scale) for b, s, p in found]
        least = self.doubt * max((face.score for face in faces), default=0.0)
        areas = [float(np.prod(face.box[2:] - face.box[:2])) for face in faces]
        order = sorted(range(len(faces)), key=lambda k: (faces[k].score < least, -areas[k]))
        return [faces[k] for k in order]

    def best_score(self, image: np.ndarray) -> float:
        """Return the best score of any candidate in the image, below the threshold too."""
        found = self._find(self._fit(image)[0], 0.0)
        return max((face.score for face in found), default=0.0)

    def _fit(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        """Scale an image to fill the canvas, padded with black at the right and bottom.

        Returns
        -------
        canvas : ndarray of uint8, shape (height, width, 3)
        scale : float
            Pixels of the canvas a pixel of the image.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise EncoderError(f"image is {image.dtype} {image.shape}; give RGB, uint8 (h, w, 3)")
        if self.grey:  # before it is enlarged: the other order rounds differently
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        height, width = self.canvas
        scale = min(height / image.shape[0], width / image.shape[1])
        # the nudge keeps an exact fit exact: 112 * (256 / 112) is not 256 in floating point
        fitted = [max(1, int(side * scale + 1e-6)) for side in image.shape[1::-1]]
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[: fitted[1], : fitted[0]] = cv2.resize(image, fitted)
        return canvas, scale

    @abstractmethod
    def _find(self, canvas: np.ndarray, threshold: float) -> list[Face]:
        """Return the faces of at least that score, in pixels of the canvas."""


class BoundedHaarDetector(Detector):
    """OpenCV's Haar cascade with a fixed canvas and a bounded range of face sizes.

    A face's score is the number of overlapping hits, at neighbouring places and sizes. The upper
    bound was *chosen* to match the measured behaviour of SCRFD at a canvas of 640 in insightface
    0.7.3, whose largest anchor is 512 pixels: on 86 public photographs it found the face in 86 of
    87 whole photographs, in none of their 86 aligned crops, and in 85 of 86 crops with 25 % of
    padding. The same cascade without the bound, ``max_size_fraction=1.0``, finds the crops as well:
    that is the control. The lower bound keeps the cascade from taking a nose for a face.

    Parameters
    ----------
    max_size_fraction
        Largest face, share of the canvas.
    """

    grey = True
    canvas = HAAR_CANVAS, HAAR_CANVAS
    threshold = HAAR_NEIGHBOURS + 1.0

    def __init__(self, max_size_fraction: float = 0.55) -> None:
        self.sizes = HAAR_LEAST, int(max_size_fraction * HAAR_CANVAS)
        self.id = (
            f"Haar sha256={_cascade()[1]} det_size={HAAR_CANVAS} "
            f"min_neighbors={HAAR_NEIGHBOURS} sizes={self.sizes} opencv={cv2.__version__}"
        )

    def _find(self, canvas: np.ndarray, threshold: float) -> list[Face]:
        found, hits = _cascade()[0].detectMultiScale2(
            cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY), scaleFactor=1.1, minNeighbors=1,
            minSize=self.sizes[:1] * 2, maxSize=self.sizes[1:] * 2,
        )  # fmt: skip
        boxes = np.asarray(found, np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        faces = [Face(box, float(n), None) for box, n in zip(boxes, np.ravel(hits), strict=True)]
        return [face for face in faces if face.score >= threshold]


@lru_cache(maxsize=1)
def _cascade() -> tuple[cv2.CascadeClassifier, str]:
    """Return OpenCV's face cascade and the SHA-256 of its file."""
    path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt.xml"
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise EncoderError(f"OpenCV has no {path}: install opencv-python-headless below version 5")
    return cascade, hashlib.sha256(path.read_bytes()).hexdigest()


class FaceAligner:
    """Cut out the largest face of a camera frame, aligned to the five-point template.

    Parameters
    ----------
    detector
        With landmarks, if it can be had: see `open_detector`. Boxes alone are aligned by
        `align_box`, which is coarser.

    Attributes
    ----------
    id : str
        All that decides the crops, in one line.
    n_faces : int
        Faces in the last image.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector, self.n_faces = detector, 0
        self.id = f"largest face of {detector.id} on the template of insightface"

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        """Return the largest face of one camera frame, or None where no face is found.

        Parameters
        ----------
        image
            RGB, uint8, shape ``(height, width, 3)``. A crop that is aligned already needs no
            aligner.

        Returns
        -------
        ndarray of uint8, shape (112, 112, 3), or None

        Raises
        ------
        EncoderError
            If the image is no RGB uint8 image, or the detector's network fails.
        """
        faces = self.detector.detect(image)
        self.n_faces = len(faces)
        if not faces:
            return None
        if faces[0].landmarks is None:
            return align_box(image, faces[0].box)
        return align(image, faces[0].landmarks)
