"""SCRFD's decoding against a plain loop, on networks whose answers are planted."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import helper, numpy_helper
from planted import STRIDES, scrfd_outputs, write_constants
from tiny import write_onnx

from deplib.alignment.scrfd import ScrfdDetector
from deplib.errors import EncoderError

SIDE = 128


def plain_decode(
    outputs: dict[str, np.ndarray], scale: float, *, threshold: float = 0.5, nms: float = 0.4
) -> list[tuple[float, list[float], list[tuple[float, float]]]]:
    """Decode anchor by anchor, best first, as the format's description says."""
    faces = []
    for stride in STRIDES:
        anchor = 0
        for row in range(SIDE // stride):
            for column in range(SIDE // stride):
                for _ in range(2):
                    score = float(np.float32(outputs[f"score_{stride}"][anchor, 0]))
                    x, y = column * stride, row * stride
                    left, top, right, bottom = outputs[f"bbox_{stride}"][anchor] * stride
                    box = [(x - left), (y - top), (x + right), (y + bottom)]
                    kps = outputs[f"kps_{stride}"][anchor] * stride
                    points = [
                        ((x + kps[2 * k]) / scale, (y + kps[2 * k + 1]) / scale) for k in range(5)
                    ]
                    if score >= threshold:
                        faces.append((score, [side / scale for side in box], points))
                    anchor += 1
    kept: list = []
    for face in sorted(faces, key=lambda face: -face[0]):
        if all(overlap(face[1], other[1]) <= nms for other in kept):
            kept.append(face)
    return kept


def overlap(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (both - width * height)


@pytest.mark.parametrize("shape", [(112, 112), (480, 640), (640, 480), (30, 50)])
def test_boxes_and_landmarks_are_those_of_a_plain_loop(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    outputs = scrfd_outputs(SIDE, rng=np.random.default_rng(shape[0]))
    detector = ScrfdDetector(write_constants(tmp_path / "d.onnx", outputs, side=SIDE))
    wanted = plain_decode(outputs, SIDE / max(shape))
    found = detector.detect(np.zeros((*shape, 3), np.uint8))
    assert 3 < len(wanted) < 24  # overlaps went
    assert len(found) == len(wanted)
    by_score = sorted(found, key=lambda face: -face.score)
    for face, (score, box, points) in zip(by_score, wanted, strict=True):
        assert face.score == pytest.approx(score, rel=1e-6)
        np.testing.assert_allclose(face.box, box, rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(face.landmarks, points, rtol=1e-5, atol=1e-3)
    areas = [np.prod(face.box[2:] - face.box[:2]) for face in found]
    assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize("stride", STRIDES)
def test_one_face_at_one_anchor(tmp_path: Path, stride: int) -> None:
    """Row 1, column 2, second anchor: its centre is (2, 1) strides of the canvas."""
    outputs = {name: np.zeros_like(values) for name, values in empty().items()}
    anchor = 2 * (1 * (SIDE // stride) + 2) + 1
    outputs[f"score_{stride}"][anchor] = 0.75
    outputs[f"bbox_{stride}"][anchor] = [1, 0.5, 1, 0.5]
    outputs[f"kps_{stride}"][anchor] = [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1]
    detector = ScrfdDetector(write_constants(tmp_path / "d.onnx", outputs, side=SIDE))
    (face,) = detector.detect(np.zeros((64, 64, 3), np.uint8))  # enlarged by two
    step = stride / 2
    assert face.score == 0.75
    np.testing.assert_allclose(face.box, np.array([1, 0.5, 3, 1.5]) * step)
    wanted = [[2, 1], [3, 1], [2.5, 1.5], [2, 2], [3, 2]]
    np.testing.assert_allclose(face.landmarks, np.array(wanted) * step)


def empty() -> dict[str, np.ndarray]:
    return scrfd_outputs(SIDE, rng=np.random.default_rng(0), hits=0)


@pytest.mark.parametrize(("score", "found"), [(0.499, 0), (0.5, 1), (0.501, 1)])
def test_the_threshold_is_the_least_score(tmp_path: Path, score: float, found: int) -> None:
    outputs = empty()
    for stride in STRIDES:
        outputs[f"score_{stride}"][:] = 0
    outputs["score_16"][7] = score
    detector = ScrfdDetector(write_constants(tmp_path / "d.onnx", outputs, side=SIDE))
    image = np.zeros((50, 50, 3), np.uint8)
    assert len(detector.detect(image)) == found
    assert detector.best_score(image) == pytest.approx(score)


def write_red(path: Path, side: int | str) -> Path:
    """Write a network whose score is the mean red of a cell, in 0 to 1, and whose box is the cell.

    Its answer depends on the channel order, the normalisation and where the image lies.
    """
    nodes = [
        helper.make_node("Slice", ["image", "from", "to", "axis"], ["red"]),
        helper.make_node("Mul", ["red", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mean"], ["level"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([0]), "from"),
        numpy_helper.from_array(np.array([1]), "to"),
        numpy_helper.from_array(np.array([1]), "axis"),
        numpy_helper.from_array(np.float32(128 / 255), "std"),
        numpy_helper.from_array(np.float32(127.5 / 255), "mean"),
    ]
    shapes = {"score": 1, "bbox": 4, "kps": 10}
    values = {"bbox": [0, 0, 1, 1], "kps": [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1]}
    for kind, row in values.items():
        weights.append(numpy_helper.from_array(np.array([row], np.float32), f"{kind}_row"))
    weights += [
        numpy_helper.from_array(np.array([-1, 1]), "column"),
        numpy_helper.from_array(np.ones((1, 2), np.float32), "pair"),
        numpy_helper.from_array(np.float32(0), "zero"),
    ]
    for s in STRIDES:
        nodes += [
            helper.make_node(
                "AveragePool", ["level"], [f"mean_{s}"], kernel_shape=[s, s], strides=[s, s]
            ),
            helper.make_node("Reshape", [f"mean_{s}", "column"], [f"cells_{s}"]),
            helper.make_node("MatMul", [f"cells_{s}", "pair"], [f"pairs_{s}"]),
            helper.make_node("Reshape", [f"pairs_{s}", "column"], [f"score_{s}"]),
            helper.make_node("Mul", [f"score_{s}", "zero"], [f"zeros_{s}"]),
            helper.make_node("Add", [f"zeros_{s}", "bbox_row"], [f"bbox_{s}"]),
            helper.make_node("Add", [f"zeros_{s}", "kps_row"], [f"kps_{s}"]),
        ]
    return write_onnx(
        path, nodes, weights,
        inputs={"image": [1, 3, side, side]},
        outputs={f"{kind}_{s}": [None, width] for kind, width in shapes.items() for s in STRIDES},
    )  # fmt: skip


@pytest.mark.parametrize("det_size", [64, 128, 320])
def test_a_red_patch_is_found_where_it_is(tmp_path: Path, det_size: int) -> None:
    image = np.zeros((96, 160, 3), np.uint8)
    image[..., 2] = 200  # blue is no red
    image[40:80, 80:120, 0] = 250
    detector = ScrfdDetector(write_red(tmp_path / "red.onnx", "side"), det_size)
    assert detector.best_score(image) == pytest.approx(250 / 255, abs=0.01)
    largest = detector.detect(image)[0]
    scale = det_size / 160
    x, y = (largest.box[:2] + largest.box[2:]) / 2
    margin = 8 / scale
    assert 80 - margin < x < 120 + margin
    assert 40 - margin < y < 80 + margin
    np.testing.assert_allclose(largest.landmarks[2], [x, y])
    image[..., 0] = 0
    assert detector.detect(image) == []


def test_the_canvas_is_black_outside_the_image(tmp_path: Path) -> None:
    detector = ScrfdDetector(write_red(tmp_path / "red.onnx", "side"), 64)
    wide = np.full((40, 200, 3), 255, np.uint8)
    bottom = max(face.box[3] for face in detector.detect(wide))
    assert bottom <= 40 + 32 * 200 / 64


def test_a_file_may_fix_its_canvas(tmp_path: Path) -> None:
    path = write_red(tmp_path / "red.onnx", 96)
    assert "canvas=96x96" in ScrfdDetector(path).id
    assert "canvas=96x96" in ScrfdDetector(path, 96).id
    with pytest.raises(EncoderError, match="takes images of 96x96 only, not det_size 640"):
        ScrfdDetector(path, 640)


def test_a_free_canvas_is_640_by_default(tmp_path: Path) -> None:
    assert "canvas=640x640" in ScrfdDetector(write_red(tmp_path / "red.onnx", "side")).id


@pytest.mark.parametrize("det_size", [0, 16, 112, -32])
def test_a_canvas_that_does_not_divide_is_refused(tmp_path: Path, det_size: int) -> None:
    with pytest.raises(EncoderError, match="give multiples of 32"):
        ScrfdDetector(write_red(tmp_path / "red.onnx", "side"), det_size)


def test_the_id_tells_what_decides_the_faces(tmp_path: Path) -> None:
    path = write_red(tmp_path / "red.onnx", "side")
    other = write_constants(tmp_path / "other.onnx", empty(), side=SIDE)
    detectors = [
        ScrfdDetector(path, 64),
        ScrfdDetector(path, 96),
        ScrfdDetector(path, 64, threshold=0.4),
        ScrfdDetector(path, 64, nms=0.3),
        ScrfdDetector(other),
    ]
    assert len({one.id for one in detectors}) == len(detectors)
    assert ScrfdDetector(path, 64).id == detectors[0].id
    assert str(tmp_path) not in detectors[0].id


@pytest.mark.parametrize(("side", "det_size"), [("side", 96), (96, None)])
def test_it_travels_to_a_worker(tmp_path: Path, side: int | str, det_size: int | None) -> None:
    detector = ScrfdDetector(write_red(tmp_path / "a red'\n.onnx", side), det_size, threshold=0.3)
    copy = pickle.loads(pickle.dumps(detector))
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8), (90, 60))
    assert copy.id == detector.id
    assert [face.score for face in copy.detect(image)] == [
        face.score for face in detector.detect(image)
    ]


def test_a_variant_without_landmarks_is_refused(tmp_path: Path) -> None:
    outputs = {name: values for name, values in empty().items() if not name.startswith("kps")}
    path = write_constants(tmp_path / "scrfd_500m.onnx", outputs, side=SIDE)
    with pytest.raises(EncoderError, match=r"scrfd_500m\.onnx is a SCRFD without landmarks.*kps"):
        ScrfdDetector(path)


def test_outputs_of_another_canvas_are_refused(tmp_path: Path) -> None:
    path = write_constants(tmp_path / "d.onnx", empty(), side="side")
    with pytest.raises(EncoderError, match=r"at stride 8, where SCRFD gives \(12800, 1\)"):
        ScrfdDetector(path, 640)
    assert ScrfdDetector(path, SIDE)


def test_nan_is_no_empty_list(tmp_path: Path) -> None:
    outputs = empty()
    outputs["score_32"][0] = np.nan
    path = write_constants(tmp_path / "d.onnx", outputs, side=SIDE)
    with pytest.raises(EncoderError, match="NaN or infinite"):
        ScrfdDetector(path)


@pytest.mark.parametrize("settings", [{"threshold": 0}, {"threshold": 1.5}, {"nms": 0}])
def test_impossible_settings_are_refused(tmp_path: Path, settings: dict) -> None:
    with pytest.raises(EncoderError, match="between 0 and 1"):
        ScrfdDetector(write_red(tmp_path / "red.onnx", 64), **settings)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    detector = ScrfdDetector(write_red(tmp_path / "red.onnx", 64))
    with pytest.raises(EncoderError, match="give one RGB image"):
        detector.detect(np.zeros((64, 64), np.uint8))
