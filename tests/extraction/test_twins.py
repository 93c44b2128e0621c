import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import onnx
import pytest
import torch
import typer
from deplib.extraction.embedded import CARD as IDENTITY_CARD
from deplib.extraction.embedded.renders import broad_parameters, person_renders, stream
from deplib.extraction.embedded.train import embed, export, parity, to_input
from deplib.extraction.twins.renders import SHOWN, known_renders
from deplib.extraction.twins.train import (
    AffectRecipe,
    RandomRecipe,
    fit_affect,
    held_out_r2,
    main,
    make_random,
)

from deplib.cohorts.simulated import CHANNELS, INDEX, FaceRenderer, sample_identity, sample_scene
from deplib.errors import EncoderError
from deplib.extraction import twins

both = pytest.mark.parametrize("name", twins.NAMES)


@pytest.fixture(scope="module")
def frames():
    return person_renders(6, rng=stream("held-out", 21))


# --- the shipped files


@both
def test_a_shipped_file_is_the_one_on_its_card(name):
    card = twins.card_of(name)
    content = twins.path_of(name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == card["sha256"] == twins.sha256_of(name)
    assert len(content) < 2 * 2**20
    assert card["recipe"] == asdict({"affect": AffectRecipe(), "random": RandomRecipe()}[name])
    assert card["parameters"] == IDENTITY_CARD["parameters"]
    assert card["parity"] < 1e-4
    assert 0.5 < card["verification_accuracy"] < IDENTITY_CARD["verification_accuracy"]


@both
def test_a_shipped_graph_has_the_contract_of_the_embedded_encoder(name):
    graph = onnx.load(twins.path_of(name), load_external_data=False).graph
    assert not any(tensor.external_data for tensor in graph.initializer)
    assert [value.name for value in graph.input] == ["input"]
    assert [value.name for value in graph.output] == ["embedding"]
    sizes = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    assert sizes == [0, 3, 112, 112]  # 0: the batch is free


@both
def test_a_twin_opens_and_embeds_frame_by_frame(name, frames):
    encoder = twins.open_encoder(name, batch_size=3)
    features, valid = encoder.embed(frames)
    assert encoder.dim == 512
    assert valid.all()
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    alone = np.concatenate([encoder.embed(frames[k : k + 1]).features for k in range(len(frames))])
    np.testing.assert_allclose(features, alone, atol=1e-5)


@both
def test_a_twin_does_not_map_everybody_to_one_place(name):
    rng = stream("held-out", 22)
    frames = np.concatenate([person_renders(2, rng=rng) for _ in range(20)])
    features = twins.open_encoder(name).embed(frames).features
    cosine = (features @ features.T)[~np.eye(len(features), dtype=bool)]
    assert cosine.mean() < 0.3
    assert np.linalg.matrix_rank(features, tol=1e-3) > 10


def test_the_three_encoders_are_three():
    hashes = {IDENTITY_CARD["sha256"], *map(twins.sha256_of, twins.NAMES)}
    assert len(hashes) == 3


def test_the_affect_card_says_what_was_read():
    r2 = twins.card_of("affect")["r2"]
    assert tuple(r2) == SHOWN
    assert all(0.3 < value <= 1 for value in r2.values())
    assert r2["smile"] > 0.85
    assert r2["yaw"] > 0.85


def test_using_a_twin_needs_no_torch():
    code = (
        "import sys; from deplib.extraction import twins; twins.open_encoder('random');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- what is refused


@pytest.mark.parametrize("name", ["identity", "Affect", "", "../embedded/embedded"])
def test_an_unknown_name_is_refused(name):
    for asked in (twins.open_encoder, twins.path_of, twins.card_of, twins.sha256_of):
        with pytest.raises(EncoderError, match="there are affect, random"):
            asked(name)


def test_an_altered_file_and_a_broken_card_are_refused(tmp_path, monkeypatch):
    for name in twins.NAMES:
        for path in (twins.path_of(name), twins.path_of(name).with_suffix(".json")):
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(twins, "__file__", str(tmp_path / "__init__.py"))
    assert twins.open_encoder("random").path == tmp_path / "random.onnx"
    content = bytearray((tmp_path / "random.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "random.onnx").write_bytes(content)
    with pytest.raises(EncoderError, match="another file than the one expected"):
        twins.open_encoder("random")
    for text, message in (("{", "cannot read"), (json.dumps({}), "has no sha256")):
        (tmp_path / "affect.json").write_text(text)
        with pytest.raises(EncoderError, match=message):
            twins.open_encoder("affect")


# --- pictures with known parameters


def test_known_renders_are_the_pictures_of_person_renders():
    frames, params = known_renders(7, rng=stream("held-out", 23))
    np.testing.assert_array_equal(frames, person_renders(7, rng=stream("held-out", 23)))
    assert params.shape == (7, len(CHANNELS))


def test_the_parameters_returned_are_those_rendered():
    frames, params = known_renders(4, share=2, rng=stream("held-out", 24))
    rng = stream("held-out", 24)
    identity = sample_identity(rng=rng)
    broad_parameters(4, rng=rng)
    for start in (0, 2):
        renderer = FaceRenderer(identity, sample_scene(rng=rng))
        np.testing.assert_array_equal(
            frames[start : start + 2], renderer.crops(params[start : start + 2])
        )


def test_what_a_face_shows_leaves_light_and_alignment_out():
    assert len(SHOWN) == 14
    assert {"smile", "blink", "gaze_x", "gaze_y", "yaw", "pitch"} < set(SHOWN)
    assert not {"roll", "light_gain", "light_azimuth", "align_x", "align_scale"} & set(SHOWN)


def test_no_stream_of_the_recipes_shares_a_person_with_another():
    names = ("affect", "random", "train", "held-out")
    codes = [sample_identity(rng=rng) for rng in map(stream, names, [1] * 4) for _ in range(50)]
    assert len({code.tobytes() for code in codes}) == 200


# --- the recipes


SMALL = AffectRecipe(identities=2, renders=8, epochs=30, batch_size=8, learning_rate=1e-3)


@pytest.fixture(scope="module")
def small():
    return fit_affect(SMALL)


def test_the_affect_recipe_learns_and_repeats(small):
    again = fit_affect(SMALL)
    assert not small.network.training
    for name, value in small.network.state_dict().items():
        torch.testing.assert_close(value, again.network.state_dict()[name], msg=name)
    rng = stream("affect", 1)
    frames, params = known_renders(8, rng=rng)
    shown = params[:, [INDEX[name] for name in SHOWN]]
    error = np.square((small.read(frames) - shown) / small.sd).mean()
    constant = np.square((small.mean - shown) / small.sd).mean()
    assert error < 0.5 * constant  # on a person it was trained on: that it learns at all


def test_the_read_out_sees_directions_only(small):
    embeddings = torch.randn(3, 512)
    torch.testing.assert_close(small.read_out(embeddings), small.read_out(7 * embeddings))


def test_held_out_r2_is_one_minus_the_unexplained_share(small):
    r2 = held_out_r2(small, persons=2, renders=5, rng=stream("held-out", 25))
    rng = stream("held-out", 25)
    drawn = [known_renders(5, rng=rng) for _ in range(2)]
    y = np.concatenate([params[:, INDEX["yaw"]] for _, params in drawn])
    y_hat = np.concatenate([small.read(frames) for frames, _ in drawn])[:, SHOWN.index("yaw")]
    assert tuple(r2) == SHOWN
    assert r2["yaw"] == pytest.approx(1 - ((y - y_hat) ** 2).mean() / y.var(), rel=1e-4)


def test_the_random_recipe_normalises_what_it_sees_and_repeats():
    recipe = RandomRecipe(identities=8, renders=8, batch_size=32)
    network, again = make_random(recipe), make_random(recipe)
    other = make_random(RandomRecipe(identities=8, renders=8, batch_size=32, seed=2))
    assert not network.training
    rng = stream("random", 1)
    frames = np.concatenate([person_renders(8, rng=rng) for _ in range(8)])
    embeddings = embed(network, frames)
    np.testing.assert_array_equal(embeddings, embed(again, frames))
    assert not np.allclose(embeddings, embed(other, frames), atol=0.1)
    # as batch normalisation should leave them: near mean 0 and SD 1
    assert np.abs(embeddings.mean(axis=0)).mean() < 0.3
    assert 0.7 < embeddings.std(axis=0).mean() < 1.3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's legacy exporter
def test_the_exported_network_has_no_read_out(small, tmp_path, frames):
    path = tmp_path / "small.onnx"
    export(small.network, path)
    assert parity(small.network, path, frames) < 1e-4
    assert embed(small.network, frames).shape == (6, 512)


def test_a_recipe_that_cannot_be_followed_is_refused(tmp_path):
    with pytest.raises(ValueError, match="8 pictures make no batch of 128"):
        make_random(RandomRecipe(identities=2, renders=4))
    with pytest.raises(ValueError, match="8 pictures make no batch of 64"):
        fit_affect(AffectRecipe(identities=2, renders=4))
    with pytest.raises(EncoderError, match="there are affect, random"):
        main("none", out=tmp_path / "none.onnx")
    with pytest.raises(typer.BadParameter, match="not trained"):
        main("random", epochs=3, out=tmp_path / "random.onnx")
    assert not list(tmp_path.iterdir())


def test_making_a_twin_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_random(RandomRecipe(identities=2, renders=4, batch_size=4))
    fit_affect(AffectRecipe(identities=2, renders=4, epochs=1, batch_size=4))
    assert torch.equal(torch.rand(1), expected)


def test_inputs_are_scaled_as_the_encoder_scales_them(frames):
    encoder = twins.open_encoder("random")
    np.testing.assert_allclose(encoder.preprocess(frames), to_input(frames).numpy(), atol=1e-6)
