import inspect

import numpy as np
import pytest

from deplib.cohorts.simulated import CHANNELS, INDEX, SimulatedCohort
from deplib.errors import CohortError
from deplib.streams import action
from deplib.streams.action import COLUMNS, SimulatedAction, measured_action, true_action

AT = {name: column for column, name in enumerate(COLUMNS)}


@pytest.fixture(scope="module")
def cohort() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=12, max_frames=600)


def still(n: int = 4000, **channels: float) -> np.ndarray:
    trajectory = np.zeros((n, len(CHANNELS)), np.float32)
    for name, value in channels.items():
        trajectory[:, INDEX[name]] = value
    return trajectory


@pytest.mark.parametrize(
    ("unit", "channel"),
    [("AU12_r", "smile"), ("AU04_r", "brow_lower"), ("AU45_r", "blink"), ("AU26_r", "jaw_open")],
)
def test_a_known_unit_is_recovered_from_its_channel(
    cohort: SimulatedCohort, unit: str, channel: str
) -> None:
    read = SimulatedAction(cohort)
    for recording in cohort.recordings["recording"][:3]:
        values, valid = read(recording)
        truth = cohort.trajectories(recording)[valid, INDEX[channel]]
        if truth.std() > 0.05:  # something happens
            assert np.corrcoef(values[valid, AT[unit]], truth)[0, 1] > 0.6
        shown = values[valid, AT[unit]][truth > 0.5]
        if len(shown):
            assert abs(np.mean(shown - 5 * truth[truth > 0.5])) < 4 * action.UNIT_OFFSET


def test_without_error_the_columns_are_the_trajectory_in_openfaces_units() -> None:
    truth = true_action(still(1, smile=0.4, jaw_open=1.0, yaw=30.0, pitch=-10.0, gaze_x=-1.0))[0]
    assert truth[AT["AU12_r"]] == pytest.approx(2.0)
    assert truth[AT["AU25_r"]] == truth[AT["AU26_r"]] == 5.0
    assert truth[AT["AU09_r"]] == 0.0
    np.testing.assert_allclose(truth[AT["pose_Rx"] : AT["pose_Rz"] + 1], np.radians([-10, 30, 0]))
    down = np.radians(-10)  # eyes turned 30 degrees back cancel the head's yaw
    for eye in (0, 1):
        gaze = truth[AT[f"gaze_{eye}_x"] : AT[f"gaze_{eye}_z"] + 1]
        np.testing.assert_allclose(gaze, [0, np.sin(down), -np.cos(down)], atol=1e-7)
    assert truth[AT["pose_Tx"]] == pytest.approx(action.NECK_DEPTH / 2)
    assert true_action(still(1))[0, AT["pose_Tz"]] == action.DISTANCE


def test_the_noise_measured_is_the_noise_stated() -> None:
    trajectory = still(smile=0.5, brow_raise=0.5, brow_lower=0.5, dimpler=0.5)
    rngs = [np.random.default_rng(seed) for seed in range(40)]
    runs = [measured_action(trajectory, rng=rng) for rng in rngs]
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
    far = means[:, AT["pose_Tz"]].std()
    assert far == pytest.approx(action.DISTANCE_SPREAD, rel=0.45)
    values, valid = runs[0]
    for eye in (0, 1):
        gaze = values[valid, AT[f"gaze_{eye}_x"] : AT[f"gaze_{eye}_z"] + 1]
        np.testing.assert_allclose(np.linalg.norm(gaze, axis=1), 1, atol=1e-6)
        angle = np.degrees(np.arctan2(gaze[:, 0], -gaze[:, 2]))
        assert angle.std() == pytest.approx(action.GAZE_NOISE, rel=0.05)


def test_units_without_a_channel_are_noise_alone() -> None:
    lively, dull = still(2000, smile=0.9, brow_lower=0.8, blink=1.0), still(2000)
    one, _ = measured_action(lively, rng=np.random.default_rng(3))
    two, _ = measured_action(dull, rng=np.random.default_rng(3))
    dumb = [AT[unit] for unit in action.UNITS if unit not in action.CHANNEL_OF]
    assert len(dumb) == 6
    np.testing.assert_array_equal(one[:, dumb], two[:, dumb])
    assert (one[:, dumb].std(axis=0) > 0).all()


