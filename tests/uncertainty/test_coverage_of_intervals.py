"""Coverage, width and score of intervals, where the distribution of the errors is known."""

import numpy as np
import pytest
from scipy import stats
from tables_of_sd import gaussian

from deplib import evaluation
from deplib.errors import ResultError
from deplib.uncertainty import (
    CONFORMAL,
    KINDS,
    OWN_SD,
    SCALED,
    coverage,
    difference_in_score,
    half_width,
    intervals,
    scaled_factor,
)


def of(rows, kind):
    return rows[rows["kind"] == kind]


def row(table, kind, level=0.9):
    return of(coverage(table, [level]), kind).iloc[0]


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_a_true_gaussian_sd_covers_what_it_says(level):
    table = gaussian(n=2000)
    error = np.sqrt(level * (1 - level) / 2000)
    found = of(intervals(table, level), OWN_SD)
    assert found["inside"].mean() == pytest.approx(level, abs=4 * error)
    z = stats.norm.ppf((1 + level) / 2)
    sd = table.loc[table["split"] == "test", "bdi_sd"]
    assert found["width"].mean() == pytest.approx(2 * z * sd.mean())


@pytest.mark.parametrize("said", [0.2, 5.0])
def test_an_sd_of_the_wrong_size_is_mended_by_scaling_on_dev(said):
    share = intervals(gaussian(n=1500, said=said), 0.9).groupby("kind")["inside"].mean()
    own, scaled, plain = (share[kind] for kind in (OWN_SD, SCALED, CONFORMAL))
    z = stats.norm.ppf(0.95)
    assert own == pytest.approx(2 * stats.norm.cdf(said * z) - 1, abs=0.04)
    assert scaled == pytest.approx(0.9, abs=0.04)
    assert plain == pytest.approx(0.9, abs=0.04)


def test_where_the_sd_is_right_the_scaled_interval_scores_better_than_a_constant_width():
    rows = intervals(gaussian(n=400, persons=400), 0.9)
    found = difference_in_score(of(rows, SCALED), of(rows, CONFORMAL))
    means = rows.groupby("kind")["score"].mean()
    assert found.value == pytest.approx(means[SCALED] - means[CONFORMAL])
    assert found.high < 0
    back = difference_in_score(of(rows, CONFORMAL), of(rows, SCALED))
    assert back.value == pytest.approx(-found.value)


def test_the_intervals_by_hand():
    table = gaussian(n=25, persons=25)
    dev, test = (table[table["split"] == split] for split in ("dev", "test"))
    residuals = dev["bdi"] - dev["bdi_hat"]
    halves = {
        OWN_SD: stats.norm.ppf(0.9) * test["bdi_sd"],
        CONFORMAL: half_width(residuals, 0.8),
        SCALED: scaled_factor(residuals, dev["bdi_sd"], 0.8) * test["bdi_sd"],
    }
    rows = intervals(table, 0.8)
    for kind, half in halves.items():
        part = of(rows, kind)
        low, high = test["bdi_hat"] - half, test["bdi_hat"] + half
        assert part["low"].tolist() == pytest.approx(low.tolist())
        assert part["high"].tolist() == pytest.approx(high.tolist())
        y = test["bdi"]
        score = (high - low) + 10 * (low - y) * (y < low) + 10 * (y - high) * (y > high)
        assert part["score"].tolist() == pytest.approx(score.tolist())
        assert part["inside"].tolist() == ((low <= y) & (y <= high)).astype(float).tolist()
    found = row(table, CONFORMAL, 0.8)
    part = of(rows, CONFORMAL)
    expected = evaluation.mean_over_persons(part["inside"], part["person"])
    assert (found["coverage"], found["coverage_low"]) == (expected.value, expected.low)
    assert expected.low < expected.value < expected.high == found["coverage_high"]


def test_the_true_quantiles_have_the_best_expected_score():
    table = gaussian(n=4000, spread="same")
    scores = {}
    for said in (0.6, 1.0, 1.6):
        rows = of(intervals(table.assign(bdi_sd=said * 4.0), 0.9), OWN_SD)
        scores[said] = rows["score"].mean()
    assert min(scores, key=scores.get) == 1.0


