"""Simulated action and pulse: the truth within the stated noise, and nothing but the truth."""

import numpy as np
import pytest
from scipy.signal import periodogram

from deplib.cohorts.simulated import CHANNELS, INDEX, LATENT_NAMES, WORLDS, SimulatedCohort, heart
from deplib.errors import CohortError
from deplib.streams import ACTION, PULSE, UNITS
from deplib.streams import measured as action
from deplib.streams.measured import EDGES, SimulatedAction, SimulatedPulse, estimates, true_action

AT = {name: column for column, name in enumerate(ACTION)}
RATE, QUALITY = PULSE.index("heart_rate"), PULSE.index("quality")


@pytest.fixture(scope="module")
def cohort() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=12, max_frames=600)


def still(n: int = 4000, **channels: float) -> np.ndarray:
    trajectory = np.zeros((n, len(CHANNELS)), np.float32)
    for name, value in channels.items():
        trajectory[:, INDEX[name]] = value
    return trajectory


@pytest.mark.parametrize("kind", [SimulatedAction, SimulatedPulse])
def test_a_stream_follows_seed_and_behaviour_and_no_label(cohort: SimulatedCohort, kind) -> None:
    name = cohort.recordings["recording"][0]
    told = SimulatedCohort(n_recordings=12, max_frames=600)
    told.recordings["bdi"] = 63.0
    told.truth[["severity", "severity_z", "oracle_mean", "oracle_median"]] = 9.0
    for one, two in zip(kind(cohort)(name), kind(told)(name), strict=True):
        np.testing.assert_array_equal(one, two)
    prints = {kind(cohort).fingerprint, kind(told).fingerprint}
    for other in ({"seed": 7}, {"world": "null"}, {"frame_step": 2}):
        changed = SimulatedCohort(**{"n_recordings": 12, "max_frames": 600} | other)
        prints.add(kind(changed).fingerprint)
    assert len(prints) == 4
    with pytest.raises((CohortError, ValueError), match="'nobody'"):
        kind(cohort)("nobody")


def test_without_error_the_columns_are_the_trajectory_in_openfaces_units() -> None:
    truth = true_action(still(1, smile=0.4, jaw_open=1.0, yaw=30.0, pitch=-10.0, gaze_x=-1.0))[0]
    assert truth[AT["AU12_r"]] == pytest.approx(2.0)
    assert truth[AT["AU25_r"]] == truth[AT["AU26_r"]] == 5.0
    dumb = [AT[unit] for unit in UNITS if unit not in action.CHANNEL_OF]
    lively = true_action(still(1, smile=0.9, brow_lower=0.8, blink=1.0))[0]
    assert (len(dumb), set(lively[dumb])) == (6, {0.0})
    np.testing.assert_allclose(truth[AT["pose_Rx"] : AT["pose_Rz"] + 1], np.radians([-10, 30, 0]))
    down = np.radians(-10)  # eyes turned 30 degrees back cancel the head's yaw
    for eye in (0, 1):
        gaze = truth[AT[f"gaze_{eye}_x"] : AT[f"gaze_{eye}_z"] + 1]
        np.testing.assert_allclose(gaze, [0, np.sin(down), -np.cos(down)], atol=1e-7)
    assert truth[AT["pose_Tx"]] == pytest.approx(action.NECK_DEPTH / 2)


def test_the_noise_measured_is_the_noise_stated() -> None:
    trajectory = still(smile=0.5, brow_raise=0.5, brow_lower=0.5, dimpler=0.5)
    runs = [
        action.measured_action(trajectory, rng=np.random.default_rng(seed)) for seed in range(40)
    ]
    spread = np.mean([values[valid].std(axis=0) for values, valid in runs], axis=0)
    truth = true_action(trajectory)[0]
    means = np.array([values[valid].mean(axis=0) for values, valid in runs]) - truth
    for unit in ("AU01_r", "AU02_r", "AU04_r", "AU12_r", "AU14_r"):  # at 2.5, far from the ends
        assert spread[AT[unit]] == pytest.approx(action.UNIT_NOISE, rel=0.02)
        assert means[:, AT[unit]].std() == pytest.approx(action.UNIT_OFFSET, rel=0.45)
    for axis in "xyz":
        turn = np.degrees(spread[AT[f"pose_R{axis}"]])
        assert turn == pytest.approx(action.ANGLE_NOISE, rel=0.02)
        assert spread[AT[f"pose_T{axis}"]] == pytest.approx(action.PLACE_NOISE, rel=0.02)
    values, valid = runs[0]
    gaze = values[valid, AT["gaze_0_x"] : AT["gaze_0_z"] + 1]
    np.testing.assert_allclose(np.linalg.norm(gaze, axis=1), 1, atol=1e-6)
    angle = np.degrees(np.arctan2(gaze[:, 0], -gaze[:, 2]))
    assert angle.std() == pytest.approx(action.GAZE_NOISE, rel=0.05)


@pytest.mark.parametrize(("frame_step", "burst"), [(1, 30), (10, 3)])
def test_tracking_fails_in_the_stated_share_for_a_second(frame_step: int, burst: int) -> None:
    rngs = map(np.random.default_rng, range(80))
    runs = [action.measured_action(still(3000), rng=rng, frame_step=frame_step) for rng in rngs]
    valid = np.array([valid for _, valid in runs])
    lost = 1 - valid.mean(axis=1)
    assert lost.mean() == pytest.approx(action.FAILED, abs=4 * lost.std() / np.sqrt(len(lost)))
    starts = (valid[:, :-1] & ~valid[:, 1:]).sum()
    assert (~valid).sum() / starts == pytest.approx(burst, rel=0.3)
    assert all((values[~there] == 0).all() for values, there in runs)


