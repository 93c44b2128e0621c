"""A pair is opened if its two files fit each other and this version, and written whole or not."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from small_pair import WINDOW, card_for, small_model, write_pair
from tiny import TINY_DIM, write_tiny_onnx

from deplib.deployment.bundle import ENCODER_FILE, MODEL_FILE, open_bundle, write_bundle
from deplib.deployment.card import METADATA_KEY, OPSET, put_card
from deplib.deployment.exporting import export_model
from deplib.deployment.quantising import quantise_dynamic
from deplib.errors import EncoderError, ModelError
from deplib.models import build


@pytest.fixture(scope="module")
def exported(tiny_onnx, tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_onnx)


@pytest.fixture
def pair(exported, tmp_path):
    """A folder of one's own to spoil."""
    folder = tmp_path / "pair"
    folder.mkdir()
    for name in (ENCODER_FILE, MODEL_FILE):
        (folder / name).write_bytes((exported / name).read_bytes())
    return folder


@pytest.fixture
def windows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, TINY_DIM, WINDOW)).astype(np.float32)
    mask = rng.random((3, WINDOW)) < 0.7
    return x, mask


def edit(folder, change):
    network = onnx.load(folder / MODEL_FILE)
    change(network)
    onnx.save(network, folder / MODEL_FILE)


def rename(network, old, new):
    for value in (*network.graph.input, *network.graph.output):
        value.name = new if value.name == old else value.name
    for node in network.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]


def fix_axis(network, index, axis, size):
    network.graph.input[index].type.tensor_type.shape.dim[axis].dim_value = size


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Open and predict


def test_a_pair_predicts_what_the_model_predicts(exported, windows):
    bundle = open_bundle(exported)
    x, mask = windows
    with torch.inference_mode():
        expected = small_model().eval()(torch.from_numpy(x), torch.from_numpy(mask)).numpy()
    y = bundle.predict(x, mask)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, atol=1e-5)
    spoilt = np.where(mask[:, None], x, np.float32("nan"))
    np.testing.assert_array_equal(bundle.predict(spoilt, mask), y)
    time_major = x.transpose(0, 2, 1).copy().transpose(0, 2, 1)  # as windows are stored
    np.testing.assert_array_equal(bundle.predict(time_major, mask.T.copy().T), y)
    one = bundle.predict(x[1:2, :, :9], mask[1:2, :9])
    assert one.shape == (1,)
    assert bundle.predict(x[:0], mask[:0]).shape == (0,)


def test_a_pair_knows_its_encoder_and_files(exported, tiny_onnx):
    bundle = open_bundle(exported, threads=2)
    assert bundle.card == card_for(tiny_onnx)
    assert bundle.encoder.sha256 == bundle.card.encoder_sha256
    assert bundle.encoder.threads == 2
    assert files(exported)[ENCODER_FILE] == tiny_onnx.read_bytes()


def test_no_torch_is_needed(exported):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path; import numpy as np\n"
        "from deplib.deployment.bundle import open_bundle\n"
        "bundle = open_bundle(Path(sys.argv[1]))\n"
        "x = np.ones((2, bundle.card.channels, 7), np.float32)\n"
        "print(bundle.predict(x, np.ones((2, 7), bool)).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, exported], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(2,)\n", "")


def test_windows_that_do_not_fit_are_refused(exported, windows):
    x, mask = windows
    empty, broken = mask.copy(), x.copy()
    empty[2] = False
    frame = int(np.flatnonzero(mask[1])[2])
    broken[1, 4, frame] = np.inf
    for message, bad_x, bad_mask in [
        (r"exported for float32 \(batch, 8, time\), the features 'identity'", x[:, :7], mask),
        (r"x is float32 \(8, 16\)", x[0], mask),
        (r"x is float64", x.astype(float), mask),
        (r"mask is float32", x, mask.astype(np.float32)),
        (r"expected bool \(3, 16\)", x, mask[:, 1:]),
        (r"window 2 of the batch has no real frame", x, empty),
        (r"window 0 of the batch has no real frame", x[:, :, :0], mask[:, :0]),
        (rf"frame {frame} of window 1 holds NaN or infinity", broken, mask),
    ]:
        with pytest.raises(ModelError, match=message):
            open_bundle(exported).predict(bad_x, bad_mask)


