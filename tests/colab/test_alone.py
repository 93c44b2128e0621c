"""Chapters run alone: a fresh environment, an empty folder, deplib installed by the chapter itself.

Two of them here, and all of them by `deplib rehearse`, which does the same. Only where no network
answers is this skipped, and never in continuous integration.
"""

import os
import subprocess
from pathlib import Path

import nbformat
import pytest

from deplib.chapters.timings import sentence
from deplib.errors import NoNetworkError, RehearsalError
from deplib.publish import SETUP_CELL
from deplib.rehearsal.record import load
from deplib.rehearsal.session import Rehearsal, Session, notebook_of
from deplib.sizes import SMALL

ROOT = Path(__file__).parents[2]
READS, TRAINS = "15_literature", "04_mean_mlp"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """An environment in which deplib is not installed; minutes, so one test uses it for all."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # a caller's path, which no chapter may see
    try:
        return Session(ROOT, tmp_path / "session")
    except NoNetworkError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no network: {str(error)[-200:]}")


@pytest.mark.slow
def test_two_chapters_run_alone_and_what_cannot_says_why(session: Session) -> None:
    check_that_deplib_is_not_there(session)
    check_a_chapter_that_reads_results(session.rehearse(READS))
    session.environment.without_deplib()
    check_that_deplib_is_not_there(session)
    trained = session.rehearse(TRAINS, SMALL.name)
    check_a_chapter_that_trains_in_small_size(trained)
    check_that_what_it_reads_is_as_on_the_published_page(trained)
    with pytest.raises(RehearsalError, match=f"{READS} has no cell tagged parameters"):
        session.rehearse(READS, SMALL.name)
    with pytest.raises(RehearsalError, match=r"there is no size 'huge': set size, in the cell"):
        session.rehearse(TRAINS, "huge")
    elsewhere = f"import sys\n\nsys.path.insert(0, {str(ROOT)!r})"
    with pytest.raises(RehearsalError, match="not from the snapshot alone"):
        session.execute(notebook_of(elsewhere, SETUP_CELL))


def check_that_deplib_is_not_there(session: Session) -> None:
    command = [str(session.environment.python), "-c", "import deplib"]
    variables = session.environment.variables(source="", data=session.folder)
    run = subprocess.run(command, cwd=session.folder, env=variables, capture_output=True, text=True)
    assert "No module named 'deplib'" in run.stderr


def check_a_chapter_that_reads_results(done: Rehearsal) -> None:
    check_that_it_installed_deplib_in_silence(done)
    assert not (done.data / "features").exists()
    assert sentence(READS, load()) in shown(done.notebook)
    assert "Run at size" not in shown(done.notebook)


def check_a_chapter_that_trains_in_small_size(done: Rehearsal) -> None:
    check_that_it_installed_deplib_in_silence(done)
    said = shown(done.notebook)
    assert "Run at size small." in said
    assert "Size *small*: TemporalMeanMLP was trained twice on this machine" in said
    assert "The two agree on every prediction" in said
    assert "agrees with the versioned result" not in said
    (store,) = (done.data / "features").iterdir()
    assert store.name.startswith("simulated-default-small-")


def check_that_what_it_reads_is_as_on_the_published_page(done: Rehearsal) -> None:
    page = nbformat.read(ROOT / "book" / f"{TRAINS}.ipynb", as_version=4)
    published = {cell.source: cell.get("outputs", []) for cell in page.cells}
    for source in ("table(page.scores())", "page.course_verdict()", "page.saw()"):
        alone = next(cell for cell in done.notebook.cells if cell.source == source)
        assert [o.data for o in alone.outputs] == [o.data for o in published[source]], source


def check_that_it_installed_deplib_in_silence(done: Rehearsal) -> None:
    first = next(cell for cell in done.notebook.cells if cell.cell_type == "code")
    assert first.source == SETUP_CELL
    assert first.outputs == []


def shown(notebook: nbformat.NotebookNode) -> str:
    """Return all that a notebook shows, as text."""
    return "\n".join(
        str(text)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind, text in output.get("data", {}).items()
        if kind.startswith("text/")
    )
