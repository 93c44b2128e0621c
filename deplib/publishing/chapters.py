"""Chapters: their order, what each was made from, and why a published page is stale.

A chapter is a pair: ``notebooks/NAME.py`` (py:percent) is the text that people edit, and
``book/NAME.ipynb`` is that text executed. Its header may say, under ``deplib:`` in ``jupyter:``,

- ``after``: chapters that must be published first,
- ``needs``: files it reads, relative to the root of the repository; patterns such as
  ``results/*.csv`` are allowed,
- ``uses``: modules of deplib that count as imported, beside those that its cells import.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode

from deplib import provenance
from deplib.publishing import PublishError, figures
from deplib.publishing.pages import FORMAT, header, same_text

INGREDIENTS = {
    "text": "its text changed",
    "library": "the code of deplib that it uses changed",
    "files": "a file that it needs changed",
    "lock": "requirements.lock changed",
    "after": "a chapter that it comes after changed",
    "format": "pages are written in another way now",
}
"""What a page is made from, each with the reason that its change gives."""


@dataclass(frozen=True)
class Chapter:
    """One chapter of the book."""

    name: str
    root: Path  # of the repository
    after: tuple[str, ...] = ()  # chapters that come first
    needs: tuple[str, ...] = ()  # patterns of files, relative to root
    uses: tuple[str, ...] = ()  # modules that count as imported

    @property
    def text(self) -> Path:
        """The py:percent file that people edit."""
        return self.root / "notebooks" / f"{self.name}.py"

    @property
    def page(self) -> Path:
        """The executed notebook that is published."""
        return self.root / "book" / f"{self.name}.ipynb"

    @cached_property
    def source(self) -> NotebookNode:
        """The text as a notebook without outputs."""
        return jupytext.read(self.text)

    def modules(self) -> list[str]:
        """Return the modules of deplib that the cells import or the header names."""
        names = set(self.uses)
        for cell in self.source.cells:
            if cell.cell_type == "code":
                names |= _imports(cell.source)
        return sorted(name for name in names if provenance.module_path(name))

    def files(self) -> list[Path]:
        """Return the files that the chapter needs.

        Raises
        ------
        PublishError
            Where a pattern matches nothing.
        """
        found = []
        for pattern in self.needs:
            matches = sorted(path for path in self.root.glob(pattern) if path.is_file())
            if not matches:
                raise PublishError(
                    f"{self.name} needs {pattern}, and no file of {self.root} matches: make it, "
                    f"or correct `needs` in the header of notebooks/{self.name}.py"
                )
            found += matches
        return found


@dataclass(frozen=True)
class StaleChapter:
    """A chapter whose page is not what its sources give, and why."""

    name: str
    reasons: tuple[str, ...]


def chapters(root: Path) -> list[Chapter]:
    """Return the chapters in the order of ``_toc.yml``.

    Pages of the table of contents that are plain Markdown are not chapters.

    Raises
    ------
    PublishError
        Where the table of contents names a page that has no source, a chapter is not in it, or
        a header is not understood.
    """
    found = []
    for name in _toc(root / "_toc.yml"):
        if (root / "notebooks" / f"{name}.py").is_file():
            found.append(_chapter(root, name))
        elif not (root / "book" / f"{name}.md").is_file():
            raise PublishError(
                f"_toc.yml names {name}, but there is neither notebooks/{name}.py nor "
                f"book/{name}.md: write one, or take it out of _toc.yml"
            )
    names = {chapter.name for chapter in found}
    forgotten = {path.stem for path in (root / "notebooks").glob("*.py")} - names
    if forgotten:
        raise PublishError(f"not in _toc.yml: {_list(forgotten)} of notebooks/; add, or remove")
    for chapter in found:
        if unknown := set(chapter.after) - names:
            raise PublishError(f"{chapter.name} comes after {_list(unknown)}: no such chapter")
    try:
        TopologicalSorter({chapter.name: chapter.after for chapter in found}).prepare()
    except CycleError as error:
        raise PublishError(f"chapters come after each other: {' < '.join(error.args[1])}") from None
    return found


def ingredients(book: list[Chapter]) -> dict[str, dict[str, str]]:
    """Return what each chapter is made from: one digest for each of ``INGREDIENTS``.

    Parameters
    ----------
    book : list of Chapter
        All chapters, as `chapters` returns them.
    """
    by_name = {chapter.name: chapter for chapter in book}
    made_from: dict[str, dict[str, str]] = {}
    order = TopologicalSorter({chapter.name: chapter.after for chapter in book}).static_order()
    for name in order:
        chapter = by_name[name]
        cells = [[cell.cell_type, cell.source, cell.metadata] for cell in chapter.source.cells]
        try:
            files = {
                path.relative_to(chapter.root).as_posix(): provenance.file_digest(path)
                for path in chapter.files()
            }
        except PublishError:  # no page can hold this digest, so the chapter is stale
            files = {"missing": ""}
        made_from[name] = {
            "text": provenance.digest([cells, header(chapter.source)]),
            "library": provenance.source_digest(*chapter.modules()),
            "files": provenance.digest(files),
            "lock": provenance.file_digest(chapter.root / "requirements.lock"),
            "after": provenance.digest({first: made_from[first] for first in chapter.after}),
            "format": str(FORMAT),
        }
    return made_from


def reasons(chapter: Chapter, made_from: dict[str, str]) -> tuple[str, ...]:
    """Say why a chapter's page is not what its sources give; nothing where it is."""
    if not chapter.page.is_file():
        return ("it was never published",)
    try:
        page = nbformat.read(chapter.page, as_version=4)
    except (ValueError, nbformat.ValidationError):
        return (f"book/{chapter.name}.ipynb is no notebook",)
    stated = page.metadata.get("published", {})
    found = [why for part, why in INGREDIENTS.items() if stated.get(part) != made_from[part]]
    if not found and not same_text(page, chapter.source):
        found = ["its page was edited: the text is edited in notebooks/"]
    if lost := figures.missing(page, chapter.page.parent):
        found.append(f"of its figures, {_list(lost)} is missing or was edited")
    return tuple(found)


def _chapter(root: Path, name: str) -> Chapter:
    chapter = Chapter(name, root)
    stated = chapter.source.metadata.get("deplib", {})
    if unknown := set(stated) - {"after", "needs", "uses"}:
        raise PublishError(
            f"notebooks/{name}.py: `deplib:` in its header has {_list(unknown)}; it takes lists "
            "named after, needs and uses"
        )
    return Chapter(name, root, **{key: tuple(value) for key, value in stated.items()})


def _toc(path: Path) -> list[str]:
    try:
        toc = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries = [chapter for part in toc.get("parts", []) for chapter in part["chapters"]]
        return [toc["root"], *(entry["file"] for entry in entries + toc.get("chapters", []))]
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise PublishError(
            f"{path} is no table of contents of a jb-book ({error!r}): it needs root, and parts "
            "with chapters"
        ) from error


def _imports(cell: str) -> frozenset[str]:
    """Return what a cell imports; nothing where it is no Python, which its execution will say."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in cell.split("\n")]
    try:
        return provenance.imports_of("\n".join(lines))
    except SyntaxError:
        return frozenset()


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
