"""Ensembles of seeds, against the formula and against each member."""

import numpy as np
import pandas as pd
import pytest
from tables_of_sd import seeds_of

from deplib.errors import ResultError
from deplib.uncertainty import ensemble, gain


def test_mean_and_sd_between_seeds_by_hand():
    table = seeds_of("A")
    found = ensemble(table).set_index("recording")
    assert len(found) == 12
    for name, runs in table.groupby("recording"):
        values = runs["bdi_hat"].tolist()
        mean = sum(values) / 4
        assert found.loc[name, "bdi_hat"] == pytest.approx(mean)
        spread = np.sqrt(sum((v - mean) ** 2 for v in values) / 3)
        assert found.loc[name, "bdi_sd"] == pytest.approx(spread)
        assert found.loc[name, "bdi"] == runs["bdi"].iloc[0]
        assert found.loc[name, "person"] == runs["person"].iloc[0]
        assert found.loc[name, "split"] == runs["split"].iloc[0]
    assert (found["members"] == 4).all()
    assert found.index[0] == table["recording"].iloc[0]  # in order of first appearance


def test_each_model_is_an_ensemble_of_its_own():
    a, b = seeds_of("A", seed=1), seeds_of("B", seeds=3, seed=2)
    joined = ensemble(pd.concat([a, b], ignore_index=True))
    pd.testing.assert_frame_equal(joined[joined["model"] == "A"], ensemble(a))
    of_b = joined[joined["model"] == "B"].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_b, ensemble(b))
    assert set(of_b["members"]) == {3}


def test_the_gain_is_the_difference_of_the_maes_and_never_a_loss():
    for seed in range(5):
        table = seeds_of("A", seed=seed, n=30)
        test = table[table["split"] == "test"]
        one_by_one = (test["bdi_hat"] - test["bdi"]).abs().groupby(test["seed"]).mean().mean()
        joined = ensemble(test)
        of_mean = (joined["bdi_hat"] - joined["bdi"]).abs().mean()
        found = gain(table)
        assert found.value == pytest.approx(of_mean - one_by_one)
        assert found.low <= found.value <= found.high <= 1e-9


def test_seeds_that_do_not_fit_together_are_refused():
    table = seeds_of("A")
    with pytest.raises(ResultError, match="A has 1 seed"):
        ensemble(table[table["seed"] == 0])
    with pytest.raises(ResultError, match="not all run on the same recordings"):
        ensemble(table.drop(index=3))
    with pytest.raises(ResultError, match=r"A: recording r\d\d occurs twice at one seed"):
        ensemble(table.assign(seed=table["seed"] % 2))
    other = table.assign(bdi=table["bdi"] + (table["seed"] == 2) * 0.5)
    with pytest.raises(ResultError, match="differ in the label or the split"):
        ensemble(other)
    moved = table.assign(split=table["split"].where(table["seed"] != 1, "test"))
    with pytest.raises(ResultError, match="differ in the label or the split"):
        ensemble(moved)
    with pytest.raises(ResultError, match=r"lacks \['seed'\]"):
        ensemble(table.drop(columns="seed"))
    with pytest.raises(ResultError, match="holds no run"):
        ensemble(table.iloc[:0])


def test_the_gain_is_of_one_model_and_of_a_split_that_is_there():
    with pytest.raises(ResultError, match="holds 2 models"):
        gain(pd.concat([seeds_of("A"), seeds_of("B")]))
    table = seeds_of("A")
    with pytest.raises(ResultError, match="no test recording"):
        gain(table[table["split"] != "test"])


def test_labels_may_differ_by_rounding():
    table = seeds_of("A")
    rounded = table.assign(bdi=table["bdi"] + 1e-5 * (table["seed"] == 1))
    assert ensemble(rounded)["bdi_sd"].tolist() == ensemble(table)["bdi_sd"].tolist()
