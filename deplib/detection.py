"""Face detectors with landmarks, read from an ONNX file.

`ScrfdDetector` runs any SCRFD file of insightface with landmarks (J. Guo et al., "Sample and
computation redistribution for efficient face detection", ICLR 2022), `YunetDetector` OpenCV's own
(W. Wu et al., "YuNet", Machine Intelligence Research 20, 2023).
"""

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import onnxruntime as ort

from deplib.alignment import BoundedHaarDetector, Detector, Face
from deplib.errors import EncoderError
from deplib.extraction import open_session, parse, read_file, told
from deplib.extraction.onnx_graph import Device

STRIDES = (8, 16, 32)
_SCRFD_WIDTHS = (1, 4, 10)  # numbers an anchor: score, box, landmarks
_YUNET_WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}  # numbers a cell
_YUNET = {f"{kind}_{s}": (width, s) for kind, width in _YUNET_WIDTHS.items() for s in STRIDES}
_FILES = "det_10g.onnx (SCRFD) or face_detection_yunet_2023mar.onnx (YuNet)"


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
    device
        Where a SCRFD runs; YuNet always runs on the processor.

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
        device: Device = "cpu",
    ) -> None:
        self.path, self._given = Path(path), (det_size, threshold)
        self.device = device
        self.threshold = type(self).threshold if threshold is None else threshold
        if not 0 < self.threshold < 1:
            raise EncoderError(f"threshold is {threshold}: give one between 0 and 1")
        content = read_file(self.path, sha256)
        self.sha256 = hashlib.sha256(content).hexdigest()
        session = open_session(content, self.path, threads=1, device=device)
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
            f"threshold={self.threshold:g} nms={self.nms:g} doubt={self.doubt:g} "
            f"opencv={cv2.__version__}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # A session cannot be pickled: a worker opens the same file again, by hash.
        return type(self), (self.path, *self._given, self.sha256, self.device)

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
    doubt = 0.8  # measured: faces 0.93, hands and prints on shirts up to 0.73

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


def open_detector(
    path: str | Path | None = None, det_size: int | None = None, device: Device = "cpu"
) -> Detector:
    """Open a face detector, whichever of the known kinds its file is.

    Parameters
    ----------
    path
        A SCRFD file of insightface (``det_10g.onnx``) or OpenCV's YuNet, told apart by their
        outputs; None opens the Haar cascade that OpenCV brings along, without an upper bound.
    det_size, device
        As of `NetworkDetector`.

    Raises
    ------
    EncoderError
        If the file is missing or no detector of these kinds.
    """
    if path is None:
        if det_size is not None:
            raise EncoderError("the Haar cascade has a canvas of its own: leave det_size out")
        return BoundedHaarDetector(max_size_fraction=1.0)
    path = Path(path)
    names = {one.name for one in parse(read_file(path), path).graph.output}
    yunet = names == _YUNET.keys() or names == {"loc", "conf", "iou"}  # the latter before 2023
    return (YunetDetector if yunet else ScrfdDetector)(path, det_size, device=device)
