"""The training of the encoders that are shipped: it repeats, exports and gives what they say."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deplib.cohorts.simulated import INDEX
from deplib.extraction import SHOWN, embedded_reference, known_renders, network_card, stream
from deplib.extraction.encoder import NETWORKS, open_encoder

sys.path.insert(0, str(Path(__file__).parents[1]))  # as the scripts of this folder have it

from encoders import train as recipes
from encoders.make_reference import make_reference

EXPORT_TOLERANCE = 1e-4  # of an output, between torch and onnxruntime


@pytest.fixture(scope="module")
def frames():
    return known_renders(6, rng=stream("held-out", 21))[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_shipped_network_is_that_of_its_recipe(name):
    card = network_card(name)
    recipe = vars(recipes.RECIPES["identity" if name == "embedded" else name])
    shared = card["recipe"].keys() & recipe.keys()
    assert {key: card["recipe"][key] for key in shared} == {key: recipe[key] for key in shared}
    assert card["parameters"] == sum(p.numel() for p in recipes.EmbeddedEncoder().parameters())
    assert card["parity"] < EXPORT_TOLERANCE


def test_the_recipe_makes_the_shipped_reference():
    made, shipped = make_reference(), embedded_reference()
    assert np.abs(made.frame.astype(int) - shipped.frame).max() <= 1  # rounding of the renderer
    assert made.embedding @ shipped.embedding == pytest.approx(1, abs=1e-3)
    assert made.source == shipped.source


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
