"""Persons, scores, latents and the oracle against what is published, stated or exact."""

import numpy as np
import pandas as pd
import pytest

from deplib.cohorts.base import BANDS, SPLITS
from deplib.cohorts.simulated import LATENTS, WORLDS, behaviour, labels, oracle_error, world_named
from deplib.cohorts.simulated.behaviour import TRAIT, draw_latents, oracle_mean, oracle_median
from deplib.errors import CohortError

N = 40_000
RELIABLE = labels.RELIABILITY
LEVELS = [world for world in WORLDS.values() if world.movement is None]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scored(severity: np.ndarray, seed: int) -> np.ndarray:
    """BDI-II of a severity, with its noise, drawn without regard to splits."""
    noise = rng(seed).standard_normal(len(severity))
    return labels.to_bdi(np.sqrt(RELIABLE) * severity + np.sqrt(1 - RELIABLE) * noise)


# --- persons, splits, scores, lengths


@pytest.mark.parametrize("seed", range(3))
def test_150_recordings_have_the_published_structure(seed):
    table = labels.draw_sessions(150, rng=rng(seed))
    persons = table.groupby("split")["person"].agg(set)
    assert table["split"].value_counts().to_dict() == dict.fromkeys(SPLITS, 50)
    assert table["person"].nunique() == 84
    assert len(persons["train"] | persons["dev"]) == 58
    assert len(persons["test"] - persons["train"] - persons["dev"]) == 26
    assert persons["train"] & persons["dev"]
    assert table["recording"].is_unique
    for person, sessions in table.groupby("person"):
        names = [f"{person}_{k}" for k in range(1, len(sessions) + 1)]
        assert sorted(sessions["recording"]) == names
    _, bdi = labels.draw_labels(table["person"].to_numpy(), table["split"].to_numpy(), rng=rng(9))
    spread = table.assign(bdi=bdi).groupby("split")["bdi"].agg(["mean", "std"])
    assert spread["mean"].tolist() == pytest.approx([14.9] * 3, abs=0.4)
    assert spread["std"].tolist() == pytest.approx([12.1] * 3, abs=0.6)


