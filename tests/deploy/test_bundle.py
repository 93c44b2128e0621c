"""A pair is opened if its two files fit each other and this version, and written whole or not."""

import json
import subprocess
import sys
from dataclasses import asdict, fields, replace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from small_pair import WINDOW, card_for, small_model, write_pair
from tiny import TINY_DIM, write_tiny_onnx

from deplib.deploy import Card, open_bundle, write_bundle
from deplib.deploy.bundle import ENCODER_FILE, FORMAT, METADATA_KEY, MODEL_FILE, OPSET, put_card
from deplib.deploy.export import export_model
from deplib.deploy.quantise import quantise_dynamic
from deplib.errors import EncoderError, ModelError
from deplib.models import build

CARD = Card(
    format=FORMAT, model="LDBM", features="identity+action", channels=543, window_length=512,
    sequence_length=2000, max_length=2000, label_mean=15.2, label_std=11.9,
    encoder_sha256="0f" * 32, preprocess="RGB mean=127.5 std=127.5 size=112", half_width=17.25,
    level=0.9, cohort="simulated-150", simulated=True, opset=OPSET, key="a1b2",
)  # fmt: skip


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
    return x, rng.random((3, WINDOW)) < 0.7


def edit(folder, change):
    network = onnx.load(folder / MODEL_FILE)
    change(network)
    onnx.save(network, folder / MODEL_FILE)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The card


def test_a_card_survives_json_and_maps_to_points():
    for card in (CARD, replace(CARD, max_length=None, simulated=False)):
        assert Card.from_json(card.to_json()) == card
        assert "\n" not in card.to_json()
    np.testing.assert_allclose(CARD.points(np.array([0.0, 1.0, -1.0])), [15.2, 27.1, 3.3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("{", "no JSON object"),
        ("[1]", "no JSON object"),
        ("{}", "format None"),
        ({"format": FORMAT + 1}, f"of format {FORMAT + 1}, deplib reads {FORMAT}"),
        ({"wings": 2}, "unknown 'wings'"),
        ({"channels": "512"}, "card's channels is '512': it must be int"),
        ({"channels": True}, "channels is True"),
        ({"channels": 0}, "channels is 0: it must be 1 or more"),
        ({"simulated": 1}, "simulated is 1: it must be bool"),
        ({"label_mean": None}, "label_mean is None"),
        ({"label_std": 0.0}, "label_std is 0.0: it must be above 0"),
        ({"label_std": float("nan")}, "label_std is nan"),
        ({"half_width": float("inf")}, "half_width is inf"),
        ({"level": 1.0}, "level is 1.0"),
        ({"max_length": 511}, "max_length is 511: it must hold a window of 512 frames"),
        ({"encoder_sha256": "0F" * 32}, "64 hexadecimal"),
        ({"preprocess": "imagined"}, "preprocess is 'imagined'"),
        ({"model": " "}, "model is ' ': it must not be empty"),
    ],
)
def test_a_card_that_cannot_be_true_is_refused(changes, message):
    text = changes if isinstance(changes, str) else json.dumps(asdict(CARD) | changes)
    with pytest.raises(ModelError, match=message):
        Card.from_json(text)


def test_every_field_of_a_card_is_needed_and_checked():
    for field in fields(Card):
        with pytest.raises(ModelError, match=rf"card's {field.name} is \[\]"):
            replace(CARD, **{field.name: []})
        less = {k: v for k, v in asdict(CARD).items() if k != field.name}
        with pytest.raises(ModelError, match=f"lacks '{field.name}'|format None"):
            Card.from_json(json.dumps(less))


# Open and predict


def test_a_pair_predicts_what_the_model_predicts(exported, windows, tiny_onnx):
    bundle = open_bundle(exported, threads=2)
    assert bundle.card == card_for(tiny_onnx)
    assert bundle.encoder.sha256 == bundle.card.encoder_sha256
    x, mask = windows
    with torch.inference_mode():
        expected = small_model().eval()(torch.from_numpy(x), torch.from_numpy(mask)).numpy()
    y = bundle.predict(x, mask)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    spoilt = np.where(mask[:, None], x, np.float32("nan"))
    np.testing.assert_allclose(bundle.predict(spoilt, mask), y, atol=1e-6)
    time_major = x.transpose(0, 2, 1).copy().transpose(0, 2, 1)  # as windows are stored
    np.testing.assert_allclose(bundle.predict(time_major, mask.T.copy().T), y, atol=1e-6)
    assert bundle.predict(x[1:2, :, :9], mask[1:2, :9]).shape == (1,)
    assert bundle.predict(x[:0], mask[:0]).shape == (0,)


def test_no_torch_is_needed(exported):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path; import numpy as np\n"
        "from deplib.deploy import open_bundle\n"
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
    write_bundle(tmp_path, model, card_for(tiny_onnx, model="MambaGRU", max_length=20), tiny_onnx)
    x, mask = np.ones((1, TINY_DIM, 21), np.float32), np.ones((1, 21), bool)
    assert open_bundle(tmp_path).predict(x[:, :, 1:], mask[:, 1:]).shape == (1,)
    with pytest.raises(ModelError, match="21 frames are longer than the 20 of MambaGRU"):
        open_bundle(tmp_path).predict(x, mask)


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


def rename_input(network):
    network.graph.input[0].name = "features"
    for node in network.graph.node:
        node.input[:] = ["features" if name == "x" else name for name in node.input]


def set_nan(network):
    for tensor in network.graph.initializer:
        if tensor.name.endswith("bias"):
            tensor.raw_data = np.full(tensor.dims, np.nan, np.float32).tobytes()


