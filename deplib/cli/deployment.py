"""Verbs that take a trained model out of the laboratory."""

import json
import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deplib.cli import options
from deplib.cli.app import app
from deplib.errors import DeplibError, EncoderError

if TYPE_CHECKING:
    from deplib.deploy import Prediction
    from deplib.deploy.runs import Exported

PICTURES = (".svg", ".png")
"""What a plot's file name may end in."""


@app.command()
def predict(
    frames: Annotated[
        Path, typer.Argument(help="Folder of one clip's aligned frames, 112x112 in RGB.")
    ],
    pair: Annotated[Path, typer.Argument(help="Folder of an encoder and a model, as exported.")],
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw what each window adds to the score: an SVG or PNG file to write."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the answer as JSON, and nothing else.")
    ] = False,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            help="Threads of the encoder, beside the one that reads: more for a large encoder.",
            rich_help_panel=options.WORK,
        ),
    ] = 1,
) -> None:
    """Estimate the BDI-II score of one clip from its frames; this is no diagnosis.

    Prints the score with its interval, what each window of the clip adds to it, and how many
    frames could be used. Exit code 1: too few of them.
    """
    from tqdm import tqdm

    from deplib.deploy import open_bundle, predict_folder

    if plot is not None:
        _require_picture(plot)
    bundle = open_bundle(pair, threads=threads)
    with tqdm(unit=" frames", unit_scale=True, desc="reading", leave=False, disable=None) as bar:
        answer = predict_folder(bundle, frames, progress=bar.update)
    if plot is not None:
        _write_plot(answer, plot)
    if as_json:
        typer.echo(json.dumps(answer.as_dict(), indent=1, allow_nan=False))
    else:
        _print_answer(answer, frames)
        if plot is not None:
            typer.echo(f"plot: {plot}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder of the pair; deplib predict takes it.")],
    root: options.Root = None,
    task: options.Tasks = None,
    detector: options.Detector = None,
    world: options.World = "default",
    encoder: options.Encoder = None,
    preprocess: options.Preprocessing = None,
    flip: options.Flip = False,
    device: options.RunsOn = options.Device.CPU,
    model: Annotated[
        str, typer.Option(help="A model of the report.", rich_help_panel=options.WORK)
    ] = "HybridPooling",
    features: Annotated[
        str,
        typer.Option(
            help="What the encoder is: identity (the one named above, or the shipped one), affect "
            "or random (its twins).",
            rich_help_panel=options.WORK,
        ),
    ] = "identity",
    seed: Annotated[
        int, typer.Option(min=0, help="Of the training.", rich_help_panel=options.WORK)
    ] = 0,
    split: options.Split = options.SplitBy.OFFICIAL,
    level: Annotated[
        float,
        typer.Option(
            help="How often the interval around a score shall hold the truth.",
            rich_help_panel=options.WORK,
        ),
    ] = 0.9,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="Store the model's weights in 8 bits.", rich_help_panel=options.WORK
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace another pair in the folder.", rich_help_panel=options.WORK
        ),
    ] = False,
    jobs: options.Jobs = 0,
    max_miss_rate: options.MaxMissRate = 0.05,
    max_recording_miss_rate: options.MaxRecordingMissRate = 0.5,
) -> None:
    """Write a trained model and its encoder as two checked ONNX files, for deplib predict.

    Give the options that train was given. Weights that are not on this machine are trained first.
    Prints the run's scores, the interval that the files carry, and how far the written model is
    from PyTorch.
    """
    from deplib.study import Inputs, MissLimits, RunSpec
    from deplib.deploy.runs import export_run, first_kept

    if features != RunSpec.features and (encoder or flip):
        raise EncoderError(
            f"--features {features} names the encoder, too: leave --encoder and --flip out"
        )
    cohort = options.open_cohort(world, root, task, detector)
    inputs = Inputs(
        cohort,
        options.open_encoder(encoder, preprocess, flip=flip, device=device),
        limits=MissLimits(max_miss_rate, max_recording_miss_rate),
        jobs=options.n_jobs(jobs),
        progress=True,
    )
    # A run on the simulated cohort has the world's name in the study, and the cohort's by train.
    names = [world, cohort.name] if root is None else [cohort.name]
    runs = [RunSpec(model, seed, name, features=features, split=split.value) for name in names]
    try:
        done = export_run(
            first_kept(runs, inputs),
            inputs,
            out,
            level=level,
            int8=int8,
            overwrite=force,
            say=typer.echo,
        )
    except OSError as error:
        raise DeplibError(f"cannot write a pair to {out}: {error.strerror or error}") from error
    _print_exported(done, seed)


