"""Verbs that train, and that make the book."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from deplib.cli import options
from deplib.cli.app import app
from deplib.errors import ResultError


@app.command()
def train(
    root: options.Root = None,
    task: options.Tasks = None,
    detector: options.Detector = None,
    world: options.World = "default",
    encoder: options.Encoder = None,
    preprocess: options.Preprocessing = None,
    flip: options.Flip = False,
    device: options.RunsOn = options.Device.CPU,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results. Without it, one in the data folder.",
            rich_help_panel=options.WORK,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model or baseline of the report; may be given again. Without it, the study's "
            "four.",
            rich_help_panel=options.WORK,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(min=1, help="Train every model so many times.", rich_help_panel=options.WORK),
    ] = 1,
    features: Annotated[
        str,
        typer.Option(
            help="What the models see: identity (the encoder's embeddings), affect or random (of "
            "the encoders that are shipped), action, pulse; several joined by '+'.",
            rich_help_panel=options.WORK,
        ),
    ] = "identity",
    streams: Annotated[
        Path | None,
        typer.Option(
            help="With --root and the features action or pulse: the folder of their CSV files, "
            "such as OpenFace writes.",
            rich_help_panel=options.WORK,
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="How the models are taught: protocol, smoothed, bags, pretrained (MambaGRU) or "
            "dropout (HybridPooling-dropout).",
            rich_help_panel=options.WORK,
        ),
    ] = "protocol",
    split: options.Split = options.SplitBy.OFFICIAL,
    jobs: options.Jobs = 0,
    max_miss_rate: options.MaxMissRate = 0.05,
    max_recording_miss_rate: options.MaxRecordingMissRate = 0.5,
) -> None:
    """Train models on a cohort and print their scores on Test.

    Give the options that extract was given. Features that are missing are extracted first, and
    all are verified before anything is trained. It can be stopped at any time: the same command
    goes on, in the middle of a training if need be.
    """
    from deplib import evaluation, study
    from deplib.chapters.over_seeds import score_table
    from deplib.statistics import score_runs as score

    cohort = options.open_cohort(world, root, task, detector)
    network = options.open_encoder(encoder, preprocess, flip=flip, device=device)
    folder = out or study.live_dir()
    results = study.complete(
        study.training_specs(
            cohort.name,
            models=model,
            seeds=range(seeds),
            split=split.value,
            features=features,
            recipe=recipe,
        ),
        folder,
        cohorts={cohort.name: cohort},
        encoder=network,
        limits=study.MissLimits(max_miss_rate, max_recording_miss_rate),
        stream_folder=streams,
        jobs=options.n_jobs(jobs),
        progress=True,
    )
    table = pd.concat(map(evaluation.recordings, results))
    scores = score(table[table["split"] == "test"])
    typer.echo(
        f"{cohort.name}, Test ({scores.n_recordings} recordings of {scores.n_persons} persons), "
        "BDI-II points: mean over runs, ± SD between them (95 % interval over persons)"
    )
    typer.echo(score_table(scores).drop(columns="labels").to_string(index=False))
    typer.echo(f"results: {folder}")


@app.command()
def run(jobs: options.Jobs = 0) -> None:
    """Compute on this machine what the book is built on: features, and the four models.

    What is there already is kept; the same command goes on where it was stopped.
    """
    from deplib import study

    results = study.complete(
        study.live_specs(),
        study.live_dir(),
        against=study.results_dir(),
        jobs=options.n_jobs(jobs),
        progress=True,
    )
    typer.echo(f"{len(results)} models trained on verified features: {study.live_dir()}")


@app.command()
def key() -> None:
    """Print the hash of all that run computes from: code, settings, data and packages.

    By it a server knows whether the features and models that it kept still hold. Call it in the
    repository.
    """
    from deplib.study.input_key import input_key

    typer.echo(input_key(Path.cwd()))


@app.command()
def sweep(
    world: Annotated[
        list[str] | None, typer.Option(help="Only this world; may be given again.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model; may be given again.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Only this seed; may be given again.")] = (
        None
    ),
    split: Annotated[
        list[options.SplitBy] | None,
        typer.Option(help="Only runs on this split: official, or disjoint; may be given again."),
    ] = None,
    part: Annotated[
        list[options.Part] | None,
        typer.Option(
            help="Only this part: ablation (the comparison and its controls), or options (the "
            "study's advice, tested); may be given again."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Train on the workers of this dask scheduler: tcp://ADDRESS:PORT."),
    ] = None,
    jobs: options.Jobs = 0,
) -> None:
    """Compute the versioned results that are missing or stale, into results/.

    It takes hours and can be stopped at any time; the same command goes on from there. Without any
    option that narrows it, it also computes what choosing on Dev does in many cohorts.
    """
    from deplib import study

    specs = study.sweep_specs(
        worlds=world or study.WORLDS,
        models=model,
        seeds=seed or study.SEEDS,
        splits=[one.value for one in split or options.SplitBy],
        parts=[one.value for one in part or options.Part],
    )
    if not specs:
        raise ResultError(
            f"the grid has no run of these; it has the models {[*study.VARIED, *study.BASELINES]}, "
            f"seeds 0 to {max(study.SEEDS)} and the worlds {list(study.WORLDS)}; the "
            "person-disjoint split has the study's four and ridge in the default world"
        )
    results = study.complete(
        specs,
        study.results_dir(),
        jobs=options.n_jobs(jobs),
        scheduler=scheduler,
        pooled=True,
        progress=True,
    )
    typer.echo(f"{len(results)} results are up to date: {study.results_dir()}")
    if not (world or model or seed or split or part):  # about the whole study, not some runs
        from deplib import selection

        chosen = selection.complete(jobs=options.n_jobs(jobs), progress=True)
        n_cohorts = len(chosen[["scenario", "cohort"]].drop_duplicates())
        typer.echo(f"choosing on Dev in {n_cohorts} cohorts is up to date")


@app.command()
def publish(
    names: Annotated[
        list[str] | None, typer.Argument(help="Chapters, by name; all where none is given.")
    ] = None,
    jobs: options.Jobs = 0,
    force: Annotated[bool, typer.Option("--force", help="Also what is not stale.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Execute nothing; name what is stale, and fail.")
    ] = False,
) -> None:
    """Execute the stale chapters and write their pages into book/. Call it in the repository."""
    from deplib import publish as publishing
    from deplib.chapters.answer import is_answer_of

    root = Path.cwd()
    report = publishing.publish(
        root,
        names=names or None,
        jobs=options.n_jobs(jobs),
        force=force,
        check=check,
        progress=typer.echo,
    )
    if not is_answer_of(root / "book" / "index.ipynb", root / "README.md"):
        if check:
            raise ResultError(
                "README.md does not hold the answer of the first page: `deplib publish` writes it"
            )
        from deplib.chapters.landing import update_readme

        update_readme(root / "README.md")
        typer.echo("README.md: the answer at a glance has changed")
    typer.echo(f"{len(report.executed)} chapters executed, {len(report.fresh)} as they were")
