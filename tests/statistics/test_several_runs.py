import numpy as np
import pytest
from drawn import rng
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from deplib.statistics import interquartile_mean, probability_of_improvement
from deplib.statistics.runs import draw_runs, superiority, trimmed

some = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=15)


@settings(deadline=None, max_examples=50)
@given(some)
def test_interquartile_mean_is_the_mean_of_the_middle(values):
    quarter = len(values) // 4
    middle = sorted(values)[quarter : len(values) - quarter]
    assert interquartile_mean(values) == pytest.approx(np.mean(middle))
    assert min(values) <= interquartile_mean(values) <= max(values)


@settings(deadline=None, max_examples=50)
@given(some, some)
def test_probability_of_improvement_is_u_over_the_pairs_and_the_area_under_the_curve(a, b):
    p = probability_of_improvement(a, b)
    u = stats.mannwhitneyu(a, b).statistic
    assert p == pytest.approx(u / (len(a) * len(b)))
    labels = [1] * len(a) + [0] * len(b)
    assert p == pytest.approx(roc_auc_score(labels, a + b))
    assert p + probability_of_improvement(b, a) == pytest.approx(1)


def test_an_outlier_moves_neither_far():
    runs = [9.0, 9.1, 9.2, 9.3, 9.4]
    assert interquartile_mean([*runs[:-1], 90.0]) == interquartile_mean(runs)
    assert probability_of_improvement([*runs[:-1], 90.0], [8.0]) == 1.0


def test_rows_are_scored_as_single_vectors_are_and_nan_stays_nan():
    a, b = rng().normal(size=(6, 10)), rng(2).normal(size=(6, 7))
    np.testing.assert_allclose(trimmed(a), [interquartile_mean(row) for row in a])
    pairs = zip(a, b, strict=True)
    np.testing.assert_allclose(superiority(a, b), [probability_of_improvement(*p) for p in pairs])
    a[2, 0] = np.nan
    assert np.flatnonzero(np.isnan(trimmed(a))).tolist() == [2]
    assert np.flatnonzero(np.isnan(superiority(a, b))).tolist() == [2]
    assert np.flatnonzero(np.isnan(superiority(b, a))).tolist() == [2]


def test_runs_are_drawn_with_replacement_within_their_row():
    values = np.arange(40_000.0).reshape(10_000, 4)
    drawn = draw_runs(values, rng())
    place = drawn - values[:, :1]
    assert set(np.unique(place)) == {0.0, 1.0, 2.0, 3.0}
    all_different = np.mean([len(set(row)) == 4 for row in place])
    assert all_different == pytest.approx(24 / 256, abs=0.01)


@pytest.mark.parametrize("bad", [[], [[1.0]], [1.0, np.nan], [np.inf]])
def test_bad_input_is_refused(bad):
    with pytest.raises(ValueError, match=r"values .* must be one vector|values\[\d\] is"):
        interquartile_mean(bad)
    with pytest.raises(ValueError, match=r"a .* must be one vector|a\[\d\] is"):
        probability_of_improvement(bad, [1.0])
    with pytest.raises(ValueError, match=r"b .* must be one vector|b\[\d\] is"):
        probability_of_improvement([1.0], bad)
