"""The simulated cohort as its users meet it, its motion, and what must not follow severity."""

import pickle
from dataclasses import astuple

import numpy as np
import pytest
from scipy.signal import find_peaks
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

from deplib.cohorts import simulated
from deplib.cohorts.base import COLUMNS, SPLITS, Cohort
from deplib.cohorts.simulated import (
    CHANNELS,
    INDEX,
    LATENT_NAMES,
    FaceRenderer,
    SimulatedCohort,
    motion,
)
from deplib.errors import CohortError

NEUTRAL = np.zeros((1, len(CHANNELS)), np.float32)
NUISANCE = [INDEX[name] for name in CHANNELS if name.startswith(("light", "align"))]


@pytest.fixture(scope="module")
def small() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=9, max_frames=30)


@pytest.fixture(scope="module")
def population() -> SimulatedCohort:
    """1,800 recordings of 1,008 persons; nothing is rendered."""
    return SimulatedCohort(n_recordings=1800)


def test_the_default_is_the_cohort_of_the_results():
    """Results in the repository are of these recordings: whatever changes them must be meant."""
    cohort = SimulatedCohort()
    table = cohort.recordings
    assert (len(table), table["person"].nunique(), table["n_frames"].sum()) == (150, 84, 249_420)
    rows = table.groupby("split", sort=False)["bdi"].sum().to_dict()
    assert rows == {"train": 750.0, "dev": 750.0, "test": 742.0}
    assert table.iloc[[0, 149], [0, 4, 5]].to_numpy().tolist() == [
        ["001_1", 10.0, 2001], ["084_2", 26.0, 1129]
    ]  # fmt: skip
    assert cohort.truth["oracle_mean"][:2].tolist() == pytest.approx([5.8707, 14.632], rel=1e-4)
    frames = cohort.frames("001_1", 0, 300)[::100]
    assert frames.mean(axis=(1, 2, 3)) == pytest.approx([97.674, 95.289, 91.537], abs=0.01)


def test_table_keeps_the_contract_and_follows_the_seed(small):
    assert isinstance(small, Cohort)
    assert tuple(small.recordings.columns) == COLUMNS
    assert (small.simulated, small.name) == (True, "simulated/default")
    assert list(small.recordings["split"]) == sorted(small.recordings["split"], key=SPLITS.index)
    assert small.recordings["bdi"].between(0, 63).all()
    assert small.recordings["n_frames"].between(1, 30).all()
    assert list(small.truth["recording"]) == list(small.recordings["recording"])
    again = SimulatedCohort(n_recordings=9, max_frames=30)
    other = SimulatedCohort(n_recordings=9, max_frames=30, seed=1)
    first, others = small.recordings["recording"][0], other.recordings["recording"][0]
    assert again.recordings.equals(small.recordings)
    assert again.truth.equals(small.truth)
    frames = again.frames(first, 0, 4)
    np.testing.assert_array_equal(frames, small.frames(first, 0, 4))
    assert np.abs(other.frames(others, 0, 4).astype(int) - frames).mean() > 5


def test_any_block_and_a_pickle_equal_the_same_slice_of_the_whole(small):
    first, second = small.recordings["recording"][:2]
    whole = small.frames(first)
    assert whole.shape == (30, 112, 112, 3)
    for start, stop in [(0, 1), (3, 10), (13, 30), (7, 7), (29, None)]:
        np.testing.assert_array_equal(small.frames(first, start, stop), whole[start:stop])
        small.frames(second, 0, 1)  # another recording in between changes nothing
    packed = pickle.dumps(small)
    assert len(packed) < 20_000  # without the renderer it has just used
    np.testing.assert_array_equal(pickle.loads(packed).frames(first), whole)


