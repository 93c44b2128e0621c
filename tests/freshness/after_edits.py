"""Called in a copy of the repository: which chapters does each edit make stale, and why?

Reads from standard input a list of edits, ``[file, old, new]``, and writes the chapters and their
reasons for each. Every edit is undone before the next. The pages are first made fresh: only what
an edit does to them is asked, and not whether the book at hand is published.
"""

import json
import sys
from functools import cache
from pathlib import Path

import nbformat

from deplib import provenance
from deplib.publish import chapters, stale
from deplib.publishing import pages
from deplib.publishing.chapters import ingredients


def remember() -> None:
    """Keep what a source says and where a module lies: every edit looks at the whole library."""
    provenance._scan = cache(provenance._scan.__wrapped__)
    provenance.module_path = cache(provenance.module_path)


def make_fresh(root: Path) -> None:
    book = chapters(root)
    made_from = ingredients(book)
    for chapter in book:
        text = pages.with_ids(chapter.source)
        nbformat.write(pages.page(chapter.source, text, made_from[chapter.name]), chapter.page)


def after(root: Path, file: str, old: str, new: str) -> dict[str, tuple[str, ...]]:
    path = root / file
    before = path.read_bytes()
    assert old.encode() in before, f"{file} no longer holds {old!r}"
    path.write_bytes(before.replace(old.encode(), new.encode(), 1))
    try:
        return {one.name: one.reasons for one in stale(root)}
    finally:
        path.write_bytes(before)


if __name__ == "__main__":
    root = Path.cwd()
    assert root / "deplib" == provenance.PACKAGE, "the library of the copy must be imported"
    remember()
    make_fresh(root)
    assert stale(root) == []
    json.dump([after(root, *edit) for edit in json.load(sys.stdin)], sys.stdout)
