import hashlib
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from deplib.extraction.embedded.network import EmbeddedEncoder
from deplib.extraction.embedded.train import CosFace, Recipe, embed, export, fit, parity, to_input
from deplib.extraction.embedded.verification import (
    _best_threshold,
    _pairs,
    verification_accuracy,
)
from torch.nn import functional

from deplib.cohorts.simulated import CHANNELS, INDEX, sample_identity
from deplib.errors import EncoderError
from deplib.extraction import broad_parameters, stream


@pytest.fixture(scope="module")
def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(PATH), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def shipped(session):
    return lambda frames: session.run(None, {"input": to_input(frames).numpy()})[0]


# --- the shipped file


def test_the_shipped_file_is_the_one_on_its_card():
    assert hashlib.sha256(PATH.read_bytes()).hexdigest() == SHA256 == CARD["sha256"]
    assert PATH.stat().st_size < 2 * 2**20
    assert CARD["recipe"] == asdict(Recipe())
    assert CARD["verification_accuracy"] >= 0.99
    assert CARD["parity"] < 1e-4


def test_the_shipped_graph_is_self_contained_and_plain():
    graph = onnx.load(PATH, load_external_data=False).graph
    assert not any(tensor.external_data for tensor in graph.initializer)
    assert "PRelu" not in {node.op_type for node in graph.node}
    assert [value.name for value in graph.input] == ["input"]
    assert [value.name for value in graph.output] == ["embedding"]
    sizes = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    assert sizes == [0, 3, 112, 112]  # 0: the batch is free


def test_embeddings_do_not_depend_on_their_batch_and_are_not_normalised(shipped):
    frames = person_renders(5, rng=stream("held-out", 3))
    together = shipped(frames)
    apart = np.concatenate([shipped(frames[k : k + 1]) for k in range(5)])
    assert together.shape == (5, 512)
    np.testing.assert_allclose(together, apart, atol=1e-4)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).min() > 0.5


def test_the_shipped_encoder_verifies_persons_that_it_never_saw(shipped):
    result = verification_accuracy(shipped, identities=40, rng=stream("held-out", 11))
    assert result.accuracy > 0.95  # 40 persons only: the card's figure has five times as many
    assert result.genuine.mean() > result.impostor.mean() + 0.4
    assert len(result.genuine) == len(result.impostor) == 40 * 6


def test_using_the_file_needs_no_torch():
    code = "import sys, deplib.extraction.embedded.verification; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- verification


def test_an_encoder_that_sees_nothing_is_right_half_of_the_time():
    noise = np.random.default_rng(0)
    result = verification_accuracy(
        lambda frames: noise.standard_normal((len(frames), 512)),
        identities=60,
        rng=stream("held-out", 1),
    )
    assert 0.4 < result.accuracy < 0.6


def test_the_same_seed_verifies_the_same_pairs():
    def pixels(frames):
        return frames.reshape(len(frames), -1).astype(float) - 127.5

    first, again, other = (
        verification_accuracy(pixels, identities=6, renders=2, rng=stream("held-out", seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.genuine, again.genuine)
    np.testing.assert_array_equal(first.impostor, again.impostor)
    assert not np.array_equal(first.genuine, other.genuine)


def test_pairs_are_cosines_within_and_across_persons():
    embeddings = np.zeros((5, 3, 5))
    embeddings[np.arange(5), :, np.arange(5)] = 1  # each person one axis
    genuine, impostor = _pairs(embeddings, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(genuine, np.ones(5 * 3))
    np.testing.assert_array_equal(impostor, np.zeros(5 * 3))


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for _ in range(20):
        genuine, impostor = rng.normal(0.5, 0.3, 30), rng.normal(0.1, 0.3, 30)

        def hits(cut, genuine=genuine, impostor=impostor):
            return (genuine > cut).sum() + (impostor <= cut).sum()

        best = max(hits(cut) for cut in np.linspace(-1, 2, 3001))
        assert hits(_best_threshold(genuine, impostor)) >= best


def test_too_few_persons_and_broken_encoders_are_refused():
    rng = stream("held-out", 1)
    with pytest.raises(ValueError, match="at least 4 persons"):
        verification_accuracy(lambda frames: frames, identities=3, rng=rng)
    with pytest.raises(EncoderError, match="zero"):
        verification_accuracy(lambda f: np.zeros((len(f), 512)), identities=4, rng=rng)
    with pytest.raises(EncoderError, match="one row a picture"):
        verification_accuracy(lambda f: np.ones((1, 512)), identities=4, rng=rng)


# --- the recipe


def test_training_held_out_and_cohort_streams_share_no_person():
    generators = [stream("train", 1), stream("held-out", 1), np.random.default_rng(1)]
    codes = [sample_identity(rng=rng) for rng in generators for _ in range(50)]
    assert len({code.tobytes() for code in codes}) == 150


def test_parameters_are_broad_and_plausible():
    params = broad_parameters(4000, rng=np.random.default_rng(0))
    assert params.shape == (4000, len(CHANNELS))
    smile, yaw = params[:, INDEX["smile"]], params[:, INDEX["yaw"]]
    assert smile.min() == 0
    assert 0.9 < smile.max() <= 1
    assert abs(yaw.mean()) < 1
    assert 15 < np.abs(yaw).max() < 30
    assert (params.std(0) > 0).all()


def test_cosface_is_softmax_with_a_margin_on_the_true_person():
    torch.manual_seed(0)
    loss = CosFace(7, margin=0.3, scale=30.0)
    embeddings, persons = torch.randn(5, 512), torch.tensor([0, 3, 6, 1, 1])
    unit = embeddings.numpy() / np.linalg.norm(embeddings.numpy(), axis=1, keepdims=True)
    directions = loss.directions.detach().numpy()
    logits = 30 * unit @ (directions / np.linalg.norm(directions, axis=1, keepdims=True)).T
    logits[np.arange(5), persons] -= 30 * 0.3
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(5), persons.numpy()])
    assert loss(embeddings, persons).item() == pytest.approx(expected, rel=1e-4)
    plain = CosFace(7, margin=0.0, scale=30.0)
    plain.load_state_dict(loss.state_dict())
    cosine = functional.linear(
        functional.normalize(embeddings), functional.normalize(plain.directions)
    )
    assert plain(embeddings, persons).item() == pytest.approx(
        functional.cross_entropy(30 * cosine, persons).item(), rel=1e-5
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's legacy exporter
def test_the_recipe_runs_learns_and_exports(tmp_path):
    recipe = Recipe(identities=4, renders=8, epochs=6, batch_size=16)
    network = fit(recipe)
    assert not network.training
    again = fit(recipe)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], msg=name)
    path = tmp_path / "small.onnx"
    export(network, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.onnx"]
    frames = person_renders(4, rng=stream("held-out", 5))
    assert parity(network, path, frames) < 1e-4
    assert embed(network, frames).shape == (4, 512)


def test_the_network_has_the_size_on_the_card():
    network = EmbeddedEncoder()
    assert sum(p.numel() for p in network.parameters()) == CARD["parameters"] == 323_456
