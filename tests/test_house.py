"""The house keeps its budgets: a thin library, chapters that hold the analysis, arrows one way."""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import nbformat
import pytest

from deplib import provenance
from deplib.publish import Chapter, chapters

ROOT, PACKAGE = Path(__file__).parents[1], provenance.PACKAGE
BOOK = {chapter.name: chapter for chapter in chapters(ROOT)}
LIBRARY = TESTS = 10_000
"""Code lines at most."""
SEEN, LONGEST, TABLES = 40, 40, 3
"""Of a chapter: code lines in sight at least, lines of a cell and tables at most."""
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
NO_CODE |= {tokenize.ENDMARKER}
ROLES = re.compile(r"\{(?:doc|cite\w*(?::\w+)?|numref|ref|eq|term)\}`")
MODULES = sorted(path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))
ALLOWED = {"IPython": {"report"}, "typer": {"cli"}}
"""Packages that only some rooms may import."""
BLIND = {
    "cohorts": {"extraction", "models", "training", "study"},
    "models": {"cohorts", "extraction", "study"},
    "metrics": {"models", "cohorts", "results", "study"},
    "statistics": {"models", "study"},  # power draws persons like the cohort
}
"""What a room knows nothing of."""


def code_lines(source: str) -> int:
    """Count lines that hold code: no docstrings, comments or blank lines."""
    texts: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if text and isinstance(node.value.value, str):  # type: ignore[attr-defined]
            texts.update(range(node.lineno, node.end_lineno + 1))  # type: ignore[attr-defined]
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - texts)


def room(path: Path) -> str:
    """Return the first name below the package."""
    return path.parts[1].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Return what a module imports, absolute names only: the house has no others."""
    for node in ast.walk(ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> dict[str, set[str]]:
    """Return which rooms each room imports from."""
    rooms = {room(path) for path in MODULES} - {"__init__"}
    found: dict[str, set[str]] = {one: set() for one in rooms}
    for path in MODULES:
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "deplib" and room(path) in rooms and parts[1] in rooms - {room(path)}:
                found[room(path)].add(parts[1])
    return found


def cells(chapter: Chapter) -> list[nbformat.NotebookNode]:
    return [c for c in chapter.source.cells if c.cell_type == "code" and c.source.strip()]


def hidden(cell: nbformat.NotebookNode) -> bool:
    return any(tag.startswith(("hide-", "remove-")) for tag in cell.metadata.get("tags", []))


def lines(cell: nbformat.NotebookNode) -> int:
    return sum(bool(line.strip()) and line.lstrip()[0] != "#" for line in cell.source.splitlines())


def test_code_lines_are_counted_without_words() -> None:
    source = (
        '"""Doc.\n\nMore.\n"""\n\n# Why.\nX = (\n    1,\n)  # three\n\n\ndef f():\n    """Do."""\n'
    )
    assert code_lines(source + "    return 'text'\n") == 5


@pytest.mark.parametrize(("folder", "most"), [("deplib", LIBRARY), ("tests", TESTS)])
def test_library_and_tests_keep_their_budgets(folder: str, most: int) -> None:
    counted: Counter[str] = Counter()
    for path in (ROOT / folder).rglob("*.py"):
        counted[path.relative_to(ROOT).parts[1]] += code_lines(path.read_text(encoding="utf-8"))
    assert counted.total() <= most, counted.most_common(12)


def test_there_is_no_room_of_chapters_and_no_two_modules_share_a_name() -> None:
    assert not (PACKAGE / "chapters").exists()
    names = Counter(path.name for path in MODULES if path.name != "__init__.py")
    assert [name for name, n in names.items() if n > 1] == []


def test_a_package_holds_at_least_three_files() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        inside = [one for one in path.parent.iterdir() if one.suffix in {".py", ".csv", ".json"}]
        assert len(inside) >= 3, f"{path.parent.relative_to(PACKAGE)}: make it one module"


def test_arrows_between_rooms_point_one_way() -> None:
    found = arrows()
    list(TopologicalSorter(found).static_order())  # raises where rooms import each other
    assert {a: b & BLIND[a] for a, b in found.items() if b & BLIND.get(a, set())} == {}
    assert "cli" not in set().union(*found.values())


@pytest.mark.parametrize("package", ALLOWED)
def test_some_packages_are_imported_by_few_rooms_only(package: str) -> None:
    users = {room(path) for path in MODULES if package in {n.split(".")[0] for n in imports(path)}}
    assert users <= ALLOWED[package]


def test_the_library_prints_nothing_and_unpickles_nothing() -> None:
    said = re.compile(r"^\s*print\(|\bimport pickle|torch\.load\(|_pickle\b", re.MULTILINE)
    found = [path for path in MODULES if said.search((PACKAGE.parent / path).read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize("name", BOOK)
def test_a_chapter_shows_its_analysis(name: str) -> None:
    code = cells(BOOK[name])
    seen = [lines(cell) for cell in code if not hidden(cell)]
    assert sum(seen) >= SEEN, f"{sum(seen)} code lines in sight"
    assert (len(code) - len(seen)) * 8 <= len(code), (
        f"{len(code) - len(seen)} of {len(code)} hidden"
    )
    assert sum(n == 1 for n in seen) * 3 < len(seen), "too many one-liners"
    assert max(map(lines, code)) <= LONGEST


@pytest.mark.parametrize("name", BOOK)
def test_a_chapter_reads_well_anywhere(name: str) -> None:
    text = BOOK[name].text.read_text(encoding="utf-8")
    assert ROLES.findall(text) == []
    for target in re.findall(r"\]\(([\w./-]+)\)", text):
        stem, kind = Path(target).stem, Path(target).suffix
        there = stem in BOOK if kind == ".ipynb" else (ROOT / "book" / target).is_file()
        assert there, f"{name} links to {target}"
    page = nbformat.read(BOOK[name].page, as_version=4)
    outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
    shown = ["".join(one.get("data", {}).get("text/html", "")) for one in outputs]
    assert sum("<table" in one for one in shown) <= TABLES
