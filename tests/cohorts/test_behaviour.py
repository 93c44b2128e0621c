"""Latents and trajectories: the stated correlations, and nothing beside them."""

import time

import numpy as np
import pytest
from scipy.signal import find_peaks

from deplib.cohorts.simulated import labels, motion
from deplib.cohorts.simulated.behaviour import (
    LATENT_NAMES,
    LATENTS,
    RESIDUAL_PERSON_SHARE,
    WORLDS,
    assumptions,
    draw_latents,
    severity_loadings,
    trait_loadings,
    world_named,
)
from deplib.cohorts.simulated.motion import CHANNELS, INDEX
from deplib.errors import CohortError

N = 40_000
NUISANCE = [name for name in CHANNELS if name.startswith(("light", "align"))]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def film(latents: np.ndarray, n: int = 1800, seed: int = 0, nuisance: int = 1) -> np.ndarray:
    return motion.trajectory(latents, n, rng=rng(seed), nuisance_rng=rng(nuisance))


@pytest.fixture(scope="module")
def population() -> tuple[np.ndarray, np.ndarray]:
    severity = rng(1).standard_normal(N)
    noise = rng(2).standard_normal(N)
    r = labels.RELIABILITY
    return severity, labels.to_bdi(np.sqrt(r) * severity + np.sqrt(1 - r) * noise)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_latents_correlate_with_bdi_as_stated_times_gain(world, population):
    severity, bdi = population
    latents = draw_latents(severity, np.arange(N), gain=world.gain, rng=rng(3))
    found = [np.corrcoef(column, bdi)[0, 1] for column in latents.T]
    assert found == pytest.approx([world.gain * x.correlation for x in LATENTS], abs=0.02)
    assert latents.mean(axis=0) == pytest.approx(np.zeros(len(LATENTS)), abs=0.03)
    assert latents.std(axis=0) == pytest.approx(np.ones(len(LATENTS)), abs=0.02)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_latents_covary_by_severity_and_trait_alone(world, population):
    severity, _ = population
    latents = draw_latents(severity, np.arange(N), gain=world.gain, rng=rng(3))
    a, t = severity_loadings(world.gain), trait_loadings()
    stated = np.outer(a, a) + np.outer(t, t)
    np.fill_diagonal(stated, 1)
    assert np.linalg.eigvalsh(stated).min() > 0
    np.testing.assert_allclose(np.corrcoef(latents.T), stated, atol=0.03)


