"""One run: its result, and weights that are kept whole, of the right run, or not at all."""

import pickle

import numpy as np
import pytest
import torch
from small_world import PROTOCOL
from small_world import inputs as small_inputs

from deplib import study
from deplib.errors import ModelError
from deplib.models import build
from deplib.results import RunSpec
from deplib.study import runs
from deplib.study.runs import _weights_path, keep, kept, trained
from deplib.training import predict

SPEC, KEY = RunSpec("TemporalMeanMLP"), "a" * 64
WEIGHTS = build("TemporalMeanMLP", seed=0).state_dict()
SAME = 1e-4
"""z-units by which two ways of computing the same weights' predictions may differ."""


@pytest.fixture
def windows(data):
    return small_inputs().windows(SPEC)


def test_what_is_kept_comes_back_and_of_no_other_run(data):
    keep(SPEC, KEY, WEIGHTS)
    path = _weights_path(SPEC)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    found = kept(SPEC, KEY)
    assert found is not None
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)
    before = path.read_bytes()
    keep(SPEC, KEY, dict(reversed(WEIGHTS.items())))
    assert path.read_bytes() == before
    assert kept(SPEC, "b" * 64) is None
    assert kept(RunSpec("TemporalMeanMLP", seed=1), KEY) is None
    assert kept(RunSpec("TemporalMeanMLP", split_rule="disjoint"), KEY) is None


def test_a_damaged_file_is_none_and_nothing_is_unpickled(data):
    keep(SPEC, KEY, WEIGHTS)
    path = _weights_path(SPEC)
    whole = path.read_bytes()
    flipped = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
    for damaged in (whole[:-100], flipped, pickle.dumps(print)):
        path.write_bytes(damaged)
        assert kept(SPEC, KEY) is None


def test_a_full_disk_is_a_warning_and_leaves_nothing(data, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deplib.paths.os.replace", full)
    with pytest.warns(UserWarning, match=r"No space left.*weights of Temp.*train again"):
        keep(SPEC, KEY, WEIGHTS)
    assert not list(_weights_path(SPEC).parent.iterdir())


def test_the_weights_of_the_first_seed_are_kept_others_trained_once(windows, monkeypatch):
    result = study.run(SPEC, windows, "a", protocol=PROTOCOL)
    other = RunSpec("TemporalMeanMLP", seed=3)
    expected = study.run(other, windows, "b", protocol=PROTOCOL).predictions["y_hat"]
    assert kept(other, "b") is None
    first = trained(other, windows, "b", protocol=PROTOCOL)
    np.testing.assert_allclose(predict(first, windows), expected, atol=SAME)
    monkeypatch.setattr(runs, "_fit", lambda *a, **kw: pytest.fail("trained again"))
    again = trained(other, windows, "b", protocol=PROTOCOL)
    np.testing.assert_allclose(predict(again, windows), expected, atol=SAME)
    model = trained(SPEC, windows, "a", protocol=PROTOCOL)
    assert not model.training
    np.testing.assert_allclose(predict(model, windows), result.predictions["y_hat"], atol=SAME)


def test_what_is_no_model_of_its_own_is_refused(windows):
    with pytest.raises(ModelError, match="RidgeMean is a baseline and has no weights"):
        trained(RunSpec("RidgeMean"), windows, "key", protocol=PROTOCOL)
    with pytest.raises(ModelError, match="by the recipe 'bags' its answer is not the model's"):
        trained(RunSpec("TemporalMeanMLP", recipe="bags"), windows, "key", protocol=PROTOCOL)
    with pytest.raises(ModelError, match="is not trained but made from the run in float32"):
        study.run(RunSpec("LDBM", precision="int8"), windows, "key", protocol=PROTOCOL)


@pytest.mark.parametrize("model", ["RidgeMean", "RidgeMeanSD", "MiniRocket"])
def test_a_baseline_predicts_a_recording_as_one_window(windows, model):
    if model == "MiniRocket":
        pytest.importorskip("sktime")
    result = study.run(RunSpec(model), windows, "key")
    assert set(result.predictions["window"]) == {0}
    assert result.predictions["recording"].tolist() == windows.index["recording"].unique().tolist()
    labels = result.predictions["y"] * result.label_std + result.label_mean
    bdi = windows.index.groupby("recording", sort=False)["bdi"].first()
    np.testing.assert_allclose(labels, bdi)
    assert result.chosen_by == "dev_mae"
