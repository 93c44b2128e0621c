"""YuNet, OpenCV's small face detector, read from a user's file.

W. Wu, H. Peng and S. Yu, "YuNet: a tiny millisecond-level face detector", Machine Intelligence
Research 20, 2023. OpenCV decodes its outputs; the file is ``face_detection_yunet_2023mar.onnx`` of
the opencv_zoo repository (MIT licence).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deplib.alignment.faces import Face, check_image, largest_first, letterbox
from deplib.alignment.network import Network, check_shares, open_network
from deplib.errors import EncoderError
from deplib.extraction.encoders.onnx_file import first_line

_WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}  # numbers a cell
_STRIDES = (8, 16, 32)
_OUTPUTS = {
    f"{kind}_{stride}": (width, stride) for kind, width in _WIDTHS.items() for stride in _STRIDES
}
_TOP_K = 5000  # candidates kept before overlaps are removed; OpenCV's default


class YunetDetector:
    """OpenCV's ``FaceDetectorYN`` on a canvas of fixed size.

    Parameters
    ----------
    path
        The ONNX file.
    det_size
        Side of the square canvas that images are fitted to, a multiple of 32; 640 by default.
    threshold
        Least score of a face; opencv_zoo's own default.
    nms
        Largest overlap (intersection over union) of two faces.
    sha256
        Expected hash of the file; another file is refused.

    Attributes
    ----------
    id : str
        File hash, settings and OpenCV's version in one line.

    Raises
    ------
    EncoderError
        If the file is missing, altered, no ONNX, or no YuNet that OpenCV can run.
    """

    def __init__(
        self,
        path: str | Path,
        det_size: int | None = None,
        *,
        threshold: float = 0.6,
        nms: float = 0.3,
        sha256: str | None = None,
    ) -> None:
        side = 640 if det_size is None else det_size
        check_shares(threshold=threshold, nms=nms)
        if side < 32 or side % 32:
            raise EncoderError(f"det_size is {side}; give a multiple of 32, for instance 640")
        network = open_network(path, sha256=sha256)
        if not is_yunet(network):
            raise EncoderError(
                f"{network.path} is no YuNet of 2023 ({network.signature}): fetch "
                "face_detection_yunet_2023mar.onnx; older ones do not run in OpenCV 4.8 and later"
            )
        self.path, self.sha256 = network.path, network.sha256
        self.det_size, self.threshold, self.nms = side, threshold, nms
        try:
            self._check_shapes(network)
            self._net = cv2.FaceDetectorYN.create(
                "onnx", np.frombuffer(network.content, np.uint8), np.empty(0, np.uint8),
                (side, side), threshold, nms, _TOP_K,
            )  # fmt: skip
        except cv2.error as error:
            raise self._failed(error) from error
        self.id = (
            f"YuNet sha256={self.sha256} canvas={side}x{side} threshold={threshold:g} nms={nms:g} "
            f"opencv={cv2.__version__}"
        )

    def __repr__(self) -> str:
        return f"YunetDetector({self.path.name}, {self.det_size}x{self.det_size})"

    def __reduce__(self) -> tuple[Callable[[], "YunetDetector"], tuple[()]]:
        # OpenCV's detector cannot be pickled: a worker opens the same file again, by hash.
        again = partial(
            YunetDetector, self.path, self.det_size,
            threshold=self.threshold, nms=self.nms, sha256=self.sha256,
        )  # fmt: skip
        return again, ()

    def detect(self, image: np.ndarray) -> list[Face]:
        """Return the faces in an image, largest first; see `Detector`.

        Raises
        ------
        EncoderError
            If the image is no RGB uint8 image, or OpenCV fails on the network.
        """
        return largest_first(self._find(image, self.threshold))

    def best_score(self, image: np.ndarray) -> float:
        """Return the highest score of any candidate, below the threshold too."""
        return max((face.score for face in self._find(image, 0.0)), default=0.0)

    def _find(self, image: np.ndarray, threshold: float) -> list[Face]:
        check_image(image)
        canvas, scale = letterbox(image, self.det_size, self.det_size)
        self._net.setScoreThreshold(threshold)
        try:
            _, found = self._net.detect(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
        except cv2.error as error:
            raise self._failed(error) from error
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        rows[:, :14] /= scale
        # a row: left, top, width, height, five points from the image's left, score
        rows[:, 2:4] += rows[:, :2]
        return [Face(row[:4], float(row[14]), row[4:14].reshape(5, 2)) for row in rows]

    def _check_shapes(self, network: Network) -> None:
        """Run the network on a blank canvas; `FaceDetectorYN` reads its outputs unchecked."""
        net = cv2.dnn.readNetFromONNX(np.frombuffer(network.content, np.uint8))
        net.setInput(np.zeros((1, 3, self.det_size, self.det_size), np.float32))
        outputs = net.forward(list(_OUTPUTS))
        for values, (name, (width, stride)) in zip(outputs, _OUTPUTS.items(), strict=True):
            cells = (self.det_size // stride) ** 2
            if values.size != cells * width or not np.isfinite(values).all():
                raise EncoderError(
                    f"{self.path} returns {values.shape} as {name}, where YuNet gives finite "
                    f"({cells}, {width}) on a canvas of {self.det_size}: it is damaged, or made "
                    "for another det_size; fetch face_detection_yunet_2023mar.onnx"
                )

    def _failed(self, error: Exception) -> EncoderError:
        return EncoderError(
            f"OpenCV {cv2.__version__} cannot run {self.path} on a canvas of {self.det_size}: "
            f"{first_line(error)}; fetch face_detection_yunet_2023mar.onnx again, or try another "
            "det_size"
        )


def is_yunet(network: Network) -> bool:
    """Whether an ONNX file has the twelve outputs of YuNet (2023)."""
    return network.outputs.keys() == _OUTPUTS.keys()
