"""Result files: what is written is read back, and nothing stale or broken is used."""

import json
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from deplib.errors import ResultError
from deplib.results import ADDED, Result, RunSpec


@pytest.fixture
def result() -> Result:
    rng = np.random.default_rng(0)
    recordings = [f"{k:03d}_1" for k in range(12)]
    predictions = pd.DataFrame(
        {
            "recording": np.repeat(recordings, 2),
            "person": np.repeat([r[:3] for r in recordings], 2),
            "split": np.repeat(["train", "dev", "test"], 8),
            "window": np.tile([0, 1], 12),
            "y": np.repeat(rng.standard_normal(12), 2).round(6),
            "y_hat": rng.standard_normal(24).round(6),
        }
    )
    history = pd.DataFrame({"epoch": [1.0, 2.0], "dev_mae": [9.5, 9.25], "dev_pcc": [np.nan, 0.1]})
    return Result(RunSpec("LDBM"), "ab" * 32, predictions, history, 2, "dev_mae", 15.0, 12.0, 99)


def test_a_result_is_read_back_as_it_was_written(tmp_path, result):
    path = tmp_path / result.spec.path
    result.save(path)
    loaded = Result.load(path, key=result.key)
    pd.testing.assert_frame_equal(loaded.predictions, result.predictions)
    pd.testing.assert_frame_equal(loaded.history, result.history)
    assert loaded.spec == result.spec
    assert (loaded.epoch, loaded.chosen_by, loaded.n_parameters) == (2, "dev_mae", 99)
    assert not list(path.parent.glob("*.partial"))


def test_a_field_that_came_later_is_written_only_where_it_is_set(tmp_path, result):
    """Files and keys from before the field stay as they are."""
    before = {"model", "seed", "world", "labels", "lost", "fill"}
    path = tmp_path / "r.json"
    result.save(path)
    assert set(json.loads(path.read_text())["spec"]) == before
    assert Result.load(path).spec == RunSpec("LDBM", split="official")
    disjoint = replace(result, spec=RunSpec("LDBM", split="disjoint"))
    disjoint.save(path)
    assert json.loads(path.read_text())["spec"]["split"] == "disjoint"
    assert Result.load(path).spec == disjoint.spec
    assert {f.name for f in fields(RunSpec)} - set(ADDED) == before


def test_runs_on_another_split_have_files_of_their_own():
    specs = [
        RunSpec("LDBM", labels=labels, lost=lost, split=split)
        for labels in ("true", "permuted")
        for lost in (0.0, 0.5)
        for split in ("official", "disjoint")
    ]
    assert len({spec.path for spec in specs}) == len(specs)
    assert specs[0].path.as_posix() == "default/true/LDBM-seed0.json"
    assert specs[1].path.as_posix() == "default/true-disjoint/LDBM-seed0.json"


def test_a_result_of_other_code_is_refused(tmp_path, result):
    result.save(tmp_path / "r.json")
    with pytest.raises(ResultError, match=r"stale.*make sweep"):
        Result.load(tmp_path / "r.json", key="cd" * 32)


def test_a_missing_result_says_how_to_make_it(tmp_path):
    with pytest.raises(ResultError, match="does not exist; make it with `make sweep`"):
        Result.load(tmp_path / "none.json")


@pytest.mark.parametrize("damage", ["truncate", "no key", "other format", "not json"])
def test_a_broken_result_is_refused(tmp_path, result, damage):
    path = tmp_path / "r.json"
    result.save(path)
    content = json.loads(path.read_text())
    if damage == "truncate":
        path.write_text(path.read_text()[:-100])
    elif damage == "not json":
        path.write_text("<html>")
    elif damage == "no key":
        path.write_text(json.dumps({k: v for k, v in content.items() if k != "key"}))
    else:
        path.write_text(json.dumps(content | {"format": 99}))
    with pytest.raises(ResultError, match="no whole result file"):
        Result.load(path)


def test_a_full_disk_leaves_the_old_result(tmp_path, result, monkeypatch):
    path = tmp_path / "r.json"
    result.save(path)
    before = path.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deplib.results.os.fsync", full)
    with pytest.raises(ResultError, match="No space left"):
        replace(result, epoch=1).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]