def test_frame_step_delivers_frames_of_the_same_film(small):
    first = small.recordings["recording"][0]
    whole = SimulatedCohort(n_recordings=9)
    tenth = SimulatedCohort(n_recordings=9, frame_step=10)
    assert list(tenth.recordings["n_frames"]) == [-(-n // 10) for n in whole.recordings["n_frames"]]
    np.testing.assert_array_equal(tenth.trajectories(first), whole.trajectories(first)[::10])
    np.testing.assert_array_equal(tenth.frames(first, 1, 3), whole.frames(first, 10, 30)[::10])
    np.testing.assert_array_equal(whole.trajectories(first)[:30], small.trajectories(first))


def test_worlds_share_everything_but_behaviour():
    null, *others = (SimulatedCohort(world, n_recordings=9) for world in simulated.WORLDS)
    first = null.recordings["recording"][0]
    faces = [cohort.renderer(first).crops(NEUTRAL) for cohort in (null, *others)]
    for other, face in zip(others, faces[1:], strict=True):
        assert other.recordings.equals(null.recordings)
        assert list(other.truth["severity"]) == list(null.truth["severity"])
        np.testing.assert_array_equal(face, faces[0])
        theirs, ours = other.trajectories(first), null.trajectories(first)
        np.testing.assert_array_equal(theirs[:, NUISANCE], ours[:, NUISANCE])
        assert np.any(theirs != ours)


def test_persons_keep_their_face_and_every_recording_its_own_scene_and_motion(small):
    names = small.recordings["recording"]
    codes = small.recordings.groupby("person")["recording"].agg(
        lambda sessions: {small.identity(name).tobytes() for name in sessions}
    )
    assert len(codes) == len(set.union(*codes)) < len(names)
    assert len({small.renderer(name).crops(NEUTRAL).tobytes() for name in names}) == len(names)
    first = np.array([small.trajectories(name)[0] for name in names])
    for channel in (*NUISANCE, INDEX["yaw"], INDEX["pitch"]):
        assert len(set(first[:, channel])) == len(names)


def test_identity_cannot_predict_the_label_of_another_person(population):
    persons = population.recordings.drop_duplicates("person")
    codes = np.array([population.identity(name) for name in persons["recording"]])
    bdi = persons["bdi"].to_numpy()
    predicted = cross_val_predict(RidgeCV(np.logspace(0, 6, 7)), codes, bdi, cv=10)
    assert 1 - np.mean((bdi - predicted) ** 2) / bdi.var() < 0.01
    assert max(abs(np.corrcoef(code, bdi)[0, 1]) for code in codes.T) < 4 / np.sqrt(len(bdi))


def test_scene_length_light_and_alignment_are_independent_of_severity(population):
    def numbers(row: int) -> list[float]:
        """What a scene draws, but for the furniture, which varies in number."""
        scene = simulated.sample_scene(rng=population._stream("scene", row))
        parts = [v for value in astuple(scene) if np.size(value) <= 3 for v in np.ravel(value)]
        return [*parts, len(scene.furniture), population.recordings["n_frames"][row]]

    severity = population.truth["severity_z"].to_numpy()
    settings = np.array([numbers(row) for row in range(len(severity))])
    quick = population.recordings["recording"][:120]
    tracks = [population.trajectories(name)[:, NUISANCE] for name in quick]
    drift = np.array([np.concatenate([t.mean(axis=0), t.std(axis=0)]) for t in tracks])
    for table in (settings, drift):
        varied = table[:, table.std(axis=0) > 0]
        assert varied.shape[1] >= 10
        r = [abs(np.corrcoef(column, severity[: len(varied)])[0, 1]) for column in varied.T]
        assert max(r) < 4 / np.sqrt(len(varied))


def test_fingerprint_follows_settings_labels_and_pixels_and_not_code(monkeypatch):
    base = {"n_recordings": 9}
    variants = [{}, {"world": "null"}, {"seed": 7}, {"max_frames": 5}, {"frame_step": 10}]
    prints = [SimulatedCohort(**base | variant).fingerprint for variant in variants]
    assert len(set(prints)) == len(prints)
    assert SimulatedCohort(**base).fingerprint == prints[0]
    relabelled = SimulatedCohort(**base)
    relabelled.recordings.loc[4, "bdi"] += 1
    assert relabelled.fingerprint != prints[0]
    crops = FaceRenderer.crops
    monkeypatch.setattr(FaceRenderer, "crops", lambda self, params: crops(self, params) ^ 1)
    assert SimulatedCohort(**base).fingerprint != prints[0]


def test_unknown_names_sizes_and_blocks_are_refused(small):
    first = small.recordings["recording"][0]
    for ask in (small.frames, small.trajectories, small.renderer, small.identity):
        with pytest.raises(CohortError, match="no recording '999_9'"):
            ask("999_9")
    for block in ((0, 31), (-1, 5), (6, 5), (31, None)):
        with pytest.raises(CohortError, match="frames 0 to 30"):
            small.frames(first, *block)
    with pytest.raises(CohortError, match="0 to 29"):
        small.scene_frame(first, 30)
    for size in ({"frame_step": 0}, {"max_frames": 0}, {"n_frames": 0}):
        with pytest.raises(CohortError, match="at least 1"):
            SimulatedCohort(**size)


# --- motion


def film(latents: np.ndarray, n: int = 1800, seed: int = 0, nuisance: int = 1) -> np.ndarray:
    rngs = {"rng": np.random.default_rng(seed), "nuisance_rng": np.random.default_rng(nuisance)}
    return motion.trajectory(latents, n, **rngs)


@pytest.mark.parametrize("n", [1, 2, 7, 3000])
def test_trajectory_has_the_channels_ranges_and_type(n):
    track = film(2.5 * np.random.default_rng(n).standard_normal(len(LATENT_NAMES)), n, n)
    assert track.shape == (n, len(CHANNELS))
    assert track.dtype == np.float32
    activations = track[:, INDEX["smile"] : INDEX["blink"] + 1]
    assert 0 <= activations.min() <= activations.max() <= 1
    for name, most in {"gaze_x": 1, "gaze_y": 1, "yaw": 24, "pitch": 18, "align_x": 5}.items():
        assert np.abs(track[:, INDEX[name]]).max() <= most


def speed(angle: np.ndarray) -> float:
    return np.abs(np.diff(angle)).mean()


MOVES = [
    *((name, name, np.mean) for name in ("lip_corner_down", "dimpler", "blink")),
    *(("look_down", name, np.mean) for name in ("pitch", "gaze_y")),
    ("smile_rate", "smile", np.mean),
    ("smile_intensity", "smile", np.std),
    ("head_velocity", "yaw", speed),
    ("head_velocity", "pitch", np.std),
    ("expressivity", "brow_raise", np.std),
    ("brow_lower", "lid_tighten", np.mean),
    ("speech", "jaw_open", np.mean),
]


@pytest.mark.parametrize(("latent", "channel", "statistic"), MOVES)
def test_each_latent_moves_its_channel_upwards_and_neither_light_nor_alignment(
    latent, channel, statistic
):
    shift = 1.5 * np.eye(len(LATENT_NAMES))[LATENT_NAMES.index(latent)]
    high, low = ([film(z, seed=k, nuisance=k + 50) for k in range(12)] for z in (shift, -shift))
    np.testing.assert_array_equal([x[:, NUISANCE] for x in high], [x[:, NUISANCE] for x in low])
    high, low = (np.array([statistic(x[:, INDEX[channel]]) for x in y]) for y in (high, low))
    assert high.mean() - low.mean() > np.sqrt((high.var() + low.var()) / 2)


def test_people_blink_about_seventeen_times_a_minute():
    blink = film(np.zeros(len(LATENT_NAMES)), 30 * 60 * 100)[:, INDEX["blink"]]
    assert len(find_peaks(blink, height=0.5)[0]) / 100 == pytest.approx(16.5, abs=1.2)


@pytest.mark.parametrize("seconds", [0.7, 20.0])
def test_process_has_unit_variance_and_its_time_constant(seconds):
    x = motion._process(2_000_000, seconds, np.random.default_rng(0))
    assert x.std() == pytest.approx(1, abs=0.05)
    lag = round(seconds * motion.FPS)
    # Autocorrelation of two cascaded exponentials, time constants 1 and 1/5, at lag 1.
    expected = (np.exp(-1) - np.exp(-5) / 5) / (1 - 1 / 5)
    assert np.corrcoef(x[:-lag], x[lag:])[0, 1] == pytest.approx(expected, abs=0.04)
    velocity = np.diff(x)
    assert np.corrcoef(velocity[:-1], velocity[1:])[0, 1] > 0.5  # it moves, it does not jitter
