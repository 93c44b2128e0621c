"""The whole way, with a surrogate that needs no rendering and trainings of a few epochs."""

from dataclasses import replace
from functools import partial

import choosing as module
import pandas as pd
import pytest
from candidates import SETTINGS, courses
from drawing import SCENARIOS, draw
from rules import RULES, SCORES, stopped
from small import PROTOCOL, SURROGATE
from surrogate import Surrogate

from deplib import results

SAME_TRAINING = 0.05
"""BDI-II points by which an MAE may differ on another processor."""


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """A data folder of its own, small cohorts, and the seeds of those that were trained."""
    trained = []

    def short(cohort, seed):
        trained.append(seed)
        return courses(cohort, seed=seed, protocol=PROTOCOL, settings=SETTINGS[1:3], n_seeds=1)

    small = partial(draw, protocol=PROTOCOL, n_recordings=30)
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(module, "courses", short)
    monkeypatch.setattr(module, "draw", small)
    SURROGATE.save(tmp_path / module.SURROGATE)
    return trained


def run(folder):
    module.complete(("null", "default"), folder, n_cohorts=4, jobs=1)
    return pd.read_parquet(folder / "choices.parquet")


def test_it_computes_what_is_missing_and_keeps_what_holds(trained, tmp_path):
    first = run(tmp_path)
    assert len(trained) == 8
    assert len(first) == 2 * 4 * len(RULES)
    assert first["scenario"].unique().tolist() == ["null", "default"]
    assert run(tmp_path).equals(first)
    assert len(pd.read_parquet(tmp_path / "growth.parquet")) == 2 * 4 * 2
    assert len(pd.read_parquet(tmp_path / "courses.parquet")) == 2 * 2 * PROTOCOL.epochs
    (tmp_path / "choices.parquet").write_bytes(b"no table")
    assert run(tmp_path).equals(first)
    assert len(trained) == 8  # written again from what was kept


def test_an_interrupted_call_goes_on_where_it_stopped(trained, tmp_path, monkeypatch):
    def interrupted(scenario, index, surrogate):
        if len(trained) == 5:
            raise KeyboardInterrupt
        return small(scenario, index, surrogate)

    small = module.draw
    monkeypatch.setattr(module, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.setattr(module, "draw", small)
    run(tmp_path)
    assert len(trained) == 8


def test_other_code_or_another_surrogate_makes_other_rows(trained, tmp_path, monkeypatch):
    run(tmp_path)
    monkeypatch.setattr(module, "code_of", lambda path: "changed")
    run(tmp_path)
    assert len(trained) == 16
    before = module.key("null", tmp_path)
    assert len({before, module.key("null-apart", tmp_path), module.key("null", tmp_path, 9)}) == 3
    replace(SURROGATE, mean=SURROGATE.mean + 1).save(tmp_path / module.SURROGATE)
    assert module.key("null", tmp_path) != before


def test_the_versioned_rows_are_what_the_code_still_gives():
    """By their keys; and the protocol's own candidate on one cohort, trained again; 2 s."""
    folder = results.folder() / "selection"
    assert module.keys_in(folder) == {name: module.key(name, folder) for name in SCENARIOS}
    table = pd.read_parquet(folder / "choices.parquet")
    assert table.groupby(["scenario", "rule"]).size().eq(module.N_COHORTS).all()
    cohort = draw("null", 0, Surrogate.load(folder / module.SURROGATE))
    again = courses(cohort, seed=0, settings=SETTINGS[:1], n_seeds=1)
    stored = table.query("scenario == 'null' and cohort == 0").set_index("rule")
    kept = stopped(again["dev_mae"][0], 10)
    for rule, epoch in (("last epoch", -1), ("epoch on Dev", kept)):
        for name in SCORES:
            assert stored.loc[rule, name] == pytest.approx(again[name][0, epoch], abs=SAME_TRAINING)
    assert stored["constant_dev_mae"].iloc[0] == pytest.approx(again["constant"][0], abs=1e-3)
