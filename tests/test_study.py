"""The grid of runs on a cohort of a few frames: keys, resumption, and refusal of what is stale."""

from dataclasses import replace
from functools import partial

import pandas as pd
import pytest

from deplib import study
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import ResultError
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec

SPECS = [RunSpec("TemporalMeanMLP"), RunSpec("RidgeMean"), RunSpec("RidgeMean", labels="permuted")]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A world of nine short recordings, two epochs, and a data folder of its own."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(
        study, "open_cohort", lambda world: SimulatedCohort(world, n_recordings=9, max_frames=12)
    )
    monkeypatch.setattr(study, "Protocol", partial(Protocol, epochs=2, window_length=16))
    return tmp_path


def test_the_grid_is_completed_once_and_then_read(small, monkeypatch):
    folder = small / "results"
    first = study.complete(SPECS, folder, jobs=1)
    assert [result.spec for result in first] == SPECS
    splits = first[0].predictions.drop_duplicates("recording")["split"].value_counts()
    assert splits.to_dict() == {"train": 3, "dev": 3, "test": 3}
    monkeypatch.setattr(study, "run", lambda *a, **k: pytest.fail("computed again"))
    again = study.complete(SPECS, folder, jobs=1)
    for one, two in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one.predictions.round(6), two.predictions)


def test_a_missing_or_damaged_result_is_computed_again_and_equal(small):
    folder = small / "results"
    study.complete(SPECS, folder, jobs=1)
    path = folder / SPECS[0].path
    before = path.read_bytes()
    path.write_bytes(before[:200])
    (folder / SPECS[1].path).unlink()
    study.complete(SPECS, folder, jobs=1)
    assert path.read_bytes() == before
    assert (folder / SPECS[1].path).exists()


def test_a_result_of_another_key_is_stale(small):
    folder = small / "results"
    (result,) = study.complete(SPECS[:1], folder, jobs=1)
    replace(result, key="0" * 64, epoch=99).save(folder / SPECS[0].path)
    (again,) = study.complete(SPECS[:1], folder, jobs=1)
    assert again.epoch == result.epoch
    assert again.key == result.key


def test_the_key_follows_all_that_determines_a_result():
    encoder = embedded_encoder()
    cohort = SimulatedCohort(n_recordings=9)
    spec = RunSpec("LDBM")
    key = partial(study.run_key, encoder=encoder)
    keys = [
        key(spec, cohort),
        key(replace(spec, seed=1), cohort),
        key(replace(spec, labels="permuted"), cohort),
        key(replace(spec, model="MambaGRU"), cohort),
        key(spec, SimulatedCohort("null", n_recordings=9)),
        key(spec, cohort, protocol=Protocol(epochs=3)),
    ]
    assert len(set(keys)) == len(keys)
    assert key(spec, SimulatedCohort(n_recordings=9)) == keys[0]


def test_published_results_are_those_of_the_present_code():
    results = study.published(study.sweep_specs())
    assert {r.spec.model for r in results} >= set(study.MODELS)
    for result in results:
        counts = result.predictions.drop_duplicates("recording")["split"].value_counts()
        assert counts.to_dict() == {"train": 50, "dev": 50, "test": 50}


def test_published_refuses_a_stale_result(small):
    with pytest.raises(ResultError, match="stale"):
        study.published([RunSpec("LDBM")])  # the small cohort has another fingerprint


def test_slow_models_start_first():
    ordered = sorted(study.live_specs(), key=study._slowest_first)
    assert ordered[0].model == "VanillaTransformer"
    assert ordered[-1].model == "TemporalMeanMLP"


def test_features_are_verified_before_anything_is_trained(small, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise ResultError("verified")

    monkeypatch.setattr(study, "verify", refuse)
    with pytest.raises(ResultError, match="verified"):
        study.complete(SPECS[:1], small / "results", jobs=1)
    assert not (small / "results").exists()


def test_the_result_of_a_run_is_a_result(small):
    (result,) = study.complete(SPECS[1:2], small / "results", jobs=1)
    assert isinstance(result, Result)
    assert result.chosen_by == "dev_mae"
    assert set(result.predictions["window"]) == {0}
