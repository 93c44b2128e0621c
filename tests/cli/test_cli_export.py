"""From a corpus to a pair and on to a score, on the command line."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from tiny import write_tiny_onnx

from deplib import cli, study
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.deployment.bundle import open_bundle
from deplib.protocol import Protocol
from deplib.results import Result
from deplib.study import inputs, runs


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in the official layout."""
    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    return write_avec_layout(SimulatedCohort(n_recordings=12), folder, max_frames=6)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One epoch, and a data folder of its own."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    for module in (study.completion, study.features, study.keys, runs, inputs):
        monkeypatch.setattr(module, "Protocol", partial(Protocol, epochs=1, window_length=8))
    return tmp_path / "data"


@pytest.fixture
def export(run, corpus: Path, tmp_path: Path):
    """Run the export verb on the corpus, into the folder ``pair``."""
    fixed = ("--root", corpus, "--model", "TemporalMeanMLP", "--level", 0.75, "--jobs", 1)
    return lambda *arguments: run("export", tmp_path / "pair", *fixed, *arguments)


def test_what_train_trained_is_exported_and_predicts(
    run, export, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--root", corpus, "--model", "TemporalMeanMLP", "--jobs", 1)
    assert run("train", *options, "--out", tmp_path / "results").exit_code == 0
    for name in ("train", "train_together"):
        monkeypatch.setattr(runs, name, lambda *_, **__: pytest.fail("trained again"))
    result = export()
    assert result.exit_code == cli.OK, result.output
    assert "training it" not in result.output
    card = open_bundle(tmp_path / "pair").card
    for expected in (
        "TemporalMeanMLP (seed 0) on identity features, trained on simulated/AVEC2014 layout",
        f"± {card.half_width:.1f} points, by the errors on Dev at level 75%; Test chose nothing",
        f"next: deplib predict FRAMES {tmp_path / 'pair'}",
    ):
        assert expected in result.output
    scores = re.findall(r"MAE (.+): Dev ([\d.]+), Test ([\d.]+) BDI-II points", result.output)
    assert [title for title, *_ in scores] == ["in PyTorch", "as written"]
    assert re.search(r"PyTorch, 8 windows of Dev and Test: [\d.e-]+ z-units", result.output)

    (path,) = (tmp_path / "results").rglob("*-seed0.json")
    trained = Result.load(path)
    folder = sorted(corpus.rglob("*_aligned"))[-1]
    told = json.loads(run("predict", folder, tmp_path / "pair", "--json").stdout)
    row = trained.predictions.set_index("recording").loc[folder.name.split("_video")[0]]
    points = row["y_hat"] * trained.label_std + trained.label_mean
    assert told["unclipped"] == pytest.approx(points, abs=0.02)
    assert told["caveats"]


def test_what_was_not_trained_is_trained_and_can_be_replaced(export, tmp_path: Path) -> None:
    result = export()
    assert result.exit_code == cli.OK, result.output
    assert "no weights of TemporalMeanMLP, seed 0, on this machine: training it" in result.output
    size = (tmp_path / "pair" / "model.onnx").stat().st_size
    again = export("--int8")
    assert again.exit_code == cli.FAILED
    assert "holds another model or encoder" in again.stderr
    assert export("--int8", "--force").exit_code == cli.OK
    assert (tmp_path / "pair" / "model.onnx").stat().st_size < 0.45 * size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--features", "identity+pulse"), "a folder of frames and one encoder give one of"),
        (("--features", "affect", "--flip"), "--features affect names the encoder, too"),
        (("--flip",), "train and export it without --flip"),
        (("--level", 0.9), "4 Dev recordings: 4 residuals are too few for a level of 0.9"),
        (("--model", "RidgeMean"), "RidgeMean cannot be exported"),
        (("--encoder", "narrow.onnx"), "gives 8 numbers a frame"),
    ],
)
def test_what_cannot_be_exported_is_one_message(
    export, tmp_path: Path, arguments: tuple, message: str
) -> None:
    narrow = write_tiny_onnx(tmp_path / "narrow.onnx")
    result = export(*(narrow if one == "narrow.onnx" else one for one in arguments))
    assert result.exit_code == cli.FAILED
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "pair").exists()


def test_a_full_disk_is_one_message(
    export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deplib.study.exported.write_bundle", full)
    result = export()
    assert result.exit_code == cli.FAILED
    assert f"cannot write a pair to {tmp_path / 'pair'}: No space left" in result.stderr


def test_a_run_of_the_study_is_found_and_else_the_one_of_train(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stop(spec, *_: object, **__: object) -> None:
        asked.append(spec)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deplib.study.exported.export_run", stop)
    here: list[str] = []
    monkeypatch.setattr(
        "deplib.study.exported.kept", lambda spec, _: {} if spec.world in here else None
    )
    for found, expected in (
        ([], "null"),
        (["simulated/null"], "simulated/null"),
        (["null"], "null"),
    ):
        here[:] = found
        run("export", tmp_path / "pair", "--world", "null", "--seed", 3, "--split", "disjoint")
        assert asked.pop() == study.RunSpec("HybridPooling", 3, expected, split="disjoint")


def test_help_tells_what_the_verb_does(run) -> None:
    assert "export" in run("--help").output
    assert "for deplib predict" in " ".join(run("export", "--help").output.split())
