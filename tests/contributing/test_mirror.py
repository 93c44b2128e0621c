"""The tests mirror the package: every room has its folder, and every module its tests there."""

from collections import Counter
from pathlib import Path

import pytest

from deplib import provenance
from deplib.models import REGISTRY, module_of

TESTS, PACKAGE = Path(__file__).parents[1], provenance.PACKAGE
FILES = sorted(TESTS.rglob("test_*.py"))

ABOUT_THE_REPOSITORY = {
    "colab": "chapters as they run elsewhere",
    "contributing": "CONTRIBUTING.md, README.md and the tests themselves",
    "freshness": "the real book, its chapters and their dependencies",
    "hosting": "workflows and what they call",
    "test_repository.py": "files that must agree with each other",
}
"""Tests of no room of the package, each with what they are about."""

ELSEWHERE = {
    "constant": "literature",  # it is the constant of published results
    "errors": "cli",  # as messages and exit codes
    "paths": "cli",
    "protocol": "study",
    "sizes": "colab",
}
"""Single modules without a test file of their own, each with the folder that tests it."""

REGISTERED = {module_of(name) for name in REGISTRY}
"""Built by name: the contract runs over all of them."""
REACHED_FROM = {
    "deplib.cost.summary": "chapters/test_cost_chapter.py",
    "deplib.literature.bias": "chapters/test_around_pages.py",
    "deplib.publishing.execution": "test_publish.py",
    "deplib.publishing.watching.sitecustomize": "publishing/test_opened.py",
}
"""Modules that no test of their own room imports, each with the file that tests what they do."""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rooms() -> list[str]:
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def modules(room: str) -> set[str]:
    return {name_of(path) for path in (PACKAGE / room).rglob("*.py")}


def imported(files: list[Path]) -> set[str]:
    """Return the modules of the package that files import."""
    found = {name for path in files for name in provenance.imports_of(path.read_text())}
    return {name for name in found if provenance.module_path(name)}


@pytest.mark.parametrize("room", rooms())
def test_the_tests_of_a_room_reach_all_of_its_modules(room: str) -> None:
    """Directly, or through modules of the same room that they import."""
    files = sorted((TESTS / room).rglob("*.py"))
    assert any(path.name.startswith("test_") for path in files), f"tests/{room} has no tests"
    inside = modules(room)
    reached, waiting = set(), imported(files) & inside
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(provenance.imported_modules(name)) & inside - reached
    assert inside - reached - REGISTERED == {name for name in REACHED_FROM if name in inside}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_a_single_module_has_a_test_file_of_its_name(path: Path) -> None:
    if path.stem == "__init__":
        return
    own = TESTS / f"test_{path.stem}.py"
    if path.stem in ELSEWHERE:
        assert not own.exists(), f"take {path.stem} off the list"
        files = sorted((TESTS / ELSEWHERE[path.stem]).rglob("*.py"))
    else:
        assert own.exists(), f"write {own.name}, or put {path.stem} on the list"
        files = [own]
    assert name_of(path) in imported(files)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_a_test_file_lies_where_its_subject_does(path: Path) -> None:
    place = path.relative_to(TESTS).parts
    if place[0] in ABOUT_THE_REPOSITORY:
        return
    if len(place) == 1:
        assert (PACKAGE / path.name.removeprefix("test_")).exists(), f"{path.name}: of no module"
    else:
        assert PACKAGE.joinpath(*place[:-1], "__init__.py").exists(), "the package has no such room"


@pytest.mark.parametrize("file", sorted({*REACHED_FROM.values()}))
def test_files_that_test_what_others_leave_exist(file: str) -> None:
    assert (TESTS / file).exists()


def test_every_file_has_a_name_of_its_own() -> None:
    names = Counter(path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py")
    assert [name for name, n in names.items() if n > 1] == []
