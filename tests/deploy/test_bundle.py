"""A pair is opened if its two files fit each other and this version, and written whole or not."""

import json
import shutil
from dataclasses import asdict, fields, replace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from small_pair import CARD, WINDOW, card_for, small_model, write_pair
from tiny import TINY_DIM, write_tiny_onnx

from deplib.deploy import Card, open_bundle, write_bundle
from deplib.deploy.bundle import ENCODER_FILE, METADATA_KEY, MODEL_FILE, open_model, put_card
from deplib.errors import EncoderError, ModelError


@pytest.fixture(scope="module")
def whole(tiny_onnx, tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_onnx)


@pytest.fixture
def pair(whole, tmp_path):
    """A folder of one's own to spoil."""
    return shutil.copytree(whole, tmp_path / "pair")


@pytest.fixture
def windows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, TINY_DIM, WINDOW)).astype(np.float32)
    return x, rng.random((3, WINDOW)) < 0.7


def edit(folder, change):
    network = onnx.load(folder / MODEL_FILE)
    change(network)
    onnx.save(network, folder / MODEL_FILE)


# The card

LACKING = [
    ({k: v for k, v in asdict(CARD).items() if k != field.name}, rf"'s {field.name} .*required")
    for field in fields(Card)
    if field.name not in ("format", "aligned")
]


