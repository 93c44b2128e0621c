"""Training, exporting and predicting on the command line."""

import json
import re
import subprocess
import sys
from functools import partial

import pytest
from PIL import Image
from small_pair import write_frames, write_pair
from stream_files import openface_rows, write_openface
from tiny import TinyCohort, write_tiny_onnx

from deplib import cli, results, selection, study
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.deploy import open_bundle
from deplib.models import MODELS
from deplib.protocol import Protocol
from deplib.study import inputs, runs

WORLD = "simulated/AVEC2014 layout"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A corpus in the official layout; nobody changes it."""
    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    return write_avec_layout(SimulatedCohort(n_recordings=12), folder, max_frames=6)


@pytest.fixture
def corpus(written, tmp_path, monkeypatch):
    """That corpus, one epoch, and a data folder of its own."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(inputs, "Protocol", partial(Protocol, epochs=1, window_length=8))
    return written


@pytest.fixture
def train(run, corpus, tmp_path):
    """Run the train verb on the corpus, into the folder ``results``."""
    fixed = ("--root", corpus, "--out", tmp_path / "results", "--jobs", 1)
    return lambda *arguments: run("train", *fixed, *arguments)


@pytest.fixture
def export(run, corpus, tmp_path):
    """Run the export verb on the corpus, into the folder ``pair``."""
    fixed = ("--root", corpus, "--model", "TemporalMeanMLP", "--level", 0.75, "--jobs", 1)
    return lambda *arguments: run("export", tmp_path / "pair", *fixed, *arguments)


@pytest.fixture(scope="module")
def pair(tiny_onnx, tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_onnx)


@pytest.fixture
def frames(tmp_path):
    return write_frames(tmp_path / "clip", TinyCohort().frames("202_1"))


# Train


def test_train_prints_scores_with_intervals(train, tmp_path):
    result = train()
    assert result.exit_code == cli.OK, result.output
    assert re.search(r"Test \(4 recordings of \d persons\)", result.output)
    for model in MODELS:
        assert re.search(rf"{model} +1 +[\d.]+ \([\d.]+ to [\d.]+\)", result.output)
    several = train("--model", "AttentionMIL", "--model", "RidgeMean", "--seeds", 2)
    assert several.exit_code == cli.OK, several.output
    assert re.search(r"AttentionMIL +2 +[\d.]+ ± [\d.]+ \([\d.]+ to [\d.]+\)", several.output)
    assert re.search(r"RidgeMean +1 +[\d.]+ \([\d.]+ to [\d.]+\)", several.output)
    kept = results.runs(WORLD, root=tmp_path / "results")["model"]
    assert set(kept) == {*MODELS, "AttentionMIL", "RidgeMean"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "ResNet"), "there are TemporalMeanMLP, LDBM"),
        (("--features", "voice"), "no stream is named 'voice'"),
        (("--recipe", "luck"), "unknown recipe 'luck'"),
        (("--model", "RidgeMean", "--recipe", "bags"), "no recipe fits it"),
        (("--encoder", "narrow.onnx"), "gives 8 numbers a frame"),
    ],
)
def test_train_says_what_there_is_when_asked_for_something_else(
    train, tmp_path, arguments, message
):
    narrow = write_tiny_onnx(tmp_path / "narrow.onnx", dim=8)
    result = train(*(narrow if one == "narrow.onnx" else one for one in arguments))
    assert result.exit_code == cli.FAILED
    assert message in result.stderr
    assert not (tmp_path / "data" / "features").exists()


def test_train_sees_openface_files_beside_the_embeddings(train, corpus, tmp_path):
    """One recording has no file: it goes on with its embeddings alone."""
    frames = {path.name: len(list(path.iterdir())) for path in corpus.rglob("*_aligned")}
    (folder := tmp_path / "openface").mkdir()
    for k, (name, n) in enumerate(sorted(frames.items())[1:]):
        clip = name.removesuffix("_aligned")
        write_openface(folder / f"{clip}.csv", openface_rows(n, seed=k))
    asked = ("--model", "HybridPooling", "--features", "identity+action")
    with pytest.warns(UserWarning, match="1 of 12 recordings have no file"):
        result = train(*asked, "--streams", folder)
    assert result.exit_code == cli.OK, result.output
    seen = results.load(WORLD, root=tmp_path / "results", features="identity+action")
    assert seen["recording"].nunique() == 12
    without = train(*asked)
    assert without.exit_code == cli.FAILED
    assert "has no action of its own: give the folder" in without.output


