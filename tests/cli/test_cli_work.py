"""Training, exporting and predicting on the command line."""

import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pair import write_frames, write_pair
from stream_files import openface_rows, write_openface
from tiny import TinyCohort, openface

from deplib import results, study
from deplib.cli.options import FAILED, FAULTS
from deplib.cohorts.corpus import Corpus
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.deploy import open_bundle
from deplib.models import MODELS
from deplib.protocol import Protocol
from deplib.report import badge
from deplib.study import inputs, runs

WORLD = "simulated/AVEC2014 layout"


def kept(folder, **selected):
    """The results that were written last."""
    last = max(worlds(folder), key=lambda path: path.stat().st_mtime_ns)
    world = str(last.parent.relative_to(folder / "results"))
    return results.load(world, root=folder / "results", **selected)


def worlds(folder):
    return list((folder / "results").rglob("runs.parquet"))


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A corpus in the official layout, one epoch, and a data folder of its own."""
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(inputs, "Protocol", partial(Protocol, epochs=1, window_length=8))
    return write_avec_layout(SimulatedCohort(n_recordings=12), tmp_path / "corpus", max_frames=6)


@pytest.fixture
def train(run, corpus, tmp_path):
    """Run the train verb on the corpus, into the folder ``results``."""
    fixed = (corpus, "--out", tmp_path / "results", "--jobs", 1)
    return lambda *arguments, **code: run("train", *fixed, *arguments, **code)


@pytest.fixture
def export(run, corpus, tmp_path):
    """Run the export verb on the corpus, into the folder ``pair``."""
    fixed = (corpus, "--model", "TemporalMeanMLP", "--level", 0.75, "--jobs", 1)
    out = ("--out", tmp_path / "pair")
    return lambda *arguments, **code: run("export", *fixed, *out, *arguments, **code)


@pytest.fixture(scope="module")
def pair(tiny_onnx, tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_onnx)


@pytest.fixture
def frames(tmp_path):
    return write_frames(tmp_path / "clip", TinyCohort().frames("202_1"))


# Train


def test_train_prints_scores_with_intervals(train, tmp_path):
    told = train().output
    assert re.search(r"Test \(4 recordings of \d persons\)", told)
    for model in MODELS:
        assert re.search(rf"{model} +1 +[\d.]+ \([\d.]+ to [\d.]+\)", told)
    several = train("--model", "AttentionMIL", "--model", "RidgeMean", "--runs", 2).output
    assert re.search(r"AttentionMIL +2 +[\d.]+ ± [\d.]+ \([\d.]+ to [\d.]+\)", several)
    assert re.search(r"RidgeMean +1 +[\d.]+ \([\d.]+ to [\d.]+\)", several)
    assert set(kept(tmp_path)["model"]) == {*MODELS, "AttentionMIL", "RidgeMean"}


UNKNOWN = [
    (("--model", "ResNet"), "there are TemporalMeanMLP, LDBM"),
    (("--features", "voice"), "no stream is named 'voice'"),
    (("--model", "RidgeMean", "--recipe", "bags"), "no recipe fits it"),
]


@pytest.mark.parametrize(("arguments", "message"), UNKNOWN)
def test_train_says_what_there_is_when_asked_for_something_else(
    train, tmp_path, arguments, message
):
    assert message in train(*arguments, code=FAILED).stderr
    assert not (tmp_path / "data" / "features").exists()


def test_train_sees_openface_files_beside_the_embeddings(train, corpus, tmp_path):
    """One recording has no file: it goes on with its embeddings alone."""
    frames = {path.name: len(list(path.iterdir())) for path in corpus.rglob("*_aligned")}
    (folder := tmp_path / "openface").mkdir()
    for k, (name, n) in enumerate(sorted(frames.items())[1:]):
        clip = name.removesuffix("_aligned")
        write_openface(folder / f"{clip}.csv", openface_rows(n, seed=k))
    asked = ("--model", "HybridPooling", "--features", "identity+action", "--streams", folder)
    with pytest.warns(UserWarning, match="1 of 12 recordings have no file"):
        train(*asked)
    seen = kept(tmp_path, features="identity+action")
    assert seen["recording"].nunique() == 12


def test_train_goes_on_without_a_recording_that_cannot_be_used(train, corpus, tmp_path):
    folder = sorted(corpus.rglob("*_aligned"))[0]
    for frame in sorted(folder.iterdir())[1:-1]:  # an empty chair, but for the ends
        Image.new("RGB", (112, 112)).save(frame)
    asked = ("--model", "TemporalMeanMLP", "--max-miss-rate", 0.2)
    with pytest.warns(UserWarning, match="left out"):
        told = train(*asked, code=FAULTS).stdout
    assert told.endswith(f"1 recordings left out: {folder.name.split('_video')[0]}\n")
    assert kept(tmp_path)["recording"].nunique() == 11
    train(*asked, "--max-recording-miss-rate", 0.8)
    assert kept(tmp_path)["recording"].nunique() == 12
    with pytest.warns(UserWarning, match="left out"):  # it is in the store now
        train(*asked, code=FAULTS)
    assert len(worlds(tmp_path)) == 2  # beside each other
    with_flip = train("--flip", "--model", "RidgeMean", "--max-miss-rate", 0.2, code=FAULTS).stdout
    assert len(worlds(tmp_path)) == 3
    about = json.loads(
        (Path(with_flip.split("results: ")[1].split("\n")[0]) / "inputs.json").read_text()
    )
    assert "flip" in about["encoder"]
    assert about["limits"]["invalid_rate"] == 0.2


# The study


def test_sweep_computes_what_was_asked_for_and_no_more(run, monkeypatch):
    asked = []

    def complete(specs, **options):
        asked.append((list(specs), options["scheduler"]))
        return list(specs)

    monkeypatch.setattr(study, "complete", complete)
    run("sweep", "--jobs", 1)
    address = "tcp://127.0.0.1:8786"
    run("sweep", "--world", "null", "--model", "LDBM", "--seed", 3, "--scheduler", address)
    assert asked[0] == (study.sweep_specs(), None)
    assert asked[1] == ([study.RunSpec("LDBM", seed=3, world="null")], address)


# Export


def test_what_train_trained_is_exported_and_predicts(
    run, train, export, corpus, tmp_path, monkeypatch
):
    train("--model", "TemporalMeanMLP")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_fit", lambda *_, **__: pytest.fail("trained again"))
        told = export().output
    card, pair = open_bundle(tmp_path / "pair").card, tmp_path / "pair"
    for expected in (
        f"TemporalMeanMLP (seed 0) on identity features, trained on {WORLD}",
        f"± {card.half_width:.1f} points, by the errors on Dev at level 75%; Test chose nothing",
        f"next: deplib predict FRAMES {pair}",
    ):
        assert expected in told
    scores = re.findall(r"MAE (.+): Dev ([\d.]+), Test ([\d.]+) BDI-II points", told)
    assert [title for title, *_ in scores] == ["in PyTorch", "as written"]
    assert re.search(r"PyTorch on a window: [\d.e-]+ z-units", told)
    folder = sorted(corpus.rglob("*_aligned"))[-1]
    answer = json.loads(run("predict", folder, pair, "--json").stdout)
    scores = kept(tmp_path).set_index("recording")["bdi_hat"]
    of_train = scores[folder.name.split("_video")[0]]
    assert answer["unclipped"] == pytest.approx(of_train, abs=0.02)
    assert "holds another model or encoder" in export("--int8", code=FAILED).stderr
    size = (pair / "model.onnx").stat().st_size
    export("--int8", "--force")
    assert (pair / "model.onnx").stat().st_size < 0.45 * size


def test_a_table_of_clips_goes_all_the_way_under_its_own_name(run, corpus, tmp_path):
    clips = Corpus(corpus)
    table = clips.recordings.assign(path=sorted(map(str, corpus.rglob("*_aligned"))))
    file, common = tmp_path / "clinic.csv", ("--model", "TemporalMeanMLP", "--jobs", 1)
    told = []
    for labels in (range(12), range(0, 24, 2)):
        table.assign(**{"PHQ-8": labels}).drop(columns="bdi").to_csv(file, index=False)
        told += [run("train", file, *common).output]
    assert told[0].split("Test (")[1] != told[1].split("Test (")[1]  # other labels, another run
    pair, of_pair = tmp_path / "pair", ("--level", 0.7)
    told += [run("check", file).output, run("extract", file, "--jobs", 1).output]
    told += [run("export", file, "--out", pair, *common, *of_pair).output]
    told += [run("predict", table["path"][0], pair).output]
    assert all("clinic" in text and "PHQ-8" in text for text in told)
    assert "faces of its training: as they were given" in told[-1]
    assert not any("BDI" in text or "of AVEC" in text for text in told)
    assert badge(Corpus(file)).data.count("clinic") == badge(Corpus(file)).data.count("PHQ-8") == 1


NOT_EXPORTED = [
    (("--features", "affect", "--flip"), "--features affect is an encoder"),
    (("--level", 0.9), "no interval of level 0.9 from 4 Dev recordings"),
]


@pytest.mark.parametrize(("arguments", "message"), NOT_EXPORTED)
def test_what_cannot_be_exported_is_one_message(export, tmp_path, arguments, message):
    assert message in export(*arguments, code=FAILED).stderr
    assert not (tmp_path / "pair").exists()


def test_a_run_of_the_study_is_found_and_else_the_one_of_train(run, tmp_path, monkeypatch):
    asked: list[study.RunSpec] = []

    def first(specs, _):
        asked.extend(specs)
        raise OSError("enough")

    monkeypatch.setattr("deplib.study.first_kept", first)
    given = ("--world", "null", "--seed", 3, "--split", "disjoint")
    run("export", "--out", tmp_path / "pair", *given, code=FAILED)
    wanted = [study.RunSpec("HybridPooling", 3, name, split_rule="disjoint")
              for name in ("null", asked[1].world)]  # fmt: skip
    assert asked == wanted
    assert asked[1].world.startswith("simulated/null-")


# Predict


def test_the_answer_has_score_interval_windows_and_caveats(run, frames, pair):
    (frames / "frame_000003.png").write_bytes(b"")
    answer = json.loads(run("predict", frames, pair, "--json").stdout)
    for expected in (
        f"BDI-II {answer['score']:.1f}, 90% interval {answer['low']:.1f} to {answer['high']:.1f}",
        "40 frames, 1 of them missing and masked",
        "frame_000003.png is empty",
        *(f"{window['contribution']:.2f}" for window in answer["windows"]),
        "AttentionMIL on identity features, trained on tiny",
        "This is no diagnosis: ",
        "says nothing about a person",
    ):
        assert expected in run("predict", frames, pair).stdout
    assert "this is no diagnosis" in " ".join(run("predict", "--help").output.split())


def test_a_film_is_aligned_on_the_way_and_crops_of_another_alignment_are_refused(
    run, pair, tmp_path
):
    source = SimulatedCohort(n_recordings=6)
    films = write_avec_layout(source, tmp_path / "films", max_frames=4, videos=True)
    film = ("predict", sorted(films.rglob("*.mp4"))[0], pair)
    answer = json.loads(run(*film, "--json", "--detector", "haar").stdout)
    assert (answer["n_frames"], answer["n_missing"]) == (4, 0)
    assert "a film and what aligns it (--detector)" in run(*film, code=FAILED).stderr
    crops = source.frames(source.recordings["recording"].iloc[0], 0, 8)
    other = write_frames(tmp_path / "other", np.stack([openface(crop) for crop in crops]))
    assert "pixels from the five-point template" in run("predict", other, pair, code=FAULTS).stderr
    run("predict", other, pair, "--max-template-distance", 30)


def test_without_a_pair_the_demonstration_answers_and_says_where_it_must_not(run, corpus, tmp_path):
    clip = sorted(corpus.rglob("*_aligned"))[-1]
    answer = run("predict", clip)
    assert "trained on simulated/default: its MAE on Test was" in answer.stdout
    assert "nothing says that" not in answer.stderr
    filmed = shutil.copytree(clip, tmp_path / "filmed")
    assert "of a film the score means nothing" in run("predict", filmed).stderr


def test_without_frames_or_pair_nothing_is_done(run, frames, pair, tmp_path):
    (empty := tmp_path / "empty").mkdir()
    for arguments, message in (
        ((empty, pair), "holds no image"),
        ((tmp_path / "nowhere", pair), "no folder to read at"),
        ((frames, tmp_path / "nowhere"), "export a model there first"),
        ((frames, empty), "no model at"),
    ):
        assert message in run("predict", *arguments, code=FAILED).stderr
    for file in frames.iterdir():
        file.write_bytes(b"no picture")
    assert "40 of 40 frames" in run("predict", frames, pair, code=FAULTS).stderr


def test_predict_needs_no_torch(frames, pair):
    code = (
        "import sys\nfrom deplib.cli import app\n"
        "app(standalone_mode=False)\nprint('torch' in sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "predict", frames, pair]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "False"
