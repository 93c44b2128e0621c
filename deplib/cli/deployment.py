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
from deplib.errors import DeplibError

if TYPE_CHECKING:
    from deplib.deployment.prediction import Prediction

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

    from deplib.deployment.bundle import open_bundle
    from deplib.deployment.prediction import predict_folder

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
