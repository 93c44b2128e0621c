"""Camera frames to aligned 112 x 112 crops: a face detector, five landmarks, one warp.

Three detectors have one interface. `ScrfdDetector` runs any SCRFD file of insightface with
landmarks (J. Guo et al., "Sample and computation redistribution for efficient face detection", ICLR
2022), `YunetDetector` OpenCV's own (W. Wu et al., "YuNet", Machine Intelligence Research 20, 2023);
`BoundedHaarDetector` needs no file (P. Viola and M. Jones, CVPR 2001) and gives boxes alone.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
import onnxruntime as ort

from deplib.errors import EncoderError
from deplib.extraction import open_session, parse, read_file, told

SIZE = 112
"""Height and width of an aligned crop, pixels."""
_X = (38.2946, 73.5318, 56.0252, 41.5493, 70.7299)
_Y = (51.6963, 51.5014, 71.7366, 92.3655, 92.2041)
TEMPLATE = np.column_stack([_X, _Y])
"""Eyes, nose and mouth corners (x, y) in an aligned crop, image left first; insightface."""
BOX_SIDE, BOX_CORNER = 98.0, (8.0, 12.0)
"""Side and upper left corner (x, y) of the Haar cascade's box on the face of an aligned crop: the
least-squares fit on whole scenes of simulated persons, rounded to a pixel."""
HAAR_CANVAS, HAAR_LEAST = 256, 48
"""Side of the cascade's canvas and its least face, pixels of the canvas."""
HAAR_NEIGHBOURS = 10
"""A detection of the cascade has more overlapping hits than these."""
STRIDES = (8, 16, 32)
_SCRFD_WIDTHS = (1, 4, 10)  # numbers an anchor: score, box, landmarks
_YUNET_WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}  # numbers a cell
_YUNET = {f"{kind}_{s}": (width, s) for kind, width in _YUNET_WIDTHS.items() for s in STRIDES}
_FILES = "det_10g.onnx (SCRFD) or face_detection_yunet_2023mar.onnx (YuNet)"


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
    landmarks = box[:2] + (box[2] - box[0]) * (TEMPLATE - BOX_CORNER) / BOX_SIDE
    return align(image, landmarks)


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

    def detect(self, image: np.ndarray) -> list[Face]:
        """Return the faces in an image, RGB uint8 ``(height, width, 3)``, largest first.

        An empty list, and no exception, where nothing is found: as in insightface.

        Raises
        ------
        EncoderError
            If the image is no RGB uint8 image, or the network fails.
        """
        fitted, scale = self._fit(image)
        found = self._find(fitted, self.threshold)
        faces = [Face(b / scale, s, None if p is None else p / scale) for b, s, p in found]
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

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


