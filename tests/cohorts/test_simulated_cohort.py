"""The simulated cohort as its users meet it, and what must be independent of severity."""

import pickle
from dataclasses import astuple

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

from deplib.cohorts.base import COLUMNS, SPLITS, Cohort
from deplib.cohorts.simulated import WORLDS, SimulatedCohort
from deplib.cohorts.simulated.behaviour import LATENT_NAMES
from deplib.cohorts.simulated.face import FaceRenderer, sample_scene
from deplib.cohorts.simulated.motion import CHANNELS, INDEX
from deplib.errors import CohortError

NEUTRAL = np.zeros((1, len(CHANNELS)), np.float32)


@pytest.fixture(scope="module")
def small() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=9, max_frames=30)


@pytest.fixture(scope="module")
def population() -> SimulatedCohort:
    """1,800 recordings of 1,008 persons; nothing is rendered."""
    return SimulatedCohort(n_recordings=1800)


def test_table_keeps_the_contract(small):
    assert isinstance(small, Cohort)
    assert tuple(small.recordings.columns) == COLUMNS
    assert small.simulated
    assert small.name == "simulated/default"
    assert list(small.recordings["split"]) == sorted(small.recordings["split"], key=SPLITS.index)
    assert small.recordings["bdi"].between(0, 63).all()
    assert small.recordings["n_frames"].between(1, 30).all()


def test_default_is_the_size_of_the_corpus():
    table = SimulatedCohort().recordings
    assert len(table) == 150
    assert table["person"].nunique() == 84
    assert table["n_frames"].mean() == pytest.approx(1644, rel=0.03)
    splits = table.groupby("split")["bdi"]
    assert splits.mean().tolist() == pytest.approx([14.9] * 3, abs=0.4)
    assert splits.std().tolist() == pytest.approx([12.1] * 3, abs=0.6)


def test_same_seed_same_cohort_other_seed_other_cohort(small):
    again = SimulatedCohort(n_recordings=9, max_frames=30)
    other = SimulatedCohort(n_recordings=9, max_frames=30, seed=1)
    assert again.recordings.equals(small.recordings)
    assert again.truth.equals(small.truth)
    assert again.fingerprint == small.fingerprint
    assert list(other.recordings["bdi"]) != list(small.recordings["bdi"])
    first, others = small.recordings["recording"][0], other.recordings["recording"][0]
    np.testing.assert_array_equal(again.frames(first, 0, 4), small.frames(first, 0, 4))
    assert np.abs(other.frames(others, 0, 4).astype(int) - small.frames(first, 0, 4)).mean() > 5


def test_any_block_equals_the_same_slice_of_the_whole(small):
    first, second = small.recordings["recording"][:2]
    whole = small.frames(first)
    assert whole.shape == (30, 112, 112, 3)
    assert whole.dtype == np.uint8
    for start, stop in [(0, 1), (3, 10), (13, 30), (7, 7), (29, None)]:
        np.testing.assert_array_equal(small.frames(first, start, stop), whole[start:stop])
        small.frames(second, 0, 1)  # another recording in between changes nothing


