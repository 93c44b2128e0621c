"""`deplib rehearse`: which chapters run in which size, what fails, and what is recorded."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from typer.testing import CliRunner

from deplib.cli import FAILED, OK, app
from deplib.errors import RehearsalError
from deplib.rehearsal import recording, session
from deplib.rehearsal.record import Cost, Timings


class Acted:
    """A session of two chapters, one with sizes; ``broken`` ones fail."""

    asked: list[tuple]
    broken: tuple[str, ...] = ()

    def __init__(self, root: Path, folder: Path) -> None:
        assert root == Path.cwd()
        assert folder.is_dir()
        sized = new_code_cell('size = "full"', metadata={"tags": ["parameters"]})
        self.chapters = {
            "reads": SimpleNamespace(source=new_notebook()),
            "trains": SimpleNamespace(source=new_notebook(cells=[sized])),
        }

    def rehearse(self, name: str, size: str | None = None) -> SimpleNamespace:
        Acted.asked.append((name, size))
        if name in self.broken or name not in self.chapters:
            raise RehearsalError(f"{name} does not run alone: cell 3 raises")
        return SimpleNamespace(cost=Cost(12.4, 1_300_000_000))


@pytest.fixture
def rehearse(monkeypatch: pytest.MonkeyPatch):
    """Call the verb."""
    monkeypatch.setattr(session, "Session", Acted)
    Acted.asked, Acted.broken = [], ()
    return lambda *arguments: CliRunner().invoke(app, ["rehearse", *arguments])


def test_all_chapters_run_in_small_size_where_they_have_one(rehearse) -> None:
    done = rehearse()
    assert done.exit_code == OK
    assert Acted.asked == [("reads", None), ("trains", "small")]
    assert done.stdout.splitlines() == ["reads: 12 s, 1.3 GB", "trains: 12 s, 1.3 GB"]


def test_one_chapter_runs_in_full_size(rehearse) -> None:
    assert rehearse("--chapter", "trains", "--size", "full").exit_code == OK
    assert Acted.asked == [("trains", "full")]


def test_a_chapter_that_fails_is_named_and_the_others_run(rehearse) -> None:
    Acted.broken = ("reads",)
    done = rehearse()
    assert done.exit_code == FAILED
    assert "cell 3 raises" in done.output
    assert "these do not run alone: reads" in done.output
    assert Acted.asked == [("reads", None), ("trains", "small")]


def test_an_unknown_chapter_fails(rehearse) -> None:
    assert rehearse("--chapter", "writes").exit_code == FAILED


def test_an_unknown_size_is_refused_by_the_command_line(rehearse) -> None:
    assert rehearse("--size", "tiny").exit_code != OK
    assert Acted.asked == []


def test_recording_times_both_sizes_itself(rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def record(one, names, *, progress):
        asked.append((list(one.chapters), names))
        progress("reads: full 12 s")
        return Timings()

    monkeypatch.setattr(recording, "record", record)
    done = rehearse("--record", "--chapter", "reads")
    assert done.exit_code == OK
    assert asked == [(["reads", "trains"], ["reads"])]
    assert "reads: full 12 s" in done.stdout
    assert rehearse("--record", "--size", "small").exit_code == FAILED
    assert len(asked) == 1
