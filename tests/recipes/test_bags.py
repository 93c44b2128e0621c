"""Bags: one answer and one loss a recording, and attention that finds the window that counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from bagged import PROTOCOL, SMALL, make_windows, planted

from deplib import recipes
from deplib.metrics import mae
from deplib.training import recording_table, train

NAME = "TemporalMeanMLP"


@pytest.fixture(scope="module")
def windows():
    return make_windows()


@pytest.fixture(scope="module")
def run(windows):
    return recipes.bags(NAME, windows, PROTOCOL, seed=1, config=SMALL)


def test_weights_sum_to_one_in_every_recording(run):
    a = run.predictions["attention"]
    np.testing.assert_allclose(a.groupby(run.predictions["recording"]).sum(), 1, atol=1e-12)
    assert (a > 0).all()
    sizes = run.predictions.groupby("recording")["window"].transform("size")
    assert sorted(sizes.unique()) == [1, 2, 3, 4]
    assert (a[sizes == 1] == 1).all()
    assert (a * sizes)[sizes > 1].std() > 1e-3  # and not evenly


def test_the_forward_and_the_gate_by_hand(windows, run):
    """Equations 7 and 8 on a recording at a time, from the weights that the run kept."""
    p = {key: value.double().numpy() for key, value in run.state_dict.items()}
    train_rows = (windows.index["split"] == "train").to_numpy()
    frames = zip(windows.features.astype(float), windows.mask, strict=True)
    means = np.stack([window[real].mean(axis=0) for window, real in frames])
    z = (means - means[train_rows].mean(axis=0)) / means[train_rows].std(axis=0)
    for _, rows in windows.index.groupby("recording").groups.items():
        hidden = np.tanh(z[rows] @ p["gate.hidden_proj.weight"].T + p["gate.hidden_proj.bias"])
        a = np.exp(hidden @ p["gate.score.weight"][0])
        a /= a.sum()
        h = means[rows] @ p["instance.mlp.0.weight"].T + p["instance.mlp.0.bias"]
        f = np.maximum(h, 0) @ p["instance.mlp.2.weight"][0] + p["instance.mlp.2.bias"][0]
        part = run.predictions.loc[rows]
        np.testing.assert_allclose(part["attention"], a, atol=1e-5)
        np.testing.assert_allclose(part["y_hat"], a @ f, atol=1e-5)


def test_bags_of_one_window_are_the_protocol():
    single = make_windows(n_frames=(5, 12))
    for name in (NAME, "LDBM"):
        a = recipes.bags(name, single, PROTOCOL, seed=2, config=SMALL)
        b = train(name, single, PROTOCOL, seed=2, config=SMALL)
        np.testing.assert_allclose(a.predictions["y_hat"], b.predictions["y_hat"], atol=1e-4)
        for key, value in b.state_dict.items():
            torch.testing.assert_close(a.state_dict[f"instance.{key}"], value, atol=1e-4, rtol=0)


def test_one_window_that_counts_is_found():
    """The label is in one window of four, which says so; the others hold as good as a label."""
    data = make_windows(planted, n=240, n_frames=(48, 48))
    protocol = replace(PROTOCOL, epochs=20, learning_rate=1e-2)
    bag = recipes.bags(NAME, data, protocol, seed=0, config=SMALL)
    plain = train(NAME, data, protocol, seed=0, config=SMALL)
    errors = []
    for result in (bag, plain):
        table = recording_table(result.predictions, result.label_mean, result.label_std)
        test = table[table["split"] == "test"]
        errors.append(mae(test["bdi"], test["bdi_hat"]))
    assert errors[0] < 0.4 * errors[1]
    key = data.features[:, :, 1].mean(axis=1) > 0
    test = (data.index["split"] == "test").to_numpy()
    assert bag.predictions["attention"][key & test].mean() > 0.7


def test_rows_of_bags_in_order_of_appearance():
    index = pd.DataFrame({"recording": ["b", "a", "b", "c", "b"]})
    np.testing.assert_array_equal(recipes.bags_of(index), [[0, 2, 4], [1, -1, -1], [3, -1, -1]])


def test_windows_of_a_bag_are_pooled_and_bags_do_not_mix():
    present = torch.tensor([[True, True, False], [True, False, False]])
    f = torch.tensor([1.0, 5.0, 7.0], requires_grad=True)
    score = torch.tensor([0.0, float(np.log(3)), -50.0])
    out = recipes.pooled(f, score, present)
    torch.testing.assert_close(out, torch.tensor([0.25 * 1 + 0.75 * 5, 7.0]))
    out[0].backward()
    torch.testing.assert_close(f.grad, torch.tensor([0.25, 0.75, 0.0]))


def test_a_component_that_never_varies_is_no_division_by_zero(windows):
    features = windows.features.copy()
    features[..., 2] = 0.1 * windows.mask
    run = recipes.bags(NAME, replace(windows, features=features), PROTOCOL, seed=0, config=SMALL)
    assert np.isfinite(run.predictions["y_hat"]).all()
    assert run.state_dict["gate.scale"][2] == 1