class NetworkDetector(Detector):
    """A detector read from an ONNX file.

    Parameters
    ----------
    path
        The file, weights inside.
    det_size
        Side of the square canvas, a multiple of 32; 640 by default, or what the file fixes.
    threshold
        Least score of a face; the kind's own by default.
    sha256
        Expected hash of the file; another file is refused.

    Attributes
    ----------
    nms
        Largest overlap (intersection over union) of two faces.

    Raises
    ------
    EncoderError
        If the file is missing, altered, no ONNX, or no detector of this kind.
    """

    nms: ClassVar[float]

    def __init__(
        self,
        path: str | Path,
        det_size: int | None = None,
        threshold: float | None = None,
        sha256: str | None = None,
    ) -> None:
        self.path, self._given = Path(path), det_size
        self.threshold = type(self).threshold if threshold is None else threshold
        if not 0 < self.threshold < 1:
            raise EncoderError(f"threshold is {threshold}: give one between 0 and 1")
        content = read_file(self.path, sha256)
        self.sha256 = hashlib.sha256(content).hexdigest()
        session = open_session(content, self.path, threads=1, device="cpu")
        self._require_kind([(one.name, one.shape) for one in session.get_outputs()])
        height, width = [*session.get_inputs()[0].shape, None, None][2:4]
        if det_size is not None or not isinstance(height, int) or not isinstance(width, int):
            height = width = 640 if det_size is None else det_size
        if min(height, width) < 32 or height % 32 or width % 32:
            raise EncoderError(f"det_size is {width}x{height}; give a multiple of 32, such as 640")
        self.canvas = height, width
        self._start(content, session)
        self.detect(np.zeros((8, 8, 3), np.uint8))  # a probe: shapes are right, values finite
        self.id = (
            f"{type(self).__name__} sha256={self.sha256} canvas={width}x{height} "
            f"threshold={self.threshold:g} nms={self.nms:g} opencv={cv2.__version__}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # A session cannot be pickled: a worker opens the same file again, by hash.
        return type(self), (self.path, self._given, self.threshold, self.sha256)

    @abstractmethod
    def _require_kind(self, outputs: list[tuple[str, list[Any]]]) -> None:
        """Refuse a file whose outputs, names and shapes, are not those of this kind."""

    @abstractmethod
    def _start(self, content: bytes, session: ort.InferenceSession) -> None:
        """Make the network ready for the canvas."""

    def _check(self, outputs: dict[str, np.ndarray], shapes: list[tuple[int, int]]) -> None:
        for (name, values), shape in zip(outputs.items(), shapes, strict=True):
            if values.size != np.prod(shape) or not np.isfinite(values).all():
                raise EncoderError(
                    f"{self.path} returns {values.shape} as {name}, not finite {shape} on a canvas "
                    f"of {self.canvas}: it is damaged or of another det_size; give it, or fetch "
                    "the file again"
                )

    def _run(self, call: Callable[..., Any], *given: Any) -> Any:
        what = f"{self.path} cannot run on a canvas of {self.canvas[1]}x{self.canvas[0]}"
        with told(what, "give the det_size that it was made for, or fetch it again"):
            return call(*given)


class ScrfdDetector(NetworkDetector):
    """SCRFD as insightface runs it; parameters as `NetworkDetector`.

    The file has one input ``1 x 3 x H x W`` and nine outputs (scores, boxes and landmarks for
    strides 8, 16 and 32): at each cell of three grids two anchors, each with a score, the distances
    to the four sides of a box and the offsets of five landmarks, in units of the stride.
    """

    threshold, nms = 0.5, 0.4

    def _require_kind(self, outputs: list[tuple[str, list[Any]]]) -> None:
        widths = [width for width in _SCRFD_WIDTHS for _ in STRIDES]
        declared = [shape[-1] if shape else None for _, shape in outputs]
        pairs = zip(declared, widths, strict=False)
        if len(outputs) != 9 or any(isinstance(a, int) and a != b for a, b in pairs):
            what = {1: "a recognition or landmark network", 6: "a SCRFD without landmarks ('kps')"}
            raise EncoderError(
                f"{self.path} is {what.get(len(outputs), 'no SCRFD detector')}: SCRFD has nine "
                f"outputs, three each of width 1, 4 and 10, and not {outputs}: take {_FILES}"
            )

    def _start(self, content: bytes, session: ort.InferenceSession) -> None:
        self._session, (height, width) = session, self.canvas
        grids = [np.mgrid[:height:stride, :width:stride][::-1] for stride in STRIDES]
        # of each stride, (n, 2): centres (x, y) in the order of the outputs
        self._anchors = [xy.reshape(2, -1).T.repeat(2, 0).astype(float) for xy in grids]

    def _find(self, canvas: np.ndarray, threshold: float) -> list[Face]:
        planes = cv2.dnn.blobFromImage(canvas, 1 / 128, mean=(127.5, 127.5, 127.5))
        entry = self._session.get_inputs()[0].name
        outputs = self._run(self._session.run, None, {entry: planes})
        names = [one.name for one in self._session.get_outputs()]
        shapes = [(len(n), width) for width in _SCRFD_WIDTHS for n in self._anchors]
        self._check(dict(zip(names, outputs, strict=True)), shapes)
        shaped = [v.reshape(shape) for v, shape in zip(outputs, shapes, strict=True)]
        parts = []
        for k, (stride, anchors) in enumerate(zip(STRIDES, self._anchors, strict=True)):
            hit = np.flatnonzero(shaped[k][:, 0] >= threshold)
            score, away, offset = (values[hit].astype(float) for values in shaped[k::3])
            away, offset = away * stride, offset.reshape(-1, 5, 2) * stride
            box = np.hstack([anchors[hit] - away[:, :2], anchors[hit] + away[:, 2:]])
            parts.append((score[:, 0], box, anchors[hit, None] + offset))
        score, box, landmarks = map(np.concatenate, zip(*parts, strict=True))
        corner_and_size = np.hstack([box[:, :2], box[:, 2:] - box[:, :2]])
        keep = cv2.dnn.NMSBoxes(corner_and_size.tolist(), score.tolist(), 0.0, self.nms)
        return [Face(box[i], float(score[i]), landmarks[i]) for i in np.ravel(keep).astype(int)]


class YunetDetector(NetworkDetector):
    """OpenCV's ``FaceDetectorYN``; parameters as `NetworkDetector`.

    The file is ``face_detection_yunet_2023mar.onnx`` of opencv_zoo (MIT licence).
    """

    threshold, nms = 0.6, 0.3

    def _require_kind(self, outputs: list[tuple[str, list[Any]]]) -> None:
        if dict(outputs).keys() != _YUNET.keys():
            what = f"{self.path} is no YuNet of 2023 (its outputs are {outputs}): take {_FILES}"
            raise EncoderError(f"{what}; older ones do not run in OpenCV 4.8 and later")

    def _start(self, content: bytes, session: ort.InferenceSession) -> None:
        network, (height, width) = np.frombuffer(content, np.uint8), self.canvas
        net = self._run(cv2.dnn.readNetFromONNX, network)  # FaceDetectorYN checks no output
        net.setInput(np.zeros((1, 3, height, width), np.float32))
        probe = dict(zip(_YUNET, self._run(net.forward, list(_YUNET)), strict=True))
        self._check(probe, [(height * width // s**2, k) for k, s in _YUNET.values()])
        settings = (width, height), self.threshold, self.nms
        create, no_config = cv2.FaceDetectorYN.create, np.empty(0, np.uint8)
        self._net = self._run(create, "onnx", network, no_config, *settings)

    def _find(self, canvas: np.ndarray, threshold: float) -> list[Face]:
        self._net.setScoreThreshold(threshold)
        _, found = self._run(self._net.detect, cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        # a row: left, top, width, height, five points from the image's left, score
        rows[:, 2:4] += rows[:, :2]
        return [Face(row[:4], float(row[14]), row[4:14].reshape(5, 2)) for row in rows]


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
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
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
        if not faces:
            return None
        if faces[0].landmarks is None:
            return align_box(image, faces[0].box)
        return align(image, faces[0].landmarks)


def open_detector(path: str | Path | None = None) -> Detector:
    """Open a face detector, whichever of the known kinds its file is.

    Parameters
    ----------
    path
        A SCRFD file of insightface (``det_10g.onnx``) or OpenCV's YuNet, told apart by their
        outputs; None opens the Haar cascade that OpenCV brings along, without an upper bound.

    Raises
    ------
    EncoderError
        If the file is missing or no detector of these kinds.
    """
    if path is None:
        return BoundedHaarDetector(max_size_fraction=1.0)
    path = Path(path)
    names = {one.name for one in parse(read_file(path), path).graph.output}
    yunet = names == _YUNET.keys() or names == {"loc", "conf", "iou"}  # the latter before 2023
    return (YunetDetector if yunet else ScrfdDetector)(path)
