"""Verbs about a corpus, the weights of encoders, and features."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deplib.cli import options
from deplib.cli.options import FAULTS, OK, app, of_work
from deplib.errors import CohortError, EncoderError
from deplib.paths import write_atomically

if TYPE_CHECKING:
    from deplib.cohorts.corpus import Corpus
    from deplib.extraction import OnnxEncoder, Reference, VerificationReport

_CROPS = "Draw four crops of each recording, with the template's five points, into this PNG."
MADE = "made.json"
"""File in a store: the options of the extract that made it."""


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New or empty.")],
    recordings: Annotated[int, typer.Option(min=6, help="How many.")] = 12,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each.")] = 64,
    videos: Annotated[bool, of_work("Scenes as mp4, not aligned frames.", "--videos")] = False,
) -> None:
    """Write a small simulated corpus in the layout of AVEC2014, to try the other verbs on."""
    from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout

    source = SimulatedCohort(n_recordings=recordings)
    write_avec_layout(source, folder, max_frames=frames, videos=videos)
    detector = " --detector haar" if videos else ""
    typer.echo(f"{recordings} recordings of {frames} frames at most, rendered and not filmed")
    typer.echo(f"next: deplib extract {folder}{detector}")


@app.command()
def check(
    root: options.Root,
    task: options.Tasks = None,
    exclude: options.Exclude = None,
    detector: options.Detector = None,
    det_size: options.DetSize = None,
    crops: Annotated[Path | None, of_work(_CROPS)] = None,
    full: Annotated[bool, of_work("Decode every frame, not three of each.", "--full")] = False,
    jobs: options.Jobs = 0,
) -> None:
    """List what is wrong with a corpus before anything runs.

    Finds clips without a label, labels without a clip, labels that are no score, films and images
    that are not used, empty folders, gaps, copies, unreadable frames, faces aligned otherwise
    than encoders expect. Exit code 0: nothing, all is used. 1: problems; what is left out, the
    other verbs leave out, too.
    """
    from tqdm import tqdm

    from deplib.extraction import alignment_told, require_aligned

    aligner = options.open_aligner(detector, det_size)
    found, n_jobs = options.open_corpus(root, task, exclude, aligner), options.n_jobs(jobs)
    if crops:
        _draw_crops(found, crops)
    with tqdm(unit=" recordings", desc="decoding", disable=not full) as bar:
        problems = found.check(full=full, jobs=n_jobs, progress=lambda _: bar.update())
    typer.echo(options.told(found))
    for row in problems.to_dict("records"):
        left_out = " (left out)" if row["excluded"] else ""
        line = f"{row['recording']}{left_out}: {row['problem']}: {row['where']}; {row['remedy']}"
        typer.secho(line.removeprefix(": "), fg="red" if row["excluded"] else "yellow")
    typer.echo(alignment_told(require_aligned(found, found.recordings["recording"].tolist())))
    typer.echo(f"{len(found.recordings)} recordings can be used, {len(problems)} problems")
    raise typer.Exit(FAULTS if len(problems) else OK)


def _draw_crops(found: "Corpus", path: Path) -> None:
    from PIL import Image, ImageDraw

    from deplib.alignment import SIZE, TEMPLATE

    names, each, line = found.recordings.set_index("recording")["n_frames"], 4, 16
    across = max(1, round((len(names) / each) ** 0.5))
    size = across * (each * SIZE + line), -(-len(names) // across) * (SIZE + line)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for k, (name, n) in enumerate(names.items()):
        left, top = k % across * (each * SIZE + line), k // across * (SIZE + line)
        draw.text((left, top), str(name), fill="black")
        for i in range(each):
            frame, place = (2 * i + 1) * n // (2 * each), (left + i * SIZE, top + line)
            sheet.paste(Image.fromarray(found.read(str(name), frame, frame + 1).frames[0]), place)
            for x, y in TEMPLATE + place:
                draw.rectangle((x - 1, y - 1, x + 1, y + 1), fill="lime")
    sheet.save(path, "PNG")
    typer.echo(f"crops: {path}")


@app.command()
def fetch(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A known file.")] = None,
    accept_licence: Annotated[bool, of_work("I keep to its licence.", "--accept-licence")] = False,
) -> None:
    """Download the weights of a known encoder or detector, checked by their hash.

    Without a name, lists them. Without --accept-licence, shows the licence and downloads nothing.
    """
    from deplib.extraction import weights

    if name is not None:
        typer.echo(str(weights.fetch(name, accept_licence=accept_licence)))
        return
    for known in weights.KNOWN.values():
        typer.echo(f"{known.name}: {known.what}, {known.size / 1e6:.0f} MB; {known.licence}")
        typer.echo(f"  {weights.find(known.name) or 'not on this machine'}")


@app.command()
@options.spread
def extract(
    made: options.Work,
    reference: options.ReferenceFile = None,
    store: options.Store = None,
    dtype: Annotated[str, of_work("float16, or float32 at twice the size.")] = "float16",
    frame_limit: Annotated[int, of_work("Frames of a recording that are used.", min=1)] = 2000,
    jobs: options.Jobs = 0,
    dry_run: Annotated[bool, of_work("Foresee the time, write nothing.", "--dry-run")] = False,
) -> None:
    """Turn every frame of a cohort into an embedding, and verify all of them.

    Can be stopped at any time, even killed: the same command goes on where it ended. Beside the
    features it leaves extract.jsonl, what happened, and report.json, what the verifier found.
    Exit code 1: some recordings could not be used, or the features have faults.
    """
    from tqdm import tqdm

    from deplib.extraction import Bounds, FeatureStore, check_reference, estimate, pipeline
    from deplib.extraction.verification import verify as examine

    cohort, network = made.open_cohort(), made.open_encoder()
    processes = options.n_jobs(jobs, made.device)
    typer.echo(f"{options.told(cohort)}\nwith {network!r}")
    if network.normalises_inside:
        typer.echo(f"the network {network.normalises_inside}")
    if (find := getattr(cohort, "check", None)) and len(problems := find()):
        told = f"{len(problems)} problems in the corpus, {int(problems['excluded'].sum())} of them"
        typer.secho(f"{told} leave a recording out: deplib check lists them", fg="yellow")
    known = _reference(reference, network)
    if known is not None:  # now, and not after hours of work
        check_reference(network, known)
    header = pipeline.store_header(cohort, network, frame_limit=frame_limit, dtype=dtype)
    folder = store or pipeline.store_folder(header, cohort)
    there = FeatureStore(folder, header=header) if (folder / "store.json").exists() else None
    todo = pipeline.plan(cohort, there, frame_limit=frame_limit)
    changed = len(there.done().intersection(todo)) if there else 0
    frames, n = sum(todo.values()), len(cohort.recordings)
    stale = f"; {changed} of them have changed since they were extracted" if changed else ""
    typer.echo(f"to {folder}: {len(todo)} of {n} recordings to do, {frames:,} frames{stale}")
    given: Any = {"frame_limit": frame_limit, "max_template_distance": made.max_template_distance}
    typer.echo(str(estimate(cohort, network, there, jobs=processes, **given)))
    if dry_run:
        return
    opened = there or FeatureStore(folder, header=header)
    (folder / "report.json").unlink(missing_ok=True)  # of what was there before
    _note(made, folder)
    with tqdm(total=frames, unit=" frames", unit_scale=True, desc=cohort.name) as bar:
        report = pipeline.extract(
            cohort, network, opened, **given,
            jobs=processes, max_miss_rate=made.max_miss_rate,
            max_recording_miss_rate=made.max_recording_miss_rate,
            progress=lambda entry: bar.update(entry.n_frames), log=folder / "extract.jsonl",
        )  # fmt: skip
    typer.echo(f"{report}\nfeatures: {folder}")
    table = cohort.recordings[~cohort.recordings["recording"].isin(list(report.refused))]
    beside: Any = {"encoder": network, "cohort": cohort, "reference": known}
    beside |= {"bounds": Bounds(**made.limits), "progress": lambda _: bar.update()}
    with tqdm(total=len(table), unit="recording", desc="verifying") as bar:
        verdict = examine(opened, table, **beside)
    (folder / "report.json").write_text(verdict.to_json() + "\n", encoding="utf-8")
    _print_report(verdict, folder)
    options.end(getattr(cohort, "left_out", {}) | report.refused, verdict.ok)


@app.command()
@options.spread
def verify(
    made: options.Work,
    store: Annotated[Path, of_work("The store's folder, as extract printed it.")],
    reference: options.ReferenceFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Check that a store's features are fit for use.

    Zeros, NaN, wrong norms, repeated frames, random vectors, copies, missing, foreign and damaged
    recordings; whether the store is of its encoder and its rows are those of the frames: of those
    that extract was given, or of CORPUS and --encoder; and with --reference whether preprocessing
    is right, which nothing else shows. Exit code 0: sound. 1: faults. 2: no store there.
    """
    from deplib.extraction import Bounds, FeatureStore, embedded_encoder
    from deplib.extraction.verification import verify as examine

    opened, told, cohort, network = FeatureStore(store), _told(store), None, None
    try:
        if whose := made if made.root or made.world else told:
            cohort = whose.open_cohort()
        if which := made if made.encoder or made.flip else told:
            network = which.open_encoder()
        elif opened.header.encoder == (shipped := embedded_encoder()).id:
            network = shipped
    except (CohortError, EncoderError) as error:
        if made.root or made.world or made.encoder:
            raise
        why = f"not compared with the frames that it was made of: {error}"
        typer.secho(why, fg="yellow", err=True)
    known = None if network is None else _reference(reference, network)
    report = examine(
        opened, encoder=network, cohort=cohort, reference=known, bounds=Bounds(**made.limits)
    )
    typer.echo(report.to_json()) if as_json else _print_report(report, store)
    raise typer.Exit(OK if report.ok else FAULTS)


