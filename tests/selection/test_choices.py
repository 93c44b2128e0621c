"""The whole way, with a surrogate that needs no rendering and trainings of a few epochs."""

import numpy as np
import pytest
from small import PROTOCOL, SURROGATE

from deplib import results
from deplib.errors import ResultError
from deplib.selection import SETTINGS, Surrogate, calibration, courses, draw, load
from deplib.selection import choices as module
from deplib.selection.rules import RULES, SCORES, stopped

SAME_TRAINING = 0.05
"""BDI-II points by which an MAE may differ on another processor."""


def short(scenario, index, surrogate):
    cohort = draw(scenario, index, surrogate, protocol=PROTOCOL, n_recordings=30)
    return courses(cohort, seed=index, protocol=PROTOCOL, settings=SETTINGS[1:3], n_seeds=1)


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """A data folder of its own, workers in this process, and a count of the cohorts trained."""
    trained = []

    def counted(scenario, index, surrogate):
        trained.append((scenario, index))
        return short(scenario, index, surrogate)

    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(module, "cohort_courses", counted)
    monkeypatch.setattr(module, "BLOCK", 2)
    monkeypatch.setattr(calibration, "calibrate", lambda jobs: SURROGATE)
    return trained


def run(folder, **options):
    return module.complete(("null", "default"), folder=folder, n_cohorts=4, jobs=1, **options)


def test_it_computes_what_is_missing_and_keeps_what_holds(trained, tmp_path):
    first = run(tmp_path)
    assert len(trained) == 8
    assert len(first) == 2 * 4 * len(RULES)
    assert first["scenario"].unique().tolist() == ["null", "default"]
    assert run(tmp_path).equals(first)
    assert len(load("growth", folder=tmp_path)) == 2 * 4 * 2
    assert len(load("courses", folder=tmp_path)) == 2 * 2 * PROTOCOL.epochs
    (tmp_path / "choices.parquet").unlink()
    assert run(tmp_path).equals(first)
    assert len(trained) == 8  # written again from its blocks


def test_an_interrupted_call_goes_on_where_it_stopped(trained, tmp_path, monkeypatch):
    counted = module.cohort_courses

    def interrupted(scenario, index, surrogate):
        if len(trained) == 5:
            raise KeyboardInterrupt
        return counted(scenario, index, surrogate)

    monkeypatch.setattr(module, "cohort_courses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    with pytest.raises(ResultError, match="missing or damaged"):
        load(folder=tmp_path)
    monkeypatch.setattr(module, "cohort_courses", counted)
    run(tmp_path)
    assert len(trained) == 5 + 4  # the block that broke off is done again, no other
    assert len(set(trained)) == 8


def test_a_torn_block_is_computed_again(trained, tmp_path):
    run(tmp_path)
    block = next((tmp_path / "data").rglob("null-0-2.npz"))
    block.write_bytes(block.read_bytes()[:100])
    (tmp_path / "choices.parquet").write_bytes(b"no table")
    with pytest.raises(ResultError, match="missing or damaged"):
        load(folder=tmp_path)
    run(tmp_path)
    assert trained[8:] == [("null", 0), ("null", 1)]


def test_a_block_gives_back_what_was_trained(trained, tmp_path):
    module._block("default", range(2), SURROGATE, tmp_path / "block.npz")
    for k, one in enumerate(module._read(tmp_path / "block.npz")):
        for name, array in short("default", k, SURROGATE).items():
            np.testing.assert_array_equal(one[name], array)


def test_other_code_or_another_surrogate_makes_other_rows(trained, tmp_path, monkeypatch):
    run(tmp_path)
    monkeypatch.setattr(module, "code_of", lambda path: "changed")
    run(tmp_path)
    assert len(trained) == 16
    before = module.key("null", tmp_path)
    assert len({before, module.key("null-apart", tmp_path), module.key("null", tmp_path, 9)}) == 3
    moved = Surrogate(
        SURROGATE.mean + 1,
        *(getattr(SURROGATE, n) for n in ("latents", "person", "session", "window")),
    )
    moved.save(tmp_path / module.SURROGATE)
    assert module.key("null", tmp_path) != before


def test_a_disk_that_cannot_be_written_is_named(trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot write"):
        module._block("null", range(1), SURROGATE, tmp_path / "file" / "block.npz")


def test_the_versioned_rows_are_what_the_code_still_gives():
    """The protocol's own candidate on one cohort, drawn and trained again; 2 s."""
    folder = results.folder() / "selection"
    cohort = draw("null", 0, Surrogate.load(folder / module.SURROGATE))
    again = courses(cohort, seed=0, settings=SETTINGS[:1], n_seeds=1)
    stored = load().query("scenario == 'null' and cohort == 0").set_index("rule")
    kept = stopped(again["dev_mae"][0], 10)
    for rule, epoch in (("last epoch", -1), ("epoch on Dev", kept)):
        for name in SCORES:
            assert stored.loc[rule, name] == pytest.approx(again[name][0, epoch], abs=SAME_TRAINING)
    assert stored["constant_dev_mae"].iloc[0] == pytest.approx(again["constant"][0], abs=1e-3)
    assert load().groupby(["scenario", "rule"]).size().eq(module.N_COHORTS).all()
