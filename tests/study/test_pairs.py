"""From a run to a pair that predicts as the run did, and to results with a part of it in 8 bits."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from small_pair import write_frames

from deplib.cohorts.simulated import SimulatedCohort
from deplib.deploy import open_bundle, predict_folder, quantise
from deplib.deploy.quantise import calibration_frames, small_encoder
from deplib.errors import EncoderError, ModelError
from deplib.extraction import embedded_encoder
from deplib.metrics import mae
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.study import Inputs, export_run, first_kept, half_width, pairs, runs
from deplib.study.pairs import results_in_8_bits
from deplib.training import predict, recording_table

SPEC, LEVEL = RunSpec("TemporalMeanMLP"), 0.7  # there are three Dev recordings
PROTOCOL = Protocol(epochs=4, window_length=8)
SAME = 1e-3
"""BDI-II points or z-units: rounding in ONNX stays far below it."""
export = partial(export_run, level=LEVEL)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Nine recordings of twelve frames, extracted into a data folder of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLIB_DATA", str(tmp_path_factory.mktemp("data")))
        cohort = SimulatedCohort(n_recordings=9, max_frames=12)
        yield Inputs(cohort, embedded_encoder(), protocol=PROTOCOL, jobs=1)


@pytest.fixture
def untrainable(monkeypatch):
    """From its call on, nothing can be trained."""
    return lambda: monkeypatch.setattr(runs, "_fit", lambda *_, **__: pytest.fail("trained again"))


def test_a_pair_predicts_a_clip_as_the_run_did_and_says_what_it_is_worth(
    inputs, tmp_path, untrainable
):
    said: list[str] = []
    done = export(SPEC, inputs, tmp_path / "pair", say=said.append)
    assert said[0] == "no weights of TemporalMeanMLP, seed 0, on this machine: training it"
    untrainable()
    windows = inputs.windows(SPEC)
    model = runs.trained(SPEC, windows, inputs.key(SPEC), protocol=PROTOCOL)
    table = windows.index.assign(y_hat=predict(model, windows), model="", seed=0)
    of_run = recording_table(table, windows.label_mean, windows.label_std).set_index("recording")
    bundle, card = open_bundle(tmp_path / "pair"), done.card
    assert bundle.card == card
    for name in of_run.query("split == 'test'").index:
        clip = write_frames(tmp_path / name, inputs.cohort.frames(name))
        # The store's float16 is all that differs.
        expected = pytest.approx(of_run.loc[name, "bdi_hat"], abs=0.02)
        assert predict_folder(bundle, clip).unclipped == expected
    parts = {split: of_run[of_run["split"] == split] for split in ("dev", "test")}
    residuals = parts["dev"]["bdi"] - parts["dev"]["bdi_hat"]
    assert card.half_width == pytest.approx(half_width(residuals, LEVEL), abs=SAME)
    assert (card.level, card.key) == (LEVEL, inputs.key(SPEC))
    assert card.test_mae == done.mae.loc["as written", "test"]
    assert (card.cohort, card.simulated) == ("simulated/default", True)
    assert (card.label_mean, card.label_std) == (windows.label_mean, windows.label_std)
    for split, part in parts.items():
        for how in ("in PyTorch", "as written"):
            expected = pytest.approx(mae(part["bdi"], part["bdi_hat"]), abs=SAME)
            assert done.mae.loc[how, split] == expected
    assert 0 <= done.difference < SAME


def test_the_interval_in_8_bits_is_that_of_the_model_in_8_bits(inputs, tmp_path, monkeypatch):
    whole = export(SPEC, inputs, tmp_path / "pair")
    with pytest.raises(ModelError, match="holds another model or encoder"):
        export(SPEC, inputs, tmp_path / "pair", int8=True)
    small = export(SPEC, inputs, tmp_path / "pair", int8=True, overwrite=True)
    assert small.difference > whole.difference
    own = {name: getattr(small.card, name) for name in ("half_width", "test_mae")}
    assert small.card == replace(whole.card, **own)
    real = pairs.predict_windows
    monkeypatch.setattr(pairs, "predict_windows", lambda *args: real(*args) + 10)
    wrong = export(SPEC, inputs, tmp_path / "wrong", int8=True)
    assert wrong.card.half_width > small.card.half_width + 5
    assert wrong.mae.loc["as written", "test"] > wrong.mae.loc["in PyTorch", "test"] + 5


def test_of_several_names_of_a_run_the_one_that_was_trained_is_taken(inputs, tmp_path):
    specs = [replace(SPEC, seed=5), replace(SPEC, seed=5, world="simulated/default")]
    assert first_kept(specs, inputs) == specs[0]
    export(specs[1], inputs, tmp_path / "pair")
    assert first_kept(specs, inputs) == specs[1]


def test_what_cannot_be_exported_is_refused_before_it_is_trained(inputs, tmp_path, untrainable):
    untrainable()
    for changes, level, message in [
        ({"features": "identity+action"}, LEVEL, "a folder of frames and one encoder give one of"),
        ({"model": "RidgeMean"}, LEVEL, "RidgeMean cannot be exported; the models are"),
        ({}, 0.9, "no interval of level 0.9 from 3 Dev recordings"),
        ({}, 1.0, "no interval of level 1 from 3 Dev recordings"),
    ]:
        with pytest.raises(ModelError, match=message):
            export_run(replace(SPEC, **changes), inputs, tmp_path / "pair", level=level)
    mirrored = Inputs(inputs.cohort, embedded_encoder(flip=True), protocol=PROTOCOL)
    with pytest.raises(EncoderError, match="train and export it without --flip"):
        export(SPEC, mirrored, tmp_path / "pair")
    assert not (tmp_path / "pair").exists()


def test_a_half_width_is_the_rank_that_a_level_asks_for():
    assert half_width([1, -2, 3, -4, 5, -6, 7, -8, 9], level=0.8) == 8
    assert half_width([1, -2, 3], level=0.5) == 2
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2000, 20))
    held = [abs(new) <= half_width(seen, 0.8) for *seen, new in drawn.tolist()]
    assert np.mean(held) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("precision", ["int8", "int8-encoder"])
def test_a_run_in_8_bits_says_nearly_the_same(precision, inputs, monkeypatch):
    monkeypatch.setattr(quantise, "calibration_frames", partial(calibration_frames, 8, 6))
    spec, key = replace(SPEC, precision=precision), inputs.key(SPEC)
    whole = runs.run(SPEC, inputs.windows(SPEC), key, protocol=PROTOCOL)
    given = ([spec], inputs, {spec: "k"}, {SPEC: whole})
    (small,) = results_in_8_bits(*given, jobs=1)
    assert (small.spec, small.key, small.epoch) == (spec, "k", whole.epoch)
    one, two = small.predictions, whole.predictions
    assert (one["recording"] == two["recording"]).all()
    change = (one["y_hat"] - two["y_hat"]).abs()
    assert 0 < change.max() < 0.2
    if precision == "int8-encoder":  # Train stays as the model saw it
        assert change[one["split"] == "train"].max() < SAME
    elsewhere = replace(whole, predictions=two.assign(y_hat=two["y_hat"] + 1))
    with pytest.warns(UserWarning, match="so they are of another training"):
        list(results_in_8_bits([spec], inputs, {spec: "k"}, {SPEC: elsewhere}, jobs=1))
    odd = replace(SPEC, precision="int4")
    with pytest.raises(ModelError, match=r"no precision 'int4': name float32, int8 or int8-enc"):
        list(results_in_8_bits([odd], inputs, {odd: "k"}, {SPEC: whole}, jobs=1))


def test_the_small_encoder_is_made_once(inputs, monkeypatch):
    monkeypatch.setattr(quantise, "calibration_frames", partial(calibration_frames, 8, 6))
    small = small_encoder(inputs.encoder)
    assert small.path.stat().st_size < 0.5 * inputs.encoder.path.stat().st_size
    monkeypatch.setattr(quantise, "quantise_static", lambda *_: pytest.fail("again"))
    assert small_encoder(inputs.encoder).sha256 == small.sha256
