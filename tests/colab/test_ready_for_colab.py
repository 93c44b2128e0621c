"""Every chapter can be run alone: parameters where they do something, and a word on the time."""

import ast
from pathlib import Path

import nbformat
import pytest

from deplib import study
from deplib.chapters.timings import sentence
from deplib.publish import SETUP_CELL, chapters
from deplib.publishing.chapters import Chapter
from deplib.rehearsal.record import load
from deplib.rehearsal.session import PARAMETERS, has_sizes
from deplib.report import badge
from deplib.sizes import FULL, SIZES, SMALL

ROOT = Path(__file__).parents[2]
BOOK = {chapter.name: chapter for chapter in chapters(ROOT)}
SIZED = [name for name, chapter in BOOK.items() if has_sizes(chapter)]


def code_cells(chapter: Chapter) -> list[nbformat.NotebookNode]:
    return [cell for cell in chapter.source.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", SIZED)
def test_parameters_follow_the_set_up_cell_and_are_the_full_size(name: str) -> None:
    set_up, parameters, *others = code_cells(BOOK[name])
    assert set_up.source == SETUP_CELL
    assert parameters.metadata["tags"] == [PARAMETERS]
    (assigned,) = ast.parse(parameters.source).body
    assert isinstance(assigned, ast.Assign)
    assert [target.id for target in assigned.targets] == ["size"]
    assert ast.literal_eval(assigned.value) == FULL.name
    assert all(f'"{size}"' in parameters.source for size in SIZES)
    assert not any(PARAMETERS in cell.metadata.get("tags", []) for cell in others)


@pytest.mark.parametrize("name", BOOK)
def test_a_size_is_used_where_it_can_be_set_and_nowhere_else(name: str) -> None:
    cells = code_cells(BOOK[name])[1:]
    read = {
        node.id
        for cell in cells
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert ("size" in read) == (name in SIZED)


def test_chapters_that_train_on_features_have_sizes() -> None:
    recorded = {name for name, timing in load().chapters.items() if timing.features}
    assert recorded <= set(SIZED)
    pages = {"ModelPage", "ResultsPage", "ImplicationsPage"}  # whose pages call chapters.again
    training = {
        name
        for name, chapter in BOOK.items()
        for cell in code_cells(chapter)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in pages
    }
    assert training <= set(SIZED)
    callers = [
        path
        for path in (ROOT / "deplib" / "chapters").glob("*.py")
        if "study.complete(" in path.read_text()
    ]
    assert [path.name for path in callers] == ["again.py"]  # no page trains past its size


def test_the_record_covers_every_chapter() -> None:
    timings = load()
    assert set(timings.chapters) == set(BOOK), "run `make colab`"
    for name, timing in timings.chapters.items():
        assert (timing.small is not None) == (name in SIZED), f"{name}: run `make colab`"
    assert timings.install is not None
    assert timings.features is not None


@pytest.mark.parametrize("name", BOOK)
def test_a_chapter_says_below_its_badge_how_long_it_takes(name: str) -> None:
    chapter = BOOK[name]
    sources = [cell.source for cell in code_cells(chapter)]
    (at,) = (k for k, source in enumerate(sources) if "how_long(" in source)
    assert sources[at].endswith(f'how_long("{name}")')
    assert "badge" in sources[at - 1]
    times = ROOT / "results" / "timings"
    assert {times / "machine.json", times / "chapters" / f"{name}.json"} <= set(chapter.files())


@pytest.mark.parametrize("name", BOOK)
def test_a_published_page_says_the_time_that_is_recorded(name: str) -> None:
    page = nbformat.read(BOOK[name].page, as_version=4)
    (cell,) = (cell for cell in page.cells if "how_long(" in cell.source)
    assert cell.outputs[0].data["text/markdown"] == sentence(name, load())


def test_the_small_cohort_is_small_and_another_one() -> None:
    full, small = study.open_cohort(), study.open_cohort(size=SMALL.name)
    assert len(full.recordings) == FULL.n_recordings
    assert len(small.recordings) == SMALL.n_recordings < len(full.recordings) / 4
    assert small.recordings["n_frames"].max() == SMALL.max_frames
    assert small.recordings["n_frames"].sum() < full.recordings["n_frames"].sum() / 10
    assert small.name == f"{full.name}-{SMALL.name}"
    assert small.fingerprint != full.fingerprint
    assert set(small.recordings["split"]) == {"train", "dev", "test"}


def test_the_badge_says_when_a_page_is_run_at_a_small_size() -> None:
    cohort = study.open_cohort()
    full, small = badge(cohort).data, badge(cohort, SMALL.name).data
    assert badge(cohort, FULL.name).data == full
    assert "Run at size" not in full
    assert f"Run at size {SMALL.name}." in small
    assert f"{SMALL.n_recordings} recordings of at most {SMALL.max_frames} frames" in small
