"""Video without labels: nobody of the labelled cohort, and no label anywhere."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deplib.cohorts.base import COLUMNS, Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import CohortError
from deplib.protocol import Protocol
from deplib.recipes.unlabelled import UnlabelledCohort, unlabelled_cohort, unlabelled_windows

WIDTH = 6
PROTOCOL = replace(Protocol(), sequence_length=40, window_length=16, feature_dim=WIDTH)


def codes(cohort):
    first = cohort.recordings.drop_duplicates("person")["recording"]
    return np.stack([cohort.identity(recording) for recording in first])


def read(recording):
    rng = np.random.default_rng([ord(c) for c in recording])
    n = int(rng.integers(5, 60))
    return rng.normal(size=(n, WIDTH)), rng.random(n) < 0.9


def table(n=9):
    names = [f"{i:03d}_1" for i in range(n)]
    return pd.DataFrame(
        {
            "recording": names,
            "person": [name[:3] for name in names],
            "split": [("test", "train", "dev")[i % 3] for i in range(n)],
            "task": "Freeform",
            "bdi": np.arange(n) * 4.0,
            "n_frames": [len(read(name)[0]) for name in names],
        }
    )


@pytest.fixture(scope="module")
def cohort():
    return unlabelled_cohort()


def test_nobody_of_the_labelled_cohort_is_in_it(cohort):
    ours, theirs = codes(cohort), codes(SimulatedCohort("default"))
    assert ours.shape == theirs.shape == (84, 32)
    distance = np.linalg.norm(ours[:, None] - theirs, axis=2)
    within = np.linalg.norm(theirs[:, None] - theirs, axis=2)[~np.eye(84, dtype=bool)]
    # As far from them as they are from one another: independent standard normals of 32 numbers.
    assert distance.min() > 2
    assert distance.mean() == pytest.approx(within.mean(), rel=0.02)
    assert np.linalg.norm(codes(SimulatedCohort("null"))[:, None] - theirs, axis=2).min() == 0


def test_cohort_keeps_the_contract_and_no_label(cohort):
    assert isinstance(cohort, Cohort)
    assert tuple(cohort.recordings) == COLUMNS
    assert cohort.recordings["bdi"].isna().all()
    assert set(cohort.recordings["split"]) == {"train"}
    assert list(cohort.truth) == ["recording"]
    assert cohort.name == "simulated/default/unlabelled"
    assert cohort.fingerprint != SimulatedCohort("default").fingerprint
    assert len(cohort.recordings) == 150
    assert cohort.recordings["n_frames"].max() == 512
    assert cohort.recordings["n_frames"].sum() == pytest.approx(73_000, rel=0.02)


def test_frames_are_rendered_also_in_another_process():
    small = UnlabelledCohort("published", n_recordings=6, max_frames=3)
    recording = small.recordings["recording"].iloc[0]
    frames = small.frames(recording)
    assert frames.shape == (3, 112, 112, 3)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(small)).frames(recording), frames)
    labelled = SimulatedCohort("published", small.seed, n_recordings=6, max_frames=3)
    np.testing.assert_array_equal(labelled.frames(recording), frames)


def test_windows_hold_frames_and_no_label():
    windows = unlabelled_windows(read, table(), PROTOCOL)
    assert windows.index[["bdi", "y"]].isna().all().all()
    assert np.isnan([windows.label_mean, windows.label_std]).all()
    assert set(windows.index["split"]) == {"train"}
    assert windows.index["person"].iloc[0] == "u000"
    first = windows.index["recording"] == "u003_1"
    frames, valid = read("003_1")
    np.testing.assert_array_equal(
        windows.features[first][windows.mask[first]], frames[:40][valid[:40]].astype(np.float32)
    )
    assert windows.mask[first].sum() == valid[:40].sum()


@pytest.mark.parametrize("label", [np.nan, 7.0, "unknown"])
def test_labels_and_splits_are_not_read(label):
    a = unlabelled_windows(read, table(), PROTOCOL)
    b = unlabelled_windows(read, table().assign(bdi=label, split="nowhere"), PROTOCOL)
    np.testing.assert_array_equal(a.features, b.features)
    np.testing.assert_array_equal(a.mask, b.mask)
    pd.testing.assert_frame_equal(a.index, b.index)


def test_what_is_wrong_with_the_recordings_is_told():
    with pytest.raises(CohortError, match="1 recordings without labels are too few"):
        unlabelled_windows(read, table(1), PROTOCOL)
    with pytest.raises(CohortError, match="occurs more than once"):
        unlabelled_windows(read, pd.concat([table(), table()]), PROTOCOL)
    with pytest.raises(CohortError):
        unlabelled_cohort("nowhere")
