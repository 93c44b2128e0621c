"""Errors, exit codes and help."""

import subprocess
import sys

import pytest

from deplib import cli
from deplib.cli import options
from deplib.errors import ModelError
from deplib.paths import data_root

VERBS = [command.callback.__name__ for command in cli.app.registered_commands]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "/nowhere/at/all"), "no feature store in"),
        (("check", "/nowhere/at/all"), "no folder"),
        (("extract", "--encoder", "/nowhere/e.onnx", "--dry-run"), "no network at"),
        (("extract", "--encoder", "e.onnx", "--preprocess", "rosy"), "rosy"),
        (("extract", "--preprocess", "raw"), "give --encoder"),
        (("extract", "--detector", "haar"), "--root"),
        (("extract", "--task", "Freeform"), "--root"),
        (("extract", "--world", "rosy", "--dry-run"), "rosy"),
        (("extract", "--dtype", "float64", "--dry-run"), "float64"),
    ],
)
def test_errors_are_one_message_without_traceback(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == cli.FAILED
    assert message in result.stderr
    assert result.stderr.startswith(f"deplib {arguments[0]}: ")
    assert "Traceback" not in result.output


def test_an_interrupt_says_how_to_go_on(extract, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(options, "open_cohort", interrupted)
    result = extract()
    assert result.exit_code == cli.INTERRUPTED
    assert "goes on where this one ended" in result.stderr


def test_a_new_verb_needs_no_error_handling_of_its_own(run, monkeypatch):
    monkeypatch.setattr(cli.app, "registered_commands", list(cli.app.registered_commands))

    @cli.app.command("fold")
    def fold():
        raise ModelError("a model that cannot be folded")

    result = run("fold")
    assert (result.exit_code, result.stderr) == (2, "deplib fold: a model that cannot be folded\n")


@pytest.mark.parametrize("verb", VERBS)
def test_help_tells_what_a_verb_does(run, verb):
    assert verb in run("--help").output
    result = run(verb, "--help")
    assert result.exit_code == 0
    said = getattr(cli, verb).__doc__.split("\n", 1)[0]
    assert said[:40] in " ".join(result.output.split())


def test_the_data_folder_is_chosen_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path))
    assert data_root() == tmp_path
    monkeypatch.setenv("DEPLIB_DATA", "somewhere")
    assert data_root().is_absolute()
    monkeypatch.setenv("DEPLIB_DATA", " ")
    assert data_root().name == "deplib"


def test_no_verb_waits_for_a_notebook_library_or_for_what_it_does_not_use():
    code = (
        "import sys\nfrom deplib.cli import app\n"
        "late = ('pandas', 'numpy', 'torch', 'matplotlib', 'onnxruntime', 'IPython', 'jupytext')\n"
        "print([name for name in late if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
