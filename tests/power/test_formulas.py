import doctest

import numpy as np
import pytest
from scipy import stats

from deplib.power import error_model, formulas, labels
from deplib.power.labels import draw_persons, shared_and_own


def test_examples_are_true():
    for module in (formulas, labels, error_model):
        assert doctest.testmod(module).failed == 0


def test_the_effective_number_is_what_clustered_means_vary_by():
    rng = np.random.default_rng(0)
    person = draw_persons(20_000, 50, rng=rng)
    for share in (0.0, 0.5, 1.0):
        means = shared_and_own(person, share, rng=rng).mean(axis=1)
        assert 1 / means.var() == pytest.approx(formulas.effective_n(50, share), rel=0.04)


def test_sessions_are_counted_from_the_recordings_point_of_view():
    assert formulas.sessions_beside(40, 10) == pytest.approx(4)
    person = draw_persons(4_000, 50, rng=np.random.default_rng(1))
    sessions = np.stack([np.bincount(who, minlength=40) for who in person])
    drawn = (sessions**2).sum(axis=1).mean() / 50
    assert formulas.sessions_beside(50) == pytest.approx(drawn, rel=0.01)


def test_the_power_of_a_difference_is_that_of_simulated_t_tests():
    rng = np.random.default_rng(2)
    x = rng.normal(1.0, 3.0, (4_000, 50))
    found = (stats.ttest_1samp(x, 0, axis=1).pvalue <= 0.05).mean()
    assert formulas.power_of_difference(1.0, 3.0, 50) == pytest.approx(found, abs=0.025)
    assert formulas.power_of_difference(0.0, 3.0, 50) == 0.05
    assert formulas.power_of_difference(500.0, 3.0, 50) == 1.0


def test_the_power_of_a_correlation_is_that_of_simulated_tests():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4_000, 50))
    y = 0.35 * x + np.sqrt(1 - 0.35**2) * rng.standard_normal((4_000, 50))
    found = (stats.pearsonr(x, y, axis=1).pvalue <= 0.05).mean()
    assert formulas.power_of_correlation(0.35, 50) == pytest.approx(found, abs=0.025)


@pytest.mark.parametrize("n", [4, 10, 50, 812.3, 10_000])
def test_what_is_detectable_has_the_power_asked_for(n):
    d = formulas.detectable_difference(3.0, n)
    assert formulas.power_of_difference(d, 3.0, n) == pytest.approx(0.8, abs=1e-6)
    rho = formulas.detectable_correlation(n, power=0.9)
    assert formulas.power_of_correlation(rho, n) == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("within", [0.0, 0.6])
def test_the_number_of_recordings_is_the_smallest_that_does(within):
    n = formulas.recordings_for_difference(0.5, 3.0, within)
    enough, short = (
        formulas.power_of_difference(0.5, 3.0, formulas.effective_n(k, within)) for k in (n, n - 4)
    )
    assert short < 0.8 <= enough
    n = formulas.recordings_for_correlation(0.2, within)
    enough, short = (
        formulas.power_of_correlation(0.2, formulas.effective_n(k, within)) for k in (n, n - 4)
    )
    assert short < 0.8 <= enough


def test_a_smaller_difference_needs_more_recordings():
    counts = [formulas.recordings_for_difference(d, 3.0, 0.5) for d in (0.01, 0.1, 1.0, 10.0, 90)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 4


def test_the_order_is_a_coin_toss_without_a_difference():
    assert formulas.wrong_order(0, 2.0, 50) == 0.5
    rng = np.random.default_rng(4)
    found = (rng.normal(0.3, 2.0, (20_000, 50)).mean(axis=1) < 0).mean()
    assert formulas.wrong_order(0.3, 2.0, 50) == pytest.approx(found, abs=0.01)


def test_half_of_an_interval_is_that_of_scipy():
    x = np.random.default_rng(5).normal(size=50)
    interval = stats.ttest_1samp(x, 0).confidence_interval()
    assert formulas.half_width(x.std(ddof=1), 50) == pytest.approx(
        (interval.high - interval.low) / 2
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: formulas.effective_n(50, 1.5), "within_person"),
        (lambda: formulas.effective_n(50, 0.5, 60), "1 to 4 recordings"),
        (lambda: formulas.power_of_difference(1.0, 0.0, 50), "above 0"),
        (lambda: formulas.power_of_correlation(1.0, 50), "between -1 and 1"),
        (lambda: formulas.power_of_correlation(0.3, 3), "more than 3"),
        (lambda: formulas.detectable_correlation(2), "more than 3"),
        (lambda: formulas.detectable_difference(3.0, 50, power=0.01), "power is"),
        (lambda: formulas.recordings_for_difference(0.0, 3.0, 0.5), "above 0"),
        (lambda: formulas.recordings_for_correlation(0.0, 0.5), "between 0 and 1"),
    ],
)
def test_impossible_questions_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
