"""SCRFD, the detector family of insightface: any of its ONNX files with landmarks.

J. Guo, J. Deng, A. Lattas and S. Zafeiriou, "Sample and computation redistribution for efficient
face detection", ICLR 2022. The decoding is that of insightface's ``SCRFD`` class: at each cell of
three grids, two anchors, each with a score, the distances to the four sides of a box and the
offsets of five landmarks, both in units of the grid's stride.
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

STRIDES = (8, 16, 32)
ANCHORS = 2  # a cell
_WIDTHS = (1, 4, 10)  # numbers an anchor: score, box, landmarks


class ScrfdDetector:
    """A SCRFD detector read from an ONNX file, as insightface runs it.

    Parameters
    ----------
    path
        The file: one input ``1 x 3 x H x W``, nine outputs (scores, boxes and landmarks for strides
        8, 16 and 32); ``det_10g.onnx`` of buffalo_l, ``det_500m.onnx`` and their like.
    det_size
        Side of the square canvas that images are fitted to, a multiple of 32; 640 by default, as
        in insightface, or what the file fixes.
    threshold
        Least score of a face.
    nms
        Largest overlap (intersection over union) of two faces.
    sha256
        Expected hash of the file; another file is refused.

    Attributes
    ----------
    id : str
        File hash and settings in one line.

    Raises
    ------
    EncoderError
        If the file is missing, altered, no ONNX, or no SCRFD with landmarks.
    """

    def __init__(
        self,
        path: str | Path,
        det_size: int | None = None,
        *,
        threshold: float = 0.5,
        nms: float = 0.4,
        sha256: str | None = None,
    ) -> None:
        check_shares(threshold=threshold, nms=nms)
        network = open_network(path, sha256=sha256)
        _check_outputs(network)
        self.path, self.sha256 = network.path, network.sha256
        self.threshold, self.nms = threshold, nms
        self._session = network.session
        self._input = network.session.get_inputs()[0].name
        self._height, self._width = _canvas(network, det_size)
        self._anchors = {
            stride: _anchors(self._height, self._width, stride) for stride in STRIDES
        }  # stride -> (n, 2)
        self.best_score(np.zeros((8, 8, 3), np.uint8))  # a probe: shapes are right, values finite
        self.id = (
            f"SCRFD sha256={self.sha256} canvas={self._width}x{self._height} "
            f"threshold={threshold:g} nms={nms:g}"
        )

    def __repr__(self) -> str:
        return f"ScrfdDetector({self.path.name}, {self._width}x{self._height})"

    def __reduce__(self) -> tuple[Callable[[], "ScrfdDetector"], tuple[()]]:
        # A runtime session cannot be pickled: a worker opens the same file again, by hash.
        side = self._width if self._width == self._height else None
        again = partial(
            ScrfdDetector, self.path, side,
            threshold=self.threshold, nms=self.nms, sha256=self.sha256,
        )  # fmt: skip
        return again, ()

    def detect(self, image: np.ndarray) -> list[Face]:
        """Return the faces in an image, largest first; see `Detector`.

        Raises
        ------
        EncoderError
            If the image is no RGB uint8 image, or the network's output is not finite.
        """
        grids, scale = self._run(image)
        scores, boxes, points = [], [], []
        for stride, (score, sides, offsets) in grids.items():
            hit = np.flatnonzero(score[:, 0] >= self.threshold)
            centre = self._anchors[stride][hit]
            away = sides[hit].astype(np.float64) * stride
            scores.append(score[hit, 0])
            boxes.append(np.hstack([centre - away[:, :2], centre + away[:, 2:]]))
            points.append(centre[:, None] + offsets[hit].reshape(-1, 5, 2) * float(stride))
        score = np.concatenate(scores).astype(float)
        box, landmarks = np.concatenate(boxes) / scale, np.concatenate(points) / scale
        corner_and_size = np.hstack([box[:, :2], box[:, 2:] - box[:, :2]])
        keep = cv2.dnn.NMSBoxes(corner_and_size.tolist(), score.tolist(), 0.0, self.nms)
        return largest_first([Face(box[i], float(score[i]), landmarks[i]) for i in np.ravel(keep)])

    def best_score(self, image: np.ndarray) -> float:
        """Return the highest score of any anchor, below the threshold too."""
        grids, _ = self._run(image)
        return float(max(score.max() for score, _, _ in grids.values()))

    def _run(self, image: np.ndarray) -> tuple[dict[int, tuple[np.ndarray, ...]], float]:
        """Return each stride's (scores, box sides, landmark offsets), and the canvas's scale."""
        check_image(image)
        canvas, scale = letterbox(image, self._height, self._width)
        planes = cv2.dnn.blobFromImage(canvas, 1 / 128, mean=(127.5, 127.5, 127.5))
        try:
            outputs = self._session.run(None, {self._input: planes})
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise EncoderError(
                f"{self.path} failed on a canvas of {self._width}x{self._height}: "
                f"{first_line(error)}; give the det_size that the file was made for"
            ) from error
        grids = {}
        for i, stride in enumerate(STRIDES):
            grids[stride] = group = tuple(outputs[i::3])
            n = len(self._anchors[stride])
            for width, values in zip(_WIDTHS, group, strict=True):
                if values.size != n * width:
                    raise EncoderError(
                        f"{self.path} returns {values.shape} at stride {stride}, where SCRFD gives "
                        f"({n}, {width}): it is another detector, or was exported for another "
                        "canvas; fetch det_10g.onnx of buffalo_l, or give its own det_size"
                    )
            if not all(np.isfinite(values).all() for values in group):
                raise EncoderError(
                    f"{self.path} returns NaN or infinite values: its weights are damaged; fetch "
                    "the file again"
                )
            grids[stride] = tuple(
                values.reshape(n, width) for width, values in zip(_WIDTHS, group, strict=True)
            )
        return grids, scale


def is_scrfd(network: Network) -> bool:
    """Whether an ONNX file has the outputs of SCRFD with landmarks, as far as it declares them."""
    return _match(network, _WIDTHS)


def _match(network: Network, widths: tuple[int, ...]) -> bool:
    wanted = [width for width in widths for _ in STRIDES]
    declared = [shape[-1] if shape else None for shape in network.outputs.values()]
    return len(declared) == len(wanted) and all(
        not isinstance(have, int) or have == want
        for have, want in zip(declared, wanted, strict=True)
    )


def _check_outputs(network: Network) -> None:
    if is_scrfd(network):
        return
    if _match(network, _WIDTHS[:2]):
        raise EncoderError(
            f"{network.path} is a SCRFD without landmarks (6 outputs), and alignment needs the "
            "five points: take the variant with keypoints ('kps' or 'bnkps' in its name), or "
            "det_10g.onnx of buffalo_l"
        )
    if len(network.outputs) == 1:
        raise EncoderError(
            f"{network.path} has one output {next(iter(network.outputs.values()))}: it is a "
            "recognition or landmark network, no detector; in buffalo_l that is det_10g.onnx"
        )
    raise EncoderError(
        f"{network.path} is no SCRFD detector ({network.signature}); it needs nine outputs, three "
        "each of width 1, 4 and 10: take det_10g.onnx of buffalo_l"
    )


def _canvas(network: Network, det_size: int | None) -> tuple[int, int]:
    """Return height and width of the canvas, those of the file where it fixes them."""
    height, width = network.session.get_inputs()[0].shape[2:]
    fixed = isinstance(height, int) and isinstance(width, int)
    if fixed and det_size is not None and (height, width) != (det_size, det_size):
        raise EncoderError(
            f"{network.path} takes images of {width}x{height} only, not det_size {det_size}: leave "
            "det_size out, or take a file with a free input size"
        )
    if not fixed:
        height = width = 640 if det_size is None else det_size
    if min(height, width) < 32 or height % 32 or width % 32:
        raise EncoderError(f"det_size is {width}x{height}; give multiples of 32, for instance 640")
    return height, width


def _anchors(height: int, width: int, stride: int) -> np.ndarray:
    """Return the anchors' centres (x, y) in the order of the outputs, row by row."""
    y, x = np.mgrid[: height // stride, : width // stride] * stride
    centres = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    return centres.repeat(ANCHORS, axis=0)
