"""A model as ONNX is the model at any length and batch, masked or not; or it is not written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from exporting import CHANNELS, LIMIT, card_for, make, run
from onnx import TensorProto
from torch import nn

from deplib.deploy.bundle import open_model
from deplib.deploy.export import OPSET, TOLERANCE, export_model, longest, parity
from deplib.errors import ModelError
from deplib.models import REGISTRY


@pytest.mark.parametrize("name", REGISTRY)
def test_every_model_is_the_same_in_onnx_and_its_file_needs_no_other(name, exported):
    lengths, opened = [1, 5, 31, 173, LIMIT], open_model(exported(name))
    table = parity(make(name), opened, lengths, np.random.default_rng(7))
    assert len(table) == len(lengths) * 4  # two batches, masked and not
    assert (table["difference"] < TOLERANCE).all()
    assert table["largest"].min() > 0
    network = onnx.load(exported(name), load_external_data=False)
    onnx.checker.check_model(network, full_check=True)
    assert [(one.domain, one.version) for one in network.opset_import] == [("", OPSET)]
    assert not network.functions
    assert all(t.data_location != TensorProto.EXTERNAL for t in network.graph.initializer)
    assert opened.card == card_for(make(name))
    assert str(Path(__file__).parents[2]).encode() not in exported(name).read_bytes()


@pytest.mark.parametrize("name", REGISTRY)
def test_masked_frames_and_padding_change_nothing_in_onnx(name, exported):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, CHANNELS, 41)).astype(np.float32)
    mask = rng.random((2, 41)) < 0.7
    y = run(exported(name), x, mask)
    assert len(set(y.tolist())) == 2
    for garbage in (np.nan, np.inf, 1e6):
        spoilt = np.where(mask[:, None], x, np.float32(garbage))
        np.testing.assert_allclose(run(exported(name), spoilt, mask), y, atol=1e-6)
    longer = np.pad(x, ((0, 0), (0, 0), (0, 46)), constant_values=np.nan)
    padded = run(exported(name), longer, np.pad(mask, ((0, 0), (0, 46))))
    np.testing.assert_allclose(padded, y, atol=1e-5)


@pytest.mark.parametrize("name", ["LDBM", "HybridPooling-dropout"])
def test_a_model_in_training_is_left_as_it_was_and_written_as_in_evaluation(name, tmp_path):
    model, path = make(name).train(), tmp_path / "model.onnx"
    classes = [type(module) for module in model.modules()]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    export_model(model, path, card_for(model))
    assert all(module.training for module in model.modules())
    assert [type(module) for module in model.modules()] == classes
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    table = parity(make(name.split("-")[0]), open_model(path), [20], np.random.default_rng(0))
    assert (table["difference"] < TOLERANCE).all()


# Bad input


class Specialised(nn.Module):
    """Divides by a number of frames that Python read off the example."""

    channels = 4

    def forward(self, x, mask):
        return x.masked_fill(~mask[:, None], 0.0).sum(dim=(1, 2)) / len(x[0, 0])


def test_a_model_that_a_trace_gets_wrong_is_not_written(tmp_path):
    (path := tmp_path / "model.onnx").write_bytes(b"an older file")
    with pytest.raises(ModelError, match=r"Specialised as ONNX differs .* depends on the example"):
        export_model(Specialised(), path, card_for(Specialised()))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"an older file"


@pytest.mark.parametrize("change", [{"channels": 25}, {"max_length": 299}])
def test_a_card_of_another_model_is_refused(change, tmp_path):
    model = make("LDBM")
    with pytest.raises(ModelError, match=f"the card's {next(iter(change))} is"):
        export_model(model, tmp_path / "model.onnx", replace(card_for(model), **change))
    with pytest.raises(ModelError, match="the card's channels is 64, the model's None"):
        export_model(nn.Linear(2, 1), tmp_path / "model.onnx", card_for(model))


def test_the_longest_window_is_that_of_the_positions():
    for name in ("LDBM", "VanillaTransformer", "MambaGRU"):
        assert longest(make(name)) == LIMIT
    assert longest(make("Mamba")) is None
