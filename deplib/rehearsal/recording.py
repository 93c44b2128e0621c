"""Timing all chapters into the record, one by one: it can be stopped, and goes on from there."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deplib import provenance
from deplib.cost.record import this_machine
from deplib.publish import SETUP_CELL
from deplib.publishing.chapters import Chapter
from deplib.rehearsal.record import FOLDER as TIMINGS
from deplib.rehearsal.record import Cost, Timing, Timings, load
from deplib.rehearsal.session import Session, chapter_named, has_sizes, notebook_of
from deplib.sizes import FULL, SMALL

FEATURES = "features"
"""Folder of the features in a data folder."""
RUNS = "runs"
"""Folder in which a chapter leaves what it trained on features."""
MAKE_FEATURES = """\
from deplib import study
from deplib.extraction.encoders.encoder import embedded_encoder

made = study.prepare_features(study.open_cohort(), embedded_encoder())
"""


def record(
    session: Session,
    names: Sequence[str] | None = None,
    *,
    folder: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Timings:
    """Time chapters that are not timed yet, or were changed since, and keep what was found.

    Where the machine or a version is another than in the record, all of it is taken anew, for a
    table of times is of one machine; but chapters that are named are timed alone, and say so.

    Parameters
    ----------
    session
        Of the repository.
    names
        Chapters; all by default.
    folder
        The record; ``results/timings`` of the repository by default.
    progress
        Called with a line when a chapter is done.

    Raises
    ------
    RehearsalError
        If a chapter does not run alone; those before it are kept.
    ResultError
        If the record is damaged or cannot be written.
    """
    folder = folder or session.root / "results" / TIMINGS
    chosen = [chapter_named(name, session.chapters) for name in names or session.chapters]
    timings, machine, versions = _begun(session, load(folder), alone=bool(names))
    digests = {chapter.name: inputs(chapter) for chapter in chosen}
    todo = [one for one in chosen if not _has(timings, one.name, digests[one.name])]
    features: Path | None = None
    if any(map(has_sizes, todo)):
        made = session.execute(notebook_of(SETUP_CELL, MAKE_FEATURES))
        features = made.data / FEATURES
        if timings.features is None:  # every page says this: a second time would move them all
            timings = replace(timings, features=made.cost)
        progress(f"features: {made.cost.seconds:.0f} s")
    for chapter in todo:
        timing = measure(session, chapter, features, digests[chapter.name])
        timing = replace(timing, machine=machine, versions=versions)
        timings = timings.having(chapter.name, timing)
        timings.save(folder)
        progress(f"{chapter.name}: {said(timing)}")
    timings = timings.of(session.chapters)
    timings.save(folder)
    return timings


def measure(session: Session, chapter: Chapter, features: Path | None, digest: str) -> Timing:
    """Time one chapter in both sizes, and once more with everything at hand."""
    name, sized = chapter.name, has_sizes(chapter)
    small = session.rehearse(name, SMALL.name).cost if sized else None
    data = session.folder / f"data-{name}"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    if sized and features is not None:
        shutil.copytree(features, data / FEATURES, copy_function=os.link)
    full = session.rehearse(name, FULL.name, data)
    trained = (data / RUNS).is_dir()
    again = session.rehearse(name, FULL.name, data).cost if trained else None
    shutil.rmtree(data)
    today = this_machine()["date"]
    return Timing(digest, today, full.cost, features=sized and trained, small=small, again=again)


def inputs(chapter: Chapter) -> str:
    """Return the digest of the code that a chapter runs: its cells, and its part of deplib."""
    cells = [cell.source for cell in chapter.source.cells if cell.cell_type == "code"]
    return provenance.digest([cells, provenance.source_digest(*chapter.modules())])


def said(timing: Timing) -> str:
    """Return the seconds of a chapter as a line."""
    parts: dict[str, Cost | None] = {
        "full": timing.full, "small": timing.small, "again": timing.again
    }  # fmt: skip
    return ", ".join(f"{kind} {cost.seconds:.0f} s" for kind, cost in parts.items() if cost)


def _begun(
    session: Session, before: Timings, *, alone: bool
) -> tuple[Timings, dict[str, Any], dict[str, str]]:
    """Install deplib; return the record to go on with, and what is another here than in it."""
    first = session.execute(notebook_of(SETUP_CELL))
    machine = {name: this_machine()[name] for name in ("processor", "cores", "system")}
    moved = before.machine != machine
    others = {
        name: version
        for name, version in first.versions.items()
        if before.versions.get(name) != version
    }
    if before.machine and (alone or not (moved or others)):
        return before, machine if moved else {}, others
    book = None if moved else before.book  # it has the versions of the lock
    begun = Timings(machine=machine, versions=first.versions, install=first.install, book=book)
    return begun, {}, {}


def _has(timings: Timings, name: str, digest: str) -> bool:
    timing = timings.chapters.get(name)
    return timing is not None and timing.inputs == digest