def test_part_of_behaviour_recurs_with_the_person():
    person = np.repeat(np.arange(N // 2), 2)
    latents = draw_latents(np.zeros(N), person, gain=0.0, rng=rng(3))
    found = [np.corrcoef(column[::2], column[1::2])[0, 1] for column in latents.T]
    t2 = trait_loadings() ** 2
    assert found == pytest.approx(t2 + (1 - t2) * RESIDUAL_PERSON_SHARE, abs=0.03)


def test_worlds_differ_in_nothing_but_the_link(population):
    severity, _ = population
    drawn = [draw_latents(severity, np.arange(N), gain=g, rng=rng(3)) for g in (0.0, 1.25)]
    untouched = [k for k, x in enumerate(LATENTS) if x.correlation == 0]
    np.testing.assert_array_equal(drawn[0][:, untouched], drawn[1][:, untouched])


def test_stated_correlations_lie_in_their_published_range():
    table = assumptions()
    assert tuple(table["name"]) == LATENT_NAMES
    assert table["correlation"].between(table["low"], table["high"]).all()


def test_impossible_gain_and_unknown_world_are_refused():
    with pytest.raises(CohortError, match="smaller gain"):
        severity_loadings(3.0)
    with pytest.raises(CohortError, match="null, default, published"):
        world_named("ideal")


def test_trajectory_has_the_channels_ranges_and_type():
    for seed in range(5):
        latents = 2.5 * rng(seed).standard_normal(len(LATENTS))
        track = film(latents, 3000, seed)
        assert track.shape == (3000, len(CHANNELS))
        assert track.dtype == np.float32
        assert np.isfinite(track).all()
        activations = track[:, INDEX["smile"] : INDEX["blink"] + 1]
        assert activations.min() >= 0
        assert activations.max() <= 1
        assert np.abs(track[:, [INDEX["gaze_x"], INDEX["gaze_y"]]]).max() <= 1
        assert np.abs(track[:, INDEX["yaw"]]).max() <= 24
        assert np.abs(track[:, INDEX["pitch"]]).max() <= 18
        assert np.abs(track[:, INDEX["align_x"]]).max() < 5


@pytest.mark.parametrize("n", [1, 2, 7, 180])
def test_short_clips_are_whole(n):
    assert film(np.zeros(len(LATENTS)), n).shape == (n, len(CHANNELS))


def test_same_streams_same_track_other_stream_other_track():
    zero = np.zeros(len(LATENTS))
    np.testing.assert_array_equal(film(zero, 300), film(zero, 300))
    assert np.any(film(zero, 300) != film(zero, 300, seed=5))


def test_light_and_alignment_know_neither_latents_nor_the_stream_of_behaviour():
    columns = [INDEX[name] for name in NUISANCE]
    calm = film(np.full(len(LATENTS), -2.0))[:, columns]
    lively = film(np.full(len(LATENTS), 2.0), seed=9)[:, columns]
    np.testing.assert_array_equal(calm, lively)
    assert np.all(calm.std(axis=0) > 0)


@pytest.mark.parametrize(
    ("latent", "channel", "statistic"),
    [
        ("smile_rate", "smile", np.mean),
        ("smile_intensity", "smile", np.std),
        ("head_velocity", "yaw", lambda x: np.abs(np.diff(x)).mean()),
        ("head_velocity", "pitch", np.std),
        ("expressivity", "brow_raise", np.std),
        ("brow_lower", "brow_lower", np.mean),
        ("brow_lower", "lid_tighten", np.mean),
        ("lip_corner_down", "lip_corner_down", np.mean),
        ("dimpler", "dimpler", np.mean),
        ("look_down", "pitch", np.mean),
        ("look_down", "gaze_y", np.mean),
        ("speech", "jaw_open", np.mean),
        ("blink", "blink", np.mean),
    ],
)
def test_each_latent_moves_its_channel_upwards(latent, channel, statistic):
    shift = np.eye(len(LATENTS))[LATENT_NAMES.index(latent)]

    def level(sign: float) -> np.ndarray:
        tracks = [film(sign * shift, seed=k, nuisance=k + 50) for k in range(12)]
        return np.array([statistic(track[:, INDEX[channel]]) for track in tracks])

    high, low = level(1.5), level(-1.5)
    pooled = np.sqrt((high.var() + low.var()) / 2)
    assert high.mean() - low.mean() > pooled


def test_people_blink_about_seventeen_times_a_minute():
    blink = film(np.zeros(len(LATENTS)), 30 * 60 * 100)[:, INDEX["blink"]]
    assert len(find_peaks(blink, height=0.5)[0]) / 100 == pytest.approx(16.5, abs=1.2)
    assert np.mean(blink > 0.5) < 0.06


@pytest.mark.parametrize("seconds", [0.7, 3.0, 20.0])
def test_process_has_unit_variance_and_its_time_constant(seconds):
    x = motion._process(2_000_000, seconds, rng())
    assert x.std() == pytest.approx(1, abs=0.05)
    lag = round(seconds * motion.FPS)
    # Autocorrelation of two cascaded exponentials, time constants 1 and 1/5, at lag 1.
    expected = (np.exp(-1) - np.exp(-5) / 5) / (1 - 1 / 5)
    assert np.corrcoef(x[:-lag], x[lag:])[0, 1] == pytest.approx(expected, abs=0.04)
    velocity = np.diff(x)
    assert np.corrcoef(velocity[:-1], velocity[1:])[0, 1] > 0.5  # it moves, it does not jitter


def test_a_clip_of_2000_frames_is_written_in_milliseconds():
    def seconds() -> float:
        start = time.process_time()
        film(np.zeros(len(LATENTS)), 2000)
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.05
