from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from lessons import PROTOCOL, SMALL, bagged
from torch import nn

from deplib.errors import ModelError, ResultError
from deplib.extraction import OnnxEncoder
from deplib.models import build
from deplib.training import Objective, predict, recording_table, train

SAME = 1e-4
"""z-units by which two ways of computing one training may differ."""


def run(name, windows, *, seed=0, **change):
    return train(name, windows, replace(PROTOCOL, **change), seed=seed, config=SMALL)


def test_predict_keeps_the_remainder_of_a_batch_and_the_mode(windows):
    model = build("VanillaTransformer", seed=0, **SMALL).train()
    whole = predict(model, windows, batch_size=1000)
    np.testing.assert_allclose(predict(model, windows, batch_size=7), whole, atol=1e-5)
    assert whole.shape == (len(windows),)
    assert model.training


@pytest.mark.parametrize("name", ["LDBM", "TemporalMeanMLP"])
def test_what_cannot_be_trained_is_refused(name, windows):
    mask = windows.mask.copy()
    mask[1] = False
    with pytest.raises(ModelError, match="has no real frame: drop it"):
        run(name, replace(windows, mask=mask))
    with pytest.raises(ModelError, match="expected \\(batch, 512, time\\)"):
        train(name, windows, PROTOCOL, seed=0)
    with pytest.raises(ModelError, match="unknown model"):
        run("ResNet", windows)
    with pytest.raises(ModelError, match="longer than the 8 learned positions"):
        train("MambaGRU", windows, PROTOCOL, seed=0, config=SMALL | {"n_positions": 8})
    with pytest.raises(ModelError, match="Dev prediction is NaN or infinite after epoch 1"):
        run("LDBM", bagged(n=30), learning_rate=1e30, batch_size_train=1000)


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
    about = {"model": "Mean", "seed": 3, "epoch": one.epoch, "chosen_by": "dev_mae"}
    assert (one.predictions[[*about]] == about.values()).all(axis=None)
    assert one.history["train_loss"].iloc[-1] < one.history["train_loss"].iloc[0]
    model.load_state_dict(one.state_dict)
    np.testing.assert_allclose(predict(model, windows), one.predictions["y_hat"], atol=SAME)


FAULTS = [
    ("shape", r"Mean returns \(4, 1\) for 4 windows; expected \(4,\)"),
    ("nan", "returns NaN or infinity"),
    ("padding", "answers differently, by .* masked frames"),
    ("width", r"Mean cannot take x \(4, 6, 12\)"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_a_module_that_breaks_the_contract_is_told_how(windows, fault, message):
    with pytest.raises(ModelError, match=message):
        train(Mean(fault), windows, PROTOCOL, seed=0)
    with pytest.raises(ModelError, match="is for a model that is named"):
        train(Mean(), windows, PROTOCOL, seed=0, config=SMALL)


def flushes() -> bool:
    return float(torch.tensor([1e-40]) * 1) == 0


def test_denormals_are_flushed_while_training_though_onnxruntime_clears_the_flag(
    windows, tiny_onnx
):
    seen = []

    class Watched(Objective):
        def loss(self, units: np.ndarray) -> tuple:
            seen.append((flushes(), torch.get_num_threads()))
            return super().loss(units)

        def end_epoch(self, y_hat: np.ndarray) -> None:
            OnnxEncoder(tiny_onnx)  # opens a session

    before, threads = flushes(), torch.get_num_threads()
    OnnxEncoder(tiny_onnx)
    train("MambaGRU", windows, PROTOCOL, seed=0, config=SMALL, objective=Watched)
    assert set(seen) == {(True, 1)}
    assert (flushes(), torch.get_num_threads()) == (before, threads)


def test_flushing_and_trusting_the_windows_change_no_byte(windows, monkeypatch):
    fast = run("MambaGRU", windows)
    monkeypatch.setattr(torch, "set_flush_denormal", lambda flag: True)
    monkeypatch.setattr("deplib.training.loop._is_clean", lambda windows: False)
    dirty = windows.features.copy()
    dirty[~windows.mask] = np.nan  # frames that stand where masked change nothing either
    for features in (windows.features, dirty):
        slow = run("MambaGRU", replace(windows, features=features))
        pd.testing.assert_frame_equal(fast.predictions, slow.predictions, check_exact=True)


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
