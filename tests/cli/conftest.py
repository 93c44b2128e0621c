"""How the tests call the command line."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from deplib import cli
from deplib.cli import options

Run = Callable[..., Result]


@pytest.fixture
def run():
    """Call ``deplib`` with some arguments, in this process."""
    return lambda *arguments: CliRunner().invoke(cli.app, [str(one) for one in arguments])


@pytest.fixture
def extract(run, monkeypatch, tiny_onnx, tiny_cohort, tmp_path):
    """Run the extract verb on the tiny cohort and encoder, with a data folder of its own."""
    monkeypatch.setattr(options, "open_cohort", lambda *_: tiny_cohort)
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    return lambda *arguments: run("extract", "--encoder", tiny_onnx, "--jobs", 1, *arguments)
