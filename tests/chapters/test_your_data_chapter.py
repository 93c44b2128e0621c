"""The chapter on real data: what it spoils is found, and what it says of a small corpus is so."""

import re
from pathlib import Path

import pytest

from deplib.chapters import your_data
from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.writer import write_avec_layout
from deplib.extraction.encoders.weights import KNOWN


@pytest.fixture
def source() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=6, max_frames=12)


@pytest.fixture
def root(source: SimulatedCohort, tmp_path: Path) -> Path:
    return write_avec_layout(source, tmp_path / "corpus")


def test_the_label_costs_its_recording_and_the_frame_itself(root: Path) -> None:
    assert your_data.problems(root).empty
    your_data.spoil(root)
    found = your_data.problems(root)
    assert found["excluded"].tolist().count(True) == 1
    assert len(found) == 2
    assert "label" in found.loc[found["excluded"], "problem"].item()
    assert str(root) not in " ".join(found["problem"])  # a page shows no folder of a machine


def test_what_was_embedded_once_is_kept(root: Path, tmp_path: Path) -> None:
    said = your_data.extract_small(Avec2014Cohort(root), tmp_path / "features")
    assert "first call embedded 6 recordings (72 frames) and reported nothing" in said
    assert "again embedded 0 and kept 6" in said
    assert "in the store: 0" in said


def test_videos_are_aligned_to_what_was_rendered(source: SimulatedCohort, tmp_path: Path) -> None:
    said = your_data.align_videos(source, tmp_path / "videos", frames=2)
    found, total, cosine = re.findall(r"\d+\.\d+|\d+(?= of|\s+frames)", said)[:3]
    assert (int(found), int(total)) == (12, 12)
    assert 0.5 < float(cosine) < 1


def test_known_weights_are_those_that_can_be_fetched() -> None:
    assert your_data.known_weights()["name"].tolist() == list(KNOWN)
