import inspect
from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import periodogram

from deplib.cohorts.simulated import LATENT_NAMES, WORLDS, SimulatedCohort
from deplib.errors import CohortError
from deplib.streams import heart, pulse
from deplib.streams.pulse import COLUMNS, EDGES, SimulatedPulse, estimates

RATE, QUALITY = COLUMNS.index("heart_rate"), COLUMNS.index("quality")


@pytest.fixture(scope="module")
def cohort() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=12, max_frames=900)


def tone(bpm: float, seconds: float = 20.0, noise: float = 0.0) -> np.ndarray:
    time = np.arange(round(30 * seconds)) / 30
    return np.sin(2 * np.pi * bpm / 60 * time) + noise * np.random.default_rng(0).standard_normal(
        len(time)
    )


@pytest.mark.parametrize("bpm", [50.0, 72.0, 101.0, 165.0])
def test_a_pure_tone_is_found_and_fills_its_band(bpm: float) -> None:
    values, valid = estimates(tone(bpm) + 3.0 + np.linspace(0, 2, 600))  # offset and drift
    settled = values[10:]  # ten seconds of signal
    assert np.abs(settled[:, RATE] - bpm).max() < 1.5
    band = int(np.searchsorted(EDGES, bpm, side="right")) - 1
    assert (np.abs(settled[:, :RATE].argmax(axis=1) - band) <= 1).all()
    assert valid.tolist() == [False] * 5 + [True] * 15


def test_shares_of_the_bands_sum_to_one_and_have_a_floor() -> None:
    values, valid = estimates(tone(70, noise=1.0))
    shares = 10.0 ** values[valid, :RATE]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=0.003)
    values, valid = estimates(tone(70))
    assert values[valid, :RATE].min() == -4


def test_band_shares_are_those_of_an_independent_periodogram() -> None:
    trace = tone(80, noise=2.0)
    values, _ = estimates(trace)
    part = trace[19 * 30 - 300 : 19 * 30]
    f, power = periodogram(part, 30, window=np.hanning(300), nfft=2048, detrend="linear")
    inside = (60 * f >= 42) & (60 * f < 180)
    bands = [(60 * f >= low) & (60 * f < high) for low, high in pairwise(EDGES)]
    expected = [power[band].sum() for band in bands]
    expected = np.log10(np.maximum(np.array(expected) / power[inside].sum(), 1e-4))
    np.testing.assert_allclose(values[19, :RATE], expected, atol=1e-4)


def test_quality_falls_with_noise() -> None:
    clear, noisy = (estimates(tone(70, noise=noise))[0][10:, QUALITY] for noise in (0.3, 3.0))
    assert clear.min() > noisy.max() + 5


def test_a_flat_or_short_trace_gives_finite_numbers_or_none() -> None:
    values, valid = estimates(np.zeros(400))
    assert np.isfinite(values).all()
    assert valid.sum() == 9
    values, valid = estimates(tone(70, seconds=4.5))
    assert values.shape == (5, 23)
    assert not valid.any()


def test_an_estimate_knows_nothing_of_what_comes_later() -> None:
    trace = tone(70, seconds=30, noise=1.0)
    changed = trace.copy()
    changed[600:] = tone(150, seconds=10)
    one, two = estimates(trace)[0], estimates(changed)[0]
    np.testing.assert_array_equal(one[:21], two[:21])
    assert not np.array_equal(one[21:], two[21:])


def test_most_simulated_estimates_lie_near_the_true_rate() -> None:
    read = SimulatedPulse(SimulatedCohort(n_recordings=30, max_frames=900))
    near, drawn = [], []
    for recording in read.cohort.recordings["recording"]:
        trace, beats = read.trace(recording)
        values, valid = estimates(trace)
        for second in np.flatnonzero(valid):
            truth = beats[max(0, 30 * second - 300) : 30 * second].mean()
            near.append(abs(values[second, RATE] - truth) < 5)
        drawn.append(beats.mean())
    assert 0.7 < np.mean(near) < 0.95  # useful, and far from perfect
    assert np.mean(drawn) == pytest.approx(heart.REST, abs=6)


def test_the_cameras_noise_and_motion_are_those_stated() -> None:
    n = 30_000
    beats, head = np.full(n, 60.0), np.zeros((n, 2))
    trace = heart.camera_trace(beats, head, rng=np.random.default_rng(0))
    power = 0.5 + heart.OVERTONE**2 / 2 + heart.CAMERA_NOISE**2
    assert trace.var() == pytest.approx(power, rel=0.03)
    head[:, 0] = 0.5 * np.arange(n)  # 15 degrees a second
    moved = heart.camera_trace(beats, head, rng=np.random.default_rng(0))
    np.testing.assert_allclose(moved - trace, 15 * heart.MOTION_ARTEFACT, atol=1e-9)


def test_a_lively_head_spoils_the_quality() -> None:
    rng = np.random.default_rng(1)
    shake = np.cumsum(rng.standard_normal((3000, 2)), axis=0)
    beats = np.full(3000, 70.0)
    still, moved = (
        estimates(heart.camera_trace(beats, head, rng=np.random.default_rng(2)))[0][10:, QUALITY]
        for head in (np.zeros((3000, 2)), shake)
    )
    assert np.median(moved) < np.median(still) - 1


