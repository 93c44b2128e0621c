"""Verbs about what must be on the disk before features can be made: a corpus, and weights."""

from pathlib import Path
from typing import Annotated

import typer

from deplib.cli import options
from deplib.cli.app import FAULTS, OK, app


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    recordings: Annotated[int, typer.Option(min=6, help="How many.")] = 12,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each.")] = 64,
    videos: Annotated[
        bool, typer.Option("--videos", help="Whole scenes as mp4, not aligned frames.")
    ] = False,
) -> None:
    """Write a small simulated corpus in the layout of AVEC2014, to try the other verbs on."""
    from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout

    source = SimulatedCohort(n_recordings=recordings)
    write_avec_layout(source, folder, max_frames=frames, videos=videos)
    detector = " --detector haar" if videos else ""
    typer.echo(
        f"{recordings} recordings of {frames} frames at most, rendered and not filmed\n"
        f"next: deplib extract --root {folder}{detector}"
    )


@app.command()
def check(
    root: Annotated[
        Path, typer.Argument(help="The corpus's folder: frames or videos, and labels.")
    ],
    task: options.Tasks = None,
    detector: options.Detector = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Decode every frame, and not only the first, middle and last."),
    ] = False,
    jobs: options.Jobs = 0,
) -> None:
    """List what is wrong with a folder of AVEC2014 before anything runs.

    Finds clips without a label, labels that are no score, empty folders, gaps, copies, unreadable
    frames. Exit code 0: nothing. 1: problems; what is left out, the other verbs leave out, too.
    """
    from tqdm import tqdm

    from deplib.cohorts.avec2014 import TASKS, Avec2014Cohort

    tasks = tuple(one.value for one in task) if task else TASKS
    found = Avec2014Cohort(root, tasks=tasks, aligner=options.open_aligner(detector))
    with tqdm(unit=" recordings", desc="decoding", disable=not full) as bar:
        problems = found.check(
            full=full, jobs=options.n_jobs(jobs), progress=lambda _: bar.update()
        )
    for row in problems.to_dict("records"):
        left_out = " (left out)" if row["excluded"] else ""
        typer.secho(
            f"{row['recording']}{left_out}: {row['problem']}: {row['where']}; {row['remedy']}",
            fg="red" if row["excluded"] else "yellow",
        )
    typer.echo(f"{len(found.recordings)} recordings can be used, {len(problems)} problems")
    raise typer.Exit(FAULTS if len(problems) else OK)


@app.command()
def fetch(
    name: Annotated[str | None, typer.Argument(help="One of the known files.")] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="I have read the licence and keep to it.")
    ] = False,
) -> None:
    """Download the weights of a known encoder or detector, checked by their hash.

    Without a name, lists them. Without --accept-licence, shows the licence and downloads nothing.
    """
    from deplib.extraction import weights

    if name is None:
        for known in weights.KNOWN.values():
            here = weights.find(known.name)
            typer.echo(f"{known.name}: {known.what}, {known.size / 1e6:.0f} MB; {known.licence}")
            typer.echo(f"  {here or 'not on this machine'}")
        return
    typer.echo(str(weights.fetch(name, accept_licence=accept_licence)))
