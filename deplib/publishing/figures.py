"""What readers can download of a page's figures: drawing, data, and where each comes from.

`deplib.figures` hands these over in the metadata of a cell's output; here they leave the page and
become ``book/figures/NAME.svg``, ``NAME.csv`` and ``NAME.json``. NAME is the figure's name in the
chapter's text, without ``fig-``.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from deplib import __version__, provenance
from deplib.errors import ResultError
from deplib.figures import KEPT
from deplib.publishing import PublishError

FOLDER = "figures"
"""Where they lie, relative to ``book/``."""
STATED = "figures"
"""Under which a page's metadata names its files, each with its SHA-256."""
_NAME = re.compile(r"fig-([a-z0-9-]+)")


def taken(page: NotebookNode, root: Path, chapter: str) -> dict[str, str]:
    """Take what can be downloaded out of a page, and name the files in its metadata.

    Parameters
    ----------
    page : NotebookNode
        A page as `deplib.publishing.pages.page` returns it; changed in place.
    root : Path
        The repository; the keys of results are read from its ``results/``.
    chapter : str
        The page's name.

    Returns
    -------
    dict
        Name of each file -> its text.

    Raises
    ------
    PublishError
        Where a figure has no name, caption or alternative text, does not say what it was drawn
        from, or names a result that is not there.
    """
    files: dict[str, str] = {}
    for cell in page.cells:
        shown = [output for output in cell.get("outputs", []) if KEPT in output.get("metadata", {})]
        for number, output in enumerate(shown, 1):
            where = f"{chapter}, cell {cell.execution_count}"
            name = _name(cell, where) + (f"-{number}" if number > 1 else "")
            if f"{name}.svg" in files:
                raise PublishError(f"{where}: another figure of the page is called fig-{name}")
            kept = output.metadata.pop(KEPT)
            origin = _origin(kept["origin"], root, where)
            made = {
                "figure": name,
                "chapter": chapter,
                "cell": cell.execution_count,
                "deplib": __version__,
                "code": page.metadata["published"]["library"],
            }
            files[f"{name}.svg"] = _lines(kept["svg"])
            files[f"{name}.csv"] = kept["csv"]
            files[f"{name}.json"] = json.dumps(made | origin, indent=1) + "\n"
    if files:
        page.metadata[STATED] = {name: _sha256(text) for name, text in sorted(files.items())}
    return files


def missing(page: NotebookNode, book: Path) -> list[str]:
    """Return the files that a page names and that are not there as they were written."""
    return [
        name
        for name, sha256 in page.metadata.get(STATED, {}).items()
        if not _is(book / FOLDER / name, sha256)
    ]


def forgotten(pages: list[NotebookNode], book: Path) -> list[Path]:
    """Return the files of the folder that no page names any more."""
    named = {name for page in pages for name in page.metadata.get(STATED, {})}
    return sorted(path for path in (book / FOLDER).glob("*") if path.name not in named)


def _name(cell: NotebookNode, where: str) -> str:
    shown = cell.metadata.get("mystnb", {})
    figure = shown.get("figure", {})
    match = _NAME.fullmatch(figure.get("name", ""))
    if not (match and figure.get("caption") and shown.get("image", {}).get("alt")):
        raise PublishError(
            f"{where} shows a figure: give the cell `mystnb` metadata with a figure's name "
            "(fig-...), a caption and an image's alt text, as the other chapters do"
        )
    return match[1]


def _origin(stated: dict[str, Any] | None, root: Path, where: str) -> dict[str, Any]:
    if stated is None:
        raise PublishError(
            f"{where} shows a figure that does not say what it was drawn from: return it through "
            "`figures.stated`"
        )
    keys = {name: _key(root / "results" / name, where) for name in stated["results"]}
    return {
        "cohort": stated["cohort"],
        "seeds": list(stated["seeds"]),
        "results": keys,
        "key": provenance.digest(keys) if keys else None,
    }


def _key(path: Path, where: str) -> str:
    """Return a result's own key, or the digest of a file that has none."""
    try:
        if path.suffix == ".json":
            content = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(content, dict) and isinstance(content.get("key"), str):
                return content["key"]
        return provenance.file_digest(path)
    except (OSError, ValueError, ResultError) as error:
        raise PublishError(
            f"{where} shows a figure drawn from {path}, which cannot be read ({error}): correct "
            "what is passed to `figures.stated`, or make the result with `make sweep`"
        ) from error


def _lines(text: str) -> str:
    """Return text without spaces at the ends of its lines, as editors want it."""
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and _sha256(path.read_text(encoding="utf-8")) == sha256
