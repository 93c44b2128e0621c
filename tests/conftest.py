"""Fixtures that several rooms share: a tiny ONNX encoder and a tiny cohort in memory."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tiny.py, whatever pytest's import mode

from tiny import TinyCohort, write_tiny_onnx

from deplib.extraction import OnnxEncoder


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