def test_train_goes_on_without_a_recording_that_cannot_be_used_and_says_so(run, corpus, tmp_path):
    spoilt = tmp_path / "spoilt"
    write_avec_layout(SimulatedCohort(n_recordings=12), spoilt, max_frames=6)
    folder = sorted(spoilt.rglob("*_aligned"))[0]
    for frame in sorted(folder.iterdir())[1:-1]:  # an empty chair, but for the ends
        Image.new("RGB", (112, 112)).save(frame)
    fixed = ("--root", spoilt, "--out", tmp_path / "results", "--jobs", 1)
    train = ("train", *fixed, "--model", "TemporalMeanMLP", "--max-miss-rate", 0.2)
    with pytest.warns(UserWarning, match="left out"):
        result = run(*train)
    assert result.exit_code == cli.OK, result.output
    assert results.load(WORLD, root=tmp_path / "results")["recording"].nunique() == 11
    assert run(*train, "--max-recording-miss-rate", 0.8).exit_code == cli.OK  # another run
    assert results.load(WORLD, root=tmp_path / "results")["recording"].nunique() == 12


# The study


@pytest.mark.parametrize(("narrowed", "n_calls"), [((), 1), (("--split", "disjoint"), 0)])
def test_sweep_computes_what_was_asked_for_and_no_more(run, monkeypatch, narrowed, n_calls):
    asked, choosing = [], []

    def complete(specs, **options):
        asked.append((list(specs), options["scheduler"]))
        return list(specs)

    monkeypatch.setattr(study, "complete", complete)
    monkeypatch.setattr(selection.choices, "complete", lambda **given: choosing.append(given))
    result = run("sweep", "--jobs", 1, *narrowed)
    assert result.exit_code == cli.OK, result.output
    assert [given["jobs"] for given in choosing] == [1] * n_calls
    address = "tcp://127.0.0.1:8786"
    run("sweep", "--world", "null", "--model", "LDBM", "--seed", 3, "--scheduler", address)
    assert asked[1] == ([study.RunSpec("LDBM", seed=3, world="null")], address)
    unknown = run("sweep", "--model", "ResNet")
    assert unknown.exit_code == cli.FAILED
    assert "LDBM-patch4" in unknown.stderr
    assert "seeds 0 to 9" in unknown.stderr


def test_run_prepares_the_features(run, monkeypatch):
    asked = []
    monkeypatch.setattr(study, "prepare", lambda **given: asked.append(given))
    assert run("run", "--jobs", 3).exit_code == cli.OK
    assert asked == [{"jobs": 3, "progress": True}]


# Export


def test_what_train_trained_is_exported_and_predicts(
    run, train, export, corpus, tmp_path, monkeypatch
):
    assert train("--model", "TemporalMeanMLP").exit_code == cli.OK
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_fit", lambda *_, **__: pytest.fail("trained again"))
        result = export()
    assert result.exit_code == cli.OK, result.output
    card = open_bundle(tmp_path / "pair").card
    for expected in (
        f"TemporalMeanMLP (seed 0) on identity features, trained on {WORLD}",
        f"± {card.half_width:.1f} points, by the errors on Dev at level 75%; Test chose nothing",
        f"next: deplib predict FRAMES {tmp_path / 'pair'}",
    ):
        assert expected in result.output
    scores = re.findall(r"MAE (.+): Dev ([\d.]+), Test ([\d.]+) BDI-II points", result.output)
    assert [title for title, *_ in scores] == ["in PyTorch", "as written"]
    assert re.search(r"PyTorch on Dev and Test: [\d.e-]+ z-units", result.output)
    folder = sorted(corpus.rglob("*_aligned"))[-1]
    told = json.loads(run("predict", folder, tmp_path / "pair", "--json").stdout)
    kept = results.load(WORLD, root=tmp_path / "results").set_index("recording")["bdi_hat"]
    expected = pytest.approx(kept[folder.name.split("_video")[0]], abs=0.02)
    assert told["unclipped"] == expected
    again = export("--int8")
    assert again.exit_code == cli.FAILED
    assert "holds another model or encoder" in again.stderr
    size = (tmp_path / "pair" / "model.onnx").stat().st_size
    assert export("--int8", "--force").exit_code == cli.OK
    assert (tmp_path / "pair" / "model.onnx").stat().st_size < 0.45 * size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--features", "identity+pulse"), "a folder of frames and one encoder give one of"),
        (("--features", "affect", "--flip"), "--features affect is an encoder"),
        (("--flip",), "train and export it without --flip"),
        (("--level", 0.9), "no interval of level 0.9 from 4 Dev recordings"),
        (("--model", "RidgeMean"), "RidgeMean cannot be exported"),
    ],
)
def test_what_cannot_be_exported_is_one_message(export, tmp_path, arguments, message):
    result = export(*arguments)
    assert result.exit_code == cli.FAILED
    assert message in result.stderr
    assert not (tmp_path / "pair").exists()


