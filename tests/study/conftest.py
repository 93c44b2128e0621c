"""A data folder of its own for every test; the features are extracted once."""

import shutil
from pathlib import Path

import pytest
import small_world


@pytest.fixture(scope="session")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the features of the small world."""
    data = tmp_path_factory.mktemp("extracted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLIB_DATA", str(data))
        small_world.inputs().store("identity")
    return data


@pytest.fixture
def data(extracted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with these features and nothing else."""
    folder = tmp_path / "data"
    shutil.copytree(extracted, folder)
    monkeypatch.setenv("DEPLIB_DATA", str(folder))
    return folder


@pytest.fixture
def versioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the versioned results."""
    folder = tmp_path / "versioned"
    monkeypatch.setattr("deplib.results.folder", lambda: folder)
    return folder
