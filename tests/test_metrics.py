import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference
from torchmetrics.functional import concordance_corrcoef

from deplib.errors import ResultError
from deplib.metrics import METRICS, bias, ccc, describe, mae, pcc, rmse, score, sigma_ratio

CASES = [
    (np.random.default_rng(s).uniform(0, 63, n), np.random.default_rng(s + 99).normal(15, 8, n))
    for s, n in enumerate((2, 3, 50, 300))
]
whole = st.integers(0, 63)  # scores as they are: no differences that only rounding makes
scored = st.integers(2, 30).flatmap(
    lambda n: st.tuples(*[st.lists(whole, min_size=n, max_size=n).map(np.array)] * 2)
)


@pytest.mark.parametrize(("y", "y_hat"), CASES)
def test_agree_with_scipy_and_scikit_learn(y, y_hat):
    near = {"abs": 1e-9, "rel": 1e-9}
    assert mae(y, y_hat) == pytest.approx(reference.mean_absolute_error(y, y_hat), **near)
    assert rmse(y, y_hat) == pytest.approx(reference.root_mean_squared_error(y, y_hat), **near)
    assert pcc(y, y_hat) == pytest.approx(stats.pearsonr(y, y_hat).statistic, **near)
    assert bias(y, y_hat) == pytest.approx(stats.tmean(y_hat) - stats.tmean(y), **near)
    assert sigma_ratio(y, y_hat) == pytest.approx(stats.tstd(y_hat) / stats.tstd(y), **near)


@pytest.mark.parametrize(("y", "y_hat"), CASES)
def test_ccc_is_made_of_numpys_moments_and_not_torchmetrics_unbiased_one(y, y_hat):
    expected = np.cov(y, y_hat, ddof=0)[0, 1] * 2
    expected /= np.var(y) + np.var(y_hat) + (y.mean() - y_hat.mean()) ** 2
    assert ccc(y, y_hat) == pytest.approx(expected, abs=1e-9)
    theirs = concordance_corrcoef(torch.from_numpy(y_hat), torch.from_numpy(y)).item()
    assert 1e-9 < abs(ccc(y, y_hat) - theirs) < 2 / len(y)


@given(scored)
def test_the_squared_error_is_bias_spread_and_correlation(pair):
    y, y_hat = pair
    scores = describe(y, y_hat)
    assume(np.isfinite(list(scores.values())).all())
    r, ratio = scores["pcc"], scores["sigma_ratio"]
    expected = scores["bias"] ** 2 + np.var(y) * (1 + ratio**2 - 2 * r * ratio)
    assert scores["rmse"] ** 2 == pytest.approx(expected, abs=1e-7)


def test_undefined_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collapsed = describe([3.0, 9.0, 20.0], np.full(3, 0.1) + 13.3)
        assert np.isnan(collapsed["pcc"])
        assert (collapsed["sigma_ratio"], collapsed["ccc"]) == (0.0, 0.0)
        for y, y_hat, undefined in (
            ([9.0, 9.0], [1.0, 2.0], {"pcc", "sigma_ratio"}),
            ([9.0, 9.0], [9.0, 9.0], {"pcc", "ccc", "sigma_ratio"}),
            ([9.0], [7.0], {"pcc", "sigma_ratio"}),
        ):
            scores = describe(y, y_hat)
            assert {name for name, value in scores.items() if np.isnan(value)} == undefined


def test_constant_to_rounding_is_constant():
    y_hat = np.float64(1e6) + np.array([0, 1e-10, 0, 1e-10])
    assert np.isnan(pcc([1, 2, 3, 4], y_hat))
    assert np.isfinite(pcc([1, 2, 3, 4], np.array([0, 1e-10, 0, 1e-10])))


BAD = [
    ([1, 2, 3], [1, 2], "one length"),
    ([[1, 2]], [[1, 2]], "two vectors"),
    (3.0, 3.0, "two vectors"),
    ([], [], "empty"),
    ([1, 2], [1, np.nan], r"y_hat\[1\] is nan"),
    ([np.inf, 2], [1, 2], r"y\[0\] is inf"),
]


@pytest.mark.parametrize("metric", [*METRICS.values(), describe])
@pytest.mark.parametrize(("y", "y_hat", "message"), BAD)
def test_bad_vectors_are_refused(metric, y, y_hat, message):
    with pytest.raises(ValueError, match=message):
        metric(y, y_hat)


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    one = pd.DataFrame({"recording": [f"r{k}" for k in range(50)], "bdi": rng.integers(0, 45, 50)})
    runs = [one.assign(model="a", seed=k, bdi_hat=rng.normal(15, 6, 50)) for k in (1, 0)]
    return pd.concat([*runs, one.assign(model="b", seed=0, bdi_hat=13.0)])


def test_a_table_is_scored_group_by_group_in_its_order(table):
    scores = score(table, by=["model", "seed"])
    assert scores[["model", "seed"]].to_numpy().tolist() == [["a", 1], ["a", 0], ["b", 0]]
    assert list(scores) == ["model", "seed", "n", *METRICS]
    for row in scores.itertuples():
        one = table[(table["model"] == row.model) & (table["seed"] == row.seed)]
        for name, metric in METRICS.items():
            expected = metric(one["bdi"], one["bdi_hat"])
            assert getattr(row, name) == pytest.approx(expected, nan_ok=True)
    assert scores["pcc"].isna().tolist() == [False, False, True]


def test_what_is_no_group_is_refused(table):
    with pytest.raises(ResultError, match=r"'model': 'a', 'recording': 'r0'.* occurs twice"):
        score(table, by=["model"])
    with pytest.raises(ResultError, match=r"no \['split'\]"):
        score(table)
