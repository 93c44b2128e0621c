from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from learnable import PROTOCOL, SMALL, WIDTH, make_windows, run
from torch import nn

from deplib.errors import CohortError, ModelError, ResultError
from deplib.extraction import OnnxEncoder
from deplib.metrics import mae
from deplib.models import MODELS, build
from deplib.training import Objective, predict, recording_table, train

SAME = 1e-4
"""z-units by which two ways of computing one training may differ."""


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_run_other_seed_another(name, windows):
    a, b, other = (run(name, windows, seed=s, epochs=2) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in a.state_dict)
    assert not np.array_equal(a.predictions["y_hat"], other.predictions["y_hat"])


@pytest.mark.parametrize("name", MODELS)
def test_learns_what_can_be_learnt(name, windows):
    result = run(name, windows, epochs=25, patience=25)
    assert result.history["train_loss"].iloc[-1] < 0.6 * result.history["train_loss"].iloc[0]
    table = recording_table(result.predictions, result.label_mean, result.label_std)
    test = table[table["split"] == "test"]
    median = table.loc[table["split"] == "train", "bdi"].median()
    assert mae(test["bdi"], test["bdi_hat"]) < 0.7 * mae(test["bdi"], np.full(len(test), median))
    assert not result.collapsed


def test_predictions_are_those_of_the_chosen_epoch(windows):
    rows = []
    result = train("MambaGRU", windows, PROTOCOL, seed=3, config=SMALL, on_epoch=rows.append)
    assert result.history.to_dict("records") == rows
    assert result.history["epoch"].tolist() == [1, 2, 3, 4]
    assert result.epoch == result.history.set_index("epoch")["dev_mae"].idxmin()
    model = build("MambaGRU", seed=0, **SMALL)
    model.load_state_dict(result.state_dict)
    np.testing.assert_allclose(predict(model, windows), result.predictions["y_hat"], atol=SAME)
    table = recording_table(result.predictions, result.label_mean, result.label_std)
    dev = table[table["split"] == "dev"]
    assert mae(dev["bdi"], dev["bdi_hat"]) == pytest.approx(
        result.history["dev_mae"].min(), abs=SAME
    )


def test_test_labels_and_features_choose_nothing(windows):
    test = (windows.index["split"] == "test").to_numpy()
    features = windows.features.copy()
    features[test] *= -1
    index = windows.index.assign(y=windows.index["y"].where(~test, 9.0))
    other = replace(windows, features=features, index=index)
    a, b = run("LDBM", windows), run("LDBM", other)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert not np.array_equal(a.predictions["y_hat"][test], b.predictions["y_hat"][test])


def test_mean_model_trained_on_pooled_frames_is_the_plain_loop(windows):
    """The same batches through ``forward`` of whole windows."""
    protocol = replace(PROTOCOL, epochs=2)
    result = train("TemporalMeanMLP", windows, protocol, seed=4, config=SMALL)
    model = build("TemporalMeanMLP", seed=4, **SMALL)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    data = windows.subset("train")
    x = torch.from_numpy(data.features).transpose(1, 2)
    mask, y = torch.from_numpy(data.mask), torch.tensor(data.index["y"], dtype=torch.float32)
    order = np.random.default_rng(4)
    for epoch in range(1, 3):
        for rows in torch.from_numpy(order.permutation(len(data))).split(32):
            optimizer.zero_grad()
            (model(x[rows], mask[rows]) - y[rows]).abs().mean().backward()
            optimizer.step()
        if epoch == result.epoch:
            expected = predict(model, windows)
    np.testing.assert_allclose(result.predictions["y_hat"], expected, atol=SAME)


def test_predict_keeps_the_remainder_of_a_batch_and_the_mode(windows):
    model = build("VanillaTransformer", seed=0, **SMALL).train()
    whole = predict(model, windows, batch_size=1000)
    np.testing.assert_allclose(predict(model, windows, batch_size=7), whole, atol=1e-5)
    assert whole.shape == (len(windows),)
    assert model.training


@pytest.mark.parametrize("name", ["LDBM", "TemporalMeanMLP"])
def test_bad_windows_are_refused(name, windows):
    nan = windows.features.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinity"):
        run(name, replace(windows, features=nan))
    mask = windows.mask.copy()
    mask[1] = False
    with pytest.raises(ModelError, match="has no real frame: drop it"):
        run(name, replace(windows, mask=mask))
    with pytest.raises(ModelError, match="expected \\(batch, 512, time\\)"):
        train(name, windows, PROTOCOL, seed=0)
    with pytest.raises(CohortError, match="'dev' has no window"):
        run(name, windows.subset("train"))


