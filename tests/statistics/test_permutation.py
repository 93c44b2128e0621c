from itertools import permutations

import numpy as np
import pytest
from drawn import rng, sample
from scipy import stats

from deplib.metrics import METRICS
from deplib.statistics import permutation_test

OF_PAIRS = ["mae", "rmse", "pcc", "ccc"]


def small():
    y = np.array([3.0, 9.0, 20.0, 31.0, 14.0, 11.0])
    return y, np.array([12.0, 10.0, 14.0, 19.0, 9.0, 13.0])


@pytest.mark.parametrize("metric", OF_PAIRS)
def test_exact_p_value_is_scipys_where_each_person_has_one_recording(metric):
    y, y_hat = small()
    ours = permutation_test(y, y_hat, range(6), metric=metric, rng=rng())
    theirs = stats.permutation_test(
        (y,),
        lambda permuted: METRICS[metric](permuted, y_hat),
        permutation_type="pairings",
        vectorized=False,
    )
    assert ours.statistic == pytest.approx(METRICS[metric](y, y_hat), abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-12)
    assert (ours.n_persons, ours.n_recordings, ours.n_resamples) == (6, 6, 720)


@pytest.mark.parametrize("metric", ["pcc", "mae"])
def test_drawn_p_value_is_near_scipys(metric):
    y, (y_hat, _), _ = sample(n=30, seed=2)
    ours = permutation_test(y, y_hat, range(30), metric=metric, rng=rng())
    theirs = stats.permutation_test(
        (y,),
        lambda permuted: METRICS[metric](permuted, y_hat),
        permutation_type="pairings",
        vectorized=False,
        n_resamples=2_000,
        rng=rng(2),
    )
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.02)
    assert ours.n_resamples == 10_000


def test_blocks_move_among_persons_with_as_many_recordings_and_others_stay():
    """Three persons with two recordings, two with one, one with three: 3! 2! orders, by hand."""
    persons = np.array([*"aabbccdefff"])
    y, y_hat = rng(4).normal(15, 8, (2, 11))
    values = []
    for twos in permutations("abc"):
        for ones in permutations("de"):
            order = np.concatenate([np.flatnonzero(persons == p) for p in (*twos, *ones, "f")])
            values.append(METRICS["pcc"](y[order], y_hat))
    values, observed = np.array(values), values[0]
    tails = (values <= observed + 1e-12).mean(), (values >= observed - 1e-12).mean()
    ours = permutation_test(y, y_hat, persons, rng=rng())
    assert ours.p_value == pytest.approx(min(1.0, 2 * min(tails)), abs=1e-12)
    assert (ours.n_persons, ours.n_recordings, ours.n_resamples) == (6, 11, 12)


def test_p_values_are_uniform_where_labels_say_nothing():
    """Persons have a level of their own in both; recordings taken alone reject too often."""
    draw, persons, ours, naive = rng(5), np.repeat(np.arange(20), 2), [], []
    for _ in range(300):
        y, y_hat = draw.normal(0, 5, (2, 20))[:, persons] + draw.normal(0, 1, (2, 40))
        ours.append(permutation_test(y, y_hat, persons, n_resamples=199, rng=draw).p_value)
        naive.append(stats.pearsonr(y, y_hat).pvalue)
    assert stats.kstest(ours, "uniform").pvalue > 0.05
    assert np.mean(np.array(ours) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(naive) <= 0.05) > 0.1


def test_a_constant_has_no_correlation_to_test():
    y, _ = small()
    constant = np.full(6, 13.0)
    for labels, predictions in ((y, constant), (constant, y)):
        test = permutation_test(labels, predictions, range(6), rng=rng())
        assert np.isnan([test.statistic, test.p_value]).all()
    assert permutation_test(y, constant, range(6), metric="mae", rng=rng()).p_value == 1.0


def test_same_state_same_p_value():
    y, _, persons = sample()
    y_hat = rng(9).normal(size=50)
    a, b, c = (permutation_test(y, y_hat, persons, n_resamples=300, rng=rng(s)) for s in (1, 1, 2))
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"persons": ["a"] * 6}, "1 person"),
        ({"persons": [*"abbccc"]}, "no two persons have the same number"),
        ({"y_hat": np.full(6, np.nan)}, "NaN or infinite"),
        ({"y": np.zeros(5)}, "over the same recordings"),
        ({"metric": "bias"}, "'bias' does not depend"),
        ({"metric": "sigma_ratio"}, "'sigma_ratio' does not depend"),
        ({"metric": "r2"}, "unknown metric 'r2'"),
        ({"n_resamples": 0}, "n_resamples is 0"),
    ],
)
def test_bad_input_is_refused(change, message):
    y, y_hat = small()
    arguments = {"y": y, "y_hat": y_hat, "persons": range(6), "rng": rng(), **change}
    with pytest.raises(ValueError, match=message):
        permutation_test(**arguments)