def test_frame_step_delivers_frames_of_the_same_film(small):
    first = small.recordings["recording"][0]
    whole = SimulatedCohort(n_recordings=9)
    tenth = SimulatedCohort(n_recordings=9, frame_step=10)
    n_frames = whole.recordings["n_frames"]
    assert list(tenth.recordings["n_frames"]) == [-(-n // 10) for n in n_frames]
    np.testing.assert_array_equal(tenth.trajectories(first), whole.trajectories(first)[::10])
    np.testing.assert_array_equal(tenth.frames(first, 1, 3), whole.frames(first, 10, 30)[::10])
    np.testing.assert_array_equal(whole.trajectories(first)[:30], small.trajectories(first))


def test_worlds_share_everything_but_behaviour():
    made = {world: SimulatedCohort(world, n_recordings=9) for world in WORLDS}
    null, default, published = made.values()
    first = null.recordings["recording"][0]
    for other in (default, published):
        assert other.recordings.equals(null.recordings)
        assert list(other.truth["severity"]) == list(null.truth["severity"])
        np.testing.assert_array_equal(
            other.renderer(first).crops(NEUTRAL), null.renderer(first).crops(NEUTRAL)
        )
        nuisance = [INDEX[c] for c in CHANNELS if c.startswith(("light", "align"))]
        np.testing.assert_array_equal(
            other.trajectories(first)[:, nuisance], null.trajectories(first)[:, nuisance]
        )
        assert np.any(other.trajectories(first) != null.trajectories(first))


def test_a_person_keeps_face_and_changes_scene_between_sessions(small):
    by_person = small.recordings.groupby("person")["recording"].agg(list)
    first, second = next(names for names in by_person if len(names) > 1)[:2]
    stranger = next(names for names in by_person if first not in names)[0]
    np.testing.assert_array_equal(small.identity(first), small.identity(second))
    assert np.any(small.identity(first) != small.identity(stranger))
    crops = [small.renderer(name).crops(NEUTRAL) for name in (first, second)]
    assert np.any(crops[0] != crops[1])


def test_each_recording_moves_and_is_set_by_streams_of_its_own(small, monkeypatch):
    asked, stream = [], small._stream
    monkeypatch.setattr(small, "_stream", lambda *key: asked.append(key) or stream(*key))
    for recording in small.recordings["recording"]:
        small.trajectories(recording)
        small.renderer(recording)
    own = [key for key in asked if key[0] != "identity"]
    assert {key[0] for key in own} == {"motion", "nuisance", "scene"}
    assert len(set(own)) == len(own) == 3 * len(small.recordings)
    assert len(set(asked) - set(own)) == small.recordings["person"].nunique()
    first_draws = {stream(*key).random() for key in set(asked)}
    assert len(first_draws) == len(set(asked))


def test_identity_cannot_predict_the_label_of_another_person(population):
    persons = population.recordings.drop_duplicates("person")
    codes = np.array([population.identity(name) for name in persons["recording"]])
    bdi = persons["bdi"].to_numpy()
    predicted = cross_val_predict(RidgeCV(np.logspace(0, 6, 7)), codes, bdi, cv=10)
    assert 1 - np.mean((bdi - predicted) ** 2) / bdi.var() < 0.01
    single = [abs(np.corrcoef(code, bdi)[0, 1]) for code in codes.T]
    assert max(single) < 4 / np.sqrt(len(bdi))


def test_scene_length_light_and_alignment_are_independent_of_severity(population):
    severity = population.truth["severity_z"].to_numpy()
    rows = range(len(severity))

    def numbers(row: int) -> list[float]:
        """Flatten what a scene draws, but for the furniture, which varies in number."""
        scene = sample_scene(rng=population._stream("scene", row))
        parts = [np.ravel(value) for value in astuple(scene)]
        return [
            *np.concatenate([part for part in parts if part.size <= 3]),
            len(scene.furniture),
            population.recordings["n_frames"][row],
        ]

    settings = np.array([numbers(row) for row in rows])
    nuisance = [INDEX[c] for c in CHANNELS if c.startswith(("light", "align"))]
    quick = population.recordings["recording"][:600]
    tracks = [population.trajectories(name)[:, nuisance] for name in quick]
    drift = np.array([np.concatenate([t.mean(axis=0), t.std(axis=0)]) for t in tracks])
    for table in (settings, drift):
        varied = table[:, table.std(axis=0) > 0]
        assert varied.shape[1] >= 10
        r = [abs(np.corrcoef(column, severity[: len(varied)])[0, 1]) for column in varied.T]
        assert max(r) < 4 / np.sqrt(len(varied))


def test_behaviour_tells_severity_in_the_default_world_only():
    for world, low, high in [
        ("null", -0.1, 0.1),
        ("default", 0.5, 0.68),
        ("published", 0.75, 0.87),
    ]:
        cohort = SimulatedCohort(world, n_recordings=1200)
        bdi, mean = cohort.recordings["bdi"], cohort.truth["oracle_mean"]
        r = 0.0 if np.ptp(mean) < 1e-9 else np.corrcoef(bdi, mean)[0, 1]
        assert low <= r <= high
        worst = max(abs(np.corrcoef(cohort.truth[name], bdi)[0, 1]) for name in LATENT_NAMES)
        assert worst < 4 / np.sqrt(1200) if world == "null" else worst > 0.25


@pytest.mark.parametrize("world", ["default", "published"])
def test_oracle_beats_the_best_constant_of_the_cohort_itself(world):
    cohort = SimulatedCohort(world)
    bdi = cohort.recordings["bdi"]
    constant = (bdi - bdi.median()).abs().mean()
    assert (bdi - cohort.truth["oracle_median"]).abs().mean() < constant - 1
    assert ((bdi - cohort.truth["oracle_mean"]) ** 2).mean() < bdi.var() * 0.8


def test_truth_lists_the_recordings_in_order(small):
    assert list(small.truth["recording"]) == list(small.recordings["recording"])
    assert set(LATENT_NAMES) < set(small.truth.columns)
    noise = small.truth["severity"] - small.recordings["bdi"]
    assert 0 < noise.abs().mean() < 8


def test_scene_frame_shows_the_landmarks_inside_the_image(small):
    first = small.recordings["recording"][0]
    scene = small.scene_frame(first, 3)
    height, width = scene.image.shape[:2]
    assert scene.image.dtype == np.uint8
    assert np.all((scene.landmarks > 0) & (scene.landmarks < [width, height]))
    with pytest.raises(CohortError, match="0 to 29"):
        small.scene_frame(first, 30)


def test_fingerprint_follows_settings_labels_and_pixels_and_not_code(monkeypatch):
    variants = [
        {},
        {"world": "null"},
        {"seed": 7},
        {"n_recordings": 12},
        {"max_frames": 5},
        {"frame_step": 10},
    ]
    base = {"n_recordings": 9}
    prints = [SimulatedCohort(**base | variant).fingerprint for variant in variants]
    assert len(set(prints)) == len(prints)
    assert all(len(value) == 64 for value in prints)
    relabelled = SimulatedCohort(**base)
    relabelled.recordings.loc[4, "bdi"] += 1
    assert relabelled.fingerprint != prints[0]
    crops = FaceRenderer.crops
    monkeypatch.setattr(FaceRenderer, "crops", lambda self, params: crops(self, params) ^ 1)
    assert SimulatedCohort(**base).fingerprint != prints[0]


def test_pickle_is_small_and_renders_the_same(small):
    first = small.recordings["recording"][0]
    frames = small.frames(first, 0, 3)
    packed = pickle.dumps(SimulatedCohort())
    assert len(packed) < 100_000
    assert len(pickle.dumps(small)) < 20_000  # without the renderer it has just used
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(small)).frames(first, 0, 3), frames)


@pytest.mark.parametrize(("start", "stop"), [(0, 31), (-1, 5), (6, 5), (31, None)])
def test_blocks_outside_the_recording_are_refused(small, start, stop):
    first = small.recordings["recording"][0]
    with pytest.raises(CohortError, match="frames 0 to 30"):
        small.frames(first, start, stop)


def test_unknown_names_and_sizes_are_refused(small):
    for ask in (small.frames, small.trajectories, small.renderer, small.identity):
        with pytest.raises(CohortError, match="no recording '999_9'"):
            ask("999_9")
    with pytest.raises(CohortError, match="no simulated world"):
        SimulatedCohort("ideal")
    with pytest.raises(CohortError, match="at least 1"):
        SimulatedCohort(frame_step=0)
    with pytest.raises(CohortError, match="at least 1"):
        SimulatedCohort(max_frames=0)