WRONG_CARDS = [
    ([1], " is wrong"),
    *LACKING,
    *(
        (asdict(CARD) | change, f"'s {next(iter(change))} is wrong")
        for change in (
            {"format": 2}, {"wings": 2}, {"channels": "512"}, {"channels": 0}, {"simulated": 1},
            {"label_std": float("nan")}, {"level": 1.0}, {"max_length": 0}, {"model": " "},
            {"encoder_sha256": "0F" * 32}, {"half_width": True},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG_CARDS)
def test_a_card_that_cannot_be_true_is_refused(content, message, pair):
    edit(pair, lambda n: helper.set_model_props(n, {METADATA_KEY: json.dumps(content)}))
    with pytest.raises(ModelError, match=rf"model\.onnx: its card{message}.*: export the model"):
        open_model(pair / MODEL_FILE)


# Open and predict


def test_a_pair_predicts_what_the_model_predicts(whole, windows, tiny_onnx):
    bundle = open_bundle(whole, threads=2)
    assert bundle.card == card_for(tiny_onnx)
    assert bundle.encoder.sha256 == bundle.card.encoder_sha256
    x, mask = windows
    with torch.inference_mode():
        expected = small_model().eval()(torch.from_numpy(x), torch.from_numpy(mask)).numpy()
    y = bundle.predict(x, mask)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    np.testing.assert_allclose(bundle.card.points(y), 20 + 10 * y)
    spoilt = np.where(mask[:, None], x, np.float32("nan"))
    np.testing.assert_allclose(bundle.predict(spoilt, mask), y, atol=1e-6)
    time_major = x.transpose(0, 2, 1).copy().transpose(0, 2, 1)  # as windows are stored
    np.testing.assert_allclose(bundle.predict(time_major, mask.T.copy().T), y, atol=1e-6)


def test_windows_that_do_not_fit_are_refused(whole, windows):
    x, mask = windows
    empty, broken = mask.copy(), x.copy()
    empty[2] = False
    frame = int(np.flatnonzero(mask[1])[2])
    broken[1, 4, frame] = np.inf
    bundle = open_bundle(whole)
    short = replace(bundle, card=replace(CARD, max_length=WINDOW))
    with pytest.raises(ModelError, match="17 frames are longer than the 16 of AttentionMIL"):
        short.predict(np.zeros((1, TINY_DIM, 17), np.float32), np.ones((1, 17), bool))
    for message, bad_x, bad_mask in [
        (r"exported for float32 \(batch, 8, time\), the features 'identity'", x[:, :7], mask),
        (r"x is float64", x.astype(float), mask),
        (r"expected bool \(3, 16\)", x, mask[:, 1:]),
        (r"window 2 of the batch has no real frame", x, empty),
        (rf"frame {frame} of window 1 holds NaN or infinity", broken, mask),
    ]:
        with pytest.raises(ModelError, match=message):
            bundle.predict(bad_x, bad_mask)


# Pairs that do not fit


def test_a_missing_folder_or_file_is_named(pair, tmp_path):
    with pytest.raises(ModelError, match=r"no folder .*nowhere: export a model there first"):
        open_bundle(tmp_path / "nowhere")
    (pair / ENCODER_FILE).unlink()
    with pytest.raises(EncoderError, match=r"no network at .*encoder\.onnx"):
        open_bundle(pair)
    (pair / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match=r"no model at .*model\.onnx: export one there first"):
        open_bundle(pair)


def rename_input(network):
    network.graph.input[0].name = "features"
    for node in network.graph.node:
        node.input[:] = ["features" if name == "x" else name for name in node.input]


def set_nan(network):
    for tensor in network.graph.initializer:
        if tensor.name.endswith("bias"):
            tensor.raw_data = np.full(tensor.dims, np.nan, np.float32).tobytes()


def fix_time(network):
    network.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 512


CHANGES = [
    (lambda n: n.metadata_props.pop(), "carries no card"),
    (lambda n: put_card(n, replace(CARD, channels=9)), r"needs x tensor\(float\) \['free', 9"),
    (rename_input, r"takes and gives .*features.*; its card needs"),
    (fix_time, r"its card needs x tensor\(float\) \['free', 8, 'free'\]"),
    (lambda n: setattr(n.graph.node[0], "op_type", "Teleport"), "not a whole ONNX network"),
    (lambda n: setattr(n.graph.node[0], "domain", "elsewhere"), "not a whole ONNX network"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_changed_model_is_refused(change, message, pair):
    edit(pair, change)
    with pytest.raises(ModelError, match=message):
        open_bundle(pair)


def test_damaged_weights_and_those_of_another_file_are_noticed(pair, windows):
    edit(pair, set_nan)
    with pytest.raises(ModelError, match="no finite values: its weights are damaged"):
        open_bundle(pair).predict(*windows)
    network = onnx.load(pair / MODEL_FILE)
    onnx.save(network, pair / MODEL_FILE, save_as_external_data=True, location="weights.bin")
    with pytest.raises(ModelError, match=r"keeps its weights in weights\.bin"):
        open_bundle(pair)


def test_another_encoder_is_refused(pair):
    write_tiny_onnx(pair / ENCODER_FILE, seed=1)
    with pytest.raises(EncoderError, match=r"has sha256 .* exported for the encoder [0-9a-f]{64}"):
        open_bundle(pair)
    encoder = write_tiny_onnx(pair / ENCODER_FILE, dim=TINY_DIM + 1)
    edit(pair, lambda network: put_card(network, card_for(encoder)))
    with pytest.raises(ModelError, match=r"makes 9 values a frame, the model takes 8"):
        open_bundle(pair)


# Write


def test_another_pair_is_kept_unless_told_and_the_same_is_left_alone(pair, tiny_onnx, tmp_path):
    def state():
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in pair.iterdir()}

    before = state()
    write_pair(pair, tiny_onnx)
    with pytest.raises(ModelError, match=r"holds another model or encoder: choose another folder"):
        write_pair(pair, tiny_onnx, key="another run")
    assert state() == before
    (left := pair.with_name(f".{pair.name}.partial")).mkdir()  # of a killed writer
    (left / MODEL_FILE).write_bytes(b"half a mod")
    write_pair(pair, tiny_onnx, key="another run", overwrite=True)
    assert open_bundle(pair).card.key == "another run"
    assert [path.name for path in tmp_path.iterdir()] == [pair.name]
    (pair / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match="holds another model or encoder"):  # half a pair
        write_pair(pair, tiny_onnx)
    (pair / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match=r"holds thesis\.txt, no part of a bundle"):
        write_pair(pair, tiny_onnx, overwrite=True)
    assert (pair / "thesis.txt").read_text() == "mine"


def test_a_file_gets_the_new_card_and_what_fails_leaves_nothing(whole, tiny_onnx, tmp_path):
    model, card = whole / MODEL_FILE, card_for(tiny_onnx, half_width=16.5)
    other = write_tiny_onnx(tmp_path / "other.onnx", seed=1)
    with pytest.raises(EncoderError, match="has sha256"):
        write_bundle(tmp_path / "pair", model, card, other)
    wide = replace(card, channels=9, features="action")
    with pytest.raises(ModelError, match="its card needs"):
        write_bundle(tmp_path / "pair", model, wide, tiny_onnx)
    assert list(tmp_path.iterdir()) == [other]
    (tmp_path / "pair").mkdir()  # an empty folder is filled
    write_bundle(tmp_path / "pair", model, card, tiny_onnx)
    assert open_bundle(tmp_path / "pair").card == card
