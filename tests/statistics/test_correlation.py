import pytest
from drawn import rng
from scipy import stats

from deplib.statistics import compare_correlations, critical_r, fisher_interval
from deplib.statistics.correlation import correlation_p_value


@pytest.mark.parametrize("n", [5, 50, 300])
def test_correlation_tests_are_scipys(n):
    x, noise = rng(n).normal(size=(2, n))
    y = 0.3 * x + noise
    result = stats.pearsonr(x, y)
    r = result.statistic
    assert correlation_p_value(r, n) == pytest.approx(result.pvalue, abs=1e-9)
    expected = result.confidence_interval(0.95)
    assert fisher_interval(r, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert correlation_p_value(critical_r(n, alpha=0.01), n) == pytest.approx(0.01, abs=1e-9)


def test_correlations_at_the_edge():
    assert fisher_interval(1.0, 10) == (1.0, 1.0)
    assert correlation_p_value(1.0, 10) == 0.0
    z, p = compare_correlations(0.3, 50, 0.3, 80)
    assert (z, p) == (0.0, 1.0)
    assert compare_correlations(0.1, 50, 0.4, 50)[0] < 0
    for call in (
        lambda: fisher_interval(0.2, 3),
        lambda: fisher_interval(1.2, 30),
        lambda: critical_r(2),
        lambda: compare_correlations(1.0, 50, 0.3, 50),
    ):
        with pytest.raises(ValueError, match=r"n is|r is|no Fisher z"):
            call()
