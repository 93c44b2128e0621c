"""The verb that runs chapters alone, as a stranger does."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deplib.cli.app import app
from deplib.errors import RehearsalError


class SizeOf(StrEnum):
    """The sizes of ``deplib.sizes``."""

    FULL = "full"
    SMALL = "small"


@app.command()
def rehearse(
    chapter: Annotated[
        list[str] | None, typer.Option(help="Only this chapter; may be given again.")
    ] = None,
    size: Annotated[
        SizeOf | None,
        typer.Option(help="Of the chapters that have sizes. Without it, small."),
    ] = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record",
            help="Time what was not timed yet, or was changed since, in both sizes, and write "
            "results/timings/; the same command goes on where it was stopped.",
        ),
    ] = False,
) -> None:
    """Run chapters alone: a fresh environment, an empty folder, deplib installed by the chapter.

    Call it in the repository. Packages are installed from the network.
    """
    from deplib.rehearsal.recording import record as recorded
    from deplib.rehearsal.session import Session, has_sizes

    if record and size:
        raise RehearsalError("--record times both sizes: leave --size out")
    with tempfile.TemporaryDirectory(prefix="deplib-") as folder:
        session = Session(Path.cwd(), Path(folder))
        if record:
            timings = recorded(session, chapter, progress=typer.echo)
            typer.echo(f"{len(timings.chapters)} chapters are timed: results/timings/")
            return
        failed = []
        for name in chapter or session.chapters:
            sized = name in session.chapters and has_sizes(session.chapters[name])
            try:
                done = session.rehearse(name, (size or SizeOf.SMALL).value if sized else None)
                typer.echo(f"{name}: {done.cost.seconds:.0f} s, {done.cost.peak / 1e9:.1f} GB")
            except RehearsalError as error:
                failed.append(name)
                typer.secho(str(error), fg="red", err=True)
        if failed:
            raise RehearsalError(f"these do not run alone: {', '.join(failed)}")
