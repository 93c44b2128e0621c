from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from learnable import PROTOCOL, SMALL, run

from deplib.errors import CohortError, ModelError
from deplib.models import REGISTRY
from deplib.training import can_stack, train_together

NAME = "TemporalMeanMLP"
SEEDS = (0, 1, 2, 7)


def together(windows, *, seeds=SEEDS, **change):
    return train_together(NAME, windows, replace(PROTOCOL, **change), seeds=seeds, **SMALL)


@pytest.mark.parametrize(
    "change",
    [{"epochs": 30, "patience": 3}, {"epochs": 6}, {"weight_decay": 0.3, "batch_size_train": 7}],
)
def test_together_is_one_after_the_other(windows, change):
    runs = together(windows, **change)
    for seed, stacked in zip(SEEDS, runs, strict=True):
        alone = run(NAME, windows, seed=seed, **change)
        assert stacked.epoch == alone.epoch
        assert stacked.collapsed == alone.collapsed
        assert stacked.n_parameters == alone.n_parameters
        columns = ["recording", "person", "split", "window", "model", "seed", "epoch", "chosen_by"]
        pd.testing.assert_frame_equal(stacked.predictions[columns], alone.predictions[columns])
        np.testing.assert_allclose(
            stacked.predictions["y_hat"], alone.predictions["y_hat"], atol=1e-4, rtol=0
        )
        pd.testing.assert_frame_equal(stacked.history, alone.history, rtol=1e-3, atol=1e-3)
        assert list(stacked.state_dict) == list(alone.state_dict)
        for key, value in alone.state_dict.items():
            torch.testing.assert_close(stacked.state_dict[key], value, atol=1e-4, rtol=1e-4)


def test_each_seed_ends_by_its_own_patience(windows):
    runs = together(windows, epochs=60, patience=2, learning_rate=0.01)
    lengths = [len(one.history) for one in runs]
    assert len(set(lengths)) > 1
    assert all(length == one.epoch + 2 for length, one in zip(lengths, runs, strict=True))


def test_the_company_of_other_seeds_changes_nothing(windows):
    few, many = together(windows, seeds=(2, 0)), together(windows, seeds=(0, 5, 2))
    for a, b in ((few[0], many[2]), (few[1], many[0])):
        assert a.epoch == b.epoch
        np.testing.assert_allclose(a.predictions["y_hat"], b.predictions["y_hat"], atol=1e-4)
    assert not np.allclose(many[0].predictions["y_hat"], many[1].predictions["y_hat"], atol=1e-2)


def test_only_models_that_start_with_a_mean_are_stacked(windows):
    assert [name for name in REGISTRY if can_stack(name)] == [NAME]
    with pytest.raises(ModelError, match="cannot be trained together"):
        train_together("LDBM", windows, PROTOCOL, seeds=[0, 1], **SMALL)
    with pytest.raises(ModelError, match="cannot be trained together"):
        together(windows, seeds=[])


def test_bad_input_is_refused(windows):
    nan = windows.features.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinity"):
        together(replace(windows, features=nan))
    with pytest.raises(ModelError, match="seed 0: the loss is"):
        together(windows, learning_rate=1e30)
    with pytest.raises(CohortError, match="'dev' has no window"):
        together(windows.subset("train"))
