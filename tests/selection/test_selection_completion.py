"""The whole way, with a surrogate that needs no rendering and trainings of a few epochs."""

import numpy as np
import pandas as pd
import pytest
from small import PROTOCOL, SURROGATE

from deplib.selection import calibration, completion, record
from deplib.selection.cohorts import draw
from deplib.selection.courses import courses


def short(scenario, index, surrogate):
    cohort = draw(scenario, index, surrogate, protocol=PROTOCOL, n_recordings=30)
    return courses(cohort, seed=index, protocol=PROTOCOL)


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A data folder of its own, workers in this process, and a count of the cohorts trained."""
    trained = []

    def counted(scenario, index, surrogate):
        trained.append((scenario, index))
        return short(scenario, index, surrogate)

    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(completion, "cohort_courses", counted)
    monkeypatch.setattr(completion, "BLOCK", 2)
    monkeypatch.setattr(calibration, "calibrate", lambda jobs: SURROGATE.as_stored())
    return trained


def run(folder, **options):
    rows = pd.DataFrame({"measure": ["m"], "rendered": [1.0]})
    return completion.complete(
        ("null", "default"), folder=folder, n_cohorts=4, jobs=1, validate=lambda s: rows, **options
    )


def test_it_computes_what_is_missing_and_keeps_what_holds(world, tmp_path):
    first = run(tmp_path / "results")
    assert len(world) == 8
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "surrogate.json",
        "null.json",
        "default.json",
    }
    again = run(tmp_path / "results")
    assert len(world) == 8
    for name, one in again.items():
        for rule, rows in one.rules.items():
            np.testing.assert_allclose(rows, first[name].rules[rule], atol=6e-4)
    (tmp_path / "results" / "null.json").write_text("{}")
    run(tmp_path / "results")
    assert len(world) == 8  # written again from its blocks


def test_an_interrupted_call_goes_on_where_it_stopped(world, tmp_path, monkeypatch):
    counted = completion.cohort_courses

    def interrupted(scenario, index, surrogate):
        if len(world) == 5:
            raise KeyboardInterrupt
        return counted(scenario, index, surrogate)

    monkeypatch.setattr(completion, "cohort_courses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "results")
    assert not (tmp_path / "results" / "null.json").exists()
    monkeypatch.setattr(completion, "cohort_courses", counted)
    run(tmp_path / "results")
    assert len(world) == 5 + 4  # the block that broke off is done again, no other
    assert len(set(world)) == 8


def test_a_torn_block_is_computed_again(world, tmp_path):
    run(tmp_path / "results")
    block = next((tmp_path / "data").rglob("null-0-2.npz"))
    block.write_bytes(block.read_bytes()[:100])
    (tmp_path / "results" / "null.json").unlink()
    run(tmp_path / "results")
    assert world[8:] == [("null", 0), ("null", 1)]


def test_a_block_gives_back_what_was_trained(world, tmp_path):
    path = tmp_path / "block.npz"
    completion._block("default", range(2), SURROGATE, path)
    for k, one in enumerate(completion._read(path)):
        fresh = short("default", k, SURROGATE)
        np.testing.assert_array_equal(one.inner_mae, fresh.inner_mae)
        assert one.constant == fresh.constant
        for name, array in fresh.scores.items():
            np.testing.assert_array_equal(one.scores[name], array)


def test_other_code_makes_other_files(world, tmp_path, monkeypatch):
    run(tmp_path / "results")
    source = record._source
    monkeypatch.setattr(record, "_source", lambda m: f"changed {source(m)}")
    run(tmp_path / "results")
    assert len(world) == 16
