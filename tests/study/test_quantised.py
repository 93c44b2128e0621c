"""A trained run with a part of it in 8 bits: other numbers, of the same weights."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from small_world import COHORT, PROTOCOL, complete, key_of

import deplib
from deplib import study
from deplib.deployment import small_encoder as small_encoder_module
from deplib.deployment.quantising import calibration_frames, cosines
from deplib.deployment.small_encoder import small_encoder
from deplib.errors import ModelError
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.results import Result, RunSpec
from deplib.study import options, runs
from deplib.study.inputs import SMALL_ENCODER, Inputs
from deplib.study.keys import IN_8_BITS, source_of
from deplib.study.quantised import SMALL_MODEL, in_float
from deplib.study.weights import keep, kept

MLP = RunSpec("TemporalMeanMLP")
SMALL = [replace(MLP, precision=SMALL_MODEL), replace(MLP, precision=SMALL_ENCODER)]

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture(autouse=True)
def few_faces(monkeypatch):
    """Calibrate on 48 faces."""
    few = partial(calibration_frames, 8, 6)
    monkeypatch.setattr(small_encoder_module, "calibration_frames", few)


def y_hat(result, *splits):
    table = result.predictions
    return table["y_hat"][table["split"].isin(splits or ["train", "dev", "test"])].to_numpy()


def test_a_model_in_8_bits_says_nearly_the_same(tmp_path):
    specs = [MLP, SMALL[0], replace(SMALL[0], model="AttentionMIL")]
    whole, *small = complete(specs, tmp_path)
    assert [one.spec for one in small] == specs[1:]
    for one in small:
        reference = Result.load(tmp_path / in_float(one.spec).path)
        change = np.abs(y_hat(one) - y_hat(reference)).max()
        assert 0 < change < 0.05
        assert (one.epoch, one.n_parameters) == (reference.epoch, reference.n_parameters)
        assert one.predictions.drop(columns="y_hat").equals(
            whole.predictions.drop(columns="y_hat").astype(one.predictions.dtypes.drop("y_hat"))
        )


def test_an_encoder_in_8_bits_changes_what_the_model_had_not_seen(tmp_path):
    whole, small = complete([MLP, SMALL[1]], tmp_path)
    np.testing.assert_array_equal(y_hat(small, "train"), y_hat(whole, "train"))
    change = np.abs(y_hat(small, "dev", "test") - y_hat(whole, "dev", "test"))
    assert (change > 0).mean() > 0.8
    assert change.max() < 0.2


def test_who_is_train_is_as_in_the_split_of_the_run():
    inputs = Inputs(COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1)
    for spec in (MLP, replace(MLP, split="disjoint")):
        whole = inputs.windows(spec)
        small = inputs.windows(replace(spec, precision=SMALL_ENCODER))
        assert small.index.equals(whole.index)
        same = (small.features == whole.features).all(axis=(1, 2))
        np.testing.assert_array_equal(same, whole.index["split"] == "train")


def test_results_in_8_bits_are_made_once_and_leave_the_others_alone(tmp_path, monkeypatch):
    first = complete([MLP], tmp_path)[0]
    before = (tmp_path / MLP.path).read_bytes()
    small = complete(SMALL, tmp_path)
    assert [one.spec.path.parent.name for one in small] == ["true-int8", "true-int8-encoder"]
    assert len({first.key, *(one.key for one in small)}) == 3
    assert [one.key for one in small] == [key_of(spec) for spec in SMALL]
    assert (tmp_path / MLP.path).read_bytes() == before

    def refuse(*args, **options):
        raise AssertionError("made again")

    monkeypatch.setattr(study.completion, "Inputs", refuse)
    again = complete(SMALL, tmp_path)
    for one, two in zip(small, again, strict=True):
        np.testing.assert_allclose(y_hat(one), y_hat(two), atol=1e-6)


def test_the_run_in_float_is_trained_where_it_is_missing_and_only_there(tmp_path, monkeypatch):
    (small,) = complete(SMALL[:1], tmp_path / "one")
    assert (tmp_path / "one" / MLP.path).exists()
    assert kept(MLP, key_of(MLP)) is not None

    def refuse(*args, **options):
        raise AssertionError("trained again")

    for name in ("train", "train_together"):
        monkeypatch.setattr(runs, name, refuse)
    (tmp_path / "one" / SMALL[0].path).unlink()
    (again,) = complete(SMALL[:1], tmp_path / "one")
    assert again.predictions.equals(small.predictions)


def test_weights_of_another_training_are_told(tmp_path):
    complete([MLP], tmp_path)
    weights = kept(MLP, key_of(MLP))
    assert weights is not None
    keep(MLP, key_of(MLP), {name: 1.5 * value for name, value in weights.items()})
    with pytest.warns(UserWarning, match="so they are of another training"):
        complete(SMALL[:1], tmp_path)


@pytest.mark.slow
def test_several_at_once_are_those_one_by_one(tmp_path):
    specs = [SMALL[0], replace(SMALL[0], model="AttentionMIL")]
    for spec in specs:
        complete([spec], tmp_path / "one")
    complete(specs, tmp_path / "two", jobs=2)
    for spec in specs:
        one, two = ((tmp_path / name / spec.path).read_bytes() for name in ("one", "two"))
        assert one == two


def test_a_precision_or_model_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no precision 'int4': name float32, int8 or int8-enc"):
        complete([replace(MLP, precision="int4")], tmp_path)
    with pytest.raises(ModelError, match="RidgeMean is a baseline"):
        complete([RunSpec("RidgeMean", precision=SMALL_MODEL)], tmp_path)


def test_the_code_that_quantises_counts_only_where_it_is_used(monkeypatch):
    before = [source_of(spec) for spec in (MLP, *SMALL)]
    folder = Path(deplib.__file__).parent
    for name in IN_8_BITS:
        path = folder.joinpath(*name.split(".")[1:]).with_suffix(".py")
        assert path.is_file()
        real = Path.read_text
        with monkeypatch.context() as patch:
            patch.setattr(
                Path,
                "read_text",
                lambda self, *a, path=path, real=real, **kw: (
                    real(self, *a, **kw) + ("\nNEW = 1\n" if self == path else "")
                ),
            )
            after = [source_of(spec) for spec in (MLP, *SMALL)]
        assert after[0] == before[0]
        assert after[1] != before[1]
        assert after[2] != before[2]


def test_the_small_encoder_is_made_once(data, monkeypatch):
    encoder = embedded_encoder()
    small = small_encoder(encoder)
    assert small.path.parent == data / "quantised"
    assert small.path.stat().st_size < 0.5 * encoder.path.stat().st_size
    frames = calibration_frames(2, 4, seed=1)
    assert cosines(encoder, small, frames).min() > 0.95
    content = small.path.read_bytes()
    monkeypatch.setattr(small_encoder_module, "quantise_static", lambda *_: pytest.fail("again"))
    mirrored = small_encoder(embedded_encoder(flip=True))
    assert (mirrored.sha256, mirrored.flip) == (small.sha256, True)
    monkeypatch.undo()
    monkeypatch.setenv("DEPLIB_DATA", str(data / "elsewhere"))
    few = partial(calibration_frames, 8, 6)
    monkeypatch.setattr(small_encoder_module, "calibration_frames", few)
    assert small_encoder(encoder).path.read_bytes() == content


def test_every_run_in_8_bits_of_the_study_has_a_file_and_a_run_in_float():
    specs = options.quantised_specs()
    assert len({spec.path for spec in specs}) == len(specs) == 12
    floats = {in_float(spec) for spec in specs}
    assert len(floats) == 6
    assert floats <= {*study.grid_specs(), *options.option_specs("default")}
