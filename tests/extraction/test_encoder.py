import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper
from tiny import TINY_DIM, write_onnx, write_tiny_onnx

from deplib import extraction
from deplib.errors import EncoderError
from deplib.extraction import ARCFACE, RAW, UNIT, OnnxEncoder, Preprocess, embedded_encoder
from deplib.extraction.weights import KNOWN


def noise(n: int, size: int = 112, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


def expected_embedding(frames: np.ndarray, mean, std, *, bgr=False, flip=False) -> np.ndarray:
    """The tiny network in plain float64 numpy: grid average, projection, unit length."""
    pixels = frames[..., ::-1] if bgr else frames
    x = (pixels.astype(np.float64) - mean) / std
    grid = x.reshape(len(frames), 4, 28, 4, 28, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    if flip:  # the network is linear: a frame and its mirror image
        grid = grid + grid[..., ::-1]
    weights = np.random.default_rng(0).standard_normal((48, TINY_DIM)).astype(np.float32)
    raw = grid.reshape(len(frames), -1) @ weights
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


CHANNELS = Preprocess("BGR", (123.7, 116.3, 103.5), (58.4, 57.1, 57.4))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("preprocess", [ARCFACE, CHANNELS], ids=str)
def test_embedding_equals_the_network_in_float64(tiny_onnx, preprocess, flip):
    encoder, frames = OnnxEncoder(tiny_onnx, preprocess, flip=flip), noise(5)
    features, valid = encoder.embed(frames)
    bgr = preprocess.channel_order == "BGR"
    expected = expected_embedding(frames, preprocess.mean, preprocess.std, bgr=bgr, flip=flip)
    np.testing.assert_allclose(features, expected, atol=2e-5)
    assert features.dtype == np.float32
    assert valid.all()
    copy = pickle.loads(pickle.dumps(encoder))
    assert (copy.id, copy.flip, copy.batch_size) == (encoder.id, flip, encoder.batch_size)
    assert pickle.loads(pickle.dumps(encoder)) is copy  # a worker opens it once


@pytest.mark.parametrize("n", [0, 1, 17])
@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_batches_of_any_size_give_the_same_rows(tmp_path, n, batch):
    path, frames = write_tiny_onnx(tmp_path / "e.onnx", batch=batch), noise(n)
    encoder = OnnxEncoder(path, batch_size=7, flip=True)
    features, valid = encoder.embed(frames)
    assert valid.shape == (n,)
    one_by_one = [encoder.embed(frame[None]).features[0] for frame in frames]
    np.testing.assert_allclose(features, np.reshape(one_by_one, (n, TINY_DIM)), atol=1e-6)


def test_opening_an_encoder_reports_nothing_to_anyone(tiny_onnx, tmp_path):
    """The runtime's telemetry keeps a device id and a queue in the home folder where it is on."""
    code = "import sys; from deplib.extraction.encoder import OnnxEncoder; OnnxEncoder(sys.argv[1])"
    environment = {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(tiny_onnx)], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_id_tells_apart_files_and_preprocessing(tiny_onnx, tmp_path):
    others = [
        OnnxEncoder(write_tiny_onnx(tmp_path / "other.onnx", seed=9)),
        OnnxEncoder(tiny_onnx, Preprocess("BGR")),
        OnnxEncoder(tiny_onnx, Preprocess(std=(128, 128, 128))),
        OnnxEncoder(tiny_onnx, flip=True),
    ]
    ids = {encoder.id for encoder in [OnnxEncoder(tiny_onnx), *others]}
    assert len(ids) == 5
    assert OnnxEncoder(tiny_onnx, batch_size=2).id in ids
    # Every store and result names the default's: another spelling would make all of them stale.
    convention = "RGB mean=127.5,127.5,127.5 std=127.5,127.5,127.5 size=112"
    text = f"sha256={extraction.network_card('embedded')['sha256']} {convention}"
    shipped = OnnxEncoder(extraction.network_path("embedded"), ARCFACE)
    assert embedded_encoder().id == shipped.id == text


NO_ONNX = {
    "empty": (b"", "is empty"),
    "html": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "garbage": (bytes(range(256)) * 9, "not a whole ONNX network"),
    "half": (0.6, "not a whole ONNX network"),
    "nearly whole": (0.99, "not a whole ONNX network"),
    "absent": (None, "check the path"),
}


@pytest.mark.parametrize(("content", "message"), NO_ONNX.values(), ids=NO_ONNX)
def test_what_is_no_onnx_is_refused(tiny_onnx, tmp_path, content, message):
    path = tmp_path / "encoder.onnx"
    if isinstance(content, float):
        content = tiny_onnx.read_bytes()[: int(content * tiny_onnx.stat().st_size)]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EncoderError, match=rf"encoder\.onnx .*{message}"):
        OnnxEncoder(path)


@pytest.mark.parametrize("size", [64, 160])
def test_a_network_of_another_size_gets_the_crops_resized(tmp_path, size):
    path = write_tiny_onnx(tmp_path / "e.onnx", size=size)
    encoder = OnnxEncoder(path, Preprocess("BGR"))
    assert encoder.preprocess == Preprocess("BGR", size=size)
    colours = noise(2, 4)  # a picture of 4 x 4 patches, whatever its size
    own, crops = (colours.repeat(side // 4, 1).repeat(side // 4, 2) for side in (size, 112))
    features = encoder.embed(own).features
    assert (encoder.embed(crops).features * features).sum(1).min() > 0.999
    with pytest.raises(EncoderError, match=f"takes frames of {size}x{size}, and 'RGB.*size=96'"):
        OnnxEncoder(path, Preprocess(size=96))


node = helper.make_node
RESHAPE = node("Reshape", ["raw", "shape"], ["embedding"])
NORM = [node("ReduceL2", ["raw"], ["norm"], axes=[1]), node("Div", ["raw", "norm"], ["embedding"])]
DROPOUT = node("Dropout", ["raw", "half", "on"], ["embedding"])
CROPS = ["N", 3, 112, 112]
TWO = {"embedding": ["N", TINY_DIM], "flat": ["N", 48]}
ENDS = {
    "a norm beside it": (NORM, [1], {"norm": ["N", 1], "embedding": ["N", TINY_DIM]}, None),
    "one frame at a time": ([RESHAPE], [1, -1], {"embedding": ["N", TINY_DIM]}, None),
    "four dimensions": ([RESHAPE], [-1, 8, 1, 1], {"embedding": ["N", 8, 1, 1]}, None),
    "squeezed": ([RESHAPE], [8], {"embedding": [8]}, None),
    "dropout": ([DROPOUT], [1], {"embedding": ["N", TINY_DIM]}, "training mode"),
    "two": ([node("Neg", ["raw"], ["embedding"])], [1], TWO, r"embedding \(1, 8\), flat \(1, 48\)"),
    "a map": ([node("Relu", ["frames"], ["map"])], [1], {"map": CROPS}, "not a detector"),
}


@pytest.mark.parametrize("kind", ENDS)
def test_an_export_gives_the_right_rows_or_a_clear_error(tmp_path, kind):
    """The tiny encoder, another end behind it, and an input that nothing reads."""
    ends, shape, outputs, message = ENDS[kind]
    model = onnx.load(write_tiny_onnx(tmp_path / "tiny.onnx"))
    model.graph.node[-1].output[0] = "raw"
    constants = {"shape": np.int64(shape), "half": np.float32(0.5), "on": np.bool_(True)}
    weights = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    weights, nodes = [*model.graph.initializer, *weights], [*model.graph.node, *ends]
    inputs = {"frames": CROPS, "unused": [3]}
    path = write_onnx(tmp_path / "e.onnx", nodes, weights, inputs=inputs, outputs=outputs)
    if message:
        with pytest.raises(EncoderError, match=message):
            OnnxEncoder(path)
        return
    features, frames = OnnxEncoder(path).embed(noise(5)).features, noise(5)
    expected = expected_embedding(frames, ARCFACE.mean, ARCFACE.std)
    np.testing.assert_allclose(features, expected, atol=2e-5)


@pytest.mark.parametrize("shape", [["N", 112, 112, 3], ["N", 3, 112, 96], ["N", 3, 112]], ids=str)
def test_another_input_is_refused(tmp_path, shape):
    nodes = [helper.make_node("Flatten", ["x"], ["y"])]
    path = write_onnx(tmp_path / "e.onnx", nodes, [], inputs={"x": shape}, outputs={"y": ["N", 9]})
    with pytest.raises(EncoderError, match=r"an encoder takes .*channels first, for square crops"):
        OnnxEncoder(path)


def test_the_free_encoder_is_opencv_s_own(free_weights):
    path = free_weights["sface"]
    encoder, frames = OnnxEncoder(path, sha256=KNOWN["sface"].sha256), noise(3)
    assert (encoder.dim, encoder.preprocess) == (128, RAW)
    theirs = cv2.FaceRecognizerSF.create(str(path), "")
    rows = np.concatenate([theirs.feature(frame[..., ::-1].copy()) for frame in frames])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert (encoder.embed(frames).features * rows).sum(1).min() > 0.9999


def test_what_known_weights_take_is_known(tiny_onnx, monkeypatch):
    sha256 = OnnxEncoder(tiny_onnx).sha256
    monkeypatch.setitem(KNOWN, "tiny", replace(KNOWN["sface"], sha256=sha256, preprocess="BGR"))
    assert OnnxEncoder(tiny_onnx).preprocess == Preprocess("BGR")
    with pytest.warns(UserWarning, match=r"takes 'BGR .*, and 'RGB .* was asked for"):
        assert OnnxEncoder(tiny_onnx, ARCFACE).preprocess == ARCFACE


def test_weights_in_a_second_file_are_refused(tmp_path):
    model = onnx.load(write_tiny_onnx(tmp_path / "e.onnx"))
    path = tmp_path / "split.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(EncoderError, match=r"split\.onnx keeps its weights in w\.bin.*one_file"):
        OnnxEncoder(path)


def normalising(path: Path, mean: float, std: float) -> Path:
    """Write the tiny encoder with a normalisation at its front."""
    model = onnx.load(write_tiny_onnx(path))
    model.graph.node[0].input[0] = "normalised"
    model.graph.node.insert(0, helper.make_node("Div", ["centred", "std"], ["normalised"]))
    model.graph.node.insert(0, helper.make_node("Sub", ["frames", "mean"], ["centred"]))
    for name, constant in (("mean", mean), ("std", std)):
        model.graph.initializer.append(numpy_helper.from_array(np.float32(constant), name))
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(("mean", "std", "chosen"), [(127.5, 128.0, RAW), (0.5, 0.5, UNIT)])
def test_a_graph_that_normalises_gets_what_it_takes(tmp_path, mean, std, chosen):
    encoder = OnnxEncoder(normalising(tmp_path / "e.onnx", mean, std))
    frames = noise(3)
    in_all = (mean * chosen.std[0], std * chosen.std[0])
    expected = expected_embedding(frames, *in_all)
    np.testing.assert_allclose(encoder.embed(frames).features, expected, atol=2e-5)
    assert encoder.preprocess == chosen
    assert encoder.normalises_inside is not None
    assert encoder.normalises_inside.startswith(f"(x - {[mean] * 3}) / {[std] * 3}")


@pytest.mark.parametrize("given", [UNIT, Preprocess("BGR")], ids=str)
def test_normalising_twice_is_refused(tmp_path, given):
    path = normalising(tmp_path / "e.onnx", 127.5, 128)
    said = r"twice.*\(x - \[127\.5, .* / \[128\..*leave preprocess out"
    with pytest.raises(EncoderError, match=said):
        OnnxEncoder(path, given)
    raw = Preprocess(given.channel_order, RAW.mean, RAW.std)
    assert OnnxEncoder(path, raw).preprocess == raw


def test_cuda_is_asked_for_alone_exactly_and_in_large_batches(tiny_onnx, monkeypatch):
    """A session that says it is on CUDA, and records how it was opened, stands in for a GPU."""
    opened = {}

    class OnCuda(ort.InferenceSession):
        def __init__(self, content: bytes, options: ort.SessionOptions, providers: list) -> None:
            opened["providers"] = providers
            super().__init__(content, options, providers=["CPUExecutionProvider"])

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        with (
            pytest.warns(UserWarning, match="not in available provider"),
            pytest.raises(EncoderError, match=r"not run on CUDA.*pip install onnxruntime-gpu"),
        ):
            OnnxEncoder(tiny_onnx, device="cuda")
    monkeypatch.setattr(ort, "InferenceSession", OnCuda)
    encoder = OnnxEncoder(tiny_onnx, device="cuda")
    assert opened["providers"] == [("CUDAExecutionProvider", {"use_tf32": "0"})]
    assert encoder.batch_size == 64
    assert pickle.loads(pickle.dumps(encoder)).device == "cuda"
    monkeypatch.undo()
    assert encoder.id == OnnxEncoder(tiny_onnx).id


def test_impossible_options_and_other_frames_are_refused(tiny_onnx, tiny_encoder):
    for message, options in (("'gpu'", {"device": "gpu"}), ("size 0", {"batch_size": 0})):
        with pytest.raises(EncoderError, match=message):
            OnnxEncoder(tiny_onnx, **options)
    two = noise(2)  # as float, one frame, not square, channels first
    for frames in (two / 255, two[0], two[:, :100], two.transpose(0, 3, 1, 2)):
        with pytest.raises(EncoderError, match="this encoder takes uint8"):
            tiny_encoder.embed(frames)


HALF = [
    helper.make_node("ReduceMean", ["flat"], ["over_batch"], axes=[0], keepdims=1),
    helper.make_node("Mul", ["over_batch", "factor"], ["shift"]),
    helper.make_node("Sub", ["flat", "shift"], ["embedding"]),
]


DAMAGED = {
    "nan": ([node("Mul", ["flat", "factor"], ["embedding"])], np.nan, "infinite values"),
    "zeros": ([node("Mul", ["flat", "factor"], ["embedding"])], 0.0, "values, zeros"),
    "batch statistics": (HALF, 0.5, "evaluation mode"),
}


@pytest.mark.parametrize(("nodes", "factor", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_weights_and_batch_statistics_are_refused(tmp_path, nodes, factor, message):
    made = [
        helper.make_node("ReduceMean", ["x"], ["pooled"], axes=[3], keepdims=0),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        *nodes,
    ]
    weights = [numpy_helper.from_array(np.float32([factor]), "factor")]
    inputs, outputs = {"x": ["N", 3, 112, 112]}, {"embedding": ["N", 336]}
    path = write_onnx(tmp_path / "e.onnx", made, weights, inputs=inputs, outputs=outputs)
    with pytest.raises(EncoderError, match=message):
        OnnxEncoder(path)


def test_a_row_without_length_is_nan_and_not_valid(tiny_onnx):
    """Without bias or offset, a frame at the mean grey has an all-zero embedding."""
    encoder = OnnxEncoder(tiny_onnx, Preprocess(mean=(128, 128, 128), std=(128, 128, 128)))
    frames = noise(3)
    frames[1] = 128
    features, valid = encoder.embed(frames)
    assert valid.tolist() == [True, False, True]
    assert np.isnan(features[1]).all()
    np.testing.assert_allclose(np.linalg.norm(features[[0, 2]], axis=1), 1, atol=1e-6)
