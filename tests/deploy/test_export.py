"""A model as ONNX is the model at any length and batch, masked or not; or it is not written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, parser
from small_pair import CARD
from torch import nn

from deplib.deploy import export
from deplib.deploy.bundle import OPSET, open_model
from deplib.deploy.export import TOLERANCE, export_model, longest, parity
from deplib.errors import ModelError
from deplib.models import REGISTRY, build
from deplib.models.selective_scan import sequential_scan

CHANNELS, LIMIT = 24, 300
FEWER = {
    "LDBM": {"max_length": LIMIT},
    "VanillaTransformer": {"n_positions": LIMIT},
    "MambaGRU": {"n_positions": LIMIT},
    "Mamba": {"width": 32},
}
STREAMS = (12, 5, 3)


def make(name):
    return build(name, seed=0, channels=CHANNELS, **FEWER.get(name.split("-")[0], {})).eval()


def card_for(model):
    name = type(model).__name__
    return replace(CARD, model=name, channels=model.channels, max_length=longest(model))


def run(path, x, mask):
    return open_model(path).session.run(None, {"x": x, "mask": mask})[0]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Path of each model's file, written when it is first asked for, compared at two lengths."""
    folder = tmp_path_factory.mktemp("exported")

    def path(name):
        file = folder / f"{name}.onnx"
        if not file.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(export, "LENGTHS", (2, 64))
                export_model(make(name), file, card_for(make(name)))
        return file

    return path


@pytest.mark.parametrize("name", REGISTRY)
def test_every_model_is_the_same_in_onnx_and_its_file_needs_no_other(name, exported):
    lengths = [1, 5, 31, 173, LIMIT]
    table = parity(make(name), exported(name), lengths, np.random.default_rng(7))
    assert len(table) == len(lengths) * 4  # two batches, masked and not
    assert table["difference"].max() < TOLERANCE
    assert table["largest"].min() > 0
    network = onnx.load(exported(name), load_external_data=False)
    onnx.checker.check_model(network, full_check=True)
    assert [(one.domain, one.version) for one in network.opset_import] == [("", OPSET)]
    assert not network.functions
    assert all(t.data_location != TensorProto.EXTERNAL for t in network.graph.initializer)
    assert open_model(exported(name)).card == card_for(make(name))
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


def test_several_streams_are_the_same_present_or_not(tmp_path):
    channels, path = sum(STREAMS) + len(STREAMS), tmp_path / "model.onnx"
    model = build("HybridPooling", seed=0, channels=channels, streams=STREAMS).eval()
    export_model(model, path, card_for(model))
    table = parity(model, path, [1, 7, 64, 130], np.random.default_rng(2))
    assert table["difference"].max() < TOLERANCE
    x = np.random.default_rng(3).normal(size=(1, channels, 20)).astype(np.float32)
    x[:, -3:] = 1.0
    mask = np.ones((1, 20), bool)
    absent = x.copy()
    absent[:, [12, 13, 14, 15, 16, -2]] = 0.0
    with torch.inference_mode():
        expected = model(torch.from_numpy(absent), torch.from_numpy(mask)).numpy()
    np.testing.assert_allclose(run(path, absent, mask), expected, atol=TOLERANCE)
    assert abs(run(path, x, mask) - expected) > 10 * TOLERANCE


def test_the_model_is_left_as_it_was(tmp_path):
    model = make("LDBM").train()
    classes = [type(module) for module in model.modules()]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    export_model(model, tmp_path / "model.onnx", card_for(model))
    assert model.training
    assert [type(module) for module in model.modules()] == classes
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_dropout_does_not_act_in_an_export(tmp_path):
    thinned = make("HybridPooling-dropout").train()
    export_model(thinned, tmp_path / "model.onnx", card_for(thinned))
    rng = np.random.default_rng(0)
    table = parity(make("HybridPooling"), tmp_path / "model.onnx", [20], rng)
    assert table["difference"].max() < TOLERANCE


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (3, 130)])
def test_the_scan_of_onnx_is_the_sequential_scan(shape):
    rng, (b, t), d, n = np.random.default_rng(0), shape, 6, 4
    values = {
        "x": rng.normal(size=(b, t, d)), "dt": rng.exponential(size=(b, t, d)),
        "A": -rng.exponential(size=(d, n)), "B": rng.normal(size=(b, t, n)),
        "C": rng.normal(size=(b, t, n)), "D": rng.normal(size=d),
    }  # fmt: skip
    values = {key: value.astype(np.float32) for key, value in values.items()}
    graph = parser.parse_graph(
        "scan (float[b,t,d] x, float[b,t,d] dt, float[d,n] A, float[b,t,n] B, float[b,t,n] C, "
        f"float[d] D) => (float[b,t,d] y) {{ y = {export.DOMAIN}.SelectiveScan(x,dt,A,B,C,D) }}"
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    session = ort.InferenceSession(export.define_scans(network).SerializeToString())
    expected = sequential_scan(**{key: torch.from_numpy(v).double() for key, v in values.items()})
    np.testing.assert_allclose(session.run(None, values)[0], expected, atol=1e-5, rtol=1e-5)


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


@pytest.mark.parametrize("name", ["LDBM", "LDBM-overlap", "Mamba"])
def test_forms_are_needed(name, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "FORMS", {})
    with pytest.raises(ModelError, match=r"cannot be traced|differs from PyTorch"):
        export_model(make(name), tmp_path / "model.onnx", card_for(make(name)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"channels": 25}, {"max_length": 299}, {"opset": 18}])
def test_a_card_of_another_model_is_refused(change, tmp_path):
    model = make("LDBM")
    with pytest.raises(ModelError, match="Linear has no channels"):
        export_model(nn.Linear(2, 1), tmp_path / "model.onnx", card_for(model))
    with pytest.raises(ModelError, match=f"the card's {next(iter(change))} is"):
        export_model(model, tmp_path / "model.onnx", replace(card_for(model), **change))


def test_the_longest_window_is_that_of_the_positions():
    for name in ("LDBM", "VanillaTransformer", "MambaGRU"):
        assert longest(make(name)) == LIMIT
    assert longest(make("Mamba")) is None
