"""Verbs from a corpus's frames to verified features."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deplib.cli import options
from deplib.cli.app import FAULTS, OK, app
from deplib.errors import DeplibError

if TYPE_CHECKING:
    from deplib.cohorts.base import Cohort
    from deplib.extraction import OnnxEncoder, Reference, VerificationReport

LOG, REPORT = "extract.jsonl", "report.json"
"""Files that `extract` leaves beside the features: what happened, and what the verifier found."""


@app.command()
def extract(
    root: options.Root = None,
    task: options.Tasks = None,
    detector: options.Detector = None,
    world: options.World = "default",
    encoder: options.Encoder = None,
    preprocess: options.Preprocessing = None,
    flip: options.Flip = False,
    device: options.RunsOn = options.Device.CPU,
    reference: options.ReferenceFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The store's folder. Without it, one of its own in the data folder.",
            rich_help_panel=options.WORK,
        ),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(help="float16, or float32 at twice the size.", rich_help_panel=options.WORK),
    ] = "float16",
    frame_limit: Annotated[
        int,
        typer.Option(
            min=1, help="Frames of a recording that are used.", rich_help_panel=options.WORK
        ),
    ] = 2000,
    jobs: options.Jobs = 0,
    max_miss_rate: options.MaxMissRate = 0.05,
    max_recording_miss_rate: options.MaxRecordingMissRate = 0.5,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Embed 64 frames, say how long all would take, and write nothing.",
            rich_help_panel=options.WORK,
        ),
    ] = False,
) -> None:
    """Turn every frame of a cohort into an embedding, and verify all of them.

    Can be stopped at any time, even killed: the same command goes on where it ended. Beside the
    features it leaves extract.jsonl, what happened, and report.json, what the verifier found.
    Exit code 1: some recordings could not be used, or the features have faults.
    """  # fmt: skip
    from tqdm import tqdm

    from deplib.extraction import Bounds, FeatureStore, check_reference, estimate, pipeline, verify

    cohort = options.open_cohort(world, root, task, detector)
    network = options.open_encoder(encoder, preprocess, flip=flip, device=device)
    processes = options.n_jobs(jobs, device)
    _say_what_will_be_read(cohort, network)
    known = _reference(reference, network)
    if known is not None:  # now, and not after hours of work
        check_reference(network, known.frame, known.embedding)
    header = pipeline.store_header(cohort, network, frame_limit=frame_limit, dtype=dtype)
    folder = out or pipeline.store_folder(header)
    there = (folder / "store.json").exists()
    store = FeatureStore(folder, header=header) if there else None
    todo = pipeline.plan(cohort, store, frame_limit=frame_limit)
    frames = sum(todo.values())
    changed = len(store.done().intersection(todo)) if store else 0
    typer.echo(
        f"to {folder}: {len(todo)} of {len(cohort.recordings)} recordings to do, {frames:,} frames"
        + (f"; {changed} of them have changed since they were extracted" if changed else "")
    )
    typer.echo(str(estimate(cohort, network, store, frame_limit=frame_limit, jobs=processes)))
    if dry_run:
        return
    with tqdm(total=frames, unit=" frames", unit_scale=True, desc=cohort.name) as bar:
        report = pipeline.extract(
            cohort,
            network,
            store or FeatureStore(folder, header=header),
            frame_limit=frame_limit,
            jobs=processes,
            max_miss_rate=max_miss_rate,
            max_recording_miss_rate=max_recording_miss_rate,
            progress=lambda entry: bar.update(entry.n_frames),
            log=folder / LOG,
        )
    typer.echo(f"{report}\nfeatures: {folder}")
    for recording, why in report.refused.items():
        typer.secho(f"left out {recording}: {why}", fg="red")
    table = cohort.recordings[~cohort.recordings["recording"].isin(list(report.refused))]
    with tqdm(total=len(table), unit="recording", desc="verifying") as bar:
        verdict = verify(
            FeatureStore(folder),
            table,
            bounds=Bounds(
                invalid_rate=max_miss_rate, recording_invalid_rate=max_recording_miss_rate
            ),
            encoder=network,
            cohort=cohort,
            reference=known,
            progress=lambda _: bar.update(),
        )
    _print_report(verdict, folder, folder / REPORT)
    raise typer.Exit(OK if verdict.ok and report.ok else FAULTS)


@app.command()
def verify(
    store: Annotated[Path, typer.Argument(help="The store's folder, as extract printed it.")],
    root: options.Root = None,
    task: options.Tasks = None,
    detector: options.Detector = None,
    encoder: options.Encoder = None,
    preprocess: options.Preprocessing = None,
    flip: options.Flip = False,
    reference: options.ReferenceFile = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file, too.")
    ] = None,
) -> None:
    """Check that a store's features are fit for use.

    The store alone shows zeros, NaN, wrong norms, repeated frames, random vectors, copies, missing
    and damaged recordings. With --encoder also whether the store is of that encoder, with --root
    whether its rows are those of the frames there, and with --reference whether preprocessing is
    right, which nothing else shows. Exit code 0: sound. 1: faults. 2: no store there.
    """
    from deplib.extraction import FeatureStore, embedded_encoder, verify

    opened = FeatureStore(store)
    network = None
    if encoder is not None:
        network = options.open_encoder(encoder, preprocess, flip=flip)
    elif opened.header.encoder == (shipped := embedded_encoder()).id:
        network = shipped
    report = verify(
        opened,
        encoder=network,
        cohort=None if root is None else options.open_cohort("default", root, task, detector),
        reference=None if network is None else _reference(reference, network),
    )
    _print_report(report, store, json_file)
    raise typer.Exit(OK if report.ok else FAULTS)


def _say_what_will_be_read(cohort: "Cohort", network: "OnnxEncoder") -> None:
    typer.echo(f"{cohort.name} with {network!r}")
    if network.normalises_inside:
        typer.echo(f"the network {network.normalises_inside}")
    if getattr(cohort, "simulated", False):
        typer.echo("these recordings are simulated: rendered, not filmed")
    if (find := getattr(cohort, "check", None)) and len(problems := find()):
        excluded = int(problems["excluded"].sum())
        typer.secho(
            f"{len(problems)} problems in the corpus, {excluded} of them leave a recording out: "
            "deplib check lists them",
            fg="yellow",
        )


def _reference(path: Path | None, network: "OnnxEncoder") -> "Reference | None":
    """Return the reference given, or the one that is shipped with the embedded encoder."""
    from deplib.extraction import embedded_reference, load_reference, network_card

    if path is not None:
        return load_reference(path)
    return embedded_reference() if network.sha256 == network_card("embedded")["sha256"] else None


def _print_report(report: "VerificationReport", store: Path, json_file: Path | None) -> None:
    for finding in report.findings.itertuples():
        typer.secho(
            f"{finding.severity} [{finding.check}] {finding.message}",
            fg="red" if finding.severity == "fault" else "yellow",
        )
    typer.echo(f"{store}: {report}")
    if json_file is None:
        return
    try:
        json_file.write_text(report.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise DeplibError(f"cannot write the report to {json_file}: {error.strerror}") from error
