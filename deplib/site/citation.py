"""How to cite the report: every form is made from ``CITATION.cff``."""

import datetime
from pathlib import Path
from typing import Any

import yaml

from deplib import REPOSITORY, __version__
from deplib.errors import DeplibError
from deplib.provenance import PACKAGE

PATH = PACKAGE.parent / "CITATION.cff"
KEY = "deplib"
"""The entry's name in BibTeX."""


def load(path: Path | None = None) -> dict[str, Any]:
    """Read the citation file.

    Raises
    ------
    DeplibError
        If it is missing, or its version or address is not that of this library.
    """
    path = path or PATH
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DeplibError(f"cannot read {path}: {error}; it says how to cite the report") from error
    for field, wanted in (("version", __version__), ("repository-code", REPOSITORY)):
        if content.get(field) != wanted:
            raise DeplibError(f"{path} has {field} {content.get(field)!r}: make it {wanted!r}")
    return content


def bibtex(content: dict[str, Any]) -> str:
    """Return the citation as a BibTeX entry.

    Each author is braced, so that the name of a group is not taken for a first and a last name.
    """
    fields = {
        "title": f"{{{content['title']}}}",
        "author": " and ".join(f"{{{name}}}" for name in _names(content)),
        "year": str(_released(content).year),
        "month": str(_released(content).month),
        "version": content["version"],
        "url": content["repository-code"],
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@software{{{KEY},", *lines, "}"])


def plain(content: dict[str, Any]) -> str:
    """Return the citation as a sentence of Markdown.

    The address is code, for the theme shortens other links, and a reader may copy what is shown.
    """
    address = content["repository-code"]
    return (
        f"{', '.join(_names(content))} ({_released(content).year}). *{content['title']}.* "
        f"Version {content['version']}, {_released(content).isoformat()}. "
        f"[`{address}`]({address})"
    )


def block(form: str) -> str:
    """Return one form of the citation as a block of MyST: ``bibtex`` or ``plain``."""
    content = load()
    return f"```bibtex\n{bibtex(content)}\n```" if form == "bibtex" else f"> {plain(content)}"


def _names(content: dict[str, Any]) -> list[str]:
    """Return the authors' names, those of persons with the given name first."""
    return [
        one.get("name") or f"{one.get('given-names', '')} {one.get('family-names', '')}".strip()
        for one in content["authors"]
    ]


def _released(content: dict[str, Any]) -> datetime.date:
    return datetime.date.fromisoformat(str(content["date-released"]))
