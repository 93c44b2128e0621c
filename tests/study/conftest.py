"""A data folder of its own for every test; the features are extracted once."""

import shutil
from pathlib import Path

import pytest
from small_world import COHORT, PROTOCOL

from deplib import study
from deplib.extraction import embedded_encoder


@pytest.fixture(scope="session")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the features of the small world."""
    data = tmp_path_factory.mktemp("extracted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLIB_DATA", str(data))
        study.prepare_features(COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1)
    return data


@pytest.fixture
def data(extracted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with these features and nothing else."""
    folder = tmp_path / "data"
    shutil.copytree(extracted, folder)
    monkeypatch.setenv("DEPLIB_DATA", str(folder))
    return folder
