"""Identities behind the ledger, each against data that were drawn or a test that others wrote."""

import numpy as np
import pytest
from scipy import stats

from deplib.claims import Published, arithmetic, constant_test_mae
from deplib.claims.published import TEST_BANDS
from deplib.metrics import bias, mae, pcc, rmse, sigma_ratio


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.gamma(1.4, 11.0, 50).clip(0, 63)
    return y, 0.3 * y + rng.normal(14, 7, 50)


def test_rmse_follows_from_spread_correlation_and_bias(drawn):
    y, y_hat = drawn
    r, s = pcc(y, y_hat), sigma_ratio(y, y_hat)
    least = arithmetic.rmse_without_bias(r, s, y.std())
    assert np.hypot(least, bias(y, y_hat)) == pytest.approx(rmse(y, y_hat))
    assert least == pytest.approx(rmse(y, y_hat - bias(y, y_hat)))


def test_no_rescaling_beats_the_rescaled_rmse(drawn):
    y, y_hat = drawn
    slope, intercept = np.polyfit(y_hat, y, 1)
    best = arithmetic.rmse_rescaled(pcc(y, y_hat), y.std())
    assert best == pytest.approx(rmse(y, slope * y_hat + intercept))
    assert slope == pytest.approx(pcc(y, y_hat) / sigma_ratio(y, y_hat))


def test_sd_of_errors_is_a_lower_bound_and_exact_without_bias(drawn):
    y, y_hat = drawn
    r, s = pcc(y, y_hat), sigma_ratio(y, y_hat)
    centred = y_hat - bias(y, y_hat)
    exact = np.abs(centred - y).std()
    assert arithmetic.least_error_sd(mae(y, centred), r, y.std(), s) == pytest.approx(exact)
    assert arithmetic.least_error_sd(mae(y, y_hat), r, y.std(), s) <= np.abs(y_hat - y).std()
    assert arithmetic.least_error_sd(mae(y, y_hat), r, y.std()) <= exact


def test_an_error_too_small_for_its_spread_cannot_be(drawn):
    y, y_hat = drawn
    r, s, sd = pcc(y, y_hat), sigma_ratio(y, y_hat), y.std()
    assert arithmetic.can_be(mae(y, y_hat), r, s, sd)
    assert not arithmetic.can_be(0.5, 0.1, 0.9, 11.48)
    assert not arithmetic.can_be(64.0, 0.1, 0.9, 11.48)


def test_the_best_of_so_many_noise_candidates_reaches_r_half_of_the_time():
    rng, r, n = np.random.default_rng(0), 0.3, 50
    k = arithmetic.candidates_by_chance(r, n)
    y = rng.standard_normal(n)
    noise = rng.standard_normal((2000, k, n))
    best = [max(np.corrcoef(y, rows)[0, 1:]) for rows in noise]
    assert np.mean(np.array(best) >= r) == pytest.approx(0.5, abs=0.04)


def test_williams_t_has_its_level_and_the_bound_is_where_it_is_reached():
    rng, n = np.random.default_rng(1), 50
    shared = rng.standard_normal((4000, n))
    a, b, y = (shared * w + rng.standard_normal(shared.shape) for w in (1, 1, 0.5))
    p = []
    for rows in zip(a, b, y, strict=True):
        c = np.corrcoef(rows)
        t = arithmetic.williams_t(c[0, 2], c[1, 2], c[0, 1], n)
        p.append(2 * stats.t.sf(abs(t), n - 3))
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.011)
    needed = arithmetic.agreement_needed(0.267, 0.101, n)
    bound = stats.t.isf(0.025, n - 3)
    assert arithmetic.williams_t(0.267, 0.101, needed, n) == pytest.approx(bound)


def test_sds_of_rounded_numbers_hold_the_sd_before_rounding():
    rng = np.random.default_rng(2)
    for _ in range(200):
        values = rng.normal(10, 0.01, 4)
        for name, (low, high) in arithmetic.possible_sds(values.round(2), 2).items():
            assert low <= values.std(ddof=int(name == "sample")) <= high


def test_the_constant_has_the_mae_derived_by_hand():
    by_hand = 0.5 * (13.5 - 4.96) + 0.2 * (16.2 - 13.5) + 0.16 * (25 - 13.5) + 0.14 * (34.14 - 13.5)
    assert constant_test_mae(13.5) == pytest.approx(by_hand)
    assert constant_test_mae(13.0) == pytest.approx(constant_test_mae(14.0))
    assert Published().constant_error_sd() == pytest.approx(6.5, abs=0.1)


@pytest.mark.parametrize("constant", [12.9, 14.1, 20.0])
def test_a_constant_that_the_bands_do_not_determine_is_refused(constant):
    with pytest.raises(ValueError, match=r"outside \[13, 14\]"):
        constant_test_mae(constant)


def test_band_shares_are_a_distribution_with_the_published_mean():
    assert TEST_BANDS["share"].sum() == pytest.approx(1)
    mean = (TEST_BANDS["share"] * TEST_BANDS["mean_bdi"]).sum()
    assert mean == pytest.approx(14.50, abs=0.01)
