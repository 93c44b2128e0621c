"""Verbs that train, that make the book, and that take a trained model out of the laboratory."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deplib.cli import options
from deplib.cli.options import app, for_maintainers, of_work
from deplib.errors import CohortError, EncoderError, ResultError
from deplib.models import REGISTRY

if TYPE_CHECKING:
    from deplib.deploy import Prediction

_SEES = "What the models see: identity, affect, random, action, pulse; several joined by '+'."
_STREAMS = "Folder of the CSV files of action or pulse, such as OpenFace's; with CORPUS."
_RECIPE = "protocol, smoothed, bags or dropout (HybridPooling-dropout)."
_MODELS = ", ".join(REGISTRY)
_one_of_models: Any = {"autocompletion": lambda: [*REGISTRY]}
_MODEL = f"{_MODELS}, or a baseline: RidgeMean, RidgeMeanSD, MiniRocket. Else the study's four."
_WHAT = "What the encoder is: identity (the one named above), or its twins affect and random."
_THREADS = "Threads of the encoder: more for a large one."
_LEVEL = "How often the interval around a score shall hold the truth."
_PAIR = "Folder of an encoder and a model, as exported; else the demonstration that is shipped."
_DASK = "Train on the workers of this dask scheduler: tcp://ADDRESS:PORT."
_again: Any = typer.Option(help="Only this one; may be given again.")


@app.command()
@options.spread
def train(
    made: options.Training,
    out: Annotated[Path | None, of_work("Folder of results; or one in the data folder.")] = None,
    model: Annotated[list[str] | None, of_work(_MODEL, **_one_of_models)] = None,
    runs: Annotated[int, of_work("Train every model so many times.", min=1)] = 1,
    features: Annotated[str, of_work(_SEES)] = "identity",
    streams: Annotated[Path | None, of_work(_STREAMS)] = None,
    recipe: Annotated[str, of_work(_RECIPE)] = "protocol",
    split: options.Split = "official",
) -> None:
    """Train models on a cohort and print their scores on Test.

    Give the options that extract was given. Features that are missing are extracted first, and
    all are verified before anything is trained. It can be stopped at any time: the same command
    goes on, in the middle of a training if need be. Results of other recordings, encoders or limits
    lie beside each other. Exit code 1: some recordings could not be used.
    """
    from deplib import results, study
    from deplib.cohorts.base import scale_of
    from deplib.paths import data_root
    from deplib.statistics import score_runs

    inputs, folder = made.inputs(streams), out or data_root() / "runs"
    folder.mkdir(parents=True, exist_ok=True)  # or said now, and not after hours of training
    about: Any = {"split_rule": split, "features": features, "recipe": recipe}
    cohort, world = inputs.cohort, inputs.world
    specs = study.training_specs(world, models=model, seeds=range(runs), **about)
    study.complete(specs, root=folder, inputs={world: inputs})
    told = json.dumps(inputs.about, indent=1).encode()
    results.write_whole(folder / world / "inputs.json", told)
    table = results.load(world, root=folder, model=[s.model for s in specs], **about)
    test = table[(table["split"] == "test") & (table["seed"] < runs)]
    scores, n = score_runs(test), (test["recording"].nunique(), test["person"].nunique())
    who, label = f"{n[0]} recordings of {n[1]} persons", scale_of(cohort).name
    typer.echo(f"{cohort.name}, Test ({who}), {label} points:")
    typer.echo("  predictor      runs   MAE ± SD between runs (95 % interval over persons)   PCC")
    for name in scores.models:
        mae, r = scores.summary(name), scores.summary(name, "pcc").estimate
        spread = f" ± {mae.seed_sd:.2f}" if mae.n_runs > 1 else ""
        interval = f"({mae.low:.2f} to {mae.high:.2f})"
        typer.echo(f"  {name:<18} {mae.n_runs} {mae.estimate:6.2f}{spread} {interval}  {r:5.2f}")
    typer.echo(f"results: {folder / world}")
    options.end(inputs.left_out)


@app.command()
@options.spread
def study(
    made: options.Training,
    out: Annotated[Path, of_work("Folder of results/, pages/, and of share/.")],
    runs: Annotated[int, of_work("Train every model so many times.", min=2, max=10)] = 10,
) -> None:
    """Do the whole study on a cohort: the plan that the book states beforehand.

    Trains the study's four models and three baselines under both split rules, on the true labels,
    on labels that are planted in the features (the positive controls) and on permuted ones. Then
    it executes the chapters on results and power on them. Give the options that extract was given;
    the same command goes on where it was stopped. results/ and pages/ show single recordings and
    stay with the data; share/ has scores alone. Exit code 1: a chapter fails on these results, or
    some recordings could not be used.
    """
    from importlib.util import find_spec

    needed = ("ipykernel", "jupyter_book", "jupytext", "latex2mathml", "papermill", "sktime")
    if absent := [name for name in needed if find_spec(name) is None]:
        raise ResultError(f"{', '.join(absent)} missing: pip install 'deplib[book,sweep]'")
    from deplib import __version__, results, study
    from deplib.cohorts.base import scale_of
    from deplib.publish import publish_own
    from deplib.study.grid import planned

    inputs, root = made.inputs(), out / "results"
    cohort, network, world = inputs.cohort, inputs.encoder, inputs.world
    study.complete(planned(world, runs), root=root, inputs={world: inputs})
    table = results.load(world, root=root)
    shared = study.aggregate(table[table["seed"] < runs])
    label = scale_of(cohort).name
    about = {"cohort": cohort.name, "label": label, "encoder": network.id, "deplib": __version__}
    results.write_whole(
        out / "share" / "scores.csv", shared.assign(**about).to_csv(index=False).encode()
    )
    shutil.copy(root / world / "protocol.yaml", out / "share")
    mae = shared[shared["metric"] == "mae"].set_index("model")
    told = mae[mae["minus"] == ""].pivot(columns=["split_rule", "labels"], values="value")
    typer.echo(f"Test MAE, mean over runs:\n{told.to_string(float_format='%.2f')}")
    told = mae[(mae["split_rule"] == "disjoint") & (mae["minus"] != "")]
    ends = told[["value", "low_seeds", "high_seeds"]].to_string(float_format="%.2f")
    typer.echo(f"minus TemporalMeanMLP's, nobody in two splits; persons and seeds drawn:\n{ends}")
    if (n := int(shared["n_persons"].min())) < study.FEWEST:
        typer.secho(f"do not share scores of {n} persons: they say too much of each", fg="yellow")
    typer.echo(f"{out}: scores to share in share/; executing the chapters, some minutes")
    failed = publish_own(world, root, out / "pages", label=label)
    for name, why in failed.items():
        typer.secho(f"{name} fails on these results: {why}", fg="red")
    typer.echo(f"pages: {out / 'pages' / 'index.html'}")
    options.end(inputs.left_out, not failed)


@app.command()
@options.spread
def export(
    made: options.Training,
    out: Annotated[Path, of_work("Folder of the pair; deplib predict takes it.")],
    model: Annotated[str, of_work(f"{_MODELS}.", **_one_of_models)] = "HybridPooling",
    features: Annotated[str, of_work(_WHAT)] = "identity",
    seed: Annotated[int, of_work("Which of the --runs of train, from 0.", min=0)] = 0,
    split: options.Split = "official",
    level: Annotated[float, of_work(_LEVEL)] = 0.9,
    int8: Annotated[bool, of_work("Store the model's weights in 8 bits.", "--int8")] = False,
    force: Annotated[bool, of_work("Replace another pair in the folder.", "--force")] = False,
) -> None:
    """Write a trained model and its encoder as two checked ONNX files, for deplib predict.

    Give the options that train was given. Weights that are not on this machine are trained first.
    Prints the run's scores, the interval that the files carry, and how far the written model is
    from PyTorch.
    """
    from deplib.deploy.bundle import ENCODER_FILE, MODEL_FILE
    from deplib.study import RunSpec, export_run, first_kept

    if features != RunSpec.features and (made.encoder or made.flip):
        raise EncoderError(f"--features {features} is an encoder: leave --encoder and --flip out")
    inputs = made.inputs()
    # A run on the simulated cohort has the world's name in the study, and the inputs' by train.
    names = [inputs.world] if made.root else [made.world or "default", inputs.world]
    specs = [RunSpec(model, seed, name, split_rule=split, features=features) for name in names]
    spec, given = first_kept(specs, inputs), {"int8": int8, "overwrite": force}
    done = export_run(spec, inputs, out, level=level, say=typer.echo, **given)
    card = done.card
    model_mb, encoder_mb = ((out / f).stat().st_size / 1e6 for f in (MODEL_FILE, ENCODER_FILE))
    of = f"{card.model} (seed {seed}) on {card.features} features, trained on {card.cohort}"
    typer.echo(f"{out}: {of}; model {model_mb:.2f} MB, encoder {encoder_mb:.2f} MB")
    for how, mae in done.mae.iterrows():
        typer.echo(f"MAE {how}: Dev {mae['dev']:.2f}, Test {mae['test']:.2f} {card.label} points")
    by = f"by the errors on Dev at level {card.level:.0%}; Test chose nothing"
    typer.echo(f"interval: the score ± {card.half_width:.1f} points, {by}")
    points = f"{done.difference:.2g} z-units ({done.difference * card.label_std:.2g} points)"
    typer.echo(f"largest difference from PyTorch on a window: {points}")
    typer.echo(f"next: deplib predict FRAMES {out}")


@app.command()
def predict(
    frames: Annotated[
        Path, typer.Argument(metavar="FRAMES", help="One clip's aligned frames, or its film.")
    ],
    pair: Annotated[Path | None, typer.Argument(metavar="PAIR", help=_PAIR)] = None,
    as_json: options.AsJson = False,
    threads: Annotated[int, of_work(_THREADS, min=1)] = 1,
    detector: options.Detector = None,
    det_size: options.DetSize = None,
    max_template_distance: options.TemplateDistance = 10.0,
) -> None:
    """Estimate the score of one clip from its frames; this is no diagnosis.

    Without a pair of your own a demonstration answers, which was trained on the simulated cohort.
    Prints the score with its interval, what each window of the clip adds to it, and how many
    frames could be used. Exit code 1: too few of them.
    """
    from tqdm import tqdm

    from deplib.cohorts.base import SIMULATED_MARKER
    from deplib.deploy import open_bundle, predict_folder

    aligner = options.open_aligner(detector, det_size)
    if aligner and frames.is_dir():
        raise CohortError(f"{frames} holds images, taken as aligned: leave --detector out")
    bundle, above = open_bundle(pair, threads=threads), frames.absolute().parents
    if bundle.encoder.rendered and not any((one / SIMULATED_MARKER).is_file() for one in above):
        why = "the pair's encoder saw rendered faces alone, so of a film the score means nothing"
        typer.secho(f"nothing says that {frames} was rendered: {why}", fg="yellow", err=True)
    given: Any = {"aligner": aligner, "max_template_distance": max_template_distance}
    with tqdm(unit=" frames", unit_scale=True, desc="reading", leave=False, disable=None) as bar:
        answer = predict_folder(bundle, frames, progress=bar.update, **given)
    if as_json:
        typer.echo(json.dumps(answer.as_dict(), indent=1, allow_nan=False))
    else:
        _print_answer(answer, frames)


def _print_answer(answer: "Prediction", frames: Path) -> None:
    card = answer.card
    interval = f"{card.level:.0%} interval {answer.low:.1f} to {answer.high:.1f}"
    ends = f"{card.lowest:g}-{card.highest:g}"
    clipped = f" (clipped to the scale's {ends} from {answer.unclipped:.1f})"
    outside = clipped if answer.score != answer.unclipped else ""
    typer.echo(f"{frames}: {card.label} {answer.score:.1f}, {interval}{outside}")
    gaps = f"; {answer.n_gaps:,} frame numbers are not there" if answer.n_gaps else ""
    typer.echo(f"{answer.n_frames:,} frames, {answer.n_missing:,} of them missing and masked{gaps}")
    for fault in answer.faults[:3]:
        typer.secho(f"  {fault.message}", fg="yellow")
    if len(answer.faults) > 3:
        typer.secho(f"  and {len(answer.faults) - 3:,} faults more: --json lists all", fg="yellow")
    titles = {"start": "start, s", "end": "end, s", "n_frames": "frames"}
    typer.echo(answer.windows.rename(columns=titles).to_string(index=False, float_format="%.2f"))
    total = f"{card.label_mean:.2f}, and the contributions add up to {answer.unclipped:.2f}"
    typer.echo(f"the mean of the training labels, {total}")
    worth = f"its MAE on Test was {card.test_mae:.2f} points"
    typer.echo(f"{card.model} on {card.features} features, trained on {card.cohort}: {worth}")
    if card.aligned:
        typer.echo(f"faces of its training: {card.aligned}")
    for sentence in answer.caveats:
        typer.secho(sentence, bold=True)


@for_maintainers()
def run(jobs: options.Jobs = 0) -> None:
    """Compute on this machine what chapters train on: verified features of the small cohort.

    What is there already is kept; the same command goes on where it was stopped.
    """
    from deplib import study

    study.prepare(jobs=options.n_jobs(jobs), progress=True)
    typer.echo("the features of the small cohort are there and verified")


@for_maintainers()
def sweep(
    world: Annotated[list[str] | None, _again] = None,
    model: Annotated[list[str] | None, _again] = None,
    seed: Annotated[list[int] | None, _again] = None,
    split: Annotated[options.SplitRule | None, typer.Option(help="Only this rule.")] = None,
    part: Annotated[Literal["ablation", "options"] | None, typer.Option(help="Only this.")] = None,
    scheduler: Annotated[str | None, typer.Option(help=_DASK)] = None,
    jobs: options.Jobs = 0,
) -> None:
    """Compute the versioned results that are missing or stale, into results/.

    It takes hours and can be stopped at any time; the same command goes on from there. Part
    ablation is the comparison of the models, part options the study's advice, tested.
    """
    from deplib import study

    specs = study.sweep_specs(
        world, models=model, seeds=seed, split_rules=split and [split], parts=part and [part]
    )
    if not specs:
        models = f"the models {[*study.VARIED, *study.BASELINES]}, seeds 0 to {max(study.SEEDS)}"
        there = f"{models}, {list(study.WORLDS)}, splits official and disjoint"
        raise ResultError(f"no run is of all these; there are {there}, parts ablation and options")
    n_jobs = options.n_jobs(jobs)
    done = study.complete(specs, jobs=n_jobs, scheduler=scheduler, progress=True)
    typer.echo(f"{len(done)} results are up to date")


@for_maintainers()
def publish(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="CHAPTERS", help="All by default.")
    ] = None,
    jobs: options.Jobs = 0,
    force: Annotated[bool, of_work("Also what is not stale.", "--force")] = False,
    check: Annotated[bool, of_work("Execute nothing; name what is stale.", "--check")] = False,
) -> None:
    """Execute the stale chapters and write their pages into book/. Call it in the repository."""
    from deplib import publish as publishing

    given = {"names": names or None, "force": force, "check": check, "progress": typer.echo}
    done = publishing.publish(Path.cwd(), jobs=options.n_jobs(jobs), **given)  # type: ignore[arg-type]
    n_written = [*done.values()].count("written")
    typer.echo(f"{n_written} pages written, {len(done) - n_written} as they were")