def _reference(path: Path | None, network: "OnnxEncoder") -> "Reference | None":
    """Return the reference given, or the one that is shipped with the embedded encoder."""
    from deplib.extraction import embedded_reference, load_reference, network_card

    if path is not None:
        return load_reference(path)
    return embedded_reference() if network.sha256 == network_card("embedded")["sha256"] else None


def _note(made: options.Work, folder: Path) -> None:
    """Keep in a store what it is made of, so that verify looks at these frames."""
    paths = {name: Path(vars(made)[name] or "") for name in ("root", "encoder", "detector")}
    found = {
        name: str(path.absolute()) for name, path in paths.items() if path.name and path.exists()
    }
    write_atomically(folder / MADE, json.dumps(vars(made) | found, indent=1).encode())


def _told(folder: Path) -> options.Work | None:
    """Return what extract was given for a store; None where that is not known."""
    with suppress(OSError, ValueError, TypeError):
        return options.Work(**json.loads((folder / MADE).read_bytes()))
    return None


def _print_report(report: "VerificationReport", store: Path) -> None:
    for finding in report.findings.itertuples():
        colour = "red" if finding.severity == "fault" else "yellow"
        typer.secho(f"{finding.severity} [{finding.check}] {finding.message}", fg=colour)
    typer.echo(f"{store}: {report}")
