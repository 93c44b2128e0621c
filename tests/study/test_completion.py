"""The grid on a cohort of a few frames: what is kept, what is computed again, what is refused."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
import small_world
from small_world import COHORT, PROTOCOL, complete

from deplib import results, study
from deplib.errors import CohortError, ResultError
from deplib.extraction import embedded_encoder
from deplib.results import RunSpec
from deplib.study import completion

SPECS = [RunSpec("TemporalMeanMLP"), RunSpec("RidgeMean"), RunSpec("RidgeMean", labels="permuted"),
         RunSpec("TemporalMeanMLP", lost=0.5, fill="zeros")]  # fmt: skip
LDBM = RunSpec("LDBM")
SOME = [LDBM, SPECS[1]]

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture
def computed(monkeypatch):
    """The runs that are computed from now on."""
    seen, real = [], completion.in_parallel

    def in_parallel(specs, *args, **options):
        seen.extend(specs)
        return real(specs, *args, **options)

    monkeypatch.setattr(completion, "in_parallel", in_parallel)
    return seen


def tables(root):
    return {
        name: results._read("default", root)[name].sort_values(results.SPEC).to_csv()
        for name in results.TABLES
    }


def test_the_grid_is_completed_once_and_then_read(data, tmp_path, computed):
    first = complete(SPECS, tmp_path / "results")
    assert [result.spec for result in first] == SPECS
    splits = first[0].predictions.drop_duplicates("recording")["split"].value_counts()
    assert splits.to_dict() == {"train": 3, "dev": 3, "test": 3}
    assert not list((data / "parts").rglob("*.parquet"))  # merged
    computed.clear()
    again = complete(SPECS, tmp_path / "results")
    assert computed == []
    for one, two in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one.predictions, two.predictions)
        assert (one.key, one.digest) == (two.key, two.digest)
    assert len(results.load("default", root=tmp_path / "results", model="RidgeMean")) == 18


def test_a_stale_or_edited_row_is_computed_again_and_equal(tmp_path, computed):
    complete(SPECS, tmp_path)
    before = tables(tmp_path)
    found = results._read("default", tmp_path)
    table, rows = found["predictions"], found["runs"]
    table.loc[table["labels"] == "permuted", "y_hat"] += 1.0
    table.to_parquet(tmp_path / "default" / "predictions.parquet", index=False)
    rows.loc[rows["lost"] > 0, "key"] = "0" * 64
    rows.to_parquet(tmp_path / "default" / "runs.parquet", index=False)
    with pytest.raises(ResultError, match=r"not whole.*RidgeMean.*permuted.*make sweep"):
        results.runs("default", root=tmp_path)
    computed.clear()
    complete(SPECS, tmp_path)
    assert set(computed) == {SPECS[2], SPECS[3]}
    assert tables(tmp_path) == before


@pytest.mark.parametrize("moment", ["epoch", "1", "3", "4", "5", "6"])
def test_killed_at_any_moment_it_ends_with_the_same_tables(data, tmp_path, monkeypatch, moment):
    """In an epoch, or before some of the tables of the part, or of the world, are written."""
    complete([RunSpec("RidgeMean")], tmp_path / "killed")
    command = [sys.executable, small_world.__file__, moment, str(tmp_path / "killed")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    checkpoint = data / "checkpoints" / "default" / f"{LDBM.name}.safetensors"
    epochs = []
    monkeypatch.setattr("deplib.training.loop.check_loss", lambda *run: epochs.append(run[-1]))
    if moment == "epoch":
        assert checkpoint.exists()
    complete(SOME, tmp_path / "killed")
    assert epochs == ([3, 4] if moment == "epoch" else [1, 2, 3, 4] if moment < "4" else [])
    assert not checkpoint.exists()
    complete(SOME, tmp_path / "whole")
    assert tables(tmp_path / "killed") == tables(tmp_path / "whole")


def test_a_full_disk_keeps_what_is_finished(tmp_path, monkeypatch, computed):
    real = results.write_atomically

    def full(path, content):
        if "permuted" in path.parent.name:
            raise OSError(28, "No space left on device")
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(results, "write_atomically", full)
        with pytest.raises(ResultError, match=r"No space left.*finished runs are kept"):
            complete(SPECS[:3], tmp_path)
    computed.clear()
    complete(SPECS[:3], tmp_path)
    assert computed == [SPECS[2]]


def mirrored(monkeypatch, tmp_path):
    """The same cohort by name and fingerprint, but every frame is a mirror image."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "elsewhere"))
    real = (cohort := COHORT()).frames
    monkeypatch.setattr(cohort, "frames", lambda *args, **kw: real(*args, **kw)[:, :, ::-1].copy())
    return cohort


