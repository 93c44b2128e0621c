"""From a camera frame to the aligned crop that an encoder takes."""

from pathlib import Path

import numpy as np

from deplib.alignment.faces import Detector
from deplib.alignment.haar import BoundedHaarDetector, align_box
from deplib.alignment.network import open_network
from deplib.alignment.scrfd import ScrfdDetector, is_scrfd
from deplib.alignment.template import align
from deplib.alignment.yunet import YunetDetector, is_yunet
from deplib.errors import EncoderError


class FaceAligner:
    """Cut out the largest face of a camera frame, aligned to the five-point template.

    Parameters
    ----------
    detector
        With landmarks, if it can be had: see `open_detector`. Boxes alone are aligned by
        `deplib.alignment.haar.align_box`, which is coarser.

    Attributes
    ----------
    id : str
        All that decides the crops, in one line.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.id = f"largest face of {detector.id}"

    def __repr__(self) -> str:
        return f"FaceAligner({self.detector!r})"

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        """Return the largest face of one frame, or None where no face is found.

        Parameters
        ----------
        image
            RGB, uint8, shape ``(height, width, 3)``: a camera's frame. A crop that is aligned
            already needs no aligner.

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
        largest = faces[0]
        if largest.landmarks is None:
            return align_box(image, largest.box)
        return align(image, largest.landmarks)


def open_detector(
    path: str | Path | None = None,
    det_size: int | None = None,
    *,
    threshold: float | None = None,
    sha256: str | None = None,
) -> Detector:
    """Open a face detector, whichever of the known kinds its file is.

    Parameters
    ----------
    path
        A SCRFD file of insightface (``det_10g.onnx``) or OpenCV's YuNet, told apart by their
        outputs; None opens the Haar cascade that OpenCV brings along.
    det_size
        Side of the canvas that images are fitted to, pixels; 640 by default, 256 for Haar.
    threshold
        Least score of a face; the kind's own by default. Not for Haar.
    sha256
        Expected hash of the file; another file is refused.

    Raises
    ------
    EncoderError
        If the file is missing, altered, or no detector of these kinds.
    """
    if path is None:
        if threshold is not None or sha256 is not None:
            raise EncoderError("threshold and sha256 belong to a detector's file: give its path")
        side = 256 if det_size is None else det_size
        if side < 64:
            raise EncoderError(f"det_size is {side}; give at least 64, for instance 256")
        least = side * BoundedHaarDetector.min_size // BoundedHaarDetector.det_size
        return BoundedHaarDetector(det_size=side, min_size=least, max_size_fraction=1.0)
    given = {} if threshold is None else {"threshold": threshold}
    network = open_network(path, sha256=sha256)
    if is_yunet(network) or network.outputs.keys() == {"loc", "conf", "iou"}:  # before 2023
        return YunetDetector(path, det_size, sha256=sha256, **given)
    if is_scrfd(network) or len(network.outputs) in (1, 6):  # the class says what is missing
        return ScrfdDetector(path, det_size, sha256=sha256, **given)
    raise EncoderError(
        f"{network.path} is no detector known here ({network.signature}): give a SCRFD file with "
        "landmarks (det_10g.onnx of buffalo_l) or face_detection_yunet_2023mar.onnx"
    )