def test_the_heart_rate_varies_as_stated() -> None:
    rng = np.random.default_rng(0)
    runs = np.array([heart.heart_rate(3000, 75, 4, rng=rng) for _ in range(150)])
    assert runs.mean() == pytest.approx(75, abs=0.5)
    assert runs.std() == pytest.approx(4, rel=0.05)


def test_latents_move_the_heart_by_their_loadings_and_nothing_else_does() -> None:
    """Every parameter of the generator is a latent or randomness: no label can enter."""
    assert set(inspect.signature(heart.heart_tendencies).parameters) == {
        "latents",
        "rng",
        "person_rng",
    }

    def of(latents: np.ndarray) -> tuple[float, float]:
        rng, person_rng = np.random.default_rng(5), np.random.default_rng(6)
        return heart.heart_tendencies(latents, rng=rng, person_rng=person_rng)

    rate, spread = of(np.zeros(len(LATENT_NAMES)))
    for k, name in enumerate(LATENT_NAMES):
        moved_rate, moved_spread = of(np.eye(len(LATENT_NAMES))[k])
        expected = heart.REST_SPREAD * heart.RATE_LOADINGS.get(name, 0)
        assert moved_rate - rate == pytest.approx(expected, abs=1e-9)
        expected = heart.VARIABILITY_SPREAD * heart.VARIABILITY_LOADINGS.get(name, 0)
        assert np.log(moved_spread / spread) == pytest.approx(expected, abs=1e-9)


def test_given_the_latents_severity_changes_nothing(cohort: SimulatedCohort) -> None:
    recording = cohort.recordings["recording"][0]
    before = SimulatedPulse(cohort)(recording)
    told = SimulatedCohort(n_recordings=12, max_frames=900)
    told.recordings["bdi"] = 63.0
    told.truth[["severity", "severity_z", "oracle_mean", "oracle_median"]] = 9.0
    for one, two in zip(before, SimulatedPulse(told)(recording), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("world", WORLDS)
def test_every_world_has_a_pulse_held_for_a_second(world: str) -> None:
    cohort = SimulatedCohort(world, n_recordings=6, max_frames=420)
    for recording, n in cohort.recordings[["recording", "n_frames"]].itertuples(index=False):
        values, valid = SimulatedPulse(cohort)(recording)
        assert values.shape == (n, 23)
        assert valid[:150].sum() == 0
        assert valid[150:].all()
        assert np.isfinite(values).all()
        assert (values[150:180] == values[150]).all()
        assert (values[150] != values[180]).any()


def test_persons_keep_part_of_their_heart() -> None:
    cohort = SimulatedCohort("null", n_recordings=90, max_frames=150)
    table = cohort.recordings.assign(
        rate=[SimulatedPulse(cohort).trace(name)[1].mean() for name in cohort.recordings.recording]
    )
    within = table.groupby("person")["rate"].transform("mean")
    again = table["person"].duplicated(keep=False)
    assert (table["rate"] - within)[again].std() < 0.75 * table["rate"].std()
    assert (table["rate"] - within)[again].std() > 0.2 * table["rate"].std()


def test_fewer_frames_a_second_keep_the_clock() -> None:
    cohort = SimulatedCohort(n_recordings=6, frame_step=10)
    recording, n = cohort.recordings[["recording", "n_frames"]].iloc[0]
    values, valid = SimulatedPulse(cohort)(recording)
    assert values.shape == (n, 23)
    assert valid.tolist() == [frame >= 15 for frame in range(n)]  # three frames a second


def test_the_same_cohort_gives_the_same_pulse_and_another_seed_another(
    cohort: SimulatedCohort,
) -> None:
    recording = cohort.recordings["recording"][0]
    read = SimulatedPulse(cohort)
    np.testing.assert_array_equal(read(recording)[0], read(recording)[0])
    again = SimulatedPulse(SimulatedCohort(n_recordings=12, max_frames=900))
    np.testing.assert_array_equal(read(recording)[0], again(recording)[0])
    assert read.fingerprint == again.fingerprint
    other = SimulatedPulse(SimulatedCohort(seed=3, n_recordings=12, max_frames=900))
    assert not np.array_equal(read(recording)[0], other(other.cohort.recordings.recording[0])[0])
    assert read.fingerprint != other.fingerprint


def test_a_clip_without_an_estimate_is_wholly_invalid() -> None:
    cohort = SimulatedCohort(n_recordings=6, max_frames=100)
    values, valid = SimulatedPulse(cohort)(cohort.recordings["recording"][0])
    assert values.shape == (100, 23)
    assert not valid.any()


def test_an_unknown_recording_has_no_pulse(cohort: SimulatedCohort) -> None:
    with pytest.raises(CohortError, match="'nobody'"):
        SimulatedPulse(cohort)("nobody")
    assert pulse.RATE == 1