EQUAL = {6: [2, 2, 2], 7: [3, 2, 2], 31: [11, 10, 10]}
SIZES = [*EQUAL, (1500, 100, 1000), (50, 50, 1000), (2, 2, 300), (300, 2, 2)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_splits_of_any_sizes_share_persons_and_test_has_new_ones(sizes):
    table = labels.draw_sessions(sizes, rng=rng())
    wanted = EQUAL.get(sizes) or list(sizes)
    assert table["split"].value_counts(sort=False).tolist() == wanted
    assert table.equals(labels.draw_sessions(wanted, rng=rng()))
    persons = table.groupby("split")["person"].agg(set)
    known = persons["train"] | persons["dev"]
    assert persons["test"] & known
    assert persons["test"] - known
    assert table["person"].value_counts().max() <= labels.MAX_SESSIONS


def test_scores_of_a_population_follow_the_published_marginal_noise_and_person_share():
    sessions = labels.draw_sessions(30_000, rng=rng(1))
    person, split = sessions["person"].to_numpy(), sessions["split"].to_numpy()
    severity, bdi = labels.draw_labels(person, split, rng=rng(2))
    assert np.array_equal(bdi, np.rint(bdi).clip(0, labels.BDI_MAX))
    assert bdi.mean() == pytest.approx(14.8, abs=0.4)  # Train 15.1, Dev 14.8, Test 14.5
    assert bdi.std() == pytest.approx(11.9, abs=0.4)  # Train + Dev 11.93, Test 11.48
    share = [np.mean((low <= bdi) & (bdi <= high)) for _, low, high in BANDS]
    assert share == pytest.approx([0.50, 0.20, 0.16, 0.14], abs=0.07)
    assert np.abs(bdi - np.median(bdi)).mean() == pytest.approx(9.1, abs=0.2)
    assert (bdi - labels.severity_points(severity)).std() == pytest.approx(3.4, abs=0.2)
    found = np.corrcoef(severity, bdi)[0, 1]
    assert found == pytest.approx(labels.severity_correlation(), abs=0.01)
    by_person = pd.Series(severity).groupby(person)
    recur = by_person.size() > 1
    icc = np.corrcoef(by_person.first()[recur], by_person.last()[recur])[0, 1]
    assert icc == pytest.approx(labels.PERSON_SHARE, abs=0.02)


def test_covariance_of_scores_agrees_with_dense_algebra():
    code = np.array([0, 2, 1, 0, 2, 2, 3])
    x = rng().standard_normal(len(code))
    same = code[:, None] == code
    severity = labels.PERSON_SHARE * same + (1 - labels.PERSON_SHARE) * np.eye(len(code))
    scores = RELIABLE * severity + (1 - RELIABLE) * np.eye(len(code))
    wanted = severity @ np.linalg.solve(scores, x)
    np.testing.assert_allclose(labels._regressed(x, code), wanted)


def test_lengths_follow_the_published_quantiles():
    length = labels.draw_lengths(3000, rng=rng())
    found = np.quantile(length, [0.25, 0.5, 0.75, 0.9])
    assert found == pytest.approx([1080, 1260, 1860, 3120], rel=0.02)
    assert 180 <= length.min() < length.max() <= 7440
    assert length.mean() == pytest.approx(493_141 / 300, rel=0.03)
    assert np.mean(length > 2000) == pytest.approx(66 / 300, abs=0.02)


# --- latents


@pytest.mark.parametrize("world", LEVELS, ids=[world.name for world in LEVELS])
def test_latents_correlate_as_stated_times_gain_and_covary_by_severity_and_trait(world):
    severity = rng(1).standard_normal(N)
    latents = draw_latents(severity, np.arange(N), gain=world.gain, rng=rng(3))
    found = [np.corrcoef(column, scored(severity, 2))[0, 1] for column in latents.T]
    assert found == pytest.approx([world.gain * x.correlation for x in LATENTS], abs=0.02)
    assert latents.std(axis=0) == pytest.approx(np.ones(len(LATENTS)), abs=0.02)
    a, t = behaviour.severity_loadings(world.gain), TRAIT
    stated = np.outer(a, a) + np.outer(t, t)
    np.fill_diagonal(stated, 1)
    np.testing.assert_allclose(np.corrcoef(latents.T), stated, atol=0.03)
    assert all(x.low <= x.correlation <= x.high for x in LATENTS)


def test_part_of_behaviour_recurs_with_the_person():
    person = np.repeat(np.arange(N // 2), 2)
    latents = draw_latents(np.zeros(N), person, gain=0.0, rng=rng(3))
    found = [np.corrcoef(column[::2], column[1::2])[0, 1] for column in latents.T]
    assert found == pytest.approx(
        TRAIT**2 + (1 - TRAIT**2) * behaviour.RESIDUAL_PERSON_SHARE, abs=0.03
    )


def test_impossible_gain_and_unknown_world_are_refused():
    with pytest.raises(CohortError, match="smaller gain"):
        behaviour.severity_loadings(3.0)
    with pytest.raises(CohortError, match="null, default, published"):
        world_named("ideal")


# --- the oracle


@pytest.fixture(scope="module", params=["default", "published"])
def drawn(request):
    world, severity = WORLDS[request.param], rng(7).standard_normal(N)
    latents = draw_latents(severity, np.arange(N), gain=world.gain, rng=rng(8))
    return world, severity, scored(severity, 9), latents


def test_the_oracle_is_calibrated_at_every_level_and_unbeaten(drawn):
    world, _, bdi, latents = drawn
    mean, median = oracle_mean(latents, world), oracle_median(latents, world)
    for group in np.array_split(np.argsort(mean), 10):
        assert bdi[group].mean() == pytest.approx(mean[group].mean(), abs=0.7)
    for group in np.array_split(np.argsort(median, kind="stable"), 5):
        assert np.mean(bdi[group] < median[group]) < 0.52
        assert np.mean(bdi[group] > median[group]) < 0.52
    half, features = N // 2, np.column_stack([np.ones(N), latents, latents**2])
    weights, *_ = np.linalg.lstsq(features[:half], bdi[:half], rcond=None)
    truth, fitted = bdi[half:], features[half:] @ weights
    assert np.mean((truth - mean[half:]) ** 2) < np.mean((truth - fitted) ** 2)
    assert np.abs(bdi - median).mean() < np.abs(bdi - mean).mean()


def test_stated_errors_agree_with_simulation(drawn):
    world, _, bdi, latents = drawn
    mean, median = oracle_mean(latents, world), oracle_median(latents, world)
    error = oracle_error(world)
    assert error.r2 == pytest.approx(1 - np.mean((bdi - mean) ** 2) / bdi.var(), abs=0.02)
    assert error.pcc == pytest.approx(np.corrcoef(bdi, mean)[0, 1], abs=0.015)
    assert error.rmse == pytest.approx(np.sqrt(np.mean((bdi - mean) ** 2)), abs=0.15)
    assert error.mae == pytest.approx(np.abs(bdi - median).mean(), abs=0.12)
    assert error.constant_mae == pytest.approx(np.abs(bdi - np.median(bdi)).mean(), abs=0.12)


def test_worlds_are_as_strong_as_their_description_says():
    found = {name: (oracle_error(w).r2, oracle_error(w).mae) for name, w in WORLDS.items()}
    assert found["default"] == pytest.approx((0.36, 7.11), abs=0.01)
    assert found["published"] == pytest.approx((0.66, 5.13), abs=0.01)
    assert found["null"] == pytest.approx((0, oracle_error(WORLDS["null"]).constant_mae), abs=1e-9)
    assert np.ptp(oracle_mean(rng().standard_normal((100, len(LATENTS))), WORLDS["null"])) < 1e-9
