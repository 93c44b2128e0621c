import numpy as np
import pandas as pd
import pytest
from made_up_choices import CANDIDATES, N, selection
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from deplib import claims
from deplib.selection import findings
from deplib.selection.findings import mean_of, optimism, pattern_of, share_of
from deplib.selection.rules import BEST, LAST


def test_a_mean_has_students_interval():
    x = np.random.default_rng(0).normal(2, 3, 40)
    found = mean_of(np.append(x, np.nan))  # a cohort without a value is left out
    low, high = stats.t.interval(0.95, 39, loc=x.mean(), scale=stats.sem(x))
    assert (found.value, found.low, found.high) == pytest.approx((x.mean(), low, high))
    assert found.sd == pytest.approx(x.std(ddof=1))
    with pytest.raises(ValueError, match="takes two"):
        mean_of(np.array([1.0, np.nan]))


def test_a_share_has_wilsons_interval():
    found = share_of(np.array([True] * 3 + [False] * 17))
    assert (found.low, found.high) == pytest.approx(proportion_confint(3, 20, method="wilson"))
    assert share_of(np.zeros(200, bool)).high > 0.01  # none seen is not none
    with pytest.raises(ValueError, match="no cohorts"):
        share_of(np.array([]))


def test_optimism_is_the_gap_beyond_the_constants():
    made = selection("null", gap=0.5, chosen_gap=0.7)
    harder = made.constant.assign(test_mae=made.constant["test_mae"] + 0.4)
    moved = type(made)(made.scenario, made.rules, harder, made.growth, made.courses)
    np.testing.assert_allclose(optimism(moved, BEST), optimism(made, BEST) - 0.4)
    assert mean_of(optimism(made, LAST)).value == pytest.approx(0.5, abs=0.05)
    assert mean_of(optimism(made, BEST)).value == pytest.approx(1.2, abs=0.05)


def test_the_pattern_is_the_studys_mildest():
    bounds = pattern_of(claims.REPORTED, claims.constant_test_mae())
    assert (bounds.dev_mae, bounds.test_mae) == (9.061, 10.426)
    assert bounds.gap == pytest.approx(10.529 - 9.061)
    assert bounds.above_constant == pytest.approx(10.426 - 9.5432, abs=0.01)
    assert (bounds.dev_pcc, bounds.test_pcc) == (0.426, (0.101, 0.267))
    made = selection("null", gap=2.0)
    rows = made.rules[LAST]
    rows.loc[:, ["dev_mae", "test_mae", "dev_pcc", "test_pcc"]] = [9.0, 10.5, 0.45, 0.2]
    rows.loc[1, "dev_mae"] = 9.1
    rows.loc[2, "test_mae"] = 10.4
    rows.loc[3, "test_pcc"] = np.nan
    flags = findings.flags(made, LAST, bounds)
    assert flags["both MAE"].tolist() == [True, False, False] + [True] * (N - 3)
    assert not flags.loc[3, "Test PCC"]
    assert not flags.loc[3, "both MAE and PCC"]
    assert flags.loc[0].all()


def test_costs_and_savings_are_paired():
    made = selection("null", chosen_gap=0.8)
    found = findings.against(made, LAST, BEST)
    assert found["optimism"].value == pytest.approx(-0.8)
    assert found["optimism"].sd == pytest.approx(0, abs=1e-9)  # the cohorts' own spread cancels
    assert found["test_mae"].value == pytest.approx(-0.4)


def test_growth_has_a_row_a_candidate():
    made = selection("null", chosen_gap=0.8)
    table = findings.growth(made)
    assert table["candidates"].tolist() == list(range(1, CANDIDATES + 1))
    assert table["optimism"].is_monotonic_increasing
    assert isinstance(table, pd.DataFrame)
    assert (table["low"] < table["high"]).all()


def test_more_dev_than_test_recordings_are_of_known_persons():
    shares = findings.known_shares(20)
    assert 0.1 < shares["test"] < 0.3  # 14 of 50 are of persons of Train or Dev
    assert shares["test"] < shares["dev"] < 0.8