def test_intervals_are_clipped_to_the_scale_and_lose_no_label():
    table = gaussian(n=40, persons=40)
    test = table["split"] == "test"
    table.loc[test, "bdi_hat"] = np.resize([-30.0, 1.0, 62.0, 90.0], 40)
    table.loc[test, "bdi"] = np.resize([-1e-5, 0.0, 63.0, 63.0], 40)
    rows = intervals(table, 0.9)
    assert rows["low"].min() == 0
    assert rows["high"].max() == 63
    assert (rows["low"] <= rows["high"]).all()
    assert rows["inside"].all()  # a label on the end, to rounding, is inside
    wide = table.assign(bdi_sd=100.0)
    assert row(wide, OWN_SD)["width"] <= 63


def test_where_all_or_none_are_inside_the_interval_is_the_exact_one():
    table = gaussian(n=30, persons=15)
    every = row(table.assign(bdi_sd=500.0), OWN_SD)
    exact = stats.binomtest(15, 15).proportion_ci(method="exact")  # 15 persons, 30 recordings
    assert every["coverage"] == 1.0
    assert (every["coverage_low"], every["coverage_high"]) == pytest.approx((exact.low, exact.high))
    none = row(table.assign(bdi_sd=1e-3), OWN_SD)
    exact = stats.binomtest(0, 15).proportion_ci(method="exact")
    assert none["coverage"] == 0.0
    assert (none["coverage_low"], none["coverage_high"]) == pytest.approx((exact.low, exact.high))


def test_what_is_undefined_is_nan_with_a_reason_and_never_zero():
    table = gaussian(n=20, persons=10)
    cases = {
        "the predictor gives no SD": table.drop(columns="bdi_sd"),
        "an SD on Dev or Test is 0": table.assign(
            bdi_sd=table["bdi_sd"].where(table["recording"] != "r003", 0.0)
        ),
    }
    for reason, case in cases.items():
        rows = coverage(case).set_index(["kind", "level"])
        for kind in (OWN_SD, SCALED):
            part = rows.loc[kind]
            assert (part["undefined"] == reason).all()
            assert part[["coverage", "coverage_low", "width", "score"]].isna().all(axis=None)
        assert (rows.loc[CONFORMAL, "undefined"] == "").all()
        assert rows.loc[CONFORMAL, "coverage"].notna().all()
    few = table[(table["split"] == "test") | (table["recording"] < "r006")]
    rows = coverage(few).set_index(["kind", "level"])
    assert np.isnan(rows.loc[(CONFORMAL, 0.9), "coverage"])
    assert "6 residuals are too few" in rows.loc[(SCALED, 0.9), "undefined"]
    assert rows.loc[(CONFORMAL, 0.8), "undefined"] == ""
    assert rows.loc[(OWN_SD, 0.9), "coverage"] > 0
    of_level = intervals(few, 0.9)
    assert np.isnan(difference_in_score(of(of_level, SCALED), of(of_level, OWN_SD)).value)


def test_calibration_never_looks_at_test():
    table = gaussian(n=30, persons=30)
    test = table["split"] == "test"
    other = table.assign(bdi=table["bdi"].where(~test, 0.0))
    for kind in KINDS:
        before, after = (of(intervals(t, 0.8), kind) for t in (table, other))
        assert before["low"].tolist() == after["low"].tolist()


def test_tables_that_cannot_be_measured_are_refused():
    table = gaussian(n=20, persons=10)
    with pytest.raises(ResultError, match="r000 occurs twice in dev"):
        coverage(table.assign(recording=table["recording"].replace("r001", "r000")))
    with pytest.raises(ResultError, match="no dev recording"):
        coverage(table[table["split"] == "test"])
    with pytest.raises(ResultError, match=r"lacks \['person'\]"):
        coverage(table.drop(columns="person"))
    with pytest.raises(ResultError, match="r000 has bdi_hat nan"):
        coverage(table.assign(bdi_hat=table["bdi_hat"].where(table.index > 0)))
    with pytest.raises(ResultError, match="r000 has bdi_sd -"):
        coverage(table.assign(bdi_sd=-table["bdi_sd"]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        coverage(table, [90])
    rows = intervals(table)
    with pytest.raises(ResultError, match="occurs twice"):
        difference_in_score(rows, rows)
    with pytest.raises(ResultError, match="not of the same recordings"):
        difference_in_score(of(rows, SCALED), of(rows, SCALED).iloc[1:])
