"""Timing all chapters into the record, one by one: it can be stopped, and goes on from there."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from deplib import provenance
from deplib.cost.record import this_machine
from deplib.publish import SETUP_CELL
from deplib.publishing.chapters import Chapter
from deplib.rehearsal.record import FILE, Cost, Timing, Timings, load
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
    path: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Timings:
    """Time chapters that are not timed yet, or were changed since, and keep what was found.

    Where the machine or a version is another than in the record, all of it is taken anew: a table
    of times is of one machine.

    Parameters
    ----------
    session
        Of the repository.
    names
        Chapters; all by default.
    path
        The record; ``results/timings.json`` of the repository by default.
    progress
        Called with a line when a chapter is done.

    Raises
    ------
    RehearsalError
        If a chapter does not run alone; those before it are kept.
    ResultError
        If the record is damaged or cannot be written.
    """
    path = path or session.root / "results" / FILE
    chosen = [chapter_named(name, session.chapters) for name in names or session.chapters]
    timings = _begun(session, load(path))
    digests = {chapter.name: inputs(chapter) for chapter in chosen}
    todo = [one for one in chosen if not _has(timings, one.name, digests[one.name])]
    features: Path | None = None
    if any(map(has_sizes, todo)):
        made = session.execute(notebook_of(SETUP_CELL, MAKE_FEATURES))
        features, timings = made.data / FEATURES, replace(timings, features=made.cost)
        progress(f"features: {made.cost.seconds:.0f} s")
    for chapter in todo:
        timing = measure(session, chapter, features, digests[chapter.name])
        timings = timings.having(chapter.name, timing)
        timings.save(path)
        progress(f"{chapter.name}: {said(timing)}")
    timings = timings.of(session.chapters)
    timings.save(path)
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
    return Timing(digest, full.cost, features=sized and trained, small=small, again=again)


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


def _begun(session: Session, before: Timings) -> Timings:
    """Install deplib, and return the record, or an empty one if it is of other circumstances."""
    first = session.execute(notebook_of(SETUP_CELL))
    machine = {k: v for k, v in this_machine().items() if k not in ("python", "torch")}
    known = {k: v for k, v in before.machine.items() if k != "date"}
    here = {k: v for k, v in machine.items() if k != "date"}
    if known == here and dict(before.versions) == first.versions:
        return replace(before, machine=machine)
    book = before.book if known == here else None  # it has the versions of the lock
    return Timings(machine=machine, versions=first.versions, install=first.install, book=book)


def _has(timings: Timings, name: str, digest: str) -> bool:
    timing = timings.chapters.get(name)
    return timing is not None and timing.inputs == digest
