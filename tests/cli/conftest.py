"""How the tests call the command line."""

import pytest
from typer.testing import CliRunner

from deplib.cli import app, options


@pytest.fixture
def run():
    """Call ``deplib`` with some arguments, in this process; it must end with the exit code."""

    def call(*arguments, code=options.OK):
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture
def extract(run, monkeypatch, tiny_onnx, tiny_cohort, tmp_path):
    """Run the extract verb on the tiny cohort and encoder, with a data folder of its own."""
    monkeypatch.setattr(options.Work, "open_cohort", lambda self: tiny_cohort)
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    fixed = ("--encoder", tiny_onnx, "--jobs", 1)
    return lambda *arguments, **code: run("extract", *fixed, *arguments, **code)
