"""Errors, exit codes and help."""

import errno
import os
import subprocess
import sys

import pytest

from deplib.cli import app
from deplib.cli.options import CRASHED, FAILED, INTERRUPTED, n_jobs
from deplib.errors import ModelError
from deplib.paths import data_root

VERBS = {command.callback.__name__: command.callback for command in app.registered_commands}


ERRORS = [
    (("verify", "--store", "/nowhere/at/all"), "no feature store in"),
    (("check", "/nowhere/at/all"), "no folder"),
    (("check", ".", "--task", "Reading"), "no recording of task Reading"),
    (("extract", "--encoder", "/nowhere/e.onnx", "--dry-run"), "no network at"),
    (("extract", "--encoder", "e.onnx", "--preprocess", "rosy"), "rosy"),
    (("extract", "--preprocess", "raw"), "give --encoder"),
    (("extract", "--detector", "haar"), "give CORPUS"),
    (("extract", ".", "--world", "null"), "leave it or CORPUS out"),
    (("check", ".", "--det-size", 320), "give --detector"),
    (("predict", ".", "pair", "--detector", "haar"), "leave --detector out"),
    (("extract", "--world", "rosy", "--dry-run"), "rosy"),
    (("extract", "--dtype", "float64", "--dry-run"), "float64"),
    (("sweep", "--model", "ResNet"), "'LDBM-patch4'"),
    (("sweep", "--world", "rosy"), "seeds 0 to 9"),
    (("train", "--out", f"{__file__}/x"), "look at permissions and room of"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS)
def test_errors_are_one_message_without_traceback(run, arguments, message):
    result = run(*arguments, code=FAILED)
    assert message in result.stderr
    assert result.stderr.startswith(f"deplib {arguments[0]}: ")
    assert "Traceback" not in result.output


def test_a_new_verb_needs_no_error_handling_of_its_own(run, monkeypatch):
    monkeypatch.setattr(app, "registered_commands", list(app.registered_commands))

    @app.command("fold")
    def fold(how: str):
        errors = {"stop": KeyboardInterrupt(), "crash": KeyError("odd"), "no": ModelError("no")}
        raise (errors | {"head": BrokenPipeError(errno.EPIPE, "Broken pipe")})[how]

    assert run("fold", "no", code=FAILED).stderr == "deplib fold: no\n"
    assert not run("fold", "head", code=1).stderr  # whoever reads has seen enough
    assert "goes on where this one ended" in run("fold", "stop", code=INTERRUPTED).stderr
    said = run("fold", "crash", code=CRASHED).stderr
    assert said.startswith("deplib failed, which says nothing about the data: KeyError: 'odd'; for")
    assert len(said.splitlines()) == 1
    monkeypatch.setenv("DEPLIB_TRACEBACK", "1")
    assert "in fold\n    raise (errors" in run("fold", "crash", code=CRASHED).stderr


def test_jobs_are_as_many_as_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "3")
    assert (n_jobs(0), n_jobs(5), n_jobs(0, "cuda")) == (min(3, n_jobs(0)), 5, 1)
    if hasattr(os, "sched_setaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
        assert n_jobs(0) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_help_tells_what_a_verb_does(run, verb):
    assert verb in run("-h").output
    said, shown = VERBS[verb].__doc__.split("\n", 1)[0], run(verb, "-h").output
    assert said[:40] in " ".join(shown.split())
    assert "…" not in shown  # no name is cut


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