class Mean(nn.Module):
    """The smallest model that keeps the contract; the options break it."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault, self.answer = fault, nn.Linear(SMALL["channels"], 1)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        real = torch.ones_like(mask) if self.fault == "padding" else mask
        mean = (x * mask[:, None]).sum(dim=2) / real.sum(dim=1, keepdim=True)
        y = self.answer(mean[:, :3] if self.fault == "width" else mean)
        if self.fault == "nan":
            y = y / 0
        return y if self.fault == "shape" else y.squeeze(1)


def test_any_module_is_trained_and_left_as_it_was(windows):
    model = Mean()
    before = model.answer.weight.clone()
    one, two = (train(model, windows, PROTOCOL, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)
    assert torch.equal(model.answer.weight, before)
    assert set(one.predictions["model"]) == {"Mean"}
    assert one.history["train_loss"].iloc[-1] < one.history["train_loss"].iloc[0]
    model.load_state_dict(one.state_dict)
    np.testing.assert_allclose(predict(model, windows), one.predictions["y_hat"], atol=SAME)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", r"Mean returns \(4, 1\) for 4 windows; expected \(4,\)"),
        ("nan", "returns NaN or infinity"),
        ("padding", "answers differently, by .* masked frames"),
        ("width", r"Mean cannot take x \(4, 8, 16\)"),
    ],
)
def test_a_module_that_breaks_the_contract_is_told_how(windows, fault, message):
    with pytest.raises(ModelError, match=message):
        train(Mean(fault), windows, PROTOCOL, seed=0)
    with pytest.raises(ModelError, match="is for a model that is named"):
        train(Mean(), windows, PROTOCOL, seed=0, config={"channels": 8})


def flushes() -> bool:
    return float(torch.tensor([1e-40]) * 1) == 0


def test_denormals_are_flushed_while_training_though_onnxruntime_clears_the_flag(
    windows, tiny_onnx
):
    seen = []

    def on_epoch(row: dict[str, float]) -> None:
        OnnxEncoder(tiny_onnx)  # opens a session

    class Watched(Objective):
        def loss(self, units: np.ndarray) -> tuple:
            seen.append((flushes(), torch.get_num_threads()))
            return super().loss(units)

    before, threads = flushes(), torch.get_num_threads()
    OnnxEncoder(tiny_onnx)
    train("MambaGRU", windows, PROTOCOL, seed=0, config=SMALL, objective=Watched, on_epoch=on_epoch)
    assert set(seen) == {(True, 1)}
    assert (flushes(), torch.get_num_threads()) == (before, threads)


def test_flushing_and_trusting_the_windows_change_no_byte(windows, monkeypatch):
    fast = run("MambaGRU", windows)
    monkeypatch.setattr(torch, "set_flush_denormal", lambda flag: True)
    monkeypatch.setattr("deplib.training.loop._is_clean", lambda windows: False)
    slow = run("MambaGRU", windows)
    pd.testing.assert_frame_equal(fast.predictions, slow.predictions, check_exact=True)


def test_frames_that_stand_where_masked_change_nothing(windows):
    dirty = windows.features.copy()
    dirty[~windows.mask] = np.nan
    one, two = run("LDBM", windows), run("LDBM", replace(windows, features=dirty))
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)


def test_a_wrong_configuration_is_refused(windows):
    with pytest.raises(ModelError, match="unknown model"):
        run("ResNet", windows)
    with pytest.raises(ModelError, match="cannot be built with"):
        train("LDBM", windows, PROTOCOL, seed=0, config={"kernel": 3})
    with pytest.raises(ModelError, match="longer than the 8 learned positions"):
        train("MambaGRU", windows, PROTOCOL, seed=0, config=SMALL | {"n_positions": 8})


def test_a_training_that_diverges_is_stopped(windows):
    with pytest.raises(ModelError, match=r"TemporalMeanMLP, seed 0: the loss is \w+ in epoch 1"):
        run("TemporalMeanMLP", windows, learning_rate=1e30)
    with pytest.raises(ModelError, match="Dev prediction is NaN or infinite after epoch 1"):
        run("LDBM", make_windows(n=30), learning_rate=1e30, batch_size_train=1000)


def test_prediction_table_has_a_row_a_window(windows):
    result = run("TemporalMeanMLP", windows, seed=5)
    shared = ["recording", "person", "split", "window", "y"]
    columns = [*shared, "y_hat", "model", "seed", "epoch", "chosen_by"]
    assert sorted(result.predictions) == sorted(columns)
    pd.testing.assert_frame_equal(result.predictions[shared], windows.index[shared])
    for column, value in (("model", "TemporalMeanMLP"), ("seed", 5), ("chosen_by", "dev_mae")):
        assert (result.predictions[column] == value).all()
    assert result.n_parameters == WIDTH * 256 + 256 + 257


def test_recording_table_averages_then_denormalises():
    rows = {"recording": [*"aab"], "person": "p", "split": "dev", "window": [0, 1, 0]}
    rows |= {"y": [1.0, 1.0, -1.0], "y_hat": [0.0, 1.0, 2.0], "model": "LDBM", "seed": 0}
    one = pd.DataFrame(rows)
    table = recording_table(pd.concat([one, one.assign(seed=1, y_hat=0.0)]), 20.0, 10.0)
    assert list(table) == ["recording", "person", "split", "bdi", "bdi_hat", "model", "seed"]
    assert table["bdi"].tolist() == [30.0, 10.0] * 2
    assert table["bdi_hat"].tolist() == [25.0, 40.0, 20.0, 20.0]
    with pytest.raises(ResultError, match="predicted twice"):
        recording_table(pd.concat([one, one[:1]]), 20.0, 10.0)
    with pytest.raises(ResultError, match="NaN or infinite"):
        recording_table(one.assign(y_hat=np.nan), 20.0, 10.0)
