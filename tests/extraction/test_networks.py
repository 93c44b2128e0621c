"""The shipped networks, and the renders they are tried on."""

import hashlib
import shutil

import numpy as np
import onnx
import pytest
from tiny import flip_a_bit

from deplib.cohorts.simulated import CHANNELS, INDEX, sample_identity
from deplib.errors import EncoderError
from deplib.extraction import encoder, known_renders, network_card, network_path, stream
from deplib.extraction.encoder import NETWORKS, open_encoder

each = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def frames():
    return known_renders(6, rng=stream("held-out", 21))[0]


@each
def test_a_shipped_file_is_the_one_on_its_card_self_contained_and_plain(name):
    card, path = network_card(name), network_path(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    assert path.stat().st_size < 2 * 2**20
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
    flip_a_bit(network_path("random"))
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