def test_noise_and_failures_are_the_same_in_every_world(cohort: SimulatedCohort) -> None:
    published = SimulatedCohort("published", n_recordings=12, max_frames=600)
    errors = []
    for source in (cohort, published):
        name = cohort.recordings["recording"][0]
        values, valid = SimulatedAction(source)(name)
        truth = true_action(source.trajectories(name))
        errors.append(((values - truth)[:, AT["pose_Rx"]] * valid, valid))
    np.testing.assert_array_equal(errors[0][1], errors[1][1])
    np.testing.assert_allclose(errors[0][0], errors[1][0], atol=1e-6)


# --- pulse


def tone(bpm: float, seconds: float = 20.0, noise: float = 0.0) -> np.ndarray:
    time = np.arange(round(30 * seconds)) / 30
    rng = np.random.default_rng(0)
    return np.sin(2 * np.pi * bpm / 60 * time) + noise * rng.standard_normal(len(time))


@pytest.mark.parametrize("bpm", [50.0, 72.0, 101.0, 165.0])
def test_a_pure_tone_is_found_and_fills_its_band(bpm: float) -> None:
    values, valid = estimates(tone(bpm) + 3.0 + np.linspace(0, 2, 600))  # offset and drift
    settled, band = values[10:], np.searchsorted(EDGES, bpm, side="right") - 1
    assert np.abs(settled[:, RATE] - bpm).max() < 1.5
    assert (np.abs(settled[:, :RATE].argmax(axis=1) - band) <= 1).all()
    assert valid.tolist() == [False] * 5 + [True] * 15


def test_band_shares_are_those_of_an_independent_periodogram() -> None:
    trace = tone(80, noise=2.0)
    values, valid = estimates(trace)
    part = trace[19 * 30 - 300 : 19 * 30]
    f, power = periodogram(part, 30, window=np.hanning(300), nfft=2048, detrend="linear")
    inside = (60 * f >= 42) & (60 * f < 180)
    wanted = np.histogram(60 * f[inside], EDGES, weights=power[inside])[0] / power[inside].sum()
    wanted = np.log10(np.maximum(wanted, 1e-4))
    np.testing.assert_allclose(values[19, :RATE], wanted, atol=1e-4)
    np.testing.assert_allclose((10.0 ** values[valid, :RATE]).sum(axis=1), 1, atol=0.003)


def test_quality_falls_with_noise_and_a_flat_or_short_trace_is_finite() -> None:
    clear, noisy = (estimates(tone(70, noise=noise))[0][10:, QUALITY] for noise in (0.3, 3.0))
    assert clear.min() > noisy.max() + 5
    values, valid = estimates(np.zeros(400))
    assert np.isfinite(values).all()
    assert valid.sum() == 9
    assert not estimates(tone(70, seconds=4.5))[1].any()


def test_an_estimate_knows_nothing_of_what_comes_later() -> None:
    trace = tone(70, seconds=30, noise=1.0)
    changed = np.concatenate([trace[:600], tone(150, seconds=10)])
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
    rng = np.random.default_rng(0)
    runs = np.array([heart.heart_rate(3000, 75, 4, rng=rng) for _ in range(150)])
    assert (runs.mean(), runs.std()) == pytest.approx((75, 4), abs=0.2)


def test_latents_move_the_heart_by_their_loadings_and_nothing_else_does() -> None:
    def of(latents: np.ndarray) -> np.ndarray:
        rngs = {"rng": np.random.default_rng(5), "person_rng": np.random.default_rng(6)}
        rate, spread = heart.heart_tendencies(latents, **rngs)
        return np.array([rate / heart.REST_SPREAD, np.log(spread) / heart.VARIABILITY_SPREAD])

    moved = [of(latents) - of(0 * latents) for latents in np.eye(len(LATENT_NAMES))]
    tables = (heart.RATE_LOADINGS, heart.VARIABILITY_LOADINGS)
    wanted = [[table.get(name, 0) for table in tables] for name in LATENT_NAMES]
    np.testing.assert_allclose(moved, wanted, atol=1e-9)


@pytest.mark.parametrize("world", WORLDS)
def test_every_world_has_a_pulse_held_for_a_second(world: str) -> None:
    cohort = SimulatedCohort(world, n_recordings=6, max_frames=420)
    for recording, n in cohort.recordings[["recording", "n_frames"]].itertuples(index=False):
        values, valid = SimulatedPulse(cohort)(recording)
        assert values.shape == (n, 23)
        assert np.flatnonzero(valid).tolist() == list(range(150, n))
        assert (values[150:180] == values[150]).all()
        assert (values[150] != values[180]).any()
    slow = SimulatedCohort(world, n_recordings=6, frame_step=10)  # three frames a second
    _, valid = SimulatedPulse(slow)(slow.recordings["recording"][0])
    assert valid.tolist() == [frame >= 15 for frame in range(len(valid))]


def test_persons_keep_part_of_their_heart() -> None:
    cohort = SimulatedCohort("null", n_recordings=90, max_frames=150)
    table = cohort.recordings.assign(
        rate=[SimulatedPulse(cohort).trace(name)[1].mean() for name in cohort.recordings.recording]
    )
    within = table["rate"] - table.groupby("person")["rate"].transform("mean")
    again = table["person"].duplicated(keep=False)
    assert 0.2 < within[again].std() / table["rate"].std() < 0.75
