"""Publish the book: execute the chapters that are stale, and write their pages.

The way leads in one direction only: ``notebooks/NAME.py`` is executed by papermill in a temporary
folder, and what comes out is normalised and moved to ``book/NAME.ipynb`` in one step, so that a
failure or a kill leaves the old page. A page states what it was made from; from that alone a clean
clone can tell whether it is stale. A record beside the data says what was executed on this
machine: `publish` also executes chapters that only another machine has executed so far.

Pages are executed with the parameters that they show; runs with others belong elsewhere.
"""

import json
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock, Timeout

from deplib import REPOSITORY, provenance
from deplib.errors import DeplibError
from deplib.publishing import PublishError, figures
from deplib.publishing.chapters import Chapter, StaleChapter, chapters, ingredients, reasons
from deplib.publishing.execution import KERNEL_ENVIRONMENT, execute, record_path, state

__all__ = [
    "KERNEL_ENVIRONMENT",
    "SETUP_CELL",
    "Chapter",
    "PublishError",
    "Report",
    "StaleChapter",
    "chapters",
    "publish",
    "seconds",
    "stale",
]

SETUP_CELL = f"""\
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("deplib") is None:  # as on Colab, where nothing is installed yet
    source = os.environ.get(
        "DEPLIB_SOURCE", "git+{REPOSITORY}"
    )
    subprocess.run([sys.executable, "-m", "pip", "install", "-qq", source], check=True)
    importlib.invalidate_caches()"""
"""The first code cell of every chapter, tagged ``remove-cell``: a chapter runs alone anywhere."""


@dataclass(frozen=True)
class Report:
    """What `publish` did."""

    executed: dict[str, float]  # chapter -> seconds
    fresh: tuple[str, ...]  # chapters that were left as they are


def stale(root: Path, *, here: bool = False) -> list[StaleChapter]:
    """Return the chapters whose page is not what their sources give, in the book's order.

    Parameters
    ----------
    root : Path
        The repository.
    here : bool
        Also count chapters that were not executed on this machine since they changed.
    """
    book = chapters(root)
    return _stale(book, ingredients(book), here=here)


def publish(
    root: Path,
    *,
    names: Collection[str] | None = None,
    jobs: int = 2,
    force: bool = False,
    check: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Execute the stale chapters and write their pages.

    Parameters
    ----------
    root : Path
        The repository, with ``_toc.yml``, ``notebooks/``, ``book/`` and ``requirements.lock``.
    names : collection of str, optional
        Chapters to look at, with those they come after; all where it is None.
    jobs : int
        Chapters executed at once, each by one kernel in a process of its own.
    force : bool
        Execute chapters that are not stale too.
    check : bool
        Execute nothing; complain about pages that are stale. What was executed on this machine
        plays no part.
    progress : callable, optional
        Called with one line of text whenever a chapter starts or ends.

    Returns
    -------
    Report
        The chapters executed, each with its seconds, and those left as they are.

    Raises
    ------
    PublishError
        Where a chapter fails (the others are published all the same, except those that come
        after it), where `check` finds a stale page, or where the book's sources are wrong.
    """
    book = chapters(root)
    chosen = _chosen(book, names)
    if check:
        old = [one for one in stale(root) if one.name in chosen]
        if old:
            lines = "\n".join(f"  {one.name}: {'; '.join(one.reasons)}" for one in old)
            raise PublishError(f"stale pages, to be made anew by `deplib publish`:\n{lines}")
        return Report({}, tuple(chosen))
    folder = state(root)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            return _publish(book, names, jobs, force, progress or (lambda line: None))
    except Timeout:
        raise PublishError(f"another process publishes {root} now: wait until it ends") from None


def seconds(root: Path) -> dict[str, float]:
    """Return how long each chapter took when it was last executed on this machine."""
    records = {chapter.name: _record(chapter) for chapter in chapters(root)}
    return {name: record["seconds"] for name, record in records.items() if record}


def _stale(
    book: list[Chapter], made_from: dict[str, dict[str, str]], *, here: bool
) -> list[StaleChapter]:
    found = []
    for chapter in book:
        why = reasons(chapter, made_from[chapter.name])
        if not why and here and not _executed_here(chapter):
            why = ("it was not executed on this machine",)
        if why:
            found.append(StaleChapter(chapter.name, why))
    return found


def _publish(
    whole: list[Chapter],
    names: Collection[str] | None,
    jobs: int,
    force: bool,
    progress: Callable[[str], None],
) -> Report:
    chosen = _chosen(whole, names)
    made_from = ingredients(whole)
    old = {one.name for one in _stale(whole, made_from, here=True)}
    todo = {name: chapter for name, chapter in chosen.items() if force or name in old}
    executed, failed = _execute_all(todo, made_from, jobs, progress)
    _forget(whole)
    if failed:
        lines = "\n".join(f"  {name}: {why}" for name, why in failed.items())
        raise PublishError(f"{len(failed)} of {len(todo)} chapters failed:\n{lines}")
    return Report(executed, tuple(name for name in chosen if name not in todo))


def _execute_all(
    todo: dict[str, Chapter],
    made_from: dict[str, dict[str, str]],
    jobs: int,
    progress: Callable[[str], None],
) -> tuple[dict[str, float], dict[str, str]]:
    """Execute chapters, each after those it comes after; return seconds and failures."""
    executed: dict[str, float] = {}
    failed: dict[str, str] = {}
    running: dict[Future[float], str] = {}
    graph = TopologicalSorter(
        {name: [first for first in one.after if first in todo] for name, one in todo.items()}
    )
    graph.prepare()
    ready: list[str] = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        while graph.is_active():
            ready += sorted(graph.get_ready(), key=list(todo).index)
            while ready and len(running) < jobs:
                name = ready.pop(0)
                broken = [first for first in todo[name].after if first in failed]
                if broken:
                    failed[name] = f"not executed, since it comes after {broken[0]}"
                    graph.done(name)
                else:
                    progress(f"{name}: running")
                    running[pool.submit(execute, todo[name], made_from[name])] = name
            for task in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(task)
                try:
                    executed[name] = task.result()
                    progress(f"{name}: {executed[name]:.0f} s")
                except DeplibError as error:
                    failed[name] = str(error)
                    progress(f"{name}: failed")
                graph.done(name)
    return executed, failed


def _forget(whole: list[Chapter]) -> None:
    """Remove the files of figures that no page shows any more."""
    there = [nbformat.read(one.page, as_version=4) for one in whole if one.page.is_file()]
    for path in figures.forgotten(there, whole[0].root / "book"):
        path.unlink()


def _chosen(book: list[Chapter], names: Collection[str] | None) -> dict[str, Chapter]:
    """Return the named chapters and those they come after, by name in the book's order."""
    by_name = {chapter.name: chapter for chapter in book}
    if names is None:
        return by_name
    if unknown := set(names) - set(by_name):
        raise PublishError(
            f"no chapter {', '.join(sorted(unknown))}: the book has {', '.join(by_name)}"
        )
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += by_name[name].after
    return {name: chapter for name, chapter in by_name.items() if name in wanted}


def _record(chapter: Chapter) -> dict[str, Any] | None:
    try:
        return json.loads(record_path(chapter).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _executed_here(chapter: Chapter) -> bool:
    record = _record(chapter)
    return record is not None and record["sha256"] == provenance.file_digest(chapter.page)
