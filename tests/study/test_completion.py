"""The grid on a cohort of a few frames: what is kept, what is computed again, what is refused."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_world
from deplib.study.pooled import POOLED
from small_world import COHORT, PROTOCOL, complete, key_of

from deplib import study
from deplib.errors import EncoderError, ModelError, ResultError
from deplib.extraction import OnnxEncoder
from deplib.results import Result, RunSpec
from deplib.streams import ENCODED, parse
from deplib.study.signature import SIGNATURE

SPECS = [
    RunSpec("TemporalMeanMLP"),
    RunSpec("RidgeMean"),
    RunSpec("RidgeMean", labels="permuted"),
    RunSpec("TemporalMeanMLP", lost=0.5, fill="zeros"),
]

pytestmark = pytest.mark.usefixtures("data")


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def computed(monkeypatch):
    """The runs that are computed from now on."""
    seen, real = [], study.completion.in_parallel

    def in_parallel(specs, *args, **options):
        seen.extend(specs)
        return real(specs, *args, **options)

    monkeypatch.setattr(study.completion, "in_parallel", in_parallel)
    return seen


def test_the_grid_is_completed_once_and_then_read(tmp_path, computed):
    first = complete(SPECS, tmp_path / "results")
    assert [result.spec for result in first] == SPECS
    splits = first[0].predictions.drop_duplicates("recording")["split"].value_counts()
    assert splits.to_dict() == {"train": 3, "dev": 3, "test": 3}
    computed.clear()
    again = complete(SPECS, tmp_path / "results")
    assert computed == []
    for one, two in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one.predictions.round(6), two.predictions)


def test_what_a_run_saw_of_its_world_shows_in_its_result(tmp_path):
    plain, _, permuted, lost = complete(SPECS, tmp_path / "results")
    labels = [r.predictions.groupby("recording")["y"].first() for r in (plain, permuted, lost)]
    assert not np.allclose(labels[0], labels[1])
    np.testing.assert_allclose(sorted(labels[0]), sorted(labels[1]))
    assert labels[0].equals(labels[2])
    assert not plain.predictions["y_hat"].equals(lost.predictions["y_hat"])


def test_a_run_on_the_disjoint_split_stands_beside_the_official_one(tmp_path, computed):
    specs = [RunSpec("RidgeMean"), RunSpec("RidgeMean", split="disjoint")]
    official, disjoint = complete(specs, tmp_path)
    assert disjoint.spec == specs[1]
    persons = disjoint.predictions.groupby("person")["split"].nunique()
    assert persons.max() == 1
    assert official.label_mean != disjoint.label_mean
    computed.clear()
    assert [r.spec for r in complete(specs, tmp_path)] == specs
    assert computed == []


def test_pooled_features_are_kept_where_asked_for(tmp_path, computed):
    complete(SPECS[1:2], tmp_path)
    path = tmp_path / "default" / POOLED
    assert not path.exists()
    computed.clear()
    complete(SPECS[1:2], tmp_path, pooled=True)
    assert computed == []
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    complete(SPECS[1:2], tmp_path, pooled=True)
    assert path.read_bytes() == whole


def test_a_missing_or_damaged_result_is_computed_again_and_equal(tmp_path, computed):
    complete(SPECS, tmp_path)
    before = content(tmp_path)
    (tmp_path / SPECS[0].path).write_bytes(before[SPECS[0].path][:200])
    (tmp_path / SPECS[1].path).unlink()
    computed.clear()
    complete(SPECS, tmp_path)
    assert set(computed) == set(SPECS[:2])
    assert content(tmp_path) == before


@pytest.mark.parametrize("change", [{"key": "0" * 64}, {"format": 99}, {"spec": {"modl": "LDBM"}}])
def test_a_result_of_another_version_is_computed_again(tmp_path, computed, change):
    (result,) = complete(SPECS[:1], tmp_path)
    path = tmp_path / SPECS[0].path
    before = path.read_bytes()
    path.write_text(json.dumps(json.loads(before) | {"epoch": 99} | change), encoding="utf-8")
    with pytest.raises(ResultError, match=r"stale|no whole result"):
        Result.load(path, key=result.key)
    computed.clear()
    complete(SPECS[:1], tmp_path)
    assert computed == SPECS[:1]
    assert path.read_bytes() == before


def test_published_refuses_a_result_of_another_version(tmp_path, monkeypatch):
    monkeypatch.setattr(study.completion, "results_dir", lambda: tmp_path)
    monkeypatch.setattr(study.completion, "open_cohort", COHORT)
    complete(SPECS[1:3], tmp_path, protocol=None)  # of the protocol that is published
    assert [r.spec for r in study.published(SPECS[1:3])] == SPECS[1:3]
    assert [r.spec for r in study.available(SPECS)] == SPECS[1:3]
    with pytest.raises(ResultError, match="does not exist"):
        study.published(SPECS)
    complete(SPECS[1:2], tmp_path)  # of another
    with pytest.raises(ResultError, match=r"RidgeMean-seed0\.json is stale"):
        study.available(SPECS)


@pytest.mark.parametrize("moment", ["epoch", "write"])
def test_killed_in_the_middle_it_ends_with_the_same_bytes(data, tmp_path, monkeypatch, moment):
    """The second process goes on after the epoch whose checkpoint is whole."""
    spec = RunSpec("LDBM")
    complete([spec], tmp_path / "whole")
    checkpoint = data / "checkpoints" / spec.path.with_suffix(".safetensors")
    assert not checkpoint.exists()
    folder = tmp_path / "killed"
    killed = subprocess.run(
        [sys.executable, small_world.__file__, moment, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert checkpoint.exists()
    assert not (folder / spec.path).exists()
    epochs = []
    monkeypatch.setattr(
        "deplib.training.loop.check_loss", lambda loss, name, seed, epoch: epochs.append(epoch)
    )
    complete([spec], folder)
    assert epochs == [3, 4]
    assert (folder / spec.path).read_bytes() == (tmp_path / "whole" / spec.path).read_bytes()
    assert not checkpoint.exists()


def test_an_interrupted_run_directory_is_completed(data, tmp_path):
    """Half a result, a partial file, and a checkpoint in pieces."""
    spec = RunSpec("LDBM")
    complete([spec, SPECS[1]], tmp_path / "whole")
    folder = tmp_path / "results"
    complete([SPECS[1]], folder)
    path = folder / spec.path
    path.write_bytes((tmp_path / "whole" / spec.path).read_bytes()[:300])
    path.with_name(f".{path.name}.1.partial").write_bytes(b"{")
    checkpoint = data / "checkpoints" / spec.path.with_suffix(".safetensors")
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"half")
    with pytest.warns(UserWarning, match="cannot resume from"):
        complete([spec, SPECS[1]], folder)
    assert path.read_bytes() == (tmp_path / "whole" / spec.path).read_bytes()


def test_a_full_disk_keeps_what_is_finished(tmp_path, monkeypatch, computed):
    folder, real = tmp_path / "results", Path.replace

    def replace_(self, target):
        if Path(target) == folder / SPECS[2].path:
            raise OSError(28, "No space left on device")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_)
        with pytest.raises(ResultError, match=r"No space left.*finished results are kept"):
            complete(SPECS[:3], folder)
    assert set(content(folder)) == {*(s.path for s in SPECS[:2]), Path("default") / SIGNATURE}
    computed.clear()
    complete(SPECS[:3], folder)
    assert computed == [SPECS[2]]


def test_a_run_that_fails_keeps_those_before_it(tmp_path, monkeypatch):
    def fail(*args, **options):
        raise ModelError("no training today")

    monkeypatch.setattr("deplib.study.runs.train", fail)
    with pytest.raises(ModelError, match="no training today"):
        complete([*SPECS[1:3], RunSpec("LDBM")], tmp_path)
    assert (tmp_path / SPECS[1].path).exists()
    assert not (tmp_path / RunSpec("LDBM").path).exists()


def other_features(tmp_path, monkeypatch):
    """The same cohort by name and fingerprint, but every frame is a mirror image."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "elsewhere"))
    cohort = COHORT()
    real = cohort.frames
    monkeypatch.setattr(cohort, "frames", lambda *args, **kw: real(*args, **kw)[:, :, ::-1].copy())
    return {"default": cohort}


