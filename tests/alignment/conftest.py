"""A public-domain photograph and its aligned crop; planted.py, whatever pytest's import mode."""

import sys
from pathlib import Path

import numpy as np
import pytest
import skimage

from deplib.alignment.template import align
from deplib.chapters.detectors import ASTRONAUT_LANDMARKS

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """Eileen Collins; a photograph by NASA in the public domain."""
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def crop(photograph: np.ndarray) -> np.ndarray:
    return align(photograph, ASTRONAUT_LANDMARKS)
