"""Training on a corpus, on the command line."""

import re
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from stream_files import openface_rows, write_openface
from tiny import write_tiny_onnx

from deplib import cli, selection, study
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.models import MODELS
from deplib.protocol import Protocol
from deplib.results import Result


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus in the official layout, one epoch, and a data folder of its own."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    for module in (study.completion, study.features, study.keys, study.runs):
        monkeypatch.setattr(module, "Protocol", partial(Protocol, epochs=1, window_length=8))
    return write_avec_layout(SimulatedCohort(n_recordings=12), tmp_path / "corpus", max_frames=6)


def test_train_prints_scores_with_intervals_for_a_corpus(run, corpus: Path, tmp_path: Path) -> None:
    result = run("train", "--root", corpus, "--out", tmp_path / "results", "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert re.search(r"Test \(4 recordings of \d persons\)", result.output)
    for model in MODELS:
        assert re.search(rf"{model} +1 +[\d.]+ \([\d.]+ to [\d.]+\)", result.output)
    assert len(list((tmp_path / "results").rglob("*-seed0.json"))) == len(MODELS)


def test_train_takes_other_models_and_several_seeds(run, corpus: Path, tmp_path: Path) -> None:
    train = ("train", "--root", corpus, "--out", tmp_path / "results", "--jobs", 1)
    models = ("--model", "AttentionMIL", "--model", "RidgeMean")
    result = run(*train, *models, "--seeds", 2)
    assert result.exit_code == 0, result.output
    assert re.search(r"AttentionMIL +2 +[\d.]+ ± [\d.]+ \([\d.]+ to [\d.]+\)", result.output)
    assert re.search(r"RidgeMean +1 +[\d.]+ \([\d.]+ to [\d.]+\)", result.output)
    unknown = run(*train, "--model", "ResNet")
    assert unknown.exit_code == cli.FAILED
    assert "there are TemporalMeanMLP, LDBM" in unknown.output


def test_train_sees_openface_files_beside_the_embeddings(run, corpus: Path, tmp_path: Path) -> None:
    """One recording has no file: it goes on with its embeddings alone."""
    frames = {path.name: len(list(path.iterdir())) for path in corpus.rglob("*_aligned")}
    folder = tmp_path / "openface"
    folder.mkdir()
    for k, (name, n) in enumerate(sorted(frames.items())[1:]):
        clip = name.removesuffix("_aligned")
        write_openface(folder / f"{clip}.csv", openface_rows(n, seed=k))
    train = ("train", "--root", corpus, "--out", tmp_path / "results", "--jobs", 1)
    train = (*train, "--model", "HybridPooling", "--features", "identity+action")
    with pytest.warns(UserWarning, match="1 of 12 recordings have no file"):
        result = run(*train, "--streams", folder)
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "results").rglob("*-seed0.json")
    assert path.parent.name == "true-identity+action"
    assert Result.load(path).predictions["recording"].nunique() == 12
    without = run(*train)
    assert without.exit_code == cli.FAILED
    assert "has no action of its own: give the folder" in without.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--features", "voice"), "no stream is named 'voice'"),
        (("--recipe", "luck"), "unknown recipe 'luck'"),
        (("--model", "RidgeMean", "--recipe", "bags"), "no recipe fits it"),
    ],
)
def test_train_says_what_there_is_when_asked_for_something_else(
    run, corpus: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("train", "--root", corpus, *arguments)
    assert result.exit_code == cli.FAILED
    assert message in result.output


def test_train_goes_on_without_a_recording_that_cannot_be_used_and_says_so(
    run, corpus: Path, tmp_path: Path
) -> None:
    folder = sorted(corpus.rglob("*_aligned"))[0]
    for frame in sorted(folder.iterdir())[1:-1]:  # an empty chair, but for the ends
        Image.new("RGB", (112, 112)).save(frame)
    train = ("train", "--root", corpus, "--out", tmp_path / "results", "--jobs", 1)
    with pytest.warns(UserWarning, match="left out"):
        result = run(*train, "--max-miss-rate", 0.2)
    assert result.exit_code == 0, result.output
    path = tmp_path / "results" / study.live_specs("simulated/AVEC2014 layout")[0].path
    assert Result.load(path).predictions["recording"].nunique() == 11
    kept = run(*train, "--max-miss-rate", 0.2, "--max-recording-miss-rate", 0.8)  # other runs
    assert kept.exit_code == 0, kept.output
    assert Result.load(path).predictions["recording"].nunique() == 12


def test_an_encoder_of_another_width_is_refused_before_any_work(
    run, corpus: Path, tmp_path: Path
) -> None:
    narrow = write_tiny_onnx(tmp_path / "narrow.onnx", dim=8)
    result = run("train", "--root", corpus, "--encoder", narrow)
    assert result.exit_code == cli.FAILED
    assert "gives 8 numbers a frame" in result.output
    assert not (tmp_path / "data" / "features").exists()


def test_sweep_names_what_the_grid_has_when_asked_for_something_else(run) -> None:
    result = run("sweep", "--model", "ResNet")
    assert result.exit_code == cli.FAILED
    assert "LDBM-patch4" in result.output
    assert "seeds 0 to 9" in result.output


def test_sweep_computes_what_was_asked_for_and_no_more(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def complete(specs, folder, **options):
        asked.append((list(specs), options["scheduler"]))
        return list(specs)

    monkeypatch.setattr(study, "complete", complete)
    address = "tcp://127.0.0.1:8786"
    result = run("sweep", "--world", "null", "--model", "LDBM", "--seed", 3, "--scheduler", address)
    assert result.exit_code == 0, result.output
    assert asked == [([study.RunSpec("LDBM", seed=3, world="null")], address)]


@pytest.mark.parametrize(("narrowed", "n_calls"), [((), 1), (("--split", "disjoint"), 0)])
def test_the_whole_sweep_has_the_cohorts_of_choosing_on_dev(
    run, monkeypatch: pytest.MonkeyPatch, narrowed: tuple[str, ...], n_calls: int
) -> None:
    asked = []

    def choosing(**options):
        asked.append(options["jobs"])
        return pd.DataFrame({"scenario": [], "cohort": []})

    monkeypatch.setattr(study, "complete", lambda specs, folder, **options: list(specs))
    monkeypatch.setattr(selection, "complete", choosing)
    result = run("sweep", "--jobs", 1, *narrowed)
    assert result.exit_code == 0, result.output
    assert asked == [1] * n_calls
