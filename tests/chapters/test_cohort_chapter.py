"""What the first chapters say about windows, bands and persons, against the data itself."""

import numpy as np
import pandas as pd
import pytest

from deplib.chapters import cohort as chapter
from deplib.chapters.protocol import models_overview, window_layout
from deplib.cohorts.simulated import SimulatedCohort
from deplib.models import MODELS
from deplib.protocol import Protocol
from deplib.windows import build_windows


@pytest.fixture(scope="module")
def cohort() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=24)


def test_window_layout_counts_what_the_windows_are(cohort):
    protocol = Protocol(feature_dim=2)
    frames = cohort.recordings.set_index("recording")["n_frames"]

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        n = min(frames[recording], protocol.sequence_length)
        return np.ones((n, 2), np.float32), np.ones(n, bool)

    windows = build_windows(cohort.recordings, read, protocol)
    layout = window_layout(cohort.recordings, protocol)
    assert layout.n_windows == len(windows)
    assert layout.real_share == pytest.approx(windows.mask.mean())


def test_overview_has_each_model_with_its_own_count():
    overview = models_overview()
    assert overview["model"].tolist() == list(MODELS)
    assert "131,585" in overview["parameters"].iloc[0]


def test_bands_have_the_published_limits():
    bands = chapter.band_of(pd.Series([0, 13, 14, 19, 20, 28, 29, 63]))
    assert bands.tolist() == [
        name for name in ("minimal", "mild", "moderate", "severe") for _ in range(2)
    ]


def test_band_shares_are_distributions(cohort):
    shares = chapter.band_shares(cohort.recordings)
    assert shares.shape == (4, 4)
    assert np.allclose(shares.sum(), 1)


def test_overlap_counts_test_recordings_of_known_persons():
    recordings = pd.DataFrame(
        {"person": ["a", "b", "a", "c", "b"], "split": ["train", "dev", "test", "test", "test"]}
    )
    overlap = chapter.person_overlap(recordings)
    assert (overlap.n_persons, overlap.test_recordings, overlap.test_recordings_seen) == (3, 3, 2)


def test_tracks_are_of_the_mildest_and_the_most_severe(cohort):
    tracks, seconds = chapter.example_tracks(cohort, seconds=5)
    long = cohort.recordings[cohort.recordings["n_frames"] >= 150]
    assert len(seconds) == 150
    assert [float(title.split("BDI-II ")[1]) for title in tracks] == [
        long["bdi"].min(),
        long["bdi"].max(),
    ]
