"""Processes, and a dask cluster: the same results as one after the other."""

import shutil
import sys

import pytest
from small_world import PROTOCOL, complete

from deplib import study
from deplib.errors import ResultError
from deplib.results import RunSpec
from deplib.study import parallel

SPECS = [
    RunSpec("LDBM"),
    RunSpec("TemporalMeanMLP", seed=1),
    RunSpec("TemporalMeanMLP"),
    RunSpec("RidgeMean"),
    RunSpec("AttentionMIL"),
]


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.json")}


def test_seeds_that_train_together_are_one_job_and_slow_models_start_first():
    specs = study.grid_specs("default", (0, 1))
    jobs = parallel.jobs_of(specs)
    assert sorted(s.path for job in jobs for s in job) == sorted(s.path for s in specs)
    assert jobs[0] == [RunSpec("TemporalMeanMLP"), RunSpec("TemporalMeanMLP", seed=1)]
    assert all(len(job) == 1 for job in jobs[1:])
    seeds = [job[0].seed for job in jobs[1:]]
    assert seeds == sorted(seeds)
    first, second = ([job[0].model for job in jobs[1:] if job[0].seed == seed] for seed in (0, 1))
    assert first[:4] == second[:4] == ["VanillaTransformer", "Mamba", "MambaGRU", "LDBM-patch4"]


@pytest.fixture
def elsewhere(monkeypatch):
    """Call it, and no run is done in this process from then on."""

    def refuse():
        for name in ("run", "run_together"):
            monkeypatch.setattr(parallel, name, lambda *a, **kw: pytest.fail("done here"))

    return refuse


@pytest.fixture(scope="module")
def alone(extracted, tmp_path_factory):
    """What one process makes, one run after the other."""
    data, folder = tmp_path_factory.mktemp("data") / "data", tmp_path_factory.mktemp("alone")
    shutil.copytree(extracted, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLIB_DATA", str(data))
        complete(SPECS, folder)
    return content(folder)


def test_processes_give_what_one_process_gives(data, tmp_path, elsewhere, alone):
    elsewhere()
    complete(SPECS, tmp_path / "two", jobs=2)
    assert content(tmp_path / "two") == alone


def test_a_dask_cluster_gives_what_one_process_gives(data, tmp_path, elsewhere, alone):
    distributed = pytest.importorskip("distributed")
    elsewhere()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        complete(SPECS, tmp_path / "dask", scheduler=cluster.scheduler_address)
    assert content(tmp_path / "dask") == alone


def test_a_worker_of_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(parallel, "_sources", lambda specs: ["theirs"] * len(specs))
    with pytest.raises(ResultError, match=r"another version of deplib.*LDBM-seed0\.json"):
        parallel._one_job(SPECS[:1], None, ["key"], ["ours"], PROTOCOL)


def test_dask_that_is_not_installed_is_named(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ResultError, match=r"install deplib\[sweep\]"):
        complete(SPECS[:1], tmp_path, scheduler="tcp://127.0.0.1:1")
