"""The versioned files of ``results/``: where they lie, and how they are written."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deplib.errors import ResultError
from deplib.paths import write_atomically


def folder() -> Path:
    """Return the folder of the versioned results, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parent
    inside = package / "_results"
    return inside if inside.is_dir() else package.parent / "results"


def write_json(path: Path, content: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Write JSON, whole or not at all.

    Parameters
    ----------
    path
        Where the file goes; its folder is made.
    content
        JSON types; no NaN.
    indent
        Spaces a level, for people; by default all is on one line.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(content, indent=indent, separators=separators, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise ResultError(f"cannot write {path}: {error.strerror or error}") from error
