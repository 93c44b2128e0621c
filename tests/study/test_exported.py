"""From a run to a pair that predicts as the run did."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from small_pair import write_frames
from small_world import COHORT, PROTOCOL, complete, key_of

from deplib.deployment.bundle import open_bundle
from deplib.deployment.prediction import predict_folder
from deplib.errors import EncoderError, ModelError
from deplib.evaluation import mae_of, recordings
from deplib.extraction.embedded import SHA256
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.extraction.twins import sha256_of
from deplib.results import RunSpec
from deplib.study import exported, runs
from deplib.study.exported import export_run, first_kept
from deplib.study.inputs import Inputs
from deplib.study.weights import kept
from deplib.uncertainty import half_width

SPEC = RunSpec("TemporalMeanMLP")
LEVEL = 0.7  # there are three Dev recordings

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture
def inputs():
    return Inputs(COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1)


@pytest.fixture
def untrainable(monkeypatch):
    """From its call on, nothing can be trained."""

    def refuse(*args, **options):
        raise AssertionError("trained again")

    return lambda: monkeypatch.setattr(runs, "train", refuse)


export = partial(export_run, level=LEVEL)


def test_a_pair_predicts_a_clip_as_the_run_did(inputs, tmp_path, untrainable):
    spec = RunSpec("HybridPooling")
    (result,) = complete([spec], tmp_path / "results")
    untrainable()
    done = export(spec, inputs, tmp_path / "pair")
    bundle = open_bundle(tmp_path / "pair")
    assert bundle.card == done.card
    assert bundle.encoder.sha256 == SHA256
    of_run = recordings(result).set_index("recording")
    for name in of_run.query("split == 'test'").index:
        clip = write_frames(tmp_path / name, COHORT().frames(name))
        answer = predict_folder(bundle, clip)
        # The store's float16 is all that differs.
        assert answer.unclipped == pytest.approx(of_run.loc[name, "bdi_hat"], abs=0.02)
    assert of_run["bdi_hat"].std() > 0.1


def test_a_card_says_what_the_run_is_and_what_it_is_worth(inputs, tmp_path):
    (result,) = complete([SPEC], tmp_path / "results")
    done = export(SPEC, inputs, tmp_path / "pair")
    card, table = done.card, recordings(result)
    parts = {split: table[table["split"] == split] for split in ("dev", "test")}
    residuals = parts["dev"]["bdi"] - parts["dev"]["bdi_hat"]
    assert card.half_width == pytest.approx(half_width(residuals, LEVEL), abs=1e-3)
    assert card.level == LEVEL
    assert (card.key, card.model, card.features) == (key_of(SPEC), SPEC.model, "identity")
    assert (card.cohort, card.simulated) == ("simulated/default", True)
    assert (card.label_mean, card.label_std) == (result.label_mean, result.label_std)
    assert (card.window_length, card.sequence_length) == (8, PROTOCOL.sequence_length)
    for split, part in parts.items():
        assert done.mae[split] == pytest.approx(mae_of(part), abs=1e-3)
        assert done.mae_written[split] == pytest.approx(done.mae[split], abs=1e-3)
    assert 0 <= done.difference < 1e-4
    assert done.n_windows == 12  # two of each of six recordings
    sizes = [(tmp_path / "pair" / name).stat().st_size for name in ("model.onnx", "encoder.onnx")]
    assert sizes == [done.model_bytes, done.encoder_bytes]


def test_weights_that_are_missing_are_trained_and_kept(inputs, tmp_path, untrainable):
    spec, said = replace(SPEC, seed=2), []
    first = export(spec, inputs, tmp_path / "one", say=said.append)
    assert said[0] == "no weights of TemporalMeanMLP, seed 2, on this machine: training it"
    untrainable()
    said.clear()
    again = export(spec, inputs, tmp_path / "two", say=said.append)
    assert not any("training" in line for line in said)
    assert again.card == first.card
    for name in ("model.onnx", "encoder.onnx"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_interval_in_8_bits_is_that_of_the_model_in_8_bits(inputs, tmp_path, monkeypatch):
    whole = export(SPEC, inputs, tmp_path / "pair")
    small = export(SPEC, inputs, tmp_path / "int8", int8=True)
    assert small.model_bytes < 0.45 * whole.model_bytes
    assert small.mae == whole.mae
    assert small.difference > whole.difference
    assert small.card == replace(whole.card, half_width=small.card.half_width)
    assert open_bundle(tmp_path / "int8").card == small.card
    real = exported.predict_windows
    monkeypatch.setattr(exported, "predict_windows", lambda *args: real(*args) + 10)
    wrong = export(SPEC, inputs, tmp_path / "wrong", int8=True)
    assert wrong.card.half_width > small.card.half_width + 5
    assert wrong.mae == whole.mae
    assert wrong.mae_written["test"] > whole.mae["test"] + 5


def test_the_encoder_of_a_twin_goes_along(inputs, tmp_path):
    done = export(replace(SPEC, features="affect"), inputs, tmp_path / "pair")
    assert done.card.encoder_sha256 == sha256_of("affect")
    assert open_bundle(tmp_path / "pair").encoder.sha256 == sha256_of("affect")


def test_of_several_names_of_a_run_the_one_that_was_trained_is_taken(inputs, tmp_path):
    runs_ = [SPEC, replace(SPEC, world="simulated/default")]
    assert first_kept(runs_, inputs) == runs_[0]
    export(runs_[1], inputs, tmp_path / "pair")
    assert first_kept(runs_, inputs) == runs_[1]
    export(runs_[0], inputs, tmp_path / "other")
    assert first_kept(runs_, inputs) == runs_[0]


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        ({"features": "identity+action"}, LEVEL, "a folder of frames and one encoder give one of"),
        ({"features": "pulse"}, LEVEL, "a folder of frames and one encoder give one of"),
        ({"model": "RidgeMean"}, LEVEL, "RidgeMean cannot be exported; the models that can are"),
        ({}, 0.9, "no interval of level 0.9 from 3 Dev recordings: .* at least 9 are needed"),
        ({}, 1.0, "level is 1.0"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_it_is_trained(
    changes, level, message, inputs, tmp_path, untrainable
):
    untrainable()
    with pytest.raises(ModelError, match=message):
        export_run(replace(SPEC, **changes), inputs, tmp_path / "pair", level=level)
    assert not (tmp_path / "pair").exists()


def test_a_mirrored_encoder_is_refused(tmp_path):
    inputs = Inputs(COHORT(), embedded_encoder(flip=True), protocol=PROTOCOL, jobs=1)
    with pytest.raises(EncoderError, match="train and export it without --flip"):
        export(SPEC, inputs, tmp_path / "pair")


def test_another_pair_is_replaced_only_where_that_is_allowed(inputs, tmp_path):
    folder = Path(tmp_path / "pair")
    export(SPEC, inputs, folder)
    with pytest.raises(ModelError, match="holds another model or encoder"):
        export(SPEC, inputs, folder, int8=True)
    assert kept(SPEC, key_of(SPEC)) is not None
    before = open_bundle(folder).model_sha256
    export(SPEC, inputs, folder, int8=True, overwrite=True)
    assert open_bundle(folder).model_sha256 != before
    assert np.isfinite(open_bundle(folder).card.half_width)
