"""YuNet through OpenCV's own decoding, on networks whose answers are planted."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from planted import write_constants, yunet_outputs

from deplib.alignment.yunet import YunetDetector
from deplib.errors import EncoderError

SIDE = 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """One face at row 1, column 2 of the finest grid, and a weaker one that overlaps nothing."""
    outputs = yunet_outputs(SIDE)
    cell = 1 * (SIDE // 8) + 2
    outputs["cls_8"][0, cell] = 0.9
    outputs["obj_8"][0, cell] = 0.9
    outputs["bbox_8"][0, cell] = [0.5, 0.25, np.log(3), np.log(2)]
    outputs["kps_8"][0, cell] = [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1]
    outputs["cls_32"][0, 3] = outputs["obj_32"][0, 3] = 0.5
    return write_constants(tmp_path / "yunet.onnx", outputs, side=SIDE)


def test_boxes_and_landmarks_are_in_pixels_of_the_image(path: Path) -> None:
    detector = YunetDetector(path, SIDE)
    (face,) = detector.detect(np.zeros((128, 96, 3), np.uint8))  # halved
    assert face.score == pytest.approx(0.9)
    centre = 16 * np.array([2.5, 1.25])
    half = 16 * np.array([3, 2]) / 2
    np.testing.assert_allclose(face.box, [*(centre - half), *(centre + half)], rtol=1e-5)
    wanted = 16.0 * np.array([[2, 1], [3, 1], [2.5, 1.5], [2, 2], [3, 2]])
    np.testing.assert_allclose(face.landmarks, wanted, rtol=1e-5)


def test_the_best_score_is_also_that_below_the_threshold(path: Path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    assert len(YunetDetector(path, SIDE, threshold=0.4).detect(image)) == 2
    strict = YunetDetector(path, SIDE, threshold=0.95)
    assert strict.best_score(image) == pytest.approx(0.9)
    assert strict.detect(image) == []


def test_it_travels_to_a_worker(path: Path) -> None:
    detector = YunetDetector(path, SIDE, threshold=0.4)
    copy = pickle.loads(pickle.dumps(detector))
    assert copy.id == detector.id
    assert len(copy.detect(np.zeros((64, 64, 3), np.uint8))) == 2


def test_the_id_tells_what_decides_the_faces(path: Path) -> None:
    ids = {YunetDetector(path, SIDE).id, YunetDetector(path, SIDE, threshold=0.5).id}
    assert len(ids) == 2
    assert all("opencv=" in one and str(path.parent) not in one for one in ids)


def test_outputs_of_another_canvas_are_refused(path: Path) -> None:
    with pytest.raises(EncoderError, match=r"cls_8|cannot run"):
        YunetDetector(path, 2 * SIDE)


def test_nan_is_no_empty_list(tmp_path: Path) -> None:
    outputs = yunet_outputs(SIDE)
    outputs["obj_16"][0, 0] = np.nan
    path = write_constants(tmp_path / "yunet.onnx", outputs, side=SIDE)
    with pytest.raises(EncoderError, match=r"as obj_16, where YuNet gives finite \(16, 1\)"):
        YunetDetector(path, SIDE)


def test_the_older_format_is_refused(tmp_path: Path) -> None:
    outputs = {"loc": np.zeros((84, 14)), "conf": np.zeros((84, 2)), "iou": np.zeros((84, 1))}
    path = write_constants(tmp_path / "yunet_2022.onnx", outputs, side=SIDE)
    with pytest.raises(EncoderError, match="is no YuNet of 2023"):
        YunetDetector(path, SIDE)


@pytest.mark.parametrize("det_size", [0, 16, 100, -64])
def test_a_canvas_that_does_not_divide_is_refused(path: Path, det_size: int) -> None:
    with pytest.raises(EncoderError, match="multiple of 32"):
        YunetDetector(path, det_size)
