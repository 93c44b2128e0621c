"""The card: what goes in comes out, and what cannot be true is refused."""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import onnx
import pytest

from deplib.deployment.card import FORMAT, METADATA_KEY, OPSET, Card, put_card, read_card
from deplib.errors import ModelError

CARD = Card(
    format=FORMAT, model="LDBM", features="identity+action", channels=543, window_length=512,
    sequence_length=2000, max_length=2000, label_mean=15.2, label_std=11.9,
    encoder_sha256="0f" * 32, preprocess="RGB mean=127.5 std=127.5 size=112", half_width=17.25,
    level=0.9, cohort="simulated-150", simulated=True, opset=OPSET, key="a1b2",
)  # fmt: skip


def changed(**changes):
    return json.dumps(asdict(CARD) | changes)


def test_a_card_survives_json():
    assert Card.from_json(CARD.to_json()) == CARD
    other = replace(CARD, max_length=None, simulated=False)
    assert Card.from_json(other.to_json()) == other
    assert other.to_json() != CARD.to_json()
    assert "\n" not in CARD.to_json()


def test_points_are_mean_and_sd_of_the_labels():
    assert CARD.points(0.0) == 15.2
    np.testing.assert_allclose(CARD.points(np.array([1.0, -1.0])), [27.1, 3.3])


def test_a_card_goes_into_a_network_beside_what_is_there(tmp_path):
    network = onnx.ModelProto()
    onnx.helper.set_model_props(network, {"author": "somebody", METADATA_KEY: "old"})
    put_card(network, CARD)
    assert read_card(network, tmp_path) == CARD
    assert {entry.key for entry in network.metadata_props} == {"author", METADATA_KEY}


def test_a_network_without_a_card_is_none_of_ours(tmp_path):
    with pytest.raises(ModelError, match=r"encoder\.onnx carries no card"):
        read_card(onnx.ModelProto(), tmp_path / "encoder.onnx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ("{}", "format None"),
        (changed(format=FORMAT + 1), f"of format {FORMAT + 1}; this version of deplib reads"),
        (changed(wings=2), "unknown 'wings'"),
        (json.dumps({k: v for k, v in asdict(CARD).items() if k != "level"}), "lacks 'level'"),
        (changed(channels="512"), "card's channels is '512': it must be int"),
        (changed(channels=True), "channels is True"),
        (changed(channels=0), "channels is 0: it must be 1 or more"),
        (changed(simulated=1), "simulated is 1: it must be bool"),
        (changed(label_mean=None), "label_mean is None"),
        (changed(label_std=0.0), "label_std is 0.0: it must be above 0"),
        (changed(label_std=float("nan")), "label_std is nan"),
        (changed(half_width=float("inf")), "half_width is inf"),
        (changed(half_width=-1), "half_width is -1"),
        (changed(level=1.0), "level is 1.0"),
        (changed(level=90), "level is 90"),
        (changed(max_length=511), "max_length is 511: a window has 512 frames"),
        (changed(max_length="2000"), "max_length is '2000'"),
        (changed(encoder_sha256="abc"), "64 hexadecimal"),
        (changed(encoder_sha256="0F" * 32), "64 hexadecimal"),
        (changed(preprocess="imagined"), "preprocess is 'imagined'"),
        (changed(model=" "), "model is ' ': it must not be empty"),
        (changed(key=""), "key is ''"),
    ],
)
def test_a_card_that_cannot_be_true_is_refused(text, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        Card.from_json(text)
    network = onnx.ModelProto()
    onnx.helper.set_model_props(network, {METADATA_KEY: text})
    with pytest.raises(ModelError, match=r"model\.onnx: the card"):
        read_card(network, tmp_path / "model.onnx")


def test_every_field_is_checked():
    for field in fields(Card):
        with pytest.raises(ModelError, match=rf"card's {field.name} is \[\]"):
            replace(CARD, **{field.name: []})
