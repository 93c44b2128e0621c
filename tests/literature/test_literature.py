"""The constant and the published figures: every formula against a second way to compute it."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.optimize import LinearConstraint, milp

from deplib import claims, constant, literature
from deplib.cohorts.base import BANDS
from deplib.literature.entries import COLUMNS

# --- the constant


def test_counts_and_sums_are_those_that_the_published_shares_and_means_round_from():
    table = constant.band_sums()
    assert table["count"].sum() == claims.N_TEST
    for row, band in zip(table.itertuples(), claims.TEST_BANDS.itertuples(), strict=True):
        sums = [s for s in range(64 * 50) if round(s / row.count + 1e-12, 2) == band.mean_bdi]
        assert sums == [row.total]
        assert row.count / claims.N_TEST == pytest.approx(band.share)
    assert table["total"].sum() / table["count"].sum() == 14.5


def test_shares_and_means_that_are_not_of_50_whole_labels_are_refused():
    bands = claims.TEST_BANDS
    with pytest.raises(ValueError, match=r"minimal: a share of 0\.51 is no whole number"):
        constant.band_sums(bands.replace({"share": {0.50: 0.51}}))
    with pytest.raises(ValueError, match="severe: 0 whole sums of 7 labels"):
        constant.band_sums(bands.replace({"mean_bdi": {34.14: 34.20}}))
    with pytest.raises(ValueError, match=r"minimal: \d+ whole sums of 250 labels"):
        constant.band_sums(bands, n=500)


def test_the_smallest_mae_of_a_constant_is_exactly_9_54():
    assert constant.exact_mae(13) == constant.exact_mae(14) == Fraction(477, 50)
    rounded = claims.constant_test_mae(13.5)  # from the rounded means
    assert float(constant.exact_mae(Fraction(27, 2))) == pytest.approx(rounded, abs=0.005)
    with pytest.raises(ValueError, match="lies within a band"):
        constant.exact_mae(15)
    lows = [constant.mae_bounds(c)[0] for c in np.linspace(-5, 70, 301)]
    assert min(lows) == pytest.approx(9.54)


def by_programme(c: float, sign: int) -> float:
    """Return the bound by an integer programme over how many labels have each value."""
    total = 0.0
    for (_, low, high), row in zip(BANDS, constant.band_sums().itertuples(), strict=True):
        values = np.arange(low, high + 1)
        cost = sign * np.abs(values - c)
        fixed = LinearConstraint(
            np.stack([np.ones(len(values)), values]), *[(row.count, row.total)] * 2
        )
        found = milp(cost, constraints=fixed, integrality=np.ones(len(values)))
        assert found.success
        total += sign * found.fun
    return total / claims.N_TEST


@pytest.mark.parametrize("c", [0, 4.96, 10, 12.3, 13, 13.5, 14, 15, 15.1, 17.5, 24, 33, 63])
def test_the_bounds_of_other_constants_are_those_of_an_integer_programme(c):
    assert constant.mae_bounds(c) == pytest.approx((by_programme(c, 1), by_programme(c, -1)))


def test_a_train_mean_of_about_15_scores_what_was_found_by_hand():
    low, high = constant.mae_bounds(15.1)
    assert (round(low, 2), round(high, 2)) == (9.54, 9.76)


def test_a_constant_that_is_surely_below_a_figure_is_so_at_both_ends_and_not_beyond():
    low, high = constant.surely_below(10.426)
    for end, outside in ((low, -1), (high, 1)):
        assert constant.mae_bounds(end)[1] == pytest.approx(10.426)
        assert constant.mae_bounds(end - 0.01 * outside)[1] < 10.426
        assert constant.mae_bounds(end + 0.01 * outside)[1] > 10.426
    with pytest.raises(ValueError, match=r"the smallest is 9\.54"):
        constant.surely_below(9.54)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_constant_that_is_no_number_has_no_bounds(value):
    with pytest.raises(ValueError, match="not finite"):
        constant.mae_bounds(value)


def test_the_rmse_of_a_constant_lies_where_both_conventions_of_the_sd_put_it():
    low, high = constant.rmse_bounds(13.5)
    for sd in (11.48, 11.48 * np.sqrt(49 / 50)):
        assert low <= np.sqrt(sd**2 + (14.5 - 13.5) ** 2) <= high
    assert high - low < 0.15


def test_the_distribution_of_labels_has_the_published_shares_and_means_and_nearly_the_sd():
    table = constant.label_distribution()
    y, p = table["bdi"].to_numpy(), table["probability"].to_numpy()
    assert list(y) == list(range(64))
    assert np.all(p > 0)
    for (_, low, high), band in zip(BANDS, claims.TEST_BANDS.itertuples(), strict=True):
        inside = (y >= low) & (y <= high)
        assert p[inside].sum() == pytest.approx(band.share)
        assert p[inside] @ y[inside] / p[inside].sum() == pytest.approx(band.mean_bdi, abs=0.005)
    assert np.sqrt(p @ (y - p @ y) ** 2) == pytest.approx(constant.TEST_SD, abs=0.1)


def test_the_spread_over_test_sets_is_that_of_the_formula_and_grows_as_persons_recur():
    table = constant.label_distribution()
    error, p = (table["bdi"] - 13.5).abs().to_numpy(), table["probability"].to_numpy()
    sd = np.sqrt(p @ error**2 - (p @ error) ** 2)
    spread = {}
    for persons in (50, 40, 25):
        drawn = constant.sampled_mae(13.5, persons, rng=np.random.default_rng(1))
        recordings = np.r_[np.full(50 - persons, 2), np.ones(2 * persons - 50)]
        assert drawn.std() == pytest.approx(sd * np.sqrt((recordings**2).sum()) / 50, rel=0.02)
        assert drawn.mean() == pytest.approx(9.54, abs=0.03)
        spread[persons] = drawn.std()
    assert 0.8 < spread[50] < spread[40] < spread[25]


def test_the_same_seed_gives_the_same_test_sets_and_another_one_others():
    def first(seed: int) -> np.ndarray:
        return constant.sampled_mae(13.5, rng=np.random.default_rng(seed), n_samples=10)

    np.testing.assert_array_equal(first(1), first(1))
    assert not np.array_equal(first(1), first(2))
    with pytest.raises(ValueError, match="24 persons cannot have 50 recordings"):
        constant.sampled_mae(13.5, 24, rng=np.random.default_rng(0))


# --- the table of results


def test_every_figure_of_a_commonly_quoted_result_is_marked_and_every_key_is_known():
    table = literature.entries()
    assert set(table["certainty"]) == set(literature.CERTAINTY)
    assert len(literature.papers()) >= 19
    assert literature.papers()["mae"].is_monotonic_increasing
    code = literature.public_code()
    assert (code["certainty"] == "V").all()  # a README is read or left out
    assert not set(code["name"]) & set(literature.papers()["name"])


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("rmse", 3.0, "an RMSE below the MAE"),
        ("certainty", "X", "a certainty other than"),
        ("kind", "blog", "a kind other than"),
        ("rerun_of", "nothing", "an rerun_of that names no row"),
        ("name", "second", "a name that occurs twice"),
        ("mae", float("nan"), "no finite positive MAE"),
        ("pcc", 1.2, "a PCC outside"),
    ],
)
def test_rows_that_cannot_be_are_refused_by_name(tmp_path, column, value, fault):
    row = dict(
        zip(COLUMNS, ["a", "", 2020, "video", 6.0, 8.0, 0.1, "V", "paper", "", ""], strict=True)
    )
    table = pd.DataFrame([row, row | {"name": "second"}])
    file = tmp_path / "results.csv"
    table.to_csv(file, index=False)
    assert len(literature.entries(file)) == 2
    table.loc[0, column] = value
    table.to_csv(file, index=False)
    with pytest.raises(ValueError, match=fault):
        literature.entries(file)
    table.drop(columns=column).to_csv(file, index=False)
    with pytest.raises(ValueError, match=f"lacks the columns \\['{column}'\\]"):
        literature.entries(file)


# --- how precise a figure is


def test_sd_and_half_width_are_those_of_errors_that_have_the_mae_and_rmse():
    errors = np.random.default_rng(3).standard_t(4, 50) * 6
    mae, rmse = np.abs(errors).mean(), np.sqrt((errors**2).mean())
    sd = literature.sd_of_absolute_error(mae, rmse)
    assert sd == pytest.approx(np.abs(errors).std())
    low, high = stats.norm.interval(0.95, loc=mae, scale=np.abs(errors).std() / np.sqrt(50))
    assert literature.half_width(mae, rmse) == pytest.approx((high - low) / 2)
    table = literature.with_intervals(pd.DataFrame({"mae": [mae], "rmse": [rmse]}))
    assert table[["low", "high", "ratio"]].iloc[0].tolist() == pytest.approx(
        [low, high, rmse / mae]
    )


def test_a_missing_rmse_gives_no_interval_and_an_impossible_pair_is_refused():
    assert np.isnan(literature.half_width(8.2, float("nan")))
    with pytest.raises(ValueError, match="an RMSE is below its MAE"):
        literature.half_width(8.2, 8.1)
    with pytest.raises(ValueError, match="1 recordings have no interval"):
        literature.half_width(5.0, 7.0, n=1)


def test_pairs_are_told_apart_by_the_interval_of_two_independent_means():
    table = pd.DataFrame(
        {"name": ["a", "b", "c"], "mae": [5.0, 6.0, 9.0], "rmse": [7.0, 8.0, 11.0]}
    )
    found = literature.pairs(table).set_index(["first", "second"])
    assert len(found) == 3
    for (first, second), row in found.iterrows():
        one, two = (table.set_index("name").loc[name] for name in (first, second))
        variance = sum((r["rmse"] ** 2 - r["mae"] ** 2) / 50 for r in (one, two))
        assert row["half_width"] == pytest.approx(1.959964 * np.sqrt(variance))
        assert row["told_apart"] == (abs(one["mae"] - two["mae"]) > row["half_width"])
    assert found["told_apart"].tolist() == [False, True, True]


def test_reruns_stand_beside_what_they_reproduce():
    found = literature.reruns(literature.entries()).set_index("re_run")
    row = found.loc["STA-DRN re-run (TUKL)"]
    assert row["gap"] == pytest.approx(9.36 - 6.00)
    width = 1.959964 * np.sqrt((7.75**2 - 6**2 + 11.94**2 - 9.36**2) / 50)
    assert row["gap_in_widths"] == pytest.approx((9.36 - 6.00) / width)
    assert found["gap"].is_monotonic_decreasing


@pytest.mark.parametrize("batch", [1, 2, 7, 32])
def test_an_rmse_averaged_over_batches_slides_towards_the_mae(batch):
    errors = np.random.default_rng(5).standard_normal((200_000 // batch, batch))
    ratio = np.sqrt((errors**2).mean(axis=1)).mean() / np.abs(errors).mean()
    assert literature.batch_averaged_ratio(batch) == pytest.approx(ratio, abs=0.01)
    assert 1 <= literature.batch_averaged_ratio(batch) < np.sqrt(np.pi / 2)
    with pytest.raises(ValueError, match="holds no recording"):
        literature.batch_averaged_ratio(0)


def test_the_ratio_of_normal_errors_spreads_around_1_25():
    low, high = literature.ratio_spread(rng=np.random.default_rng(0))
    assert low < np.sqrt(np.pi / 2) < high
    again = literature.ratio_spread(rng=np.random.default_rng(0))
    assert (low, high) == again != literature.ratio_spread(rng=np.random.default_rng(1))
    narrow = literature.ratio_spread(rng=np.random.default_rng(0), n=500, n_samples=2000)
    assert narrow[1] - narrow[0] < (high - low) / 2


# --- the error of the label


def test_floors_are_those_found_by_hand_and_by_integration():
    table = literature.label_floor().set_index("reliability")
    by_hand = {0.73: (5.97, 4.76), 0.93: (3.04, 2.42), 0.96: (2.30, 1.83)}
    for reliability, (error, mae) in by_hand.items():
        row = table.loc[reliability]
        assert (round(row["standard_error"], 2), round(row["mae"], 2)) == (error, mae)
        density = stats.norm(scale=row["standard_error"]).pdf
        half, _ = integrate.quad(lambda e, f=density: e * f(e), 0, 100)
        assert row["mae"] == pytest.approx(2 * half)


def test_what_a_clinicians_rating_allows_is_what_was_found_by_hand():
    assert literature.best_mae(literature.CLINICIAN_R) == pytest.approx(6.45, abs=0.005)
    assert literature.implied_correlation(7) == pytest.approx(0.79, abs=0.005)
    assert literature.implied_correlation(12) == 0
    assert literature.smallest_rmse(literature.implied_correlation(7)) == pytest.approx(7)


def test_no_predictor_has_a_smaller_rmse_than_its_correlation_allows():
    rng = np.random.default_rng(2)
    for _ in range(50):
        y, other = rng.gamma(1.3, 11, 50), rng.normal(size=50)
        y_hat = rng.normal() * y + 12 * other + rng.normal(0, 5)
        r, rmse = np.corrcoef(y, y_hat)[0, 1], np.sqrt(((y - y_hat) ** 2).mean())
        bound = literature.smallest_rmse(r, y.std())
        assert rmse >= bound
        best = np.polyval(np.polyfit(y_hat, y, 1), y_hat)
        assert np.sqrt(((y - best) ** 2).mean()) == pytest.approx(bound)


@pytest.mark.parametrize(("reliability", "sd"), [(-0.1, 11), (1.1, 11), (0.9, 0), (np.nan, 11)])
def test_a_reliability_that_is_none_is_refused(reliability, sd):
    with pytest.raises(ValueError, match="out of range"):
        literature.standard_error_of_measurement(reliability, sd)
    with pytest.raises(ValueError, match=r"outside \[-1, 1\]"):
        literature.smallest_rmse(1.01)
