"""Whether SDs rank errors, against scipy and against SDs that say everything or nothing."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tables_of_sd import gaussian

from deplib.errors import ResultError
from deplib.uncertainty import ranking, risk_coverage, spearman
from deplib.uncertainty.ranking import NO_HALVES, SAME_ERROR, SAME_SD, _weighted


def all_knowing(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(bdi_sd=(table["bdi_hat"] - table["bdi"]).abs())


def test_the_correlation_is_that_of_scipy_with_and_without_ties():
    rng = np.random.default_rng(0)
    for draw in (lambda: rng.normal(size=40), lambda: rng.integers(0, 6, 40).astype(float)):
        x, y = draw(), draw()
        found = spearman(x, y, np.arange(40) // 2, n_resamples=200, rng=rng)
        assert found.value == pytest.approx(stats.spearmanr(x, y).statistic)
        assert found.low < found.value < found.high


def test_a_resample_ranks_the_recordings_as_often_as_they_are_drawn():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 9, 30).astype(float), rng.normal(size=30)
    counts = rng.integers(0, 4, (5, 30))
    found = _weighted(counts.astype(float), x, y)
    for row, value in zip(counts, found, strict=True):
        expected = stats.spearmanr(np.repeat(x, row), np.repeat(y, row)).statistic
        assert value == pytest.approx(expected)


def test_a_constant_resample_has_no_correlation():
    weights = np.array([[3.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 1.0]])
    found = _weighted(weights, np.array([1.0, 1.0, 2.0, 3.0]), np.arange(4.0))
    assert np.isnan(found).tolist() == [True, True, False]


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    truth = 6 / np.pi * np.arcsin(0.5 / 2)  # Spearman's rho of a normal pair with r = 0.5
    inside = 0
    for _ in range(200):
        x = rng.normal(size=40)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=40)
        found = spearman(x, y, np.arange(40), n_resamples=400, rng=rng)
        inside += found.low <= truth <= found.high
    assert 180 <= inside <= 199


def test_an_sd_that_is_the_error_ranks_perfectly():
    found = ranking(all_knowing(gaussian()))
    assert found.rho.value == pytest.approx(1.0)
    assert found.halves.high < 0
    assert found.undefined == ""
    assert (found.n, found.n_certain) == (60, 30)
    assert found.certain - found.uncertain == pytest.approx(found.halves.value)
    turned = all_knowing(gaussian())
    turned["bdi_sd"] = 100 - turned["bdi_sd"]
    assert ranking(turned).rho.value == pytest.approx(-1.0)
    assert ranking(turned).halves.low > 0


def test_the_halves_by_hand():
    table = gaussian(n=31, persons=12)
    test = table[table["split"] == "test"].sort_values("bdi_sd")
    error = (test["bdi_hat"] - test["bdi"]).abs().to_numpy()
    found = ranking(table)
    assert found.certain == pytest.approx(error[:16].mean())  # the middle one is certain
    assert found.uncertain == pytest.approx(error[16:].mean())
    assert found.n_certain == 16
    shuffled = table.sample(frac=1, random_state=0)
    assert ranking(shuffled).rho.value == pytest.approx(found.rho.value)


def test_what_is_undefined_is_nan_with_a_reason():
    table = gaussian(n=20, persons=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = ranking(table.assign(bdi_sd=3.3))
        zero = ranking(table.assign(bdi_sd=np.linspace(0, 1e-9, 40)))
        exact = ranking(table.assign(bdi=table["bdi_hat"] + 2.0))
        tied = ranking(table.assign(bdi_sd=np.where(np.arange(40) % 20 < 3, 1.0, 2.0)))
    for found in (same, zero):
        assert found.undefined == SAME_SD
        assert np.isnan([found.rho.value, found.certain, found.uncertain, found.halves.low]).all()
    assert exact.undefined == SAME_ERROR
    assert np.isnan(exact.rho.value)
    assert (exact.certain, exact.uncertain) == pytest.approx((2.0, 2.0))
    assert tied.undefined == NO_HALVES
    assert np.isfinite(tied.rho.value)
    assert np.isnan(tied.certain)


def test_the_curve_ends_at_the_mae_of_all_and_equal_sds_enter_together():
    table = gaussian(n=20, persons=10)
    curve = risk_coverage(all_knowing(table))
    test = all_knowing(table)[table["split"] == "test"]
    assert curve["mae"].is_monotonic_increasing
    assert curve["mae"].iloc[-1] == pytest.approx(test["bdi_sd"].mean())
    assert curve["mae"].iloc[0] == pytest.approx(test["bdi_sd"].min())
    assert curve["share"].iloc[-1] == 1.0
    steps = risk_coverage(table.assign(bdi_sd=np.resize([1.0, 2.0], 40)))
    assert steps["n"].tolist() == [10, 20]
    assert len(risk_coverage(table.assign(bdi_sd=5.0))) == 1


def test_the_same_state_gives_the_same_interval():
    x, y = np.random.default_rng(3).normal(size=(2, 30))
    first, second, other = (
        spearman(x, y, np.arange(30) // 2, n_resamples=300, rng=np.random.default_rng(seed))
        for seed in (0, 0, 1)
    )
    assert first == second
    assert first != other


def test_persons_are_drawn_not_recordings():
    rng = np.random.default_rng(4)
    x = np.repeat(rng.normal(size=10), 6)  # ten persons, each six times the same
    y = np.repeat(rng.normal(size=10), 6)
    of_persons = spearman(x, y, np.arange(60) // 6, n_resamples=2000, rng=np.random.default_rng(0))
    as_if_alone = spearman(x, y, np.arange(60), n_resamples=2000, rng=np.random.default_rng(0))
    assert of_persons.high - of_persons.low > 1.5 * (as_if_alone.high - as_if_alone.low)


def test_bad_inputs_are_refused():
    table = gaussian(n=20, persons=10)
    with pytest.raises(ResultError, match=r"lacks \['bdi_sd'\]"):
        ranking(table.drop(columns="bdi_sd"))
    with pytest.raises(ResultError, match="no train recording"):
        risk_coverage(table, split="train")
    with pytest.raises(ValueError, match="at least two"):
        ranking(table.assign(person="p"))
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="same recordings"):
        spearman([1.0, 2.0], [1.0], ["a", "b"], rng=rng)
    with pytest.raises(ValueError, match="NaN or infinite"):
        spearman([1.0, np.nan], [1.0, 2.0], ["a", "b"], rng=rng)
