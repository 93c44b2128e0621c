"""Runs repeated on a page: full size compares with the versioned results, small size never does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deplib import evaluation, study
from deplib.chapters import again
from deplib.chapters.implications import ImplicationsPage
from deplib.chapters.model import ModelPage
from deplib.chapters.results import ResultsPage
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import CohortError
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.sizes import SMALL

FULL = RunSpec("TemporalMeanMLP")


def made_up(spec: RunSpec, cohort: SimulatedCohort, *, shift: float = 0.0) -> Result:
    """Return a result with one window a recording, whose predictions are all ``shift``."""
    table = cohort.recordings[["recording", "person", "split"]]
    scaled = (cohort.recordings["bdi"] - 15.0) / 12.0
    return Result(
        spec=spec, key="k", predictions=table.assign(window=0, y=scaled, y_hat=shift),
        history=pd.DataFrame(), epoch=1, chosen_by="dev_mae", label_mean=15.0, label_std=12.0,
        n_parameters=1,
    )  # fmt: skip


class Completing:
    """Stands for ``study.complete``: notes what it is asked for, and shifts all later answers."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.shift = 0.0  # z-units

    def __call__(self, specs, folder, *, cohorts=None, protocol=None, jobs=2):
        self.calls.append((tuple(specs), Path(folder), cohorts))
        assert (jobs == 1) == (cohorts is not None)  # small: one process, for little memory
        assert (protocol is None) == (cohorts is None)
        if protocol is not None:
            assert protocol == replace(Protocol(), epochs=SMALL.epochs)
        shift = self.shift if len(self.calls) > 1 else 0.0
        return [
            made_up(s, (cohorts or {}).get(s.world) or study.open_cohort(), shift=shift)
            for s in specs
        ]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Completing:
    """What stands for ``complete``."""
    completing = Completing()
    monkeypatch.setattr(study, "complete", completing)
    return completing


@pytest.fixture
def versioned() -> Result:
    """A made-up result of the full cohort."""
    return made_up(FULL, study.open_cohort())


def test_full_size_is_held_against_the_versioned_result(asked, versioned) -> None:
    said = again.sentence(versioned)
    assert said.data == (
        "TemporalMeanMLP was trained again on this machine: its Test MAE agrees with the versioned "
        "result within 0.25 BDI-II points."
    )
    assert asked.calls == [((FULL,), study.live_dir(), None)]
    pd.testing.assert_frame_equal(
        again.table([versioned]), evaluation.agreement_table(again._beside([versioned]))
    )


def test_small_size_is_another_cohort_and_is_held_against_itself(asked, versioned) -> None:
    said = again.sentence(versioned, "small").data
    small = study.open_cohort(size="small")
    n_test = int((small.recordings["split"] == "test").sum())
    assert "Size *small*: TemporalMeanMLP was trained twice on this machine" in said
    assert (
        f"cohort of {len(small.recordings)} recordings, for {SMALL.epochs} epochs at most" in said
    )
    assert "The two agree on every prediction" in said
    assert f"on {n_test} recordings, where the constant has" in said
    assert "neither figure can be compared" in said
    assert "versioned" not in said
    (first, live, cohorts), (second, elsewhere, same) = asked.calls
    assert first == second == (replace(FULL, world="default-small"),)
    assert cohorts["default-small"].fingerprint == small.fingerprint
    assert same is cohorts
    assert live == study.live_dir()
    assert elsewhere != live  # or the second would be read, not trained
    assert not elsewhere.exists()


def test_two_trainings_that_differ_are_said_to(asked, versioned) -> None:
    asked.shift = 0.02 / 12.0
    assert "The two DISAGREE" in again.sentence(versioned, "small").data
    asked.calls.clear()
    assert again.table([versioned], "small")["trained twice"].tolist() == [
        "NOT the same within 0.01 points"
    ]


def test_the_table_of_small_runs_says_that_they_compare_with_nothing(asked, versioned) -> None:
    table = again.table([versioned, replace(versioned, spec=RunSpec("LDBM"))], "small")
    assert table["model"].tolist() == ["TemporalMeanMLP", "LDBM"]
    assert set(table["size"]) == {"small"}
    assert set(table["compares with the versioned results"]) == {"no, another cohort"}
    mae = evaluation.mae_of(
        evaluation.recordings(made_up(FULL, study.open_cohort(size="small"))).query(
            "split == 'test'"
        )
    )
    assert table["Test MAE of 10 recordings"].tolist() == [f"{mae:.1f}"] * 2


@pytest.mark.parametrize("size", ["tiny", "Small", "", None])
def test_an_unknown_size_is_refused_wherever_it_is_given(size, versioned) -> None:
    for ask in (
        lambda: again.table([versioned], size),
        lambda: again.sentence(versioned, size),
        lambda: study.open_cohort(size=size),
        lambda: ModelPage("LDBM", size),
        lambda: ResultsPage(size),
        lambda: ImplicationsPage(size),
    ):
        with pytest.raises(CohortError, match="one of 'full', 'small'"):
            ask()


def test_a_small_run_is_really_trained_and_leaves_the_full_ones_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, versioned: Result
) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path))
    monkeypatch.setattr(
        study, "open_cohort", lambda world, size: SimulatedCohort(n_recordings=9, max_frames=12)
    )
    one = again._twice([versioned], "small")[0]
    assert one.same
    assert one.n_recordings == 9
    assert one.n_test == 3
    assert np.isfinite([one.mae, one.constant_mae]).all()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["default-small"]
