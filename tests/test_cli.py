import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tiny import TinyCohort
from typer.testing import CliRunner, Result

from deplib import cli, study
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.writer import write_avec_layout
from deplib.errors import ModelError
from deplib.extraction.store import FeatureStore
from deplib.models import MODELS
from deplib.paths import data_root
from deplib.protocol import Protocol


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def extract(monkeypatch: pytest.MonkeyPatch, tiny_onnx: Path, tiny_cohort: TinyCohort):
    """Run the extract verb on the tiny cohort and encoder."""
    monkeypatch.setattr(cli, "_open_cohort", lambda name, world, root: tiny_cohort)
    return lambda *arguments: run("extract", "--encoder", tiny_onnx, "--jobs", 1, *arguments)


def test_extract_then_verify(extract, tmp_path: Path) -> None:
    store = tmp_path / "store"
    result = extract("--out", store)
    assert result.exit_code == 0, result.output
    assert "6 recordings (218 frames) embedded" in result.output
    assert f"deplib verify {store}" in result.output
    checked = run("verify", store, "--json", tmp_path / "report.json")
    assert checked.exit_code == 0, checked.output
    assert "sound" in checked.output
    assert json.loads((tmp_path / "report.json").read_text())["ok"] is True


def test_extract_goes_on_where_it_ended(extract, tmp_path: Path) -> None:
    extract("--out", tmp_path)
    FeatureStore(tmp_path).discard("202_1")
    again = extract("--out", tmp_path)
    assert "1 recordings (60 frames) embedded" in again.output
    assert "5 already there" in again.output


def test_a_dry_run_writes_nothing(extract, tmp_path: Path) -> None:
    store = tmp_path / "store"
    result = extract("--out", store, "--dry-run", "--frame-limit", 30)
    assert result.exit_code == 0
    assert "6 of 6 recordings to do, 157 frames" in result.output
    assert not store.exists()
    extract("--out", store)
    assert "0 of 6 recordings to do, 0 frames" in extract("--out", store, "--dry-run").output


def test_without_out_features_go_to_the_data_folder(
    extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path))
    assert extract().exit_code == 0
    (store,) = (tmp_path / "features").glob("tiny-*")
    assert len(FeatureStore(store).done()) == 6


def test_verify_tells_faults_by_its_exit_code(extract, tmp_path: Path) -> None:
    extract("--out", tmp_path)
    store = FeatureStore(tmp_path)
    for name in store.done():
        store.write(name, np.zeros((20, 8)), np.ones(20, bool))
    result = run("verify", tmp_path, "--json", tmp_path / "r.json")
    assert result.exit_code == 1
    assert "fault [all_zero_store] every feature" in result.output
    assert json.loads((tmp_path / "r.json").read_text())["ok"] is False


def test_too_many_lost_faces_exit_with_one(
    extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = TinyCohort(blank={"203_1": tuple(range(6))})
    monkeypatch.setattr(cli, "_open_cohort", lambda name, world, root: gaps)
    result = extract("--out", tmp_path)
    assert result.exit_code == 1
    assert "6 of 12 frames of 203_1" in result.output
    assert extract("--out", tmp_path, "--max-miss-rate", 0.5).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "/nowhere/at/all"), "no feature store in"),
        (("extract", "--encoder", "/nowhere/e.onnx", "--dry-run"), "no encoder at"),
        (("extract", "--world", "rosy", "--dry-run"), "rosy"),
    ],
)
def test_errors_are_one_message_without_traceback(arguments: tuple, message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith(f"deplib {arguments[0]}: ")
    assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [("verify",), ("extract", "--jobs", "-1"), ("wash",)])
def test_wrong_usage_exits_with_two(arguments: tuple) -> None:
    assert run(*arguments).exit_code == 2


def test_an_interrupt_says_how_to_go_on(extract, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str, world: str, root: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_open_cohort", interrupted)
    result = extract()
    assert result.exit_code == 130
    assert "goes on where this one ended" in result.stderr


def test_a_new_verb_needs_no_error_handling_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.app, "registered_commands", list(cli.app.registered_commands))

    @cli.app.command("fold")
    def fold() -> None:
        raise ModelError("a model that cannot be folded")

    result = run("fold")
    assert (result.exit_code, result.stderr) == (
        2,
        "deplib fold: a model that cannot be folded\n",
    )


@pytest.mark.parametrize("arguments", [(), ("extract",), ("verify",)])
def test_help_tells_what_a_verb_does(arguments: tuple) -> None:
    result = run(*arguments, "--help")
    assert result.exit_code == 0
    assert "features" in result.output or "embedding" in result.output


def test_the_data_folder_is_chosen_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path))
    assert data_root() == tmp_path
    monkeypatch.setenv("DEPLIB_DATA", "somewhere")
    assert data_root().is_absolute()
    monkeypatch.setenv("DEPLIB_DATA", " ")
    assert data_root().name == "deplib"


def test_the_corpus_needs_its_folder() -> None:
    result = run("extract", "--cohort", "avec2014")
    assert result.exit_code == cli.FAILED
    assert "needs --root" in result.output


def test_a_corpus_in_the_official_layout_goes_from_folder_to_verified_features(
    tmp_path: Path,
) -> None:
    cohort = SimulatedCohort(n_recordings=6)
    write_avec_layout(cohort, tmp_path / "corpus", max_frames=6)
    store = tmp_path / "features"
    common = ("extract", "--cohort", "avec2014", "--root", tmp_path / "corpus", "--out", store)
    planned = run(*common, "--dry-run")
    assert "6 of 6 recordings to do, 36 frames" in planned.output, planned.output
    done = run(*common, "--jobs", 1)
    assert done.exit_code == 0, done.output
    assert run("verify", store).exit_code == cli.OK


def test_train_prints_scores_with_intervals_for_a_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(study, "Protocol", partial(Protocol, epochs=1, window_length=8))
    write_avec_layout(SimulatedCohort(n_recordings=12), tmp_path / "corpus", max_frames=6)
    options = ("--cohort", "avec2014", "--root", tmp_path / "corpus", "--out", tmp_path / "results")
    result = run("train", *options, "--jobs", 1)
    assert result.exit_code == 0, result.output
    for model in MODELS:
        assert re.search(rf"{model} +[\d.]+ \([\d.]+ to [\d.]+\)", result.output)
    assert len(list((tmp_path / "results").rglob("*.json"))) == len(MODELS)


def test_check_names_what_is_wrong_with_a_corpus(tmp_path: Path) -> None:
    corpus = write_avec_layout(SimulatedCohort(n_recordings=6), tmp_path / "corpus", max_frames=3)
    sound = run("check", corpus)
    assert sound.exit_code == cli.OK, sound.output
    assert "6 recordings can be used, 0 problems" in sound.output
    label = sorted(corpus.rglob("*_Depression.csv"))[0]
    label.write_text("a lot\n")
    faulty = run("check", corpus)
    assert faulty.exit_code == cli.FAULTS
    assert label.name.removesuffix("_Depression.csv") in faulty.output
    assert "5 recordings can be used" in faulty.output
