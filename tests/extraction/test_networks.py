"""The shipped networks, the renders they are tried on, and the recipes in ``bench/encoders``."""

import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from deplib.cohorts.simulated import CHANNELS, INDEX, sample_identity
from deplib.errors import EncoderError
from deplib.extraction import SHOWN, encoder, known_renders, network_card, network_path, stream
from deplib.extraction.encoder import NETWORKS, open_encoder

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))  # outside the wheel

from encoders import train as recipes

EXPORT_TOLERANCE = 1e-4  # of an output, between torch and onnxruntime
each = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def frames():
    return known_renders(6, rng=stream("held-out", 21))[0]


@each
def test_a_shipped_file_is_the_one_on_its_card_self_contained_and_plain(name):
    card, path = network_card(name), network_path(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    assert path.stat().st_size < 2 * 2**20
    recipe = vars(recipes.RECIPES["identity" if name == "embedded" else name])
    shared = card["recipe"].keys() & recipe.keys()
    assert {key: card["recipe"][key] for key in shared} == {key: recipe[key] for key in shared}
    assert card["parameters"] == sum(p.numel() for p in recipes.EmbeddedEncoder().parameters())
    assert card["parity"] < EXPORT_TOLERANCE
    assert 0.5 < card["verification_accuracy"] <= network_card("embedded")["verification_accuracy"]
    graph = onnx.load(path, load_external_data=False).graph
    assert not any(tensor.external_data for tensor in graph.initializer)
    assert "PRelu" not in {node.op_type for node in graph.node}
    assert [value.name for value in (*graph.input, *graph.output)] == ["input", "embedding"]
    sizes = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    assert sizes == [0, 3, 112, 112]  # 0: the batch is free


@each
def test_a_shipped_encoder_embeds_frame_by_frame_and_tells_faces_apart(name, frames):
    opened = open_encoder(name, batch_size=3)
    features, valid = opened.embed(frames)
    assert opened.dim == 512
    assert valid.all()
    alone = np.concatenate([opened.embed(frames[k : k + 1]).features for k in range(6)])
    np.testing.assert_allclose(features, alone, atol=1e-5)
    rng = stream("held-out", 22)
    others = np.concatenate([known_renders(2, rng=rng)[0] for _ in range(10)])
    features = opened.embed(others).features
    assert (features @ features.T)[~np.eye(20, dtype=bool)].mean() < 0.3
    assert np.linalg.matrix_rank(features, tol=1e-3) > 5


def test_an_unknown_name_and_an_altered_file_are_refused(tmp_path, monkeypatch):
    for asked in (open_encoder, network_path, network_card):
        with pytest.raises(EncoderError, match="there are embedded, affect, random"):
            asked("../networks/embedded")
    shutil.copytree(network_path("random").parent, tmp_path / "networks")
    monkeypatch.setattr(encoder, "__file__", str(tmp_path / "encoder.py"))
    content = bytearray(network_path("random").read_bytes())
    content[len(content) // 2] ^= 1
    network_path("random").write_bytes(content)
    with pytest.raises(EncoderError, match="another file than the one expected"):
        open_encoder("random")


# --- renders with known parameters


def test_renders_show_broad_parameters_and_repeat():
    frames, params = known_renders(400, share=200, rng=stream("held-out", 23))
    assert frames.shape == (400, 112, 112, 3)
    assert params.shape == (400, len(CHANNELS))
    smile, yaw = params[:, INDEX["smile"]], params[:, INDEX["yaw"]]
    assert smile.min() == 0 < 0.8 < smile.max() <= 1
    assert abs(yaw.mean()) < 2 < 15 < np.abs(yaw).max() < 30
    assert (params.std(axis=0) > 0).all()
    few, shown = known_renders(4, rng=stream("held-out", 24))
    again, _ = known_renders(4, rng=stream("held-out", 24))
    np.testing.assert_array_equal(few, again)
    assert not np.array_equal(few, known_renders(4, rng=stream("held-out", 25))[0])
    assert shown.dtype == np.float32


def test_no_stream_shares_a_person_with_another_or_with_a_cohort():
    streams = [stream(name, 1) for name in ("affect", "random", "train", "held-out", "calibration")]
    streams.append(np.random.default_rng(1))
    codes = [sample_identity(rng=rng) for rng in streams for _ in range(50)]
    assert len({code.tobytes() for code in codes}) == 300


# --- the recipes

SMALL = {
    name: replace(recipes.RECIPES[name], renders=8, **settings)
    for name, settings in {
        "identity": {"identities": 4, "batch_size": 16},
        "affect": {"identities": 2, "epochs": 30, "batch_size": 8, "learning_rate": 1e-3},
        "random": {"identities": 8, "batch_size": 32},
    }.items()
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's legacy exporter
@pytest.mark.parametrize("name", SMALL)
def test_a_recipe_repeats_exports_and_leaves_the_global_generator_alone(name, tmp_path, frames):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    trained, again = (recipes.fit(name, SMALL[name]) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert not trained.network.training
    for key, value in trained.network.state_dict().items():
        torch.testing.assert_close(value, again.network.state_dict()[key], msg=key)
    path = tmp_path / "small.onnx"
    recipes.export(trained.network, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.onnx"]
    assert recipes.parity(trained.network, path, frames) < EXPORT_TOLERANCE
    if name == "affect":  # it learns at all: better than a constant on a person it was trained on
        seen, params = known_renders(8, rng=stream("affect", 1))
        targets = (params[:, [INDEX[channel] for channel in SHOWN]] - trained.mean) / trained.sd
        with torch.inference_mode():
            z = trained.loss.read(trained.network(recipes.to_input(seen))).numpy()
        assert np.square(z - targets).mean() < 0.5 * np.square(targets).mean()


def test_cosface_is_softmax_with_a_margin_on_the_true_person():
    torch.manual_seed(0)
    loss = recipes.CosFace(7, margin=0.3, scale=30.0)
    embeddings, persons = torch.randn(5, 512), torch.tensor([0, 3, 6, 1, 1])
    unit = embeddings.numpy() / np.linalg.norm(embeddings.numpy(), axis=1, keepdims=True)
    directions = loss.directions.detach().numpy()
    logits = 30 * unit @ (directions / np.linalg.norm(directions, axis=1, keepdims=True)).T
    logits[np.arange(5), persons] -= 30 * 0.3
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(5), persons.numpy()])
    assert loss(embeddings, persons).item() == pytest.approx(expected, rel=1e-4)


def test_inputs_are_scaled_as_the_encoder_scales_them(frames):
    scaled = open_encoder("random").preprocess(frames)
    np.testing.assert_allclose(scaled, recipes.to_input(frames).numpy(), atol=1e-6)