def test_a_full_disk_is_one_message(export, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "pair")

    monkeypatch.setattr("deplib.study.pairs.write_bundle", full)
    result = export()
    assert result.exit_code == cli.FAILED
    assert result.stderr.endswith("No space left on device: 'pair'\n")


def test_a_run_of_the_study_is_found_and_else_the_one_of_train(run, tmp_path, monkeypatch):
    asked: list[study.RunSpec] = []

    def first(specs, _):
        asked.extend(specs)
        raise OSError("enough")

    monkeypatch.setattr("deplib.study.first_kept", first)
    run("export", tmp_path / "pair", "--world", "null", "--seed", 3, "--split", "disjoint")
    wanted = [study.RunSpec("HybridPooling", 3, name, split_rule="disjoint")
              for name in ("null", "simulated/null")]  # fmt: skip
    assert asked == wanted


# Predict


def test_the_answer_has_score_interval_windows_and_caveats(run, frames, pair):
    (frames / "frame_000003.png").write_bytes(b"")
    result = run("predict", frames, pair)
    assert result.exit_code == cli.OK, result.output
    told = json.loads(run("predict", frames, pair, "--json").stdout)
    for expected in (
        f"BDI-II {told['score']:.1f}, 90% interval {told['low']:.1f} to {told['high']:.1f}",
        "40 frames, 1 of them missing and masked",
        "frame_000003.png is empty",
        *(f"{window['contribution']:.2f}" for window in told["windows"]),
        "AttentionMIL on identity features, trained on tiny",
        "This is no diagnosis: ",
        "says nothing about a person",
    ):
        assert expected in result.stdout
    assert "this is no diagnosis" in " ".join(run("predict", "--help").output.split())


@pytest.mark.parametrize(("name", "start"), [("p.svg", b"<?xml"), ("p.PNG", b"\x89PNG")])
def test_a_plot_is_written_whole_and_alike(run, frames, pair, tmp_path, name, start):
    (folder := tmp_path / "plots").mkdir()
    for _ in range(2):
        result = run("predict", frames, pair, "--plot", folder / name)
        assert result.exit_code == cli.OK, result.output
        content = (folder / name).read_bytes()
        assert content.startswith(start)
        assert [file.name for file in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == content


def test_without_frames_or_pair_nothing_is_done(run, frames, pair, tmp_path):
    (empty := tmp_path / "empty").mkdir()
    for arguments, message in (
        ((empty, pair), "holds no image"),
        ((tmp_path / "nowhere", pair), "no folder at"),
        ((frames, tmp_path / "nowhere"), "no folder"),
        ((frames, empty), "no model at"),
    ):
        result = run("predict", *arguments)
        assert result.exit_code == cli.FAILED
        assert message in result.stderr
    for plot, message in ((tmp_path / "p.txt", ".svg or .png"), (empty / "no/p.svg", "no folder")):
        result = run("predict", tmp_path / "no clip", pair, "--plot", plot)
        assert result.exit_code == cli.FAILED
        assert message in result.stderr
        assert "no clip" not in result.stderr  # it is told before the work
    for file in frames.iterdir():
        file.write_bytes(b"no picture")
    result = run("predict", frames, pair)
    assert result.exit_code == cli.FAULTS
    assert "40 of the 40 frames" in result.stderr


def test_the_verb_needs_no_torch_even_for_a_plot(frames, pair, tmp_path):
    code = (
        "import sys\nfrom deplib.cli import app\n"
        "app(standalone_mode=False)\nprint('torch' in sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "predict", frames, pair, "--plot", tmp_path / "p.svg"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "False"
    assert (tmp_path / "p.svg").exists()
