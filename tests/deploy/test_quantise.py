"""In 8 bits a file is smaller, keeps its card and says nearly the same; nothing is printed."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from exporting import CHANNELS, run
from onnx import TensorProto, helper, numpy_helper
from tiny import TINY_DIM, write_onnx

from deplib import extraction
from deplib.deploy import quantise
from deplib.deploy.bundle import open_model
from deplib.deploy.quantise import calibration_frames, quantise_dynamic, quantise_static
from deplib.errors import EncoderError, ModelError
from deplib.extraction import ARCFACE, RAW, OnnxEncoder, known_renders, network_path, stream

MODELS = ["HybridPooling", "LDBM", "MambaGRU"]
CLOSE = 0.02
"""Of a z-unit, 0.2 BDI-II points: how far 8 bits may move a model's output."""


@pytest.fixture(scope="module")
def faces():
    return calibration_frames(8, 6, seed=0)


@pytest.fixture(scope="module")
def small_encoder(faces, tmp_path_factory):
    target = tmp_path_factory.mktemp("encoder") / "int8.onnx"
    quantise_static(network_path("embedded"), target, faces, ARCFACE)
    return target


def unit_windows(n=6, time=130):
    """Rows of unit length that share a direction, as embeddings of one face do."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, CHANNELS, 1)) + 0.5 * rng.normal(size=(n, CHANNELS, time))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x.astype(np.float32), rng.random((n, time)) < 0.8


def weights(path):
    return {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}


def cosines(one, other, frames):
    a, b = (encoder.embed(frames).features for encoder in (one, other))
    return (a * b).sum(axis=1)


# Models


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_8_bits_is_small_and_close_and_keeps_its_contract(name, exported, tmp_path):
    source, target = exported(name), tmp_path / "int8.onnx"
    quantise_dynamic(source, target)
    assert target.stat().st_size < 0.45 * source.stat().st_size
    x, mask = unit_windows()
    y = run(target, x, mask)
    assert 0 < np.abs(y - run(source, x, mask)).max() < CLOSE
    assert open_model(target).card == open_model(source).card
    network = onnx.load(target)
    assert [entry.key for entry in network.metadata_props] == ["deplib"]
    floats = [t for t in network.graph.initializer if t.data_type == TensorProto.FLOAT]
    assert max(np.prod(t.dims) for t in floats) < quantise.LARGE
    longer = np.pad(x, ((0, 0), (0, 0), (0, 46)), constant_values=np.nan)
    # A range may widen by what padding gives.
    padded = run(target, longer, np.pad(mask, ((0, 0), (0, 46))))
    np.testing.assert_allclose(padded, y, atol=CLOSE)
    assert run(target, x[:1, :, :1], np.ones((1, 1), bool)).shape == (1,)


def test_weights_leave_one_bit_free_and_rows_have_their_own_scale(exported, tmp_path):
    target = tmp_path / "int8.onnx"
    quantise_dynamic(exported("LDBM"), target)
    tensors = weights(target)
    products = [tensor for name, tensor in tensors.items() if name.endswith("_quantized")]
    assert products
    assert all(np.abs(w.astype(int)).max() <= 64 for w in products)
    scale = tensors["positions_scale"]
    positions = weights(exported("LDBM"))["positions"]
    assert scale.shape == (len(positions),)
    stored = tensors["positions_int8"] * scale[:, None]
    np.testing.assert_allclose(stored, positions, atol=scale.max() / 2 * 1.001)


def test_models_that_cannot_be_quantised_are_refused(exported, tiny_onnx, tmp_path):
    target = tmp_path / "int8.onnx"
    for source, message in [(tmp_path / "no.onnx", "no model at"), (tiny_onnx, "carries no card")]:
        with pytest.raises(ModelError, match=message):
            quantise_dynamic(source, target)
    assert not target.exists()
    quantise_dynamic(exported("HybridPooling"), target)
    with pytest.raises(ModelError, match="has 8-bit weights already"):
        quantise_dynamic(target, tmp_path / "again.onnx")
    assert not (tmp_path / "again.onnx").exists()


# Encoders


def test_the_encoder_in_8_bits_is_small_and_close(small_encoder):
    assert small_encoder.stat().st_size < 0.4 * network_path("embedded").stat().st_size
    rng, small = stream("held-out", 3), OnnxEncoder(small_encoder)
    frames = np.concatenate([known_renders(6, rng=rng)[0] for _ in range(4)])
    agreement = cosines(extraction.embedded_encoder(), small, frames)
    assert agreement.min() > 0.97  # another person's face is at 0.3 or so
    assert agreement.max() < 1 - 1e-5  # it is another network


def conv_encoder(path):
    """A network that normalises its input, has PReLU, and takes batches of five."""
    rng = np.random.default_rng(0)
    tensors = {
        "mean": np.array(127.5), "scale": np.array(1 / 127.5), "slope": np.full((16, 1, 1), 0.2),
        "kernel": rng.normal(size=(16, 3, 28, 28)) / 40, "head": rng.normal(size=(256, TINY_DIM)),
    }  # fmt: skip
    nodes = [
        helper.make_node("Sub", ["frames", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["ready"]),
        helper.make_node("Conv", ["ready", "kernel"], ["c"], strides=[28, 28]),
        helper.make_node("PRelu", ["c", "slope"], ["a"]),
        helper.make_node("Flatten", ["a"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["embedding"]),
    ]
    constants = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in tensors.items()]
    shapes = {"inputs": {"frames": [5, 3, 112, 112]}, "outputs": {"embedding": [5, TINY_DIM]}}
    return write_onnx(path, nodes, constants, **shapes)


def test_an_encoder_of_another_kind(faces, tmp_path):
    source, target = conv_encoder(tmp_path / "float.onnx"), tmp_path / "int8.onnx"
    quantise_static(source, target, faces, RAW)
    assert target.stat().st_size < source.stat().st_size
    whole, small = OnnxEncoder(source), OnnxEncoder(target)
    assert cosines(whole, small, faces).mean() > 0.98
    assert small.preprocess == RAW
    assert small.normalises_inside == whole.normalises_inside
    with pytest.raises(EncoderError, match="twice"):
        OnnxEncoder(target, ARCFACE)
    with pytest.raises(EncoderError, match="takes batches of 5, and there are 4 frames"):
        quantise_static(source, target, faces[:4], RAW)


def test_encoders_that_cannot_be_quantised_are_refused(small_encoder, faces, tmp_path, monkeypatch):
    target, whole = tmp_path / "int8.onnx", network_path("embedded")
    for source, frames, message in [
        (tmp_path / "none.onnx", faces, "no network at"),
        (whole, faces[:0], "to calibrate on: give some hundreds of faces"),
        (small_encoder, faces, "8-bit weights already"),
        (whole, faces[:, :64], r"takes uint8 \(n, 112, 112, 3\)"),
    ]:
        with pytest.raises(EncoderError, match=message):
            quantise_static(source, target, frames, ARCFACE)
    monkeypatch.setattr(quantise, "LEAST_COSINE", 0.9999)
    with pytest.raises(EncoderError, match=r"to a cosine of 0\.99\d only"):
        quantise_static(whole, target, faces, ARCFACE)
    assert not target.exists()


# The terminal


def test_nothing_is_printed_or_logged(exported, tmp_path):
    """In a process of its own, where logging was never set up: then a warning is printed."""
    code = (
        "import logging, sys; from pathlib import Path\n"
        "from deplib.deploy.quantise import *\n"
        "quantise_dynamic(*map(Path, sys.argv[1:]))\n"
        "extraction.embedded_encoder()\n"
        "assert logging.root.handlers == [] and logging.root.manager.disable == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, exported("HybridPooling"), tmp_path / "int8.onnx"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