def _print_exported(done: "Exported", seed: int) -> None:
    card = done.card
    typer.echo(
        f"{done.folder}: {card.model} (seed {seed}) on {card.features} features, trained on "
        f"{card.cohort}; model {done.model_bytes / 1e6:.2f} MB, encoder "
        f"{done.encoder_bytes / 1e6:.2f} MB"
    )
    for title, mae in (("in PyTorch", done.mae), ("as written", done.mae_written)):
        typer.echo(f"MAE {title}: Dev {mae['dev']:.2f}, Test {mae['test']:.2f} BDI-II points")
    typer.echo(
        f"interval: the score ± {card.half_width:.1f} points, by the errors on Dev at level "
        f"{card.level:.0%}; Test chose nothing"
    )
    typer.echo(
        f"largest difference from PyTorch, {done.n_windows:,} windows of Dev and Test: "
        f"{done.difference:.2g} z-units ({done.difference * card.label_std:.2g} points)"
    )
    typer.echo(f"next: deplib predict FRAMES {done.folder}")


def _print_answer(answer: "Prediction", frames: Path) -> None:
    typer.echo(
        f"{frames}: BDI-II {answer.score:.1f}, {answer.level:.0%} interval {answer.low:.1f} to "
        f"{answer.high:.1f}"
        + (f" (clipped to the scale's 0-63 from {answer.unclipped:.1f})" if answer.clipped else "")
    )
    typer.echo(
        f"{answer.n_frames:,} frames, {answer.n_missing:,} of them missing and masked"
        + (f"; {answer.n_gaps:,} more frame numbers are not there" if answer.n_gaps else "")
    )
    for fault in answer.faults[:3]:
        typer.secho(f"  {fault.message}", fg="yellow")
    if len(answer.faults) > 3:
        typer.secho(f"  and {len(answer.faults) - 3:,} faults more: --json lists all", fg="yellow")
    table = answer.windows.rename(
        columns={"start": "start, s", "end": "end, s", "n_frames": "frames"}
    )
    typer.echo(table.to_string(index=False, float_format="{:.2f}".format))
    typer.echo(
        f"the mean of the training labels, {answer.label_mean:.2f}, and the contributions add up "
        f"to {answer.unclipped:.2f}"
    )
    typer.echo(f"{answer.model} on {answer.features} features, trained on {answer.cohort}")
    for sentence in answer.caveats:
        typer.secho(sentence, bold=True)


def _require_picture(path: Path) -> None:
    """Find out before the work that a plot cannot be written."""
    if path.suffix.lower() not in PICTURES:
        raise DeplibError(f"--plot {path}: the name must end in {' or '.join(PICTURES)}")
    if not path.parent.is_dir():
        raise DeplibError(f"--plot {path}: there is no folder {path.parent}; make it first")


def _write_plot(answer: "Prediction", path: Path) -> None:
    """Draw into memory, then write; whatever stops it, no part of a plot is left."""
    import matplotlib.pyplot as plt

    from deplib.figures.prediction import contributions

    figure = contributions(
        answer.windows,
        label_mean=answer.label_mean,
        score=answer.score,
        low=answer.low,
        high=answer.high,
        level=answer.level,
        note="\n".join(answer.caveats),
    )
    kind = path.suffix.lower().removeprefix(".")
    drawn = BytesIO()
    with plt.rc_context({"svg.hashsalt": "deplib"}):  # the same answer is the same file
        figure.savefig(
            drawn, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None
        )
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(drawn.getvalue())
        os.replace(partial, path)
    except OSError as error:
        raise DeplibError(f"cannot write the plot to {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