def test_intensities_stay_on_their_scale(cohort: SimulatedCohort) -> None:
    values, _ = SimulatedAction(cohort)(cohort.recordings["recording"][0])
    units = values[:, : len(action.UNITS)]
    assert units.min() == 0
    assert units.max() <= 5
    assert np.isfinite(values).all()


def test_tracking_fails_in_the_stated_share_of_frames_and_leaves_zeros() -> None:
    runs = [measured_action(still(5000), rng=np.random.default_rng(k)) for k in range(120)]
    lost = np.array([1 - valid.mean() for _, valid in runs])
    assert lost.mean() == pytest.approx(action.FAILED, abs=4 * lost.std() / np.sqrt(len(lost)))
    assert lost.std() < 2 * action.FAILED
    values, valid = next(run for run in runs if not run[1].all())
    assert (values[~valid] == 0).all()


def test_same_seed_same_stream_other_seed_another(cohort: SimulatedCohort) -> None:
    recording, other = cohort.recordings["recording"][:2]
    again = SimulatedCohort(n_recordings=12, max_frames=600)
    for one, two in zip(
        SimulatedAction(cohort)(recording), SimulatedAction(again)(recording), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    seeded = SimulatedCohort(seed=7, n_recordings=12, max_frames=600)
    noise = []
    for source, name in ((cohort, recording), (cohort, other), (seeded, recording)):
        values, valid = SimulatedAction(source)(name)
        trajectory = source.trajectories(name)
        error = values[:, AT["pose_Rz"]] - true_action(trajectory)[:, AT["pose_Rz"]]
        noise.append((error * valid)[:150])
    assert abs(np.corrcoef(noise) - np.eye(3)).max() < 0.35


def test_noise_and_failures_are_the_same_in_every_world(cohort: SimulatedCohort) -> None:
    """Worlds differ in what severity does to behaviour: so does nothing but the truth here."""
    published = SimulatedCohort("published", n_recordings=12, max_frames=600)
    for recording in cohort.recordings["recording"][:4]:
        (one, first), (two, second) = (
            SimulatedAction(source)(recording) for source in (cohort, published)
        )
        np.testing.assert_array_equal(first, second)
        errors = [
            values[first, AT["pose_Rx"]]
            - true_action(source.trajectories(recording))[first, AT["pose_Rx"]]
            for values, source in ((one, cohort), (two, published))
        ]
        np.testing.assert_allclose(*errors, atol=1e-6)


def test_nothing_but_the_trajectory_enters_the_measurement(cohort: SimulatedCohort) -> None:
    assert set(inspect.signature(measured_action).parameters) == {"trajectory", "rng", "frame_step"}
    recording = cohort.recordings["recording"][0]
    before = SimulatedAction(cohort)(recording)
    told = SimulatedCohort(n_recordings=12, max_frames=600)
    told.recordings["bdi"] = 63.0
    told.truth[["severity", "severity_z"]] = 9.0
    for one, two in zip(before, SimulatedAction(told)(recording), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_failure_lasts_as_long_in_a_film_of_fewer_frames() -> None:
    runs = [measured_action(still(3000), rng=np.random.default_rng(k), frame_step=10)
            for k in range(60)]  # fmt: skip
    starts = sum(int((valid[:-1] & ~valid[1:]).sum()) for _, valid in runs)
    assert sum(int((~valid).sum()) for _, valid in runs) / starts == pytest.approx(3, rel=0.25)


def test_an_unknown_recording_is_named(cohort: SimulatedCohort) -> None:
    with pytest.raises(CohortError, match="'nobody'"):
        SimulatedAction(cohort)("nobody")


def test_the_fingerprint_tells_cohorts_apart(cohort: SimulatedCohort) -> None:
    same = SimulatedCohort(n_recordings=12, max_frames=600)
    other = SimulatedCohort("null", n_recordings=12, max_frames=600)
    assert SimulatedAction(cohort).fingerprint == SimulatedAction(same).fingerprint
    assert SimulatedAction(cohort).fingerprint != SimulatedAction(other).fingerprint
