"""Kept weights: whole, of the right run, or none at all."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from deplib.study.weights import keep, kept, weights_path
from small_world import COHORT, PROTOCOL

from deplib import study
from deplib.errors import ModelError
from deplib.extraction import embedded_encoder
from deplib.models import build
from deplib.results import RunSpec
from deplib.study import runs
from deplib.training import predict

SPEC, KEY = RunSpec("TemporalMeanMLP"), "a" * 64
WEIGHTS = build("TemporalMeanMLP", seed=0).state_dict()


@pytest.fixture
def windows(data):
    store, recordings = study.prepare_features(
        COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1
    )
    return study.load_windows(recordings, store, SPEC, protocol=PROTOCOL)


@pytest.fixture
def path(data) -> Path:
    """File of weights that were just kept."""
    keep(SPEC, KEY, WEIGHTS)
    return weights_path(SPEC)


@pytest.fixture
def untrainable(monkeypatch):
    """From its call on, nothing can be trained."""

    def refuse(*args, **options):
        raise AssertionError("trained again")

    def now():
        for name in ("train", "train_by", "train_together"):
            monkeypatch.setattr(runs, name, refuse)

    return now


def test_what_is_kept_comes_back(path, data):
    assert path == data / "weights" / "default" / "true" / "TemporalMeanMLP-seed0.safetensors"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    found = kept(SPEC, KEY)
    assert found is not None
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)
    before = path.read_bytes()
    keep(SPEC, KEY, dict(reversed(WEIGHTS.items())))
    assert path.read_bytes() == before


def test_weights_of_another_run_are_none(path):
    assert kept(SPEC, "b" * 64) is None
    assert kept(RunSpec("TemporalMeanMLP", seed=1), KEY) is None
    assert kept(RunSpec("TemporalMeanMLP", split="disjoint"), KEY) is None


def flipped(whole: bytes) -> bytes:
    return whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-100],
        lambda whole: whole[:20],
        lambda whole: b"",
        flipped,
        lambda whole: whole.replace(b"sha256", b"sha257"),
        lambda whole: pickle.dumps(print),
    ],
    ids=["end", "header", "empty", "bit", "metadata", "pickle"],
)
def test_a_damaged_file_is_none(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    assert kept(SPEC, KEY) is None
    keep(SPEC, KEY, WEIGHTS)
    assert kept(SPEC, KEY) is not None


def test_a_full_disk_is_a_warning_and_leaves_nothing(data, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.warns(UserWarning, match="cannot keep the weights of Temp.*No space left"):
            keep(SPEC, KEY, WEIGHTS)
    assert kept(SPEC, KEY) is None
    assert not list(weights_path(SPEC).parent.iterdir())


@pytest.mark.parametrize("together", [False, True])
def test_a_run_keeps_the_weights_of_the_first_seed(windows, together, untrainable):
    specs = [RunSpec("TemporalMeanMLP", seed=seed) for seed in (1, 0)]
    keys = ["b", "a"]
    if together:
        results = runs.run_together(specs, windows, keys, protocol=PROTOCOL)
    else:
        results = [
            study.run(spec, windows, key, protocol=PROTOCOL)
            for spec, key in zip(specs, keys, strict=True)
        ]
    assert kept(specs[0], "b") is None
    untrainable()
    model = runs.trained(specs[1], windows, "a", protocol=PROTOCOL)
    assert not model.training
    np.testing.assert_array_equal(predict(model, windows), results[1].predictions["y_hat"])


def test_weights_that_are_not_there_are_trained_once(windows, untrainable):
    spec = RunSpec("TemporalMeanMLP", seed=3)
    first = runs.trained(spec, windows, "key", protocol=PROTOCOL)
    expected = study.run(spec, windows, "key", protocol=PROTOCOL).predictions["y_hat"]
    np.testing.assert_array_equal(predict(first, windows), expected)
    untrainable()
    again = runs.trained(spec, windows, "key", protocol=PROTOCOL)
    np.testing.assert_array_equal(predict(again, windows), expected)
    with pytest.raises(AssertionError, match="trained again"):
        runs.trained(spec, windows, "another key", protocol=PROTOCOL)


def test_what_is_no_model_of_its_own_is_refused(windows):
    with pytest.raises(ModelError, match="RidgeMean is a baseline and has no weights"):
        runs.trained(RunSpec("RidgeMean"), windows, "key", protocol=PROTOCOL)
    with pytest.raises(ModelError, match="by the recipe 'bags' its answer is not the model's"):
        runs.trained(RunSpec("TemporalMeanMLP", recipe="bags"), windows, "key", protocol=PROTOCOL)


@pytest.mark.parametrize("model", ["TemporalMeanMLP", "RidgeMean"])
def test_nothing_is_trained_in_8_bits(windows, model):
    spec = RunSpec(model, precision="int8")
    with pytest.raises(ModelError, match="is not trained but made from the run in float32"):
        study.run(spec, windows, "key", protocol=PROTOCOL)
    with pytest.raises(ModelError, match="is not trained but made"):
        runs.run_together([spec], windows, ["key"], protocol=PROTOCOL)