def test_a_window_longer_than_the_positions_is_refused(tiny_onnx, tmp_path):
    model = build("MambaGRU", seed=0, channels=TINY_DIM, n_positions=20)
    card = card_for(tiny_onnx, model="MambaGRU", max_length=20)
    write_bundle(tmp_path / "pair", model, card, tiny_onnx)
    x, mask = np.ones((1, TINY_DIM, 21), np.float32), np.ones((1, 21), bool)
    bundle = open_bundle(tmp_path / "pair")
    assert bundle.predict(x[:, :, 1:], mask[:, 1:]).shape == (1,)
    with pytest.raises(ModelError, match="21 frames are longer than the 20 that MambaGRU was"):
        bundle.predict(x, mask)


def test_damaged_weights_are_noticed(pair, windows):
    def damage(network):
        for tensor in network.graph.initializer:
            if tensor.name.endswith("bias"):
                tensor.raw_data = np.full(tensor.dims, np.nan, np.float32).tobytes()

    edit(pair, damage)
    with pytest.raises(ModelError, match="not all finite: its weights are damaged"):
        open_bundle(pair).predict(*windows)


# Pairs that do not fit


def test_a_missing_folder_or_file_is_named(pair, tmp_path):
    with pytest.raises(ModelError, match=r"no folder .*nowhere: export a model there first"):
        open_bundle(tmp_path / "nowhere")
    (pair / ENCODER_FILE).rename(pair / "other.onnx")
    with pytest.raises(EncoderError, match=r"no encoder at .*encoder\.onnx"):
        open_bundle(pair)
    (pair / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match=r"no model at .*model\.onnx: export one there first"):
        open_bundle(pair)


@pytest.mark.parametrize("name", [MODEL_FILE, ENCODER_FILE])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!doctype html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"weights weights weights", "not a whole ONNX network|carries no card"),
    ],
)
def test_what_is_no_onnx_is_refused(name, content, message, pair):
    (pair / name).write_bytes(content)
    kind = ModelError if name == MODEL_FILE else EncoderError
    with pytest.raises(kind, match=message) as caught:
        open_bundle(pair)
    assert name in str(caught.value)


def test_a_truncated_model_is_refused(pair):
    content = (pair / MODEL_FILE).read_bytes()
    (pair / MODEL_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="not a whole ONNX network"):
        open_bundle(pair)


def test_a_model_without_a_card_or_with_another_format_is_refused(pair):
    edit(pair, lambda network: network.metadata_props.pop())
    with pytest.raises(ModelError, match="carries no card"):
        open_bundle(pair)
    edit(pair, lambda network: helper.set_model_props(network, {METADATA_KEY: '{"format": 2}'}))
    with pytest.raises(ModelError, match=r"model\.onnx: the card is of format 2; this version"):
        open_bundle(pair)


def test_a_changed_opset_is_refused(pair, tiny_onnx):
    def change(network):
        network.opset_import[0].version = OPSET + 1

    edit(pair, change)
    with pytest.raises(ModelError, match=r"written in opset 18, its card says 17: .*export"):
        open_bundle(pair)
    edit(pair, lambda network: put_card(network, card_for(tiny_onnx, opset=OPSET + 1)))
    with pytest.raises(
        ModelError, match=r"opset 18; this version of deplib exports and opens opset 17"
    ):
        open_bundle(pair)


def test_another_encoder_is_refused(pair):
    write_tiny_onnx(pair / ENCODER_FILE, seed=1)
    with pytest.raises(EncoderError, match=r"has sha256 .* exported for the encoder [0-9a-f]{64}"):
        open_bundle(pair)


def test_an_encoder_of_another_width_is_refused(pair):
    encoder = write_tiny_onnx(pair / ENCODER_FILE, dim=TINY_DIM + 1)
    edit(pair, lambda network: put_card(network, card_for(encoder)))
    with pytest.raises(ModelError, match=r"makes 9 values a frame, the model takes 8"):
        open_bundle(pair)


@pytest.mark.parametrize(
    "change",
    [
        lambda network: rename(network, "x", "features"),
        lambda network: rename(network, "y", "score"),
        lambda network: fix_axis(network, 0, 2, 512),
        lambda network: fix_axis(network, 1, 1, 512),
        lambda network: fix_axis(network, 0, 0, 1),
    ],
    ids=["input renamed", "output renamed", "time of x", "time of mask", "batch"],
)
def test_other_inputs_or_outputs_are_refused(change, pair):
    edit(pair, change)
    with pytest.raises(ModelError, match=r"takes .* batch and time free: export the model again"):
        open_bundle(pair)


def test_another_width_than_the_cards_is_refused(pair, tiny_onnx):
    card = card_for(tiny_onnx, channels=9, features="identity+pulse")
    edit(pair, lambda network: put_card(network, card))
    with pytest.raises(ModelError, match=r"its card needs x tensor\(float\) \[batch, 9, time\]"):
        open_bundle(pair)


