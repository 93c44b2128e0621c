"""Timing chapters into the record: resumed, kept, and taken anew where something has changed."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from deplib.cost.record import this_machine
from deplib.errors import RehearsalError
from deplib.publishing.chapters import Chapter
from deplib.rehearsal.record import Book, Cost, Timings, load
from deplib.rehearsal.recording import inputs, record
from deplib.rehearsal.session import Rehearsal

VERSIONS = {"python": "3.11.7", "deplib": "0.1.0"}


def chapter(root: Path, name: str, *cells: str, sized: bool = False) -> Chapter:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    if sized:
        notebook.cells[0].metadata["tags"] = ["parameters"]
    made = Chapter(name, root)
    made.__dict__["source"] = notebook  # as the cached property would hold it
    return made


class Acted:
    """A session that notes what it was asked and costs what it is told to."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "scratch"
        self.folder.mkdir()
        self.chapters = {
            one.name: one
            for one in (
                chapter(root, "reads", "1"),
                chapter(root, "draws", 'size = "full"', sized=True),
                chapter(root, "trains", 'size = "full"', "train", sized=True),
            )
        }
        self.asked: list[tuple] = []
        self.versions, self.broken = VERSIONS, ""

    def execute(self, notebook: nbformat.NotebookNode) -> Rehearsal:
        self.asked.append(("features",) if len(notebook.cells) > 1 else ("install",))
        data = self.folder / "features"
        (data / "features" / "store").mkdir(parents=True, exist_ok=True)
        (data / "features" / "store" / "a").write_text("rows")
        return Rehearsal(notebook, Cost(200.0, 5), 60.0, data, self.versions)

    def rehearse(self, name: str, size: str, data: Path | None = None) -> Rehearsal:
        if name == self.broken:
            raise RehearsalError(f"{name} does not run alone")
        again = data is not None and (data / "runs").exists()
        at_hand = data is not None and (data / "features" / "store" / "a").exists()
        self.asked.append((name, size, "again" if again else "features" if at_hand else ""))
        if data is not None and name == "trains":
            (data / "runs").mkdir(exist_ok=True)
        cost = Cost({"small": 20.0, "full": 10.0 if again else 50.0}[size], 7)
        return Rehearsal(new_notebook(), cost, 15.0, data or self.folder, self.versions)


@pytest.fixture
def session(tmp_path: Path) -> Acted:
    """Three chapters: one reads, one draws at two sizes, one trains on features."""
    return Acted(tmp_path)


def test_each_chapter_is_timed_in_the_ways_that_it_has(session: Acted) -> None:
    found = record(session)
    assert session.asked == [
        ("install",),
        ("features",),
        ("reads", "full", ""),
        ("draws", "small", ""),
        ("draws", "full", "features"),
        ("trains", "small", ""),
        ("trains", "full", "features"),
        ("trains", "full", "again"),
    ]
    assert found.install == 60.0
    assert found.versions == VERSIONS
    assert found.chapters["reads"].small is None
    assert not found.chapters["draws"].features
    assert found.chapters["draws"].again is None
    assert found.chapters["trains"].features
    assert found.alone("trains") == Cost(250.0, 7)
    assert found.alone("draws") == Cost(50.0, 7)
    assert load(session.root / "results" / "timings") == found


def test_a_second_call_measures_nothing_and_a_changed_chapter_is_measured_alone(
    session: Acted,
) -> None:
    first = record(session)
    session.asked.clear()
    assert record(session) == first
    assert session.asked == [("install",)]
    session.chapters["reads"].source.cells[0].source = "2"
    session.asked.clear()
    assert record(session).chapters["reads"].inputs != first.chapters["reads"].inputs
    assert session.asked == [("install",), ("reads", "full", "")]


def test_what_was_timed_before_a_failure_is_kept_and_the_next_call_goes_on(
    session: Acted,
) -> None:
    session.broken = "draws"
    with pytest.raises(RehearsalError, match="draws"):
        record(session)
    assert list(load(session.root / "results" / "timings").chapters) == ["reads"]
    session.broken = ""
    session.asked.clear()
    assert list(record(session).chapters) == ["draws", "reads", "trains"]
    assert ("reads", "full", "") not in session.asked


def test_other_versions_make_all_of_it_old_but_for_the_book(session: Acted) -> None:
    path = session.root / "results" / "timings"
    book = Book(500.0, 20.0, 1)
    replace(record(session), book=book).save(path)
    session.versions = {**VERSIONS, "numpy": "9"}
    session.asked.clear()
    found = record(session)
    assert found.versions == session.versions
    assert found.book == book
    assert session.asked[1:3] == [("features",), ("reads", "full", "")]


def test_another_machine_makes_all_of_it_old(session: Acted) -> None:
    path = session.root / "results" / "timings"
    here = record(session)
    elsewhere = {**here.machine, "cores": this_machine()["cores"] + 1}
    replace(here, machine=elsewhere, book=Book(1.0, 1.0, 1)).save(path)
    session.asked.clear()
    found = record(session)
    assert found.machine == here.machine
    assert found.book is None
    assert ("reads", "full", "") in session.asked


def test_a_chapter_that_is_timed_alone_elsewhere_says_so_and_leaves_the_others(
    session: Acted,
) -> None:
    path = session.root / "results" / "timings"
    here = record(session)
    elsewhere = {**here.machine, "cores": this_machine()["cores"] + 1}
    replace(here, machine=elsewhere).save(path)
    session.versions = {**VERSIONS, "numpy": "9"}
    session.chapters["draws"].source.cells.append(new_code_cell("2"))
    found = record(session, ["draws"])
    assert found == load(path)
    assert found.machine == elsewhere
    assert found.features == here.features
    draws = found.chapters["draws"]
    assert (draws.machine, draws.versions) == (here.machine, {"numpy": "9"})
    assert {**found.chapters, "draws": None} == {**here.chapters, "draws": None}


def test_the_shared_costs_are_not_taken_twice(session: Acted) -> None:
    path = session.root / "results" / "timings"
    record(session)
    before = (path / "machine.json").read_bytes()
    session.chapters["trains"].source.cells.append(new_code_cell("2"))
    record(session)
    assert session.asked.count(("features",)) == 2
    assert (path / "machine.json").read_bytes() == before


def test_a_chapter_that_is_no_more_leaves_the_record(session: Acted) -> None:
    record(session)
    del session.chapters["draws"]
    assert list(record(session).chapters) == ["reads", "trains"]


def test_an_unknown_chapter_is_refused_before_anything_runs(session: Acted) -> None:
    with pytest.raises(RehearsalError, match=r"no chapter 'writes': the book has reads"):
        record(session, ["writes"])
    assert session.asked == []


def test_text_and_outputs_are_not_what_was_timed_but_code_is(tmp_path: Path) -> None:
    one = chapter(tmp_path, "one", "import deplib.sizes")
    before = inputs(one)
    one.source.cells.append(nbformat.v4.new_markdown_cell("More words."))
    assert inputs(one) == before
    one.source.cells.append(new_code_cell("1"))
    assert inputs(one) != before


def test_an_empty_record_says_of_no_chapter_how_long_it_takes() -> None:
    assert Timings().alone("reads") is None