def fix_axis(index, axis):
    def change(network):
        network.graph.input[index].type.tensor_type.shape.dim[axis].dim_value = 512

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n.metadata_props.pop(), "carries no card"),
        (lambda n: helper.set_model_props(n, {METADATA_KEY: '{"format": 2}'}), "of format 2"),
        (lambda n: setattr(n.opset_import[0], "version", 18), "opset 18, its card says 17"),
        (rename_input, r"takes and gives .*features.*; its card needs"),
        (fix_axis(0, 2), r"its card needs x tensor\(float\) \['free', 8, 'free'\]"),
        (fix_axis(1, 1), "its card needs"),
        (lambda n: setattr(n.graph.node[0], "op_type", "Teleport"), "not a whole ONNX network"),
        (lambda n: setattr(n.graph.node[0], "domain", "elsewhere"), "operators of 'elsewhere'"),
    ],
)
def test_a_changed_model_is_refused(change, message, pair):
    edit(pair, change)
    with pytest.raises(ModelError, match=message):
        open_bundle(pair)


def test_a_truncated_model_and_damaged_weights_are_noticed(pair, windows):
    edit(pair, set_nan)
    with pytest.raises(ModelError, match="no finite values: its weights are damaged"):
        open_bundle(pair).predict(*windows)
    content = (pair / MODEL_FILE).read_bytes()
    (pair / MODEL_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="not a whole ONNX network"):
        open_bundle(pair)


def test_another_encoder_or_card_is_refused(pair, tiny_onnx):
    edit(pair, lambda network: put_card(network, card_for(tiny_onnx, channels=9, features="pulse")))
    with pytest.raises(ModelError, match=r"its card needs x tensor\(float\) \['free', 9"):
        open_bundle(pair)
    edit(pair, lambda network: put_card(network, card_for(tiny_onnx)))
    write_tiny_onnx(pair / ENCODER_FILE, seed=1)
    with pytest.raises(EncoderError, match=r"has sha256 .* exported for the encoder [0-9a-f]{64}"):
        open_bundle(pair)
    encoder = write_tiny_onnx(pair / ENCODER_FILE, dim=TINY_DIM + 1)
    edit(pair, lambda network: put_card(network, card_for(encoder)))
    with pytest.raises(ModelError, match=r"makes 9 values a frame, the model takes 8"):
        open_bundle(pair)


def test_weights_in_another_file_are_refused(pair):
    network = onnx.load(pair / MODEL_FILE)
    onnx.save(network, pair / MODEL_FILE, save_as_external_data=True, location="weights.bin")
    with pytest.raises(ModelError, match=r"keeps its weights in weights\.bin"):
        open_bundle(pair)


# Write


def test_another_pair_is_kept_unless_told_and_the_same_is_left_alone(pair, tiny_onnx, tmp_path):
    before, times = files(pair), {path: path.stat().st_mtime_ns for path in pair.iterdir()}
    write_pair(pair, tiny_onnx)
    assert {path: path.stat().st_mtime_ns for path in pair.iterdir()} == times
    with pytest.raises(ModelError, match=r"holds another model or encoder: choose another folder"):
        write_pair(pair, tiny_onnx, key="another run")
    assert files(pair) == before
    (left := pair.with_name(f".{pair.name}.partial")).mkdir()  # of a killed writer
    (left / MODEL_FILE).write_bytes(b"half a mod")
    card = card_for(tiny_onnx, key="another run")
    write_bundle(pair, small_model(), card, tiny_onnx, overwrite=True)
    assert open_bundle(pair).card.key == "another run"
    assert [path.name for path in tmp_path.iterdir()] == [pair.name]
    (pair / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match="holds another model or encoder"):  # half a pair
        write_pair(pair, tiny_onnx)


def test_foreign_files_are_never_replaced(pair, tiny_onnx):
    (pair / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match=r"holds thesis\.txt, no part of a bundle"):
        write_bundle(pair, small_model(), card_for(tiny_onnx), tiny_onnx, overwrite=True)
    assert (pair / "thesis.txt").read_text() == "mine"


def test_what_fails_leaves_nothing(tiny_onnx, tmp_path):
    folder, other = tmp_path / "pairs" / "pair", write_tiny_onnx(tmp_path / "other.onnx", seed=1)
    with pytest.raises(EncoderError, match="has sha256"):
        write_bundle(folder, small_model(), card_for(tiny_onnx), other)
    with pytest.raises(ModelError, match="max_length"):
        write_bundle(folder, small_model(), card_for(tiny_onnx, max_length=99), tiny_onnx)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


def test_an_exported_file_gets_the_new_card(tiny_onnx, tmp_path, windows):
    card = card_for(tiny_onnx)
    source, small = tmp_path / "model.onnx", tmp_path / "small.onnx"
    export_model(small_model(), source, card)
    quantise_dynamic(source, small)
    (tmp_path / "pair").mkdir()  # an empty folder is filled
    write_bundle(tmp_path / "pair", small, replace(card, half_width=16.5), tiny_onnx)
    bundle = open_bundle(tmp_path / "pair")
    assert bundle.card == replace(card, half_width=16.5)
    whole = open_bundle(write_pair(tmp_path / "float", tiny_onnx))
    np.testing.assert_allclose(bundle.predict(*windows), whole.predict(*windows), atol=0.05)
    wrong = replace(card, channels=9, features="action")
    with pytest.raises(ModelError, match=r"needs x tensor\(float\) \['free', 9"):
        write_bundle(tmp_path / "none", source, wrong, tiny_onnx)
    assert not (tmp_path / "none").exists()
