"""Detectors read from a file decode what their networks say."""

import pickle
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from onnx import helper, numpy_helper
from tiny import write_onnx

from deplib import detection
from deplib.alignment import BoundedHaarDetector, Face
from deplib.detection import ScrfdDetector, YunetDetector
from deplib.errors import EncoderError

SIDE = 128
BLANK = np.zeros((64, 64, 3), np.uint8)


def write_constants(path: Path, outputs: dict[str, np.ndarray], side: int | str = SIDE) -> Path:
    """Write a network that answers every image with the same arrays."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
    ]
    weights = []
    for name, values in outputs.items():
        weights += [
            numpy_helper.from_array(np.zeros((3, values.size), np.float32), f"{name}_w"),
            numpy_helper.from_array(values.astype(np.float32).reshape(1, -1), f"{name}_b"),
            numpy_helper.from_array(np.array(values.shape, np.int64), f"{name}_s"),
        ]
        nodes += [
            helper.make_node("MatMul", ["means", f"{name}_w"], [f"{name}_m"]),
            helper.make_node("Add", [f"{name}_m", f"{name}_b"], [f"{name}_f"]),
            helper.make_node("Reshape", [f"{name}_f", f"{name}_s"], [name]),
        ]
    shapes = {name: list(values.shape) for name, values in outputs.items()}
    return write_onnx(path, nodes, weights, inputs={"image": [1, 3, side, side]}, outputs=shapes)


def scrfd_outputs(hits: int = 8, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw SCRFD's nine outputs: some confident anchors at each stride."""
    rng, counts = np.random.default_rng(seed), {s: 2 * (SIDE // s) ** 2 for s in detection.STRIDES}
    out = {f"score_{s}": rng.uniform(0, 0.49, (n, 1)) for s, n in counts.items()}
    for score in out.values():
        score[rng.choice(len(score), hits, replace=False)] = rng.uniform(0.5, 1, (hits, 1))
    out |= {f"bbox_{s}": rng.uniform(0.5, 3, (n, 4)) for s, n in counts.items()}
    return out | {f"kps_{s}": rng.uniform(-2, 2, (n, 10)) for s, n in counts.items()}


def yunet_outputs() -> dict[str, np.ndarray]:
    """One face at row 1, column 2 of the finest grid, and a weaker one that overlaps nothing."""
    grids = {name: (1, (SIDE // s) ** 2, width) for name, (width, s) in detection._YUNET.items()}
    out = {name: np.zeros(shape) for name, shape in grids.items()}
    cell = 1 * (SIDE // 8) + 2
    out["cls_8"][0, cell] = out["obj_8"][0, cell] = 0.9
    out["bbox_8"][0, cell] = [0.5, 0.25, np.log(3), np.log(2)]
    out["kps_8"][0, cell] = [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1]
    out["cls_32"][0, 9] = out["obj_32"][0, 9] = 0.5
    return out


@pytest.fixture
def scrfd(tmp_path):
    return write_constants(tmp_path / "a red'\n.onnx", scrfd_outputs())


@pytest.fixture
def yunet(tmp_path):
    return write_constants(tmp_path / "yunet.onnx", yunet_outputs())


# --- SCRFD


def overlap(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (both - width * height)


@pytest.mark.parametrize("shape", [(112, 112), (480, 640)])
def test_boxes_and_landmarks_are_those_of_a_plain_loop(tmp_path, shape):
    """Decode anchor by anchor, best first, as the format's description says."""
    outputs, scale = scrfd_outputs(seed=shape[0]), SIDE / max(shape)
    faces = []
    for stride in detection.STRIDES:
        for anchor, score in enumerate(outputs[f"score_{stride}"][:, 0]):
            row, column = divmod(anchor // 2, SIDE // stride)
            centre = np.array([column, row]) * stride
            sides = outputs[f"bbox_{stride}"][anchor] * stride
            box = np.array([*(centre - sides[:2]), *(centre + sides[2:])]) / scale
            points = (centre + outputs[f"kps_{stride}"][anchor].reshape(5, 2) * stride) / scale
            if score >= 0.5:
                faces.append(Face(box, score, points))
    wanted: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(overlap(face.box, other.box) <= 0.4 for other in wanted):
            wanted.append(face)
    detector = ScrfdDetector(write_constants(tmp_path / "d.onnx", outputs))
    found = detector.detect(np.zeros((*shape, 3), np.uint8))
    assert 3 < len(wanted) == len(found) < len(faces)  # overlaps went
    for face, right in zip(sorted(found, key=lambda face: -face.score), wanted, strict=True):
        for one, other in zip(face, right, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-3)
    areas = [np.prod(face.box[2:] - face.box[:2]) for face in found]
    assert areas == sorted(areas, reverse=True)


def test_the_network_sees_normalised_rgb(scrfd):
    """Red 255 is 127.5 / 128 in the first plane; outside the image the canvas is black."""
    detector = ScrfdDetector(scrfd)
    detector._session = Mock(wraps=detector._session)
    image = np.zeros((40, 80, 3), np.uint8)
    image[..., 0] = 255
    detector.detect(image)
    (planes,) = detector._session.run.call_args.args[1].values()
    assert planes.shape == (1, 3, SIDE, SIDE)
    assert planes[0, 0, :64] == pytest.approx(127.5 / 128)
    assert planes[0, 1:] == pytest.approx(-127.5 / 128)
    assert planes[0, :, 64:] == pytest.approx(-127.5 / 128)


# --- YuNet


def test_yunets_boxes_and_landmarks_are_in_pixels_of_the_image(yunet):
    image = np.zeros((256, 96, 3), np.uint8)  # halved
    (face,) = YunetDetector(yunet, SIDE).detect(image)
    assert face.score == pytest.approx(0.9)
    centre, half = 16 * np.array([2.5, 1.25]), 16 * np.array([3, 2]) / 2
    np.testing.assert_allclose(face.box, [*(centre - half), *(centre + half)], rtol=1e-5)
    wanted = 16.0 * np.array([[2, 1], [3, 1], [2.5, 1.5], [2, 2], [3, 2]])
    np.testing.assert_allclose(face.landmarks, wanted, rtol=1e-5)
    assert len(YunetDetector(yunet, SIDE, threshold=0.4).detect(BLANK)) == 2
    strict = YunetDetector(yunet, SIDE, threshold=0.95)
    assert strict.best_score(BLANK) == pytest.approx(0.9)
    assert strict.detect(BLANK) == []


# --- both, and what is neither


def test_networks_travel_and_say_what_decides_their_faces(scrfd, yunet):
    assert isinstance(detection.open_detector(), BoundedHaarDetector)
    for kind, path in ((ScrfdDetector, scrfd), (YunetDetector, yunet)):
        assert isinstance(detection.open_detector(path), kind)
        detector = kind(path, SIDE, threshold=0.45)
        assert detector.threshold == 0.45
        copy = pickle.loads(pickle.dumps(detector))
        assert copy.id == detector.id
        assert [f.score for f in copy.detect(BLANK)] == [f.score for f in detector.detect(BLANK)]
        assert detector.id != kind(path, SIDE).id
        assert str(path.parent) not in detector.id


def test_a_canvas_is_the_files_own_or_640(tmp_path, scrfd):
    assert ScrfdDetector(scrfd).canvas == (SIDE, SIDE)
    with pytest.raises(EncoderError, match=r"canvas of 640x640: .*give the det_size that"):
        ScrfdDetector(scrfd, 640)
    free = write_constants(tmp_path / "free.onnx", scrfd_outputs(), "side")
    assert ScrfdDetector(free, SIDE).canvas == (SIDE, SIDE)
    with pytest.raises(EncoderError, match=r"not finite \(12800, 1\) on a canvas of \(640, 640\)"):
        ScrfdDetector(free)
    for det_size in (0, 16, 112, -32):
        with pytest.raises(EncoderError, match="multiple of 32"):
            ScrfdDetector(free, det_size)


def spoilt(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    name = next(iter(outputs))
    return outputs | {name: np.full_like(outputs[name], np.nan)}


BOXES = {name: np.zeros((4, 2)) for name in ("boxes", "labels")}
OLD_YUNET = {name: np.zeros((4, 2)) for name in ("loc", "conf", "iou")}
NO_LANDMARKS = {name: v for name, v in scrfd_outputs().items() if not name.startswith("kps")}


OTHERS = [
    ({"features": np.zeros((1, 4))}, r"recognition or landmark network.*det_10g\.onnx"),
    (NO_LANDMARKS, "SCRFD without landmarks"),
    (OLD_YUNET, "no YuNet of 2023"),
    (BOXES, "no SCRFD detector"),
    (spoilt(scrfd_outputs()), "damaged"),
    (spoilt(yunet_outputs()), "damaged"),
]


@pytest.mark.parametrize(("outputs", "message"), OTHERS)
def test_another_or_a_damaged_network_is_named(tmp_path, outputs, message):
    with pytest.raises(EncoderError, match=rf"d\.onnx.*{message}"):
        detection.open_detector(write_constants(tmp_path / "d.onnx", outputs))


def test_impossible_files_settings_and_images_are_refused(scrfd):
    for settings, message in (
        ({"sha256": "00"}, r"has sha256 .* not 00"),
        ({"threshold": 0}, "between 0 and 1"),
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"path": "none.onnx"}, "check the path"),
    ):
        with pytest.raises(EncoderError, match=message):
            ScrfdDetector(**{"path": scrfd} | settings)
    for image in (BLANK[..., 0], BLANK / 255, BLANK[:0]):
        for detector in (ScrfdDetector(scrfd), BoundedHaarDetector()):
            with pytest.raises(EncoderError, match="give RGB"):
                detector.detect(image)
