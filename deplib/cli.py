"""The command line: one verb a job; everything it does is a call of the library.

A verb is a function with ``@app.command()``. Errors of the library reach the user as one message
without a traceback, whatever the verb, so a verb need not catch them.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deplib.errors import CohortError, DeplibError, VerificationError

# Each verb imports its own rooms, so that --help answers at once.

OK, FAULTS, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: sound; data must not be used; could not be done as asked; stopped by the user."""


class _CleanErrors(TyperGroup):
    """A group of verbs that turns the library's errors into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # typer brings its own copy of click, or uses click's
        try:
            return super().invoke(ctx)
        except DeplibError as error:
            typer.secho(f"deplib {ctx.invoked_subcommand}: {error}", fg="red", err=True)
            raise typer.Exit(FAULTS if isinstance(error, VerificationError) else FAILED) from None
        except KeyboardInterrupt:
            typer.secho(
                "\nstopped; the same command goes on where this one ended", fg="yellow", err=True
            )
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_CleanErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Does temporal architecture matter when depression severity is regressed from facial "
        "video? The report's work, verb by verb."
    ),
    epilog=(
        "Exit codes: 0 done and sound, 1 the data has faults, 2 it could not be done as asked "
        "(the message says why). Large files go to $DEPLIB_DATA, or to your cache folder."
    ),
)


@app.callback()
def _verbs() -> None:
    """Keep the verbs' names even while there is only one."""


Jobs = Annotated[int, typer.Option(min=0, help="Processes, one thread each; 0: one a core.")]


class CohortName(StrEnum):
    """Cohorts that can be named on the command line."""

    SIMULATED = "simulated"
    AVEC2014 = "avec2014"


Who = Annotated[CohortName, typer.Option("--cohort", help="Whose recordings.")]
World = Annotated[
    str, typer.Option(help="Simulated only: null (severity changes nothing), default, published.")
]
Root = Annotated[
    Path | None,
    typer.Option(help="avec2014 only: the corpus's folder, with aligned frames and labels."),
]
Encoder = Annotated[
    Path | None,
    typer.Option(
        help="An ONNX face encoder of the ArcFace family (RGB, 112 x 112). "
        "Without it, the small one that is shipped."
    ),
]


