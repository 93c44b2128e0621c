from types import SimpleNamespace

import numpy as np
import pytest
from drawn import interval, rng, sample
from scipy import stats

from deplib.metrics import METRICS, mae
from deplib.statistics import bootstrap_distribution, interval_of, mean_over_persons, sign_flip_test


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_agrees_with_scipy_when_each_person_has_one_recording(metric, method):
    y, (y_hat, _), _ = sample()
    how = {"metric": metric, "method": method, "n_resamples": 20_000}
    ours = interval(y, y_hat, np.arange(50), **how, rng=rng())
    how = {"paired": True, "vectorized": False, "method": method, "n_resamples": 2_000}
    theirs = stats.bootstrap((y, y_hat), METRICS[metric], **how, rng=rng(2))
    assert ours.estimate == METRICS[metric](y, y_hat)
    tolerance = 0.2 * theirs.standard_error
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=tolerance)


def test_quantiles_are_scipys_given_the_same_resamples():
    """BCa on a statistic with one resampling unit a row, the same draws: equal, not just near."""
    y, (y_hat, _), _ = sample(n=20)
    error = np.abs(y - y_hat)
    values = bootstrap_distribution(y, y_hat[None], np.arange(20), n_resamples=500, rng=rng())
    given = SimpleNamespace(bootstrap_distribution=values["mae"][:, 0])
    how = {"n_resamples": 0, "bootstrap_result": given, "method": "BCa"}
    theirs = stats.bootstrap((error,), np.mean, **how).confidence_interval
    ours = interval(y, y_hat, np.arange(20), n_resamples=500, method="bca", rng=rng())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("n", [8, 20, 50])
def test_the_expanded_interval_of_a_normal_mean_is_students(n):
    """With few persons percentiles are too short by sqrt((n - 1) / n) and by z against t."""
    error = stats.norm.ppf((np.arange(n) + 0.5) / n) + 40
    student = stats.ttest_1samp(error, 0).confidence_interval()
    width = {}
    for method in ("expanded", "percentile"):
        how = {"method": method, "n_resamples": 40_000, "rng": rng()}
        ours = interval(np.zeros(n), error, np.arange(n), **how)
        width[method] = ours.high - ours.low
    assert width["expanded"] == pytest.approx(student.high - student.low, rel=0.025)
    assert width["percentile"] < 0.98 * width["expanded"]


def test_two_clips_of_a_person_are_not_two_persons():
    y, (y_hat, _), _ = sample()
    persons = np.arange(50)
    once = interval(y, y_hat, persons, rng=rng())
    y2, y_hat2 = np.repeat(y, 2), np.repeat(y_hat, 2)
    twice = interval(y2, y_hat2, np.repeat(persons, 2), rng=rng())
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-9)
    assert twice.n_persons == 50
    naive = interval(y2, y_hat2, np.arange(100), rng=rng())
    assert naive.high - naive.low < 0.8 * (once.high - once.low)


def test_a_paired_difference_is_the_mean_over_persons_of_the_difference_of_errors():
    y, (a, b), _ = sample()
    errors = np.abs(a - y) - np.abs(b - y)
    ours = mean_over_persons(errors, np.arange(50), n_resamples=20_000, rng=rng())
    theirs = stats.ttest_1samp(errors, 0).confidence_interval()
    assert ours.estimate == pytest.approx(mae(y, a) - mae(y, b))
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.05 * (ours.high - ours.low))
    assert (0.0 in ours) == (ours.low <= 0 <= ours.high)
    assert f"{ours:+.1f}" == f"{ours.estimate:+.1f} ({ours.low:+.1f} to {ours.high:+.1f})"


def test_undefined_resamples_are_left_out():
    y = np.array([10.0, 10.0, 10.0, 30.0])  # a resample without the last is constant
    y_hat = np.array([11.0, 12.0, 9.0, 20.0])
    values = bootstrap_distribution(y, [y_hat], list("abcd"), n_resamples=2_000, rng=rng())["pcc"]
    assert np.isnan(values).mean() == pytest.approx(0.75**4, abs=0.04)
    how = {"metric": "pcc", "n_resamples": 2_000, "method": "percentile", "rng": rng()}
    found, ends = interval(y, y_hat, list("abcd"), **how), np.nanquantile(values, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(ends))


BAD = [
    ({"persons": ["a"] * 50}, "1 person"),
    ({"persons": [None] * 50}, "a person is missing"),
    ({"persons": ["a", "b"]}, "over the same recordings"),
    ({"values": np.full(50, np.nan)}, "NaN or infinite"),
    ({"values": np.zeros(49)}, "over the same recordings"),
    ({"values": [], "persons": []}, "0 person"),
    ({"n_resamples": 0}, "n_resamples is 0"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
@pytest.mark.parametrize("of", [mean_over_persons, sign_flip_test])
def test_bad_input_is_refused(of, change, message):
    arguments = {"values": np.ones(50), "persons": np.arange(50), "n_resamples": 9} | change
    with pytest.raises(ValueError, match=message):
        of(arguments.pop("values"), **arguments, rng=rng())


@pytest.mark.parametrize("change", [{"method": "basic"}, {"confidence": 95}])
def test_an_interval_of_no_kind_or_level_is_refused(change):
    with pytest.raises(ValueError, match=r"unknown method 'basic'|confidence is 95"):
        interval_of(np.ones(9), 1.0, np.ones(9), **change)