def test_results_of_other_features_are_computed_again(tmp_path, monkeypatch, computed):
    """Also after an interruption, and where only another run was asked for first."""
    folder = tmp_path / "results"
    complete(SPECS[:2], folder)
    before = content(folder)
    mirrored = other_features(tmp_path, monkeypatch)
    complete([SPECS[2]], folder, cohorts=mirrored)
    computed.clear()
    complete(SPECS[:2], folder, cohorts=mirrored)
    assert set(computed) == set(SPECS[:2])
    after = content(folder)
    assert all(before[spec.path] != after[spec.path] for spec in SPECS[:2])
    assert json.loads(after[SPECS[0].path])["key"] == json.loads(before[SPECS[0].path])["key"]


def test_a_build_refuses_features_that_are_not_those_of_the_results(tmp_path, monkeypatch):
    complete(SPECS[:1], tmp_path / "results")
    complete(SPECS[:1], tmp_path / "live", against=tmp_path / "results")
    mirrored = other_features(tmp_path, monkeypatch)
    with pytest.raises(ResultError, match="the features of the default cohort are not those"):
        complete(SPECS[:1], tmp_path / "live2", cohorts=mirrored, against=tmp_path / "results")
    assert not (tmp_path / "live2").exists()


def test_features_are_verified_before_anything_is_trained(tmp_path, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise ResultError("verified")

    monkeypatch.setattr(study.features, "verify", refuse)
    with pytest.raises(ResultError, match="verified"):
        complete(SPECS[:1], tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_an_encoder_of_another_width_is_refused(tiny_onnx, tmp_path):
    with pytest.raises(EncoderError, match="gives 8 numbers a frame"):
        complete(SPECS[:1], tmp_path / "results", encoder=OnnxEncoder(tiny_onnx))


def test_the_key_is_that_of_the_protocol_in_use(tmp_path):
    (result,) = complete(SPECS[:1], tmp_path)
    assert result.key == key_of(SPECS[0])
    assert len(result.history) <= PROTOCOL.epochs
    (longer,) = complete(SPECS[:1], tmp_path, protocol=replace(PROTOCOL, epochs=5))
    assert longer.key != result.key


def test_published_results_are_those_of_the_present_code():
    results = study.published(study.sweep_specs())
    for world in study.WORLDS:
        found = {r.spec.model for r in results if r.spec.world == world}
        assert found >= {*study.VARIED, *study.BASELINES}
    for result in results:
        counts = result.predictions.drop_duplicates("recording")["split"].value_counts()
        embedded = set(parse(result.spec.features)) & set(ENCODED)
        n = 50 if embedded else round(50 * (1 - result.spec.missing))
        assert counts.to_dict() == {"train": n, "dev": n, "test": n}