@app.command()
def extract(
    cohort: Who = CohortName.SIMULATED,
    world: World = "default",
    root: Root = None,
    encoder: Encoder = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The store's folder. Without it, one of its own in the data folder."),
    ] = None,
    frame_limit: Annotated[
        int, typer.Option(min=1, help="Frames of a recording that are used.")
    ] = 2000,
    jobs: Jobs = 0,
    max_miss_rate: Annotated[
        float,
        typer.Option(min=0, max=1, help="Stop if more of a recording's frames show no face."),
    ] = 0.05,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Turn every frame of a cohort into an embedding.

    Can be stopped at any time, even killed: the same command goes on where it ended.
    """
    from tqdm import tqdm

    from deplib.extraction import pipeline
    from deplib.extraction.encoder import OnnxEncoder, embedded_encoder
    from deplib.extraction.store import FeatureStore

    chosen = _open_cohort(cohort, world, root)
    network = embedded_encoder() if encoder is None else OnnxEncoder(encoder)
    header = pipeline.store_header(chosen, network, frame_limit=frame_limit)
    folder = out or pipeline.store_folder(header)
    if dry_run:
        there = (folder / "store.json").exists()
        store = FeatureStore(folder, header=header) if there else None
        todo = pipeline.plan(chosen, store, frame_limit=frame_limit)
        typer.echo(
            f"{chosen.name} with {network!r}\n"
            f"to {folder}: {len(todo)} of {len(chosen.recordings)} recordings to do, "
            f"{sum(todo.values()):,} frames"
        )
        return
    store = FeatureStore(folder, header=header)
    todo = pipeline.plan(chosen, store, frame_limit=frame_limit)
    with tqdm(total=sum(todo.values()), unit=" frames", unit_scale=True, desc=chosen.name) as bar:
        report = pipeline.extract(
            chosen,
            network,
            store,
            frame_limit=frame_limit,
            jobs=jobs or os.cpu_count() or 1,
            max_miss_rate=max_miss_rate,
            progress=lambda entry: bar.update(entry.n_frames),
        )
    typer.echo(f"{report}\nfeatures: {folder}\nnext: deplib verify {folder}")


@app.command()
def check(
    root: Annotated[Path, typer.Argument(help="The corpus's folder: frames and labels.")],
) -> None:
    """List what is wrong with a folder of AVEC2014 before anything runs.

    Finds clips without a label, labels that are no score, empty folders, gaps, unreadable frames.
    Exit code 0: nothing. 1: problems; excluded recordings are left out by the other verbs.
    """
    from deplib.cohorts.avec2014 import Avec2014Cohort

    cohort = Avec2014Cohort(root)
    problems = cohort.check()
    for row in problems.to_dict("records"):
        left_out = " (left out)" if row["excluded"] else ""
        typer.secho(
            f"{row['recording']}{left_out}: {row['problem']}: {row['where']}; {row['remedy']}",
            fg="red" if row["excluded"] else "yellow",
        )
    typer.echo(f"{len(cohort.recordings)} recordings can be used, {len(problems)} problems")
    raise typer.Exit(FAULTS if len(problems) else OK)


@app.command()
def verify(
    store: Annotated[Path, typer.Argument(help="The store's folder, as extract printed it.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file, too.")
    ] = None,
) -> None:
    """Check that a store's features are fit for use.

    Finds zeros, NaN, wrong norms, repeated frames, random vectors, identical recordings, missing
    recordings and damaged files. Exit code 0: sound. 1: faults. 2: no store there.
    """
    from deplib.extraction.store import FeatureStore
    from deplib.extraction.verify import verify as examine

    report = examine(FeatureStore(store))
    for finding in report.findings.itertuples():
        typer.secho(
            f"{finding.severity} [{finding.check}] {finding.message}",
            fg="red" if finding.severity == "fault" else "yellow",
        )
    typer.echo(f"{store}: {report}")
    if json_file is not None:
        try:
            json_file.write_text(report.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise DeplibError(
                f"cannot write the report to {json_file}: {error.strerror}"
            ) from error
    raise typer.Exit(OK if report.ok else FAULTS)


@app.command()
def train(
    cohort: Who = CohortName.SIMULATED,
    world: World = "default",
    root: Root = None,
    encoder: Encoder = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results. Without it, one in the data folder.")
    ] = None,
    jobs: Jobs = 0,
) -> None:
    """Train the four models on a cohort and print their scores on Test.

    Features that are missing are extracted first, and verified before anything is trained.
    """
    from deplib import evaluation, study
    from deplib.extraction.encoder import OnnxEncoder, embedded_encoder

    chosen = _open_cohort(cohort, world, root)
    network = embedded_encoder() if encoder is None else OnnxEncoder(encoder)
    folder = out or study.live_dir()
    results = study.complete(
        study.live_specs(chosen.name),
        folder,
        cohorts={chosen.name: chosen},
        encoder=network,
        jobs=jobs or os.cpu_count() or 1,
        progress=True,
    )
    scores = evaluation.scoreboard(results, split="test")
    typer.echo(f"{chosen.name}, Test, BDI-II points, 95 % intervals over persons")
    typer.echo(evaluation.printable(scores).to_string(index=False))
    typer.echo(f"results: {folder}")


@app.command()
def run(jobs: Jobs = 0) -> None:
    """Compute on this machine what the book is built on: features, and the four models.

    What is there already is kept; the same command goes on where it was stopped.
    """
    from deplib import study

    results = study.complete(
        study.live_specs(), study.live_dir(), jobs=jobs or os.cpu_count() or 1, progress=True
    )
    typer.echo(f"{len(results)} models trained on verified features: {study.live_dir()}")


@app.command()
def sweep(jobs: Jobs = 0) -> None:
    """Compute the versioned results that are missing or stale, into results/."""
    from deplib import study

    results = study.complete(
        study.sweep_specs(), study.results_dir(), jobs=jobs or os.cpu_count() or 1, progress=True
    )
    typer.echo(f"{len(results)} results are up to date: {study.results_dir()}")


@app.command()
def publish(
    names: Annotated[
        list[str] | None, typer.Argument(help="Chapters, by name; all where none is given.")
    ] = None,
    jobs: Jobs = 0,
    force: Annotated[bool, typer.Option("--force", help="Also what is not stale.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Execute nothing; name what is stale, and fail.")
    ] = False,
) -> None:
    """Execute the stale chapters and write their pages into book/. Call it in the repository."""
    from deplib import publish as publishing
    from deplib.chapters.landing import update_readme

    root = Path.cwd()
    report = publishing.publish(
        root,
        names=names or None,
        jobs=jobs or os.cpu_count() or 1,
        force=force,
        check=check,
        progress=typer.echo,
    )
    if not check and update_readme(root / "README.md"):
        typer.echo("README.md: the answer at a glance has changed")
    typer.echo(f"{len(report.executed)} chapters executed, {len(report.fresh)} as they were")


def _open_cohort(name: CohortName, world: str, root: Path | None) -> Any:
    if name is CohortName.AVEC2014:
        from deplib.cohorts.avec2014 import Avec2014Cohort

        if root is None:
            raise CohortError("--cohort avec2014 needs --root: the folder of the corpus")
        return Avec2014Cohort(root)
    from deplib.cohorts.simulated.cohort import SimulatedCohort

    return SimulatedCohort(world)
