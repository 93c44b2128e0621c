"""A small simulated corpus on disk, in the layout of AVEC2014."""

import shutil
from pathlib import Path

import pytest

from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.cohort import write_avec_layout


@pytest.fixture(scope="session")
def source() -> SimulatedCohort:
    """Six recordings of 12 frames."""
    return SimulatedCohort(n_recordings=6, max_frames=12)


@pytest.fixture(scope="session")
def written(source: SimulatedCohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings as aligned frames in the official layout; not to be changed."""
    return write_avec_layout(source, tmp_path_factory.mktemp("avec"))


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / "corpus"))
