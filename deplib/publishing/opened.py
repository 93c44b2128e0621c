"""What a chapter reads while it is executed, held against what its header says.

A page is stale when something changes that its chapter is *said* to depend on. A file that it
reads and does not name would change and leave the page as it is. So an execution is watched: every
process of it writes down the files that it opens, modules included.
"""

import importlib.util
import os
import sys
from pathlib import Path

from deplib import provenance
from deplib.paths import data_root
from deplib.publishing.chapters import Chapter

VARIABLE = "DEPLIB_OPENED"
"""The environment variable that holds the file to write to; see ``watching/sitecustomize.py``."""
WATCHING = Path(__file__).with_name("watching")


def watch(log: Path) -> dict[str, str]:
    """Return what to add to the environment, so that Python writes down what it opens."""
    path = [str(WATCHING), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {VARIABLE: str(log), "PYTHONPATH": os.pathsep.join(path)}


def undeclared(chapter: Chapter, log: Path) -> list[str]:
    """Return what an execution read and the chapter's header does not say.

    Parameters
    ----------
    chapter : Chapter
        The chapter.
    log : Path
        What its processes wrote, as `watch` asked them to.

    Returns
    -------
    list of str
        Modules of the library and files of the repository, each with the entry of the header that
        it belongs to, such as ``uses: deplib.models.ldbm``; empty where all is said. Installed
        packages and the data folder, whose contents have keys of their own, play no part.
    """
    known = provenance.imported_modules(*chapter.modules())
    named = {path.resolve() for path in chapter.files()}
    named |= {path.resolve() for path in known.values()}
    folders = {path.parent.resolve() for path in known.values()}
    found = set()
    for line in set(log.read_text(encoding="utf-8").splitlines()):
        path = _source(Path(line).resolve())
        shipped = path.suffix in provenance.DATA_SUFFIXES and path.parent in folders
        if path not in named and not shipped and (entry := _entry(path, chapter)):
            found.add(entry)
    return sorted(found)


def _entry(path: Path, chapter: Chapter) -> str | None:
    """Return how the header would name a file, or None where nothing needs to."""
    root, package = chapter.root.resolve(), provenance.PACKAGE.resolve()
    if not path.is_file() or any(map(path.is_relative_to, (Path(sys.prefix), data_root()))):
        return None
    if path.is_relative_to(package) and path.suffix == ".py":
        inside = path.relative_to(package.parent).with_suffix("")
        parts = inside.parts[:-1] if inside.name == "__init__" else inside.parts
        name = ".".join(parts)
        return f"uses: {name}" if provenance.module_path(name) == path else None
    if not path.is_relative_to(root) or path == chapter.text.resolve():
        return None
    relative = path.relative_to(root)
    return None if relative.parts[0].startswith(".") else f"needs: {relative.as_posix()}"


def _source(path: Path) -> Path:
    """Return the module that a compiled file was made from; any other file as it is."""
    if path.suffix != ".pyc":
        return path
    try:
        return Path(importlib.util.source_from_cache(str(path)))
    except ValueError:
        return path