def test_operators_that_the_runtime_lacks_are_refused(pair):
    def unknown(network):
        network.graph.node[0].op_type = "Teleport"

    def foreign(network):
        network.graph.node[0].domain = "elsewhere"

    edit(pair, unknown)
    with pytest.raises(ModelError, match="not a whole ONNX network that can run here"):
        open_bundle(pair)
    edit(pair, foreign)
    with pytest.raises(ModelError, match="operators of 'elsewhere'"):
        open_bundle(pair)


def test_weights_in_another_file_are_refused(pair):
    network = onnx.load(pair / MODEL_FILE)
    onnx.save(network, pair / MODEL_FILE, save_as_external_data=True, location="weights.bin")
    with pytest.raises(ModelError, match=r"keeps its weights in weights\.bin"):
        open_bundle(pair)


# Write


def test_the_same_pair_may_be_written_again(pair, tiny_onnx):
    before = files(pair)
    times = {path: path.stat().st_mtime_ns for path in pair.iterdir()}
    write_pair(pair, tiny_onnx)
    assert files(pair) == before
    assert {path: path.stat().st_mtime_ns for path in pair.iterdir()} == times


def test_another_pair_is_kept_unless_told(pair, tiny_onnx, tmp_path):
    before = files(pair)
    with pytest.raises(ModelError, match=r"holds another model or encoder: choose another folder"):
        write_pair(pair, tiny_onnx, key="another run")
    assert files(pair) == before
    card = card_for(tiny_onnx, key="another run")
    write_bundle(pair, small_model(), card, tiny_onnx, overwrite=True)
    assert open_bundle(pair).card.key == "another run"
    assert [path.name for path in tmp_path.iterdir()] == [pair.name]


def test_half_a_pair_counts_as_another(pair, tiny_onnx):
    (pair / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match="holds another model or encoder"):
        write_pair(pair, tiny_onnx)


def test_foreign_files_are_never_replaced(pair, tiny_onnx):
    (pair / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match=r"holds thesis\.txt, which is no part of a bundle"):
        write_bundle(pair, small_model(), card_for(tiny_onnx), tiny_onnx, overwrite=True)
    assert (pair / "thesis.txt").read_text() == "mine"


def test_what_fails_leaves_nothing(tiny_onnx, tmp_path):
    folder, other = tmp_path / "pairs" / "pair", write_tiny_onnx(tmp_path / "other.onnx", seed=1)
    with pytest.raises(EncoderError, match="has sha256"):
        write_bundle(folder, small_model(), card_for(tiny_onnx), other)
    with pytest.raises(ModelError, match="max_length"):
        write_bundle(folder, small_model(), card_for(tiny_onnx, max_length=99), tiny_onnx)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


def test_what_a_killed_writer_left_is_no_hindrance(pair, tiny_onnx):
    left = pair.with_name(f".{pair.name}.partial")
    left.mkdir()
    (left / MODEL_FILE).write_bytes(b"half a mod")
    write_bundle(pair, small_model(), card_for(tiny_onnx, key="b"), tiny_onnx, overwrite=True)
    assert open_bundle(pair).card.key == "b"
    assert not left.exists()


def test_an_empty_folder_is_filled(tiny_onnx, tmp_path):
    (tmp_path / "pair").mkdir()
    write_pair(tmp_path / "pair", tiny_onnx)
    assert set(files(tmp_path / "pair")) == {ENCODER_FILE, MODEL_FILE}


def test_an_exported_file_gets_the_new_card(tiny_onnx, tmp_path, windows):
    card = card_for(tiny_onnx)
    source, small = tmp_path / "model.onnx", tmp_path / "small.onnx"
    export_model(small_model(), source, card)
    quantise_dynamic(source, small)
    write_bundle(tmp_path / "pair", small, replace(card, half_width=16.5), tiny_onnx)
    bundle = open_bundle(tmp_path / "pair")
    assert bundle.card == replace(card, half_width=16.5)
    write_pair(tmp_path / "float", tiny_onnx)
    np.testing.assert_allclose(
        bundle.predict(*windows), open_bundle(tmp_path / "float").predict(*windows), atol=0.05
    )
    with pytest.raises(ModelError, match="no model at"):
        write_bundle(tmp_path / "none", tmp_path / "no.onnx", card, tiny_onnx)
    with pytest.raises(ModelError, match=r"needs x tensor\(float\) \[batch, 9, time\]"):
        write_bundle(
            tmp_path / "none", source, replace(card, channels=9, features="action"), tiny_onnx
        )
    assert not (tmp_path / "none").exists()
