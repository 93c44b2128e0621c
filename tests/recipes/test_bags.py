"""Bags: one answer and one loss a recording, and attention that finds the window that counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from bagged import PROTOCOL, SMALL, WIDTH, make_windows, planted

from deplib.metrics import mae
from deplib.models import build, n_parameters
from deplib.recipes import bags
from deplib.training import recording_table, train

NAME = "TemporalMeanMLP"


@pytest.fixture(scope="module")
def windows():
    return make_windows()


@pytest.fixture(scope="module")
def run(windows):
    return bags.fit(NAME, windows, PROTOCOL, seed=1, config=SMALL)


def test_the_answer_of_a_bag_is_the_recordings_mean(run):
    table = run.predictions
    weighed = (table["attention"] * table["y_hat_window"]).groupby(table["recording"]).sum()
    of_recording = recording_table(table, 0.0, 1.0).set_index("recording")
    np.testing.assert_allclose(
        of_recording["bdi_hat"], weighed[of_recording.index], atol=1e-6, rtol=0
    )
    spread = table.groupby("recording")[["y_hat", "y_hat_window"]].agg(np.ptp)
    assert (spread["y_hat"] == 0).all()
    assert (spread["y_hat_window"] > 0.01).any()


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
        np.testing.assert_allclose(part["y_hat_window"], f, atol=1e-5)
        np.testing.assert_allclose(part["y_hat"], a @ f, atol=1e-5)


def test_bags_of_one_window_are_the_protocol():
    single = make_windows(n_frames=(5, 12))
    for name in (NAME, "LDBM"):
        a = bags.fit(name, single, PROTOCOL, seed=2, config=SMALL)
        b = train(name, single, PROTOCOL, seed=2, config=SMALL)
        pd.testing.assert_frame_equal(a.predictions[list(b.predictions)], b.predictions)
        pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
        for key, value in b.state_dict.items():
            assert torch.equal(a.state_dict[f"instance.{key}"], value)


def test_one_window_that_counts_is_found():
    """The label is in one window of four, which says so; the others hold as good as a label."""
    data = make_windows(planted, n=240, n_frames=(48, 48))
    protocol = replace(PROTOCOL, epochs=20, learning_rate=1e-2)
    bag = bags.fit(NAME, data, protocol, seed=0, config=SMALL)
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


def test_the_gate_is_counted_and_kept(run):
    n_gate = WIDTH * bags.ATTENTION + 2 * bags.ATTENTION
    assert run.n_parameters == n_parameters(build(NAME, seed=0, **SMALL)) + n_gate
    assert {"gate.centre", "gate.scale", "gate.score.weight"} < set(run.state_dict)


def test_the_seed_draws_the_gate_and_not_with_the_models_own_numbers(windows):
    still = replace(PROTOCOL, epochs=1, learning_rate=0.0)
    a, b = (bags.fit(NAME, windows, still, seed=s, config=SMALL).state_dict for s in (0, 1))
    assert not torch.equal(a["gate.hidden_proj.weight"], b["gate.hidden_proj.weight"])
    first = a["gate.hidden_proj.weight"].flatten(), a["instance.mlp.0.weight"].flatten()
    assert not torch.allclose(*(part[:32] for part in first))


def test_rows_of_bags_in_order_of_appearance():
    index = pd.DataFrame({"recording": ["b", "a", "b", "c", "b"]})
    np.testing.assert_array_equal(bags.bags_of(index), [[0, 2, 4], [1, -1, -1], [3, -1, -1]])


def test_windows_of_a_bag_are_pooled_and_bags_do_not_mix():
    present = torch.tensor([[True, True, False], [True, False, False]])
    f = torch.tensor([1.0, 5.0, 7.0], requires_grad=True)
    score = torch.tensor([0.0, float(np.log(3)), -50.0])
    out = bags.pooled(f, score, present)
    torch.testing.assert_close(out, torch.tensor([0.25 * 1 + 0.75 * 5, 7.0]))
    out[0].backward()
    torch.testing.assert_close(f.grad, torch.tensor([0.25, 0.75, 0.0]))


def test_scores_of_any_size_are_weights():
    gate = bags.Gate(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        gate.score.weight.mul_(1e6)
    index = pd.DataFrame({"recording": ["a", "a", "b"]})
    F, a = bags.answers(gate, torch.tensor([[9.0, 0, 0], [-9, 0, 0], [1, 1, 1]]), np.ones(3), index)
    np.testing.assert_allclose(F, 1)
    np.testing.assert_allclose(np.sort(a), [0, 1, 1])


def test_a_component_that_never_varies_is_no_division_by_zero(windows):
    features = windows.features.copy()
    features[..., 2] = 0.1 * windows.mask
    run = bags.fit(NAME, replace(windows, features=features), PROTOCOL, seed=0, config=SMALL)
    assert np.isfinite(run.predictions["y_hat"]).all()
    assert run.state_dict["gate.scale"][2] == 1


def test_a_batch_never_has_more_windows_than_the_protocols(windows, monkeypatch):
    seen = []
    monkeypatch.setattr(
        bags, "pooled", lambda f, s, p, real=bags.pooled: (seen.append(len(f)), real(f, s, p))[1]
    )
    bags.fit(NAME, windows, PROTOCOL, seed=0, config=SMALL)
    assert max(seen) <= PROTOCOL.batch_size_train
    assert sum(seen) % len(windows.subset("train")) == 0
    seen.clear()
    bags.fit(NAME, windows, replace(PROTOCOL, batch_size_train=1, epochs=1), seed=0, config=SMALL)
    assert len(seen) == windows.subset("train").index["recording"].nunique()
