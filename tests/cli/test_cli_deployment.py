"""A score from a folder of frames, on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from small_pair import write_frames, write_pair
from tiny import TinyCohort

from deplib import cli
from deplib.extraction import OnnxEncoder


@pytest.fixture(scope="session")
def pair(tiny_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_onnx)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "clip", TinyCohort().frames("202_1"))


def test_the_answer_has_score_interval_windows_and_caveats(run, frames: Path, pair: Path) -> None:
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


def test_json_is_all_that_is_printed(run, frames: Path, pair: Path) -> None:
    told = json.loads(run("predict", frames, pair, "--json").stdout)
    assert told["caveats"][0].startswith("This is no diagnosis: ")
    assert told["label_mean"] + sum(w["contribution"] for w in told["windows"]) == pytest.approx(
        told["unclipped"]
    )
    assert (told["n_frames"], told["n_missing"], told["faults"]) == (40, 0, [])


def test_a_pair_of_a_real_cohort_has_no_simulated_caveat(
    run, frames: Path, tiny_onnx: Path, tmp_path: Path
) -> None:
    pair = write_pair(tmp_path / "pair", tiny_onnx, simulated=False, cohort="AVEC2014")
    result = run("predict", frames, pair)
    assert "This is no diagnosis: " in result.stdout
    assert "simulated" not in result.stdout


@pytest.mark.parametrize(("name", "start"), [("p.svg", b"<?xml"), ("p.PNG", b"\x89PNG")])
def test_a_plot_is_written_whole_and_alike(
    run, frames: Path, pair: Path, tmp_path: Path, name: str, start: bytes
) -> None:
    plot = tmp_path / "plots" / name
    plot.parent.mkdir()
    result = run("predict", frames, pair, "--plot", plot)
    assert result.exit_code == cli.OK, result.output
    content = plot.read_bytes()
    assert content.startswith(start)
    assert run("predict", frames, pair, "--plot", plot).exit_code == cli.OK
    assert plot.read_bytes() == content
    assert [file.name for file in plot.parent.iterdir()] == [name]
    if plot.suffix == ".PNG":
        Image.open(plot).load()


@pytest.mark.parametrize(
    ("plot", "message"), [("p.txt", ".svg or .png"), ("nowhere/p.svg", "no folder")]
)
def test_a_plot_that_cannot_be_written_is_told_before_the_work(
    run, pair: Path, tmp_path: Path, plot: str, message: str
) -> None:
    result = run("predict", tmp_path / "no clip", pair, "--plot", tmp_path / plot)
    assert result.exit_code == cli.FAILED
    assert message in result.stderr
    assert "no clip" not in result.stderr


def test_an_interrupt_leaves_no_part_of_a_plot(
    run, frames: Path, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    plot = tmp_path / "plots" / "p.svg"
    plot.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        assert run("predict", frames, pair, "--plot", plot).exit_code == cli.INTERRUPTED
    with monkeypatch.context() as patch:
        patch.setattr(OnnxEncoder, "embed", interrupted)
        assert run("predict", frames, pair, "--plot", plot).exit_code == cli.INTERRUPTED
    assert not list(plot.parent.iterdir())
    plot.write_text("the last answer")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        run("predict", frames, pair, "--plot", plot)
    assert plot.read_text() == "the last answer"
    assert list(plot.parent.iterdir()) == [plot]


def test_bad_frames_have_an_exit_code_of_their_own(run, frames: Path, pair: Path) -> None:
    for file in frames.iterdir():
        file.write_bytes(b"no picture")
    result = run("predict", frames, pair)
    assert result.exit_code == cli.FAULTS
    assert "40 of the 40 frames" in result.stderr
    assert "is no PNG" in result.stderr


def test_without_frames_or_pair_nothing_is_done(
    run, frames: Path, pair: Path, tmp_path: Path
) -> None:
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
        assert "Traceback" not in result.output


def test_the_verb_needs_no_torch_even_for_a_plot(frames: Path, pair: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom deplib.cli import app\n"
        "app(standalone_mode=False)\nprint('torch' in sys.modules, file=sys.stderr)"
    )
    plot = tmp_path / "p.svg"
    command = [sys.executable, "-c", code, "predict", frames, pair, "--plot", plot]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "False"
    assert plot.exists()


def test_help_says_what_the_verb_is_not(run) -> None:
    result = run("predict", "--help")
    assert result.exit_code == cli.OK
    assert "this is no diagnosis" in " ".join(result.output.split())