def test_versioned_results_of_other_features_are_computed_again(
    versioned, tmp_path, monkeypatch, computed
):
    first = complete(SPECS[:2])
    written = {path.name for path in (versioned / "default").iterdir()}
    assert {"features.json", "pooled.safetensors"} <= written
    computed.clear()
    complete(SPECS[:2])
    assert computed == []
    assert first[0].key == small_world.inputs().key(SPECS[0])  # so `deplib train` finds it
    # Another run is asked for when the features change: then these are stale, too.
    other = mirrored(monkeypatch, tmp_path)
    complete([SPECS[2]], cohort=other)
    computed.clear()
    second = complete(SPECS[:2], cohort=other)
    assert set(computed) == set(SPECS[:2])
    assert {r.key for r in first}.isdisjoint(r.key for r in second)


def test_prepare_refuses_features_that_are_not_those_of_the_results(
    versioned, tmp_path, monkeypatch
):
    monkeypatch.setattr(completion, "open_cohort", lambda world: COHORT())
    study.prepare(jobs=1)
    study.complete([replace(SPECS[0], world="small")], protocol=PROTOCOL, jobs=1)
    study.prepare(jobs=1)
    cohort = mirrored(monkeypatch, tmp_path)
    monkeypatch.setattr(completion, "open_cohort", lambda world: cohort)
    with pytest.raises(ResultError, match="the features of the small cohort are not those"):
        study.prepare(jobs=1)


def test_what_other_frames_gave_is_said_when_it_is_replaced(tmp_path, monkeypatch):
    complete(SPECS[:2], tmp_path)
    other = mirrored(monkeypatch, tmp_path)
    assert small_world.inputs(cohort=other).world == small_world.inputs().world  # as it claims
    with pytest.warns(UserWarning, match="are replaced: true-RidgeMean-0$"):
        complete(SPECS[1:2], tmp_path, cohort=other)


def test_a_test_split_of_one_person_is_refused_before_any_training(tmp_path):
    rows = (cohort := COHORT()).recordings
    rows.loc[rows["split"] == "test", "person"] = rows["person"].iloc[-1]
    with pytest.raises(CohortError, match=r"\(official split\) shows one person"):
        complete(SPECS[:1], tmp_path, cohort=cohort)


def test_results_are_called_by_all_that_tells_their_inputs_apart():
    inputs, cohort = small_world.inputs(), COHORT()
    cohort.recordings = cohort.recordings.assign(bdi=cohort.recordings["bdi"] + 1)
    others = [
        replace(inputs, limits=study.MissLimits(0.06)),
        replace(inputs, protocol=replace(PROTOCOL, epochs=5)),
        replace(inputs, encoder=embedded_encoder(flip=True)),
        small_world.inputs(cohort=cohort),
    ]
    names = {one.world for one in (inputs, small_world.inputs(), *others)}
    assert len(names) == 5
    assert all(name.startswith("simulated/default-") for name in names)
    keys = {one.key(RunSpec("RidgeMean", world=one.world)) for one in (inputs, *others)}
    assert len(keys) == 5


@pytest.mark.parametrize("how", ["processes", "dask"])
def test_workers_give_what_one_process_gives(data, tmp_path, monkeypatch, how):
    complete(SOME, tmp_path / "alone")
    monkeypatch.setattr(completion, "run", lambda *a, **kw: pytest.fail("done here"))
    if how == "processes":
        complete(SOME, tmp_path / "two", jobs=2)
    else:
        distributed = pytest.importorskip("distributed")
        given = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
        with distributed.LocalCluster(n_workers=2, **given) as cluster:
            complete(SOME, tmp_path / "two", scheduler=cluster.scheduler_address)
    assert tables(tmp_path / "two") == tables(tmp_path / "alone")


def test_a_worker_of_another_version_is_refused():
    with pytest.raises(ResultError, match=r"another version of deplib.*LDBM-0"):
        completion._one((None, None), LDBM, "key", "another source", PROTOCOL)


NO_DASK = [
    ("", r"install deplib\[sweep\]"),
    ("127.0.0.1:nonsense", r"at '127\.0\.0\.1:nonsense' \(.*'nonsense'\): start 'dask sched"),
    ("tcp://127.0.0.1:9", "no dask scheduler with workers answers"),
]


@pytest.mark.parametrize(("address", "message"), NO_DASK)
def test_dask_that_is_not_there_is_named_before_any_work(tmp_path, monkeypatch, address, message):
    monkeypatch.setattr(completion, "_ANSWER", 1)
    monkeypatch.setattr(study.Inputs, "windows", lambda *_: pytest.fail("too early"))
    if not address:
        monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ResultError, match=message):
        complete(SPECS[:1], tmp_path, scheduler=address or "tcp://127.0.0.1:1")
