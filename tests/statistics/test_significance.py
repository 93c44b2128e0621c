import numpy as np
import pytest
from drawn import rng
from scipy import stats

from deplib.statistics import holm, sign_flip_test

PERSONS = np.array([*"aabcddefgh"])


def person_sums(differences, persons):
    return np.array([differences[persons == person].sum() for person in np.unique(persons)])


def test_exact_p_value_is_scipys_on_the_sums_of_persons():
    differences = rng().normal(0.4, 1, 10)
    ours = sign_flip_test(differences, PERSONS, rng=rng())
    sums = person_sums(differences, PERSONS)
    theirs = stats.permutation_test((sums,), np.sum, permutation_type="samples")
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-12)
    assert ours.statistic == pytest.approx(differences.mean())
    assert (ours.n_persons, ours.n_resamples) == (8, 2**8)


def test_drawn_p_value_is_near_scipys_and_never_zero():
    differences = rng().normal(0.35, 1, 40)
    ours = sign_flip_test(differences, np.arange(40), n_resamples=50_000, rng=rng())
    how = {"permutation_type": "samples", "n_resamples": 50_000, "rng": rng(2)}
    theirs = stats.permutation_test((differences,), np.mean, **how)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.005)
    sure = sign_flip_test(np.ones(40), np.arange(40), n_resamples=999, rng=rng())
    assert (sure.p_value, sure.n_resamples) == (1 / 1000, 999)
    assert sign_flip_test(np.zeros(50), np.arange(50), rng=rng()).p_value == 1.0


def test_p_values_are_uniform_where_nothing_differs():
    """Two correlated recordings a person; taken as independent, they reject far too often."""
    draw, persons, ours, naive = rng(3), np.repeat(np.arange(20), 2), [], []
    for _ in range(400):
        differences = np.repeat(draw.normal(0, 3, 20), 2) + draw.normal(0, 0.5, 40)
        ours.append(sign_flip_test(differences, persons, n_resamples=199, rng=draw).p_value)
        naive.append(stats.ttest_1samp(differences, 0).pvalue)
    assert stats.kstest(ours, "uniform").pvalue > 0.05
    assert np.mean(np.array(ours) <= 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(np.array(naive) <= 0.05) > 0.1


def step_down(p_values):
    """Holm's procedure in words: the k-th smallest times what is left, never falling."""
    p, adjusted, largest = np.asarray(p_values), np.empty(len(p_values)), 0.0
    for k, index in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, p[index] * (len(p) - k)))
        adjusted[index] = largest
    return adjusted


@pytest.mark.parametrize("n_tests", [1, 2, 7, 12])
def test_holm_is_the_step_down_procedure(n_tests):
    p_values = rng(n_tests).random(n_tests).round(1) ** 3  # with ties
    adjusted = holm(p_values)
    np.testing.assert_allclose(adjusted, step_down(p_values), atol=1e-12)


def test_holm_refuses_what_is_no_family_of_p_values():
    with pytest.raises(ValueError, match=r"p_values\[1\] is nan"):
        holm([0.1, np.nan])
    with pytest.raises(ValueError, match=r"p_values\[0\] is 1.2"):
        holm([1.2])
    for nothing in ([], [[0.1]]):
        with pytest.raises(ValueError, match="one vector"):
            holm(nothing)
