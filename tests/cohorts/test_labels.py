"""Persons, splits, scores and lengths against what is published about the corpus."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from deplib.cohorts.base import BANDS, SPLITS
from deplib.cohorts.simulated import labels
from deplib.errors import CohortError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def population() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    sessions = labels.draw_sessions(30_000, rng=rng(1))
    severity, bdi = labels.draw_labels(
        sessions["person"].to_numpy(), sessions["split"].to_numpy(), rng=rng(2)
    )
    return sessions, severity, bdi


@pytest.mark.parametrize("seed", range(5))
def test_150_recordings_have_the_published_structure(seed):
    table = labels.draw_sessions(150, rng=rng(seed))
    persons = table.groupby("split")["person"].agg(set)
    assert table["split"].value_counts().to_dict() == dict.fromkeys(SPLITS, 50)
    assert table["person"].nunique() == 84
    assert len(persons["train"] | persons["dev"]) == 58
    assert len(persons["test"] - persons["train"] - persons["dev"]) == 26
    assert persons["train"] & persons["dev"]
    assert persons["test"] & (persons["train"] | persons["dev"])
    counts = table["person"].value_counts()
    assert counts.min() == 1
    assert 2 < counts.max() <= labels.MAX_SESSIONS


def test_recording_names_are_person_and_consecutive_session():
    table = labels.draw_sessions(150, rng=rng())
    assert table["recording"].is_unique
    assert table["recording"].str.fullmatch(r"\d{3}_\d").all()
    assert (table["recording"].str[:3] == table["person"]).all()
    for _, sessions in table.groupby("person"):
        numbers = sorted(int(name.split("_")[1]) for name in sessions["recording"])
        assert numbers == list(range(1, len(numbers) + 1))


def test_person_number_tells_nothing_about_being_new_in_test():
    table = labels.draw_sessions(1500, rng=rng())
    seen = set(table.loc[table["split"] != "test", "person"])
    number = np.array(sorted(table["person"].unique()))
    is_new = ~np.isin(number, list(seen))
    assert stats.mannwhitneyu(np.flatnonzero(is_new), np.flatnonzero(~is_new)).pvalue > 0.01


@pytest.mark.parametrize("n", [6, 7, 8, 9, 12, 15, 24, 31, 75])
def test_small_cohorts_are_balanced_and_still_have_recurring_persons(n):
    table = labels.draw_sessions(n, rng=rng())
    sizes = table["split"].value_counts()
    assert len(table) == n
    assert sizes.max() - sizes.min() <= 1
    persons = table.groupby("split")["person"].agg(set)
    assert persons["test"] & (persons["train"] | persons["dev"])
    assert persons["test"] - persons["train"] - persons["dev"]


def test_too_few_recordings_are_refused():
    with pytest.raises(CohortError, match="at least 6"):
        labels.draw_sessions(5, rng=rng())


def test_population_scores_follow_the_published_marginal(population):
    _, _, bdi = population
    assert np.all(bdi == np.rint(bdi))
    assert bdi.min() == 0
    assert bdi.max() <= labels.BDI_MAX
    assert bdi.mean() == pytest.approx(14.8, abs=0.4)  # Train 15.1, Dev 14.8, Test 14.5
    assert bdi.std() == pytest.approx(11.9, abs=0.4)  # Train + Dev 11.93, Test 11.48
    assert stats.skew(bdi) == pytest.approx(1.26, abs=0.08)
    share = [np.mean((low <= bdi) & (bdi <= high)) for _, low, high in BANDS]
    assert share == pytest.approx([0.50, 0.20, 0.16, 0.14], abs=0.07)
    assert np.abs(bdi - np.median(bdi)).mean() == pytest.approx(9.1, abs=0.2)


def test_scores_hold_the_stated_noise_and_person_share(population):
    sessions, severity, bdi = population
    noise = bdi - labels.severity_points(severity)
    assert noise.std() == pytest.approx(3.4, abs=0.2)  # SD 12.1 at reliability .92 to .93
    assert np.corrcoef(severity, bdi)[0, 1] == pytest.approx(
        labels.severity_correlation(), abs=0.01
    )
    by_person = pd.Series(severity).groupby(sessions["person"].to_numpy())
    first, last = by_person.first(), by_person.last()
    recur = by_person.size() > 1
    icc = np.corrcoef(first[recur], last[recur])[0, 1]
    assert icc == pytest.approx(labels.PERSON_SHARE, abs=0.02)
    assert severity.std() == pytest.approx(1, abs=0.02)


def test_severity_correlation_agrees_with_simulation():
    z = rng(3).standard_normal(400_000)
    score = np.sqrt(0.93) * z + np.sqrt(0.07) * rng(4).standard_normal(400_000)
    expected = np.corrcoef(z, labels.to_bdi(score))[0, 1]
    assert labels.severity_correlation() == pytest.approx(expected, abs=0.002)


def test_score_is_monotone_and_stays_on_the_scale():
    z = np.linspace(-12, 12, 2001)
    bdi = labels.to_bdi(z)
    assert np.all(np.diff(bdi) >= 0)
    assert (bdi[0], bdi[-1]) == (0, labels.BDI_MAX)


@pytest.mark.parametrize("seed", range(5))
def test_each_split_of_50_lies_near_the_marginal(seed):
    sessions = labels.draw_sessions(150, rng=rng(seed))
    split = sessions["split"].to_numpy()
    _, bdi = labels.draw_labels(sessions["person"].to_numpy(), split, rng=rng(seed + 100))
    means = [bdi[split == name].mean() for name in SPLITS]
    spreads = [bdi[split == name].std() for name in SPLITS]
    assert means == pytest.approx([14.9] * 3, abs=0.4)
    assert spreads == pytest.approx([12.1] * 3, abs=0.6)


def test_severity_given_balanced_scores_follows_the_model():
    """Predicted from the person's two BDI-II scores, severity errs as in a draw without splits."""
    n, r, share = 20_000, labels.RELIABILITY, labels.PERSON_SHARE
    level = np.sqrt(share) * rng(7).standard_normal(n).repeat(2)
    free = level + np.sqrt(1 - share) * rng(8).standard_normal(2 * n)
    free_bdi = labels.to_bdi(np.sqrt(r) * free + np.sqrt(1 - r) * rng(9).standard_normal(2 * n))
    balanced, bdi = labels.draw_labels(
        np.arange(n).repeat(2), np.tile(["train", "dev"], n), rng=rng(5)
    )

    def known(score: np.ndarray) -> np.ndarray:
        other = score.reshape(-1, 2)[:, ::-1].ravel()
        return np.column_stack([np.ones(2 * n), score, score**2, other, other**2])

    weights, *_ = np.linalg.lstsq(known(free_bdi), free, rcond=None)
    free_error, error = free - known(free_bdi) @ weights, balanced - known(bdi) @ weights
    assert error.mean() == pytest.approx(0, abs=0.01)
    assert error.var() == pytest.approx(free_error.var(), rel=0.03)


