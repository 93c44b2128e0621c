import pickle
from pathlib import Path

import numpy as np
import pytest
from planted import scrfd_outputs, write_constants, yunet_outputs

from deplib.alignment.aligner import FaceAligner, open_detector
from deplib.alignment.faces import Face
from deplib.alignment.haar import BoundedHaarDetector
from deplib.alignment.scrfd import ScrfdDetector
from deplib.alignment.template import TEMPLATE, align
from deplib.alignment.yunet import YunetDetector
from deplib.chapters.detectors import ASTRONAUT_LANDMARKS
from deplib.errors import EncoderError


class Planted:
    """A detector that gives the faces that it was given."""

    id = "planted"
    threshold = 0.5

    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)

    def detect(self, image: np.ndarray) -> list[Face]:
        return self.faces

    def best_score(self, image: np.ndarray) -> float:
        return 1.0


def test_landmarks_decide_the_crop(photograph: np.ndarray, crop: np.ndarray) -> None:
    big = Face(np.array([0.0, 0, 300, 300]), 0.6, ASTRONAUT_LANDMARKS.astype(float))
    small = Face(np.array([0.0, 0, 30, 30]), 0.9, TEMPLATE)
    np.testing.assert_array_equal(FaceAligner(Planted(big, small))(photograph), crop)


def test_no_face_is_none_and_not_zeros(photograph: np.ndarray) -> None:
    assert FaceAligner(Planted())(photograph) is None
    assert FaceAligner(open_detector())(np.zeros((480, 640, 3), np.uint8)) is None


def test_haar_aligns_by_its_box(photograph: np.ndarray, crop: np.ndarray) -> None:
    aligned = FaceAligner(open_detector())(photograph)
    assert aligned.shape == (112, 112, 3)
    assert aligned.dtype == np.uint8
    # nearer to the five-point crop than that crop is to itself, moved by a tenth
    moved = align(photograph, ASTRONAUT_LANDMARKS + np.array([11, 0]))
    assert np.abs(aligned.astype(int) - crop).mean() < np.abs(moved.astype(int) - crop).mean()


def test_the_aligner_travels_and_is_named_by_its_detector() -> None:
    aligner = FaceAligner(open_detector(det_size=320))
    copy = pickle.loads(pickle.dumps(aligner))
    assert copy.id == aligner.id
    assert "det_size=320" in aligner.id
    assert aligner.id != FaceAligner(open_detector()).id


def test_files_are_told_apart_by_their_outputs(tmp_path: Path) -> None:
    scrfd = write_constants(
        tmp_path / "a.onnx", scrfd_outputs(64, rng=np.random.default_rng(0)), side=64
    )
    yunet = write_constants(tmp_path / "b.onnx", yunet_outputs(64), side=64)
    assert isinstance(open_detector(scrfd), ScrfdDetector)
    assert isinstance(open_detector(yunet, 64), YunetDetector)
    assert isinstance(open_detector(), BoundedHaarDetector)
    assert open_detector(scrfd, threshold=0.7).threshold == 0.7
    assert open_detector(yunet, 64, threshold=0.7).threshold == 0.7


def test_without_a_file_no_size_is_too_large(crop: np.ndarray) -> None:
    for det_size in (None, 320):
        assert len(open_detector(det_size=det_size).detect(crop)) == 1


def test_a_recognition_network_is_no_detector(tiny_onnx: Path) -> None:
    with pytest.raises(EncoderError, match=r"tiny\.onnx has one output .* det_10g\.onnx"):
        open_detector(tiny_onnx)


def test_a_scrfd_without_landmarks_is_named(tmp_path: Path) -> None:
    outputs = scrfd_outputs(64, rng=np.random.default_rng(0))
    six = {name: values for name, values in outputs.items() if not name.startswith("kps")}
    with pytest.raises(EncoderError, match="SCRFD without landmarks"):
        open_detector(write_constants(tmp_path / "six.onnx", six, side=64))


def test_an_older_yunet_is_named(tmp_path: Path) -> None:
    outputs = {name: np.zeros((4, 2)) for name in ("loc", "conf", "iou")}
    with pytest.raises(EncoderError, match="no YuNet of 2023"):
        open_detector(write_constants(tmp_path / "old.onnx", outputs, side=64), 64)


def test_another_network_is_no_detector(tmp_path: Path) -> None:
    outputs = {"boxes": np.zeros((5, 4)), "labels": np.zeros((5, 2))}
    with pytest.raises(EncoderError, match=r"no detector known here .*2 outputs: boxes \[5, 4\]"):
        open_detector(write_constants(tmp_path / "other.onnx", outputs, side=64))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page saved"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\x08\x09 no network at all", "not a whole ONNX network"),
    ],
)
def test_what_is_no_network_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "det_10g.onnx"
    path.write_bytes(content)
    with pytest.raises(EncoderError, match=rf"det_10g\.onnx.*{message}"):
        open_detector(path)


def test_a_missing_or_other_file_is_refused(tmp_path: Path, tiny_onnx: Path) -> None:
    with pytest.raises(EncoderError, match="check the path"):
        open_detector(tmp_path / "none.onnx")
    with pytest.raises(EncoderError, match="cannot read"):
        open_detector(tmp_path)
    with pytest.raises(EncoderError, match=r"has sha256 .* not 00"):
        open_detector(tiny_onnx, sha256="00")


def test_options_of_a_file_need_a_file() -> None:
    with pytest.raises(EncoderError, match="give its path"):
        open_detector(threshold=0.5)
    with pytest.raises(EncoderError, match="at least 64"):
        open_detector(det_size=10)
