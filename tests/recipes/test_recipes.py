"""What holds for every recipe, and how one is asked for by name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from bagged import PROTOCOL, SMALL, make_windows

from deplib.errors import CohortError, ModelError
from deplib.metrics import mae
from deplib.recipes import train_by
from deplib.training import PREDICTION_COLUMNS, recording_table, train

NAMES = {
    "protocol": "TemporalMeanMLP",
    "smoothed": "TemporalMeanMLP",
    "bags": "TemporalMeanMLP",
    "dropout": "HybridPooling-dropout",
}
every_recipe = pytest.mark.parametrize("recipe", NAMES)


@pytest.fixture(scope="module")
def windows():
    return make_windows()


def taught(recipe, windows, *, seed=0, **change):
    protocol = replace(PROTOCOL, **change)
    return train_by(recipe, NAMES[recipe], windows, protocol, seed=seed, config=SMALL)


def assert_same(a, b):
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert a.epoch == b.epoch
    assert list(a.state_dict) == list(b.state_dict)
    assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in a.state_dict)


@every_recipe
def test_same_seed_same_run_other_seed_another(recipe, windows):
    state = torch.random.get_rng_state()
    a = taught(recipe, windows, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(77)  # what others have drawn does not matter
        assert_same(a, taught(recipe, windows, seed=1))
    other = taught(recipe, windows, seed=2)
    assert not np.array_equal(a.predictions["y_hat"], other.predictions["y_hat"])


@every_recipe
def test_what_comes_back_is_a_run_of_the_epoch_that_dev_chose(recipe, windows):
    result = taught(recipe, windows, epochs=5)
    assert list(result.predictions)[: len(PREDICTION_COLUMNS)] == list(PREDICTION_COLUMNS)
    shared = ["recording", "person", "split", "window", "y"]
    pd.testing.assert_frame_equal(result.predictions[shared], windows.index[shared])
    assert result.epoch == result.history.set_index("epoch")["dev_mae"].idxmin()
    table = recording_table(result.predictions, result.label_mean, result.label_std)
    dev = table[table["split"] == "dev"]
    assert mae(dev["bdi"], dev["bdi_hat"]) == pytest.approx(
        result.history["dev_mae"].min(), abs=1e-4
    )
    assert result.n_parameters > 0
    assert result.seconds > 0


@every_recipe
def test_learns_what_can_be_learnt(recipe, windows):
    result = taught(recipe, windows, epochs=25, patience=25)
    table = recording_table(result.predictions, result.label_mean, result.label_std)
    test = table[table["split"] == "test"]
    median = table.loc[table["split"] == "train", "bdi"].median()
    assert mae(test["bdi"], test["bdi_hat"]) < 0.7 * mae(test["bdi"], np.full(len(test), median))


@every_recipe
def test_test_labels_and_features_choose_nothing(recipe, windows):
    test = (windows.index["split"] == "test").to_numpy()
    features = windows.features.copy()
    features[test] *= -1
    index = windows.index.assign(y=windows.index["y"].where(~test, 9.0))
    a = taught(recipe, windows)
    b = taught(recipe, replace(windows, features=features, index=index))
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert not np.array_equal(a.predictions["y_hat"][test], b.predictions["y_hat"][test])


@every_recipe
def test_bad_windows_and_a_training_that_diverges_are_refused(recipe, windows):
    nan = windows.features.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinity"):
        taught(recipe, replace(windows, features=nan))
    with pytest.raises(CohortError, match="'dev' has no window"):
        taught(recipe, windows.subset("train"))
    keep = (windows.index["split"] != "test").to_numpy()
    without_test = replace(
        windows,
        features=windows.features[keep],
        mask=windows.mask[keep],
        index=windows.index[keep],
    )
    with pytest.raises(CohortError, match="'test' has no window"):
        taught(recipe, without_test)
    with pytest.raises(ModelError, match=rf"{NAMES[recipe]}, seed 0: .*epoch \d"):
        taught(recipe, windows, learning_rate=1e30)
    with pytest.raises(ModelError, match="cannot be built with"):
        train_by(recipe, NAMES[recipe], windows, PROTOCOL, seed=0, config={"kernel": 3})


def test_the_protocol_is_training_as_it_is(windows):
    run = train("LDBM", windows, PROTOCOL, seed=3, config=SMALL)
    assert_same(train_by("protocol", "LDBM", windows, PROTOCOL, seed=3, config=SMALL), run)


def test_an_unknown_recipe_is_refused(windows):
    with pytest.raises(ModelError, match=r"unknown recipe 'mixup'; there are .*'bags'"):
        train_by("mixup", "LDBM", windows, PROTOCOL, seed=0)