def test_covariance_of_scores_agrees_with_dense_algebra():
    code = np.array([0, 2, 1, 0, 2, 2, 3])
    x = rng().standard_normal(len(code))
    same = code[:, None] == code
    severity = labels.PERSON_SHARE * same + (1 - labels.PERSON_SHARE) * np.eye(len(code))
    scores = labels.RELIABILITY * severity + (1 - labels.RELIABILITY) * np.eye(len(code))
    np.testing.assert_allclose(labels._severity_covariance(x, code), severity @ x)
    np.testing.assert_allclose(labels._solve_score_covariance(x, code), np.linalg.solve(scores, x))


def test_lengths_follow_the_published_quantiles():
    length = labels.draw_lengths(3000, rng=rng())
    assert 180 <= length.min() < 250
    assert 6500 < length.max() <= 7440
    quartiles = np.quantile(length, [0.25, 0.5, 0.75, 0.9])
    assert quartiles == pytest.approx([1080, 1260, 1860, 3120], rel=0.02)
    assert length.mean() == pytest.approx(493_141 / 300, rel=0.03)
    assert np.mean(length > 2000) == pytest.approx(66 / 300, abs=0.02)


def test_same_seed_same_draw_other_seed_other_draw():
    def draw(seed: int) -> tuple:
        sessions = labels.draw_sessions(30, rng=rng(seed))
        columns = sessions["person"].to_numpy(), sessions["split"].to_numpy()
        _, bdi = labels.draw_labels(*columns, rng=rng(seed))
        return list(sessions["recording"]), list(bdi), list(labels.draw_lengths(30, rng=rng(seed)))

    assert draw(1) == draw(1)
    assert all(a != b for a, b in zip(draw(1), draw(2), strict=True))
