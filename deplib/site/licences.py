"""Files of other projects that the book ships, with their licences, as a table."""

import json
from pathlib import Path
from typing import Any

from deplib.errors import DeplibError
from deplib.provenance import PACKAGE

VENDORED = PACKAGE.parent / "book" / "_static" / "vendor" / "vendored.json"
"""What is shipped with the pages, by folder; the folders lie beside this file."""


def vendored(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """Return what is known of each shipped project, by its folder.

    Raises
    ------
    DeplibError
        If the list is missing, a folder is not on it, or an entry has no folder or licence.
    """
    path = path or VENDORED
    try:
        listed: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeplibError(f"cannot read {path}: {error}; it lists what the pages ship") from error
    there = {folder.name for folder in path.parent.iterdir() if folder.is_dir()}
    if odd := there ^ set(listed):
        raise DeplibError(f"{path} and the folders beside it differ in {', '.join(sorted(odd))}")
    for name, entry in listed.items():
        if not entry.get("licence"):
            raise DeplibError(f"{path}: {name} has no licence; state it")
    return listed


def vendored_table(path: Path | None = None) -> str:
    """Return a Markdown table of the shipped projects, with every file."""
    path = path or VENDORED
    rows = ["| project | version | files | licence |", "|---|---|---|---|"]
    for name, entry in vendored(path).items():
        files = sorted(file.name for file in (path.parent / name).iterdir() if file.is_file())
        named = ", ".join(f"`{file}`" for file in files)
        rows.append(f"| {name} | {entry.get('version', '')} | {named} | {entry['licence']} |")
    return "\n".join(rows)
