"""The oracle: exact where a fit or a simulation can tell, and unbeaten."""

import numpy as np
import pytest

from deplib.cohorts.simulated import labels
from deplib.cohorts.simulated.behaviour import (
    LATENTS,
    WORLDS,
    draw_latents,
    oracle_error,
    oracle_mean,
    oracle_median,
    posterior,
)

N = 60_000
GAINS = {name: world.gain for name, world in WORLDS.items()}


@pytest.fixture(scope="module", params=["default", "published"])
def world(request):
    return WORLDS[request.param]


@pytest.fixture(scope="module")
def drawn(world):
    rng = np.random.default_rng(7)
    severity = rng.standard_normal(N)
    r = labels.RELIABILITY
    bdi = labels.to_bdi(np.sqrt(r) * severity + np.sqrt(1 - r) * rng.standard_normal(N))
    return severity, bdi, draw_latents(severity, np.arange(N), gain=world.gain, rng=rng)


def test_posterior_agrees_with_least_squares(world, drawn):
    severity, _, latents = drawn
    fitted, *_ = np.linalg.lstsq(latents, severity, rcond=None)
    mean, variance = posterior(latents, world.gain)
    np.testing.assert_allclose(latents @ fitted, mean, atol=0.06)
    assert variance == pytest.approx(np.var(severity - mean), abs=0.01)


def test_oracle_mean_is_calibrated_at_every_level(world, drawn):
    _, bdi, latents = drawn
    prediction = oracle_mean(latents, world.gain)
    for group in np.array_split(np.argsort(prediction), 10):
        assert bdi[group].mean() == pytest.approx(prediction[group].mean(), abs=0.6)


def test_oracle_median_halves_the_scores_at_every_level(world, drawn):
    _, bdi, latents = drawn
    prediction = oracle_median(latents, world.gain)
    for group in np.array_split(np.argsort(prediction, kind="stable"), 5):
        assert np.mean(bdi[group] < prediction[group]) < 0.51
        assert np.mean(bdi[group] > prediction[group]) < 0.51


def test_nothing_fitted_on_the_latents_beats_the_oracle(world, drawn):
    _, bdi, latents = drawn
    half = N // 2
    features = np.column_stack([np.ones(N), latents, latents**2])
    weights, *_ = np.linalg.lstsq(features[:half], bdi[:half], rcond=None)
    fitted = features[half:] @ weights
    mean = oracle_mean(latents[half:], world.gain)
    median = oracle_median(latents[half:], world.gain)
    truth = bdi[half:]
    assert np.mean((truth - mean) ** 2) < np.mean((truth - fitted) ** 2)
    assert np.abs(truth - median).mean() < np.abs(truth - mean).mean()
    assert np.abs(truth - median).mean() < np.abs(truth - np.median(truth)).mean() - 1


def test_stated_errors_agree_with_simulation(world, drawn):
    _, bdi, latents = drawn
    mean, median = oracle_mean(latents, world.gain), oracle_median(latents, world.gain)
    error = oracle_error(world)
    assert error.r2 == pytest.approx(1 - np.mean((bdi - mean) ** 2) / bdi.var(), abs=0.015)
    assert error.pcc == pytest.approx(np.corrcoef(bdi, mean)[0, 1], abs=0.015)
    assert error.rmse == pytest.approx(np.sqrt(np.mean((bdi - mean) ** 2)), abs=0.12)
    assert error.mae == pytest.approx(np.abs(bdi - median).mean(), abs=0.1)
    assert error.constant_mae == pytest.approx(np.abs(bdi - np.median(bdi)).mean(), abs=0.1)


def test_worlds_are_as_strong_as_their_description_says():
    errors = {name: oracle_error(world) for name, world in WORLDS.items()}
    assert errors["default"].r2 == pytest.approx(0.36, abs=0.01)
    assert errors["default"].mae == pytest.approx(7.1, abs=0.1)
    assert errors["published"].r2 == pytest.approx(0.65, abs=0.01)
    assert errors["published"].mae == pytest.approx(5.1, abs=0.1)


def test_in_the_null_world_the_oracle_is_a_constant():
    latents = np.random.default_rng(0).standard_normal((100, len(LATENTS)))
    assert np.ptp(oracle_mean(latents, 0.0)) < 1e-9
    assert np.ptp(oracle_median(latents, 0.0)) == 0
    error = oracle_error(WORLDS["null"])
    assert error.r2 == pytest.approx(0, abs=1e-9)
    assert error.mae == error.constant_mae
