"""Bands, calibration and regression to the mean, against scipy and against known truth."""

import doctest
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import deplib.calibration
from deplib.calibration import by_band, calibration, fit_recalibration, recalibrate
from deplib.cohorts.base import BANDS
from deplib.metrics import bias, mae, pcc, rmse, sigma_ratio

N = 60
PERSONS = np.arange(N) // 2
LEVEL = 2 * stats.norm.cdf(stats.t.ppf(0.975, N - 1) * np.sqrt(N / (N - 1))) - 1
"""Confidence at which a percentile interval is the expanded one at 95 %, of N persons."""


def sample(seed: int, *, n_runs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.gamma(1.3, 11, N).clip(0, 63).round()
    return y, 12 + 0.3 * (y - 15) + rng.normal(0, 4, (n_runs, N))


def fitted(y, h, persons=PERSONS, *, n_resamples=400, seed=0):
    rng = np.random.default_rng(seed)
    return calibration(y, h, persons, n_resamples=n_resamples, rng=rng)


class TestBands:
    def test_each_band_is_scored_by_itself(self):
        y, (h,) = sample(0)
        rows = by_band(y, h).set_index("band")
        assert list(rows.index) == [name for name, *_ in BANDS]
        for name, low, high in BANDS:
            part = (low <= y) & (y <= high)
            assert rows.loc[name, "n"] == part.sum() >= 3
            for metric in (mae, bias, rmse, pcc):
                assert rows.loc[name, metric.__name__] == pytest.approx(metric(y[part], h[part]))
        assert (rows["undefined"] == "").all()

    def test_bands_together_give_the_whole(self):
        y, (h,) = sample(2)
        rows = by_band(y, h)
        weights = rows["n"] / rows["n"].sum()
        assert (weights * rows["mae"]).sum() == pytest.approx(mae(y, h))
        assert (weights * rows["bias"]).sum() == pytest.approx(bias(y, h))
        assert np.sqrt((weights * rows["rmse"] ** 2).sum()) == pytest.approx(rmse(y, h))

    def test_what_is_undefined_is_nan_and_says_why(self):
        y = [2.0, 5.0, 9.0, 15.0, 16.0, 30.0, 30.0, 30.0]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rows = by_band(y, [7.0, 7.0, 7.0, 9.0, 11.0, 8.0, 9.0, 10.0]).set_index("band")
        assert rows["pcc"].isna().all()
        assert rows["undefined"].to_dict() == {
            "minimal": "the predictions are constant",
            "mild": "fewer than 3 recordings",
            "moderate": "no recording",
            "severe": "the labels are constant",
        }
        assert rows.loc["moderate", ["mae", "bias", "rmse"]].isna().all()
        assert rows.loc["severe", "bias"] == -21.0

    def test_a_label_that_a_scaling_has_moved_by_a_rounding_keeps_its_band(self):
        rows = by_band([13.0000004, 13.9999996], [1.0, 1.0])
        assert rows["n"].tolist() == [1, 1, 0, 0]

    @pytest.mark.parametrize(
        ("y", "h", "message"),
        [
            ([3.0, -1.2], [1.0, 1.0], "label -1.2 lies in none of the bands"),
            ([3.0, 70.0], [1.0, 1.0], "label 70 lies in none"),
            ([3.0, 4.0], [1.0, np.nan], r"y_hat\[1\] is nan"),
            ([3.0], [1.0, 2.0], "one length"),
            ([], [], "empty"),
        ],
    )
    def test_bad_input_is_refused(self, y, h, message):
        with pytest.raises(ValueError, match=message):
            by_band(y, h)


class TestCalibration:
    def test_of_one_run_the_lines_are_scipys(self):
        y, (h,) = sample(3)
        fit = fitted(y, h)
        line, of_error = stats.linregress(h, y), stats.linregress(y, h - y)
        assert fit.slope.estimate == pytest.approx(line.slope, abs=1e-9)
        assert fit.intercept.estimate == pytest.approx(line.intercept, abs=1e-9)
        assert fit.error_slope.estimate == pytest.approx(of_error.slope, abs=1e-9)
        assert fit.bias.estimate == pytest.approx(bias(y, h), abs=1e-9)
        assert fit.forced_slope.estimate == pytest.approx(pcc(y, h) ** 2 - 1, abs=1e-9)
        excess = pcc(y, h) * (sigma_ratio(y, h) - pcc(y, h))
        assert fit.excess.estimate == pytest.approx(excess, abs=1e-9)

    def test_of_several_runs_it_is_the_mean_of_their_lines_in_the_same_resamples(self):
        y, h = sample(4, n_runs=3)
        together, alone = fitted(y, h), [fitted(y, run) for run in h]
        for name in ("bias", "intercept", "slope", "error_slope", "forced_slope", "excess"):
            mean = np.mean([getattr(fit, name).estimate for fit in alone])
            assert getattr(together, name).estimate == pytest.approx(mean)
        assert (together.n_runs, together.n_defined) == (3, 3)
        twice = fitted(y, np.stack([h[0], h[0]]))
        assert twice.slope.low == pytest.approx(alone[0].slope.low)

    def test_the_interval_of_the_slope_is_scipys_where_persons_come_once(self):
        y, (h,) = sample(5)
        theirs = stats.bootstrap(
            (h, y),
            lambda a, b: stats.linregress(a, b).slope,
            paired=True,
            vectorized=False,
            n_resamples=3000,
            method="percentile",
            confidence_level=LEVEL,
            rng=np.random.default_rng(1),
        ).confidence_interval
        ours = fitted(y, h, np.arange(N), n_resamples=10_000).slope
        assert ours.low == pytest.approx(theirs.low, abs=0.06)
        assert ours.high == pytest.approx(theirs.high, abs=0.06)

    def test_persons_are_the_unit_of_resampling(self):
        y, (h,) = sample(6)
        alone = fitted(y, h, np.arange(N), n_resamples=4000).slope
        doubled = fitted(np.repeat(y, 3), np.repeat(h, 3), np.repeat(np.arange(N), 3)).slope
        assert doubled.estimate == pytest.approx(alone.estimate)
        assert doubled.high - doubled.low == pytest.approx(alone.high - alone.low, rel=0.15)

    def test_a_calibrated_predictor_has_slope_one_and_only_the_forced_slope_of_error(self):
        rng = np.random.default_rng(7)
        known = rng.normal(20, 6, 4000)
        y = known + rng.normal(0, 8, 4000)
        fit = fitted(y, known, np.arange(4000), n_resamples=200)
        assert 1.0 in fit.slope
        assert 0.0 in fit.intercept
        assert 0.0 in fit.excess
        assert fit.error_slope.estimate == pytest.approx(-64 / 100, abs=0.03)
        wide = fitted(y, 20 + 2 * (known - 20), np.arange(4000), n_resamples=200)
        assert wide.slope.estimate == pytest.approx(fit.slope.estimate / 2)
        assert wide.forced_slope.estimate == pytest.approx(fit.forced_slope.estimate)
        assert wide.excess.low > 0

    @given(st.floats(-20, 20), st.floats(0.2, 5))
    def test_a_line_through_the_predictions_moves_the_fit_and_nothing_else(self, shift, factor):
        y, (h,) = sample(8)
        before, after = (fitted(y, x, n_resamples=20) for x in (h, shift + factor * h))
        assert after.slope.estimate == pytest.approx(before.slope.estimate / factor)
        assert after.forced_slope.estimate == pytest.approx(before.forced_slope.estimate)
        intercept = before.intercept.estimate - before.slope.estimate * shift / factor
        assert after.intercept.estimate == pytest.approx(intercept, abs=1e-7)

    def test_a_negative_pcc_forces_what_zero_forces(self):
        y, (h,) = sample(9)
        assert pcc(y, -h) < 0
        assert fitted(y, -h).forced_slope.estimate == -1.0

    def test_constants_are_nan_with_a_reason_and_never_zero(self):
        y, h = sample(10, n_runs=2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            flat = fitted(y, np.full(N, 13.1))
            labels = fitted(np.full(N, 9.0), h[0])
            half = fitted(y, np.stack([h[0], np.full(N, 13.1)]))
        assert set(flat.undefined) == {"slope", "intercept", "forced_slope", "excess"}
        assert set(flat.undefined.values()) == {"the predictions are constant"}
        assert np.isnan([flat.slope.estimate, flat.slope.low, flat.slope.high]).all()
        assert flat.error_slope.estimate == pytest.approx(-1)
        assert flat.bias.estimate == pytest.approx(13.1 - y.mean())
        assert flat.n_defined == 0
        assert set(labels.undefined) == set(flat.undefined) | {"error_slope"}
        assert set(labels.undefined.values()) == {"the labels are constant"}
        assert half.slope.estimate == pytest.approx(fitted(y, h[0]).slope.estimate)
        assert (half.n_runs, half.n_defined, half.undefined) == (2, 1, {})

    def test_the_same_rng_gives_the_same_interval_and_another_one_another(self):
        y, h = sample(11)
        assert fitted(y, h) == fitted(y, h)
        assert fitted(y, h, seed=1).slope.low != fitted(y, h).slope.low

    @pytest.mark.parametrize(
        ("y", "h", "persons", "message"),
        [
            ([1.0, 2.0], [1.0, 2.0], ["a", "a"], "1 person: an interval over persons needs"),
            ([1.0, 2.0], [1.0, np.nan], ["a", "b"], "NaN or infinite"),
            ([1.0, 2.0], [1.0, 2.0, 3.0], ["a", "b"], "over the same recordings"),
            ([1.0, 2.0], [1.0, 2.0], ["a", None], "a person is missing"),
        ],
    )
    def test_bad_input_is_refused(self, y, h, persons, message):
        with pytest.raises(ValueError, match=message):
            fitted(y, h, persons)

    @pytest.mark.parametrize("wrong", [{"confidence": 1.0}, {"n_resamples": 0}])
    def test_settings_without_a_meaning_are_refused(self, wrong):
        y, h = sample(12)
        with pytest.raises(ValueError, match="confidence"):
            calibration(y, h, PERSONS, rng=np.random.default_rng(0), **wrong)


def runs(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tables = []
    for model, slope in (("a", 0.5), ("b", 2.0)):
        for k in range(2):
            y = rng.uniform(0, 45, 90)
            table = pd.DataFrame({"recording": [f"r{i}" for i in range(90)], "bdi": y})
            table["split"] = np.repeat(["train", "dev", "test"], 30)
            table["bdi_hat"] = 3 * (k + 1) + slope * y
            tables.append(table.assign(person=table["recording"], model=model, seed=k))
    return pd.concat(tables, ignore_index=True)


class TestRecalibration:
    def test_a_line_that_holds_on_dev_is_undone_on_test(self):
        table = runs()
        found = recalibrate(table)
        assert len(found) == 4 * 30
        assert set(found["split"]) == {"test"}
        np.testing.assert_allclose(found["bdi_hat"], found["bdi"])
        assert found.groupby("model")["slope"].mean().to_dict() == pytest.approx({"a": 2, "b": 0.5})
        wanted = table[table["split"] == "test"]
        np.testing.assert_array_equal(found["bdi_hat_before"], wanted["bdi_hat"])

    def test_test_labels_have_no_part_in_it(self):
        table = runs()
        changed = table.assign(bdi=table["bdi"].where(table["split"] != "test", 63 - table["bdi"]))
        columns = ["bdi_hat", "intercept", "slope"]
        pd.testing.assert_frame_equal(recalibrate(table)[columns], recalibrate(changed)[columns])

    def test_constant_predictions_or_a_missing_split_are_refused(self):
        table = runs()
        flat = table["model"].eq("b") & table["seed"].eq(1) & table["split"].eq("dev")
        with pytest.raises(ValueError, match="b, seed 1, Dev: the predictions to fit on are const"):
            recalibrate(table.assign(bdi_hat=table["bdi_hat"].mask(flat, 9.0)))
        with pytest.raises(ValueError, match="a, seed 0: recalibration needs Dev and Test"):
            recalibrate(table[table["split"] != "dev"])
        with pytest.raises(ValueError, match="one length"):
            fit_recalibration([1.0, 2.0], [1.0])


def test_examples_in_the_docstrings():
    result = doctest.testmod(deplib.calibration)
    assert result.attempted >= 8
    assert result.failed == 0
