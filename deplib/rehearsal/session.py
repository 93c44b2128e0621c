"""A session of rehearsals: one environment, one snapshot, and chapters that run alone in it."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from papermill.parameterize import parameterize_notebook

from deplib.errors import RehearsalError
from deplib.publishing.chapters import Chapter, chapters
from deplib.publishing.pages import KERNEL, LANGUAGE, with_ids
from deplib.rehearsal.environment import Environment
from deplib.rehearsal.execution import Executed, execute
from deplib.rehearsal.record import Cost
from deplib.rehearsal.snapshot import snapshot
from deplib.sizes import FULL

PARAMETERS = "parameters"
"""Tag of the cell that holds a chapter's parameters: papermill's word for it."""
PROBE = """\
import json
import platform
import re
import sys
from importlib import metadata

import deplib

try:
    needed = ["deplib", *metadata.requires("deplib")]
except metadata.PackageNotFoundError:  # it was found elsewhere
    needed = []
names = [re.match(r"[\\w.-]+", one)[0] for one in needed if "extra ==" not in one]
print(json.dumps({
    "file": deplib.__file__,
    "path": sys.path,
    "versions": {"python": platform.python_version()} | {n: metadata.version(n) for n in names},
}))
"""
"""The cell after the last: where deplib came from, and what it ran on."""


@dataclass(frozen=True)
class Rehearsal:
    """One chapter, run alone.

    Attributes
    ----------
    notebook
        With its outputs.
    cost
        Without the installation.
    install
        Seconds of the set-up cell, in which deplib was installed.
    data
        Its folder of large files.
    versions
        Of Python, deplib and all that deplib requires.
    """

    notebook: NotebookNode
    cost: Cost
    install: float
    data: Path
    versions: dict[str, str]


class Session:
    """An environment and a snapshot for the rehearsals of one repository.

    Parameters
    ----------
    root
        The repository, with uncommitted changes or without git.
    folder
        Where environment, snapshot and data go.

    Raises
    ------
    NoNetworkError
        If the environment cannot be made for want of a network.
    PublishError
        If the book's sources are wrong.
    RehearsalError
        If the environment cannot be made for another reason.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root.resolve(), folder.resolve()
        self.chapters = {chapter.name: chapter for chapter in chapters(root)}
        self.source = snapshot(self.root, self.folder / "source")
        self.environment = Environment(
            self.folder / "environment", torch=pinned("torch", root / "requirements.lock")
        )

    def rehearse(self, name: str, size: str | None = None, data: Path | None = None) -> Rehearsal:
        """Run a chapter alone, in an empty folder, with deplib not installed.

        Parameters
        ----------
        name
            Of the chapter.
        size
            A name in ``deplib.sizes.SIZES``, for a chapter that has sizes.
        data
            Its folder of large files; an empty one by default.

        Raises
        ------
        RehearsalError
            If there is no such chapter, it has no sizes, or one of its cells fails.
        """
        notebook = with_ids(chapter_named(name, self.chapters).source)
        if size is not None:
            notebook = at_size(notebook, size, name)
        try:
            return self.execute(notebook, data)
        except RehearsalError as error:
            raise RehearsalError(f"{name} does not run alone: {error}") from None

    def execute(self, notebook: NotebookNode, data: Path | None = None) -> Rehearsal:
        """Run a notebook whose first code cell is the set-up cell; otherwise as ``rehearse``."""
        self.environment.without_deplib()
        notebook.cells.append(new_code_cell(PROBE))
        data = data or Path(tempfile.mkdtemp(prefix="data-", dir=self.folder))
        with tempfile.TemporaryDirectory(prefix="empty-", dir=self.folder) as empty:
            executed = execute(
                notebook,
                kernels=self.environment.write_kernel(),
                folder=Path(empty),
                variables=self.environment.variables(source=self.source, data=data),
            )
        return Rehearsal(
            notebook=executed.notebook,
            cost=executed.cost,
            install=executed.install.seconds,
            data=data,
            versions=self._probed(executed),
        )

    def _probed(self, executed: Executed) -> dict[str, str]:
        """Take the probe's cell off; complain if deplib was not the installed one."""
        said = "".join(one.get("text", "") for one in executed.notebook.cells.pop().outputs)
        found = json.loads(said)
        checkout = [one for one in found["path"] if one and Path(one).is_relative_to(self.root)]
        if not Path(found["file"]).is_relative_to(self.environment.folder) or checkout:
            raise RehearsalError(
                f"deplib came from {found['file']} with {found['path']} on the path: not from the "
                "snapshot alone"
            )
        return found["versions"]


def chapter_named(name: str, book: dict[str, Chapter]) -> Chapter:
    """Return a chapter.

    Raises
    ------
    RehearsalError
        If there is none of that name.
    """
    if name not in book:
        raise RehearsalError(f"no chapter {name!r}: the book has {', '.join(book)}")
    return book[name]


def has_sizes(chapter: Chapter) -> bool:
    """Tell whether a chapter has a cell of parameters."""
    return any(PARAMETERS in cell.metadata.get("tags", []) for cell in chapter.source.cells)


def at_size(notebook: NotebookNode, size: str, name: str) -> NotebookNode:
    """Return a notebook with its parameter ``size`` set, by an injected cell as papermill does.

    Raises
    ------
    RehearsalError
        If it has no parameters.
    """
    if not any(PARAMETERS in cell.metadata.get("tags", []) for cell in notebook.cells):
        if size == FULL.name:
            return notebook
        raise RehearsalError(f"{name} has no cell tagged {PARAMETERS}: it runs in full size only")
    notebook = nbformat.from_dict(notebook)
    notebook.metadata["papermill"] = {}
    for cell in notebook.cells:  # papermill asks each cell for its tags
        cell.metadata.setdefault("tags", [])
    return parameterize_notebook(
        notebook, {"size": size}, kernel_name=KERNEL["name"], language=KERNEL["language"]
    )


def notebook_of(*cells: str) -> NotebookNode:
    """Return a notebook of code cells."""
    return new_notebook(
        cells=[new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": KERNEL, "language_info": LANGUAGE},
    )


def pinned(package: str, lock: Path) -> str:
    """Return the version of a package in ``requirements.lock``.

    Raises
    ------
    RehearsalError
        If it is not in there.
    """
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    found = re.search(rf"^{re.escape(package)}==(\S+)", text, flags=re.MULTILINE)
    if found is None:
        raise RehearsalError(f"{lock} pins no {package}: rehearse in the repository of deplib")
    return found[1]
