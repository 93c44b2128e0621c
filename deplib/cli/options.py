"""The application: how errors reach the user, the options that verbs share, what they open."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from typer.core import TyperGroup

from deplib import __version__
from deplib.errors import CohortError, DeplibError, EncoderError, VerificationError

if TYPE_CHECKING:
    from deplib.alignment import FaceAligner
    from deplib.cohorts.base import Cohort
    from deplib.cohorts.corpus import Corpus
    from deplib.extraction import OnnxEncoder
    from deplib.study import Inputs

OK, FAULTS, FAILED, CRASHED, INTERRUPTED = 0, 1, 2, 70, 130
"""Exit codes: sound; data must not be used; could not be done as asked; a fault of deplib itself;
stopped by the user."""
TRACEBACK = "DEPLIB_TRACEBACK"


class _CleanErrors(TyperGroup):
    """A group of verbs that turns errors into one message and an exit code."""

    def main(self, *args: Any, **more: Any) -> Any:
        """Call a verb; what nobody foresaw is no verdict on the data."""
        try:
            return super().main(*args, **more)
        except Exception as error:
            what = " ".join(f"{type(error).__name__}: {error}".split())
            _tell(
                f"deplib failed, which says nothing about the data: {what}; for a report of it, "
                f"set {TRACEBACK}=1, which shows where"
            )
            sys.exit(CRASHED)

    def invoke(self, ctx: Any) -> Any:  # typer brings its own copy of click, or uses click's
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader, such as head, has seen enough: typer ends in silence
            raise
        except (DeplibError, OSError) as error:
            file = error.filename if isinstance(error, OSError) else None
            remedy = f"; look at permissions and room of {file}, or choose another" if file else ""
            _tell(f"deplib {ctx.invoked_subcommand}: {error}{remedy}")
            raise typer.Exit(FAULTS if isinstance(error, VerificationError) else FAILED) from None
        except ModuleNotFoundError as error:
            what = f"deplib {ctx.invoked_subcommand} needs {error.name}, which is not installed"
            _tell(f"{what}: pip install 'deplib[book,sweep]'")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            typer.secho("\nstopped; the same command goes on where this one ended", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _tell(what: str) -> None:
    if os.environ.get(TRACEBACK, "0") != "0":
        typer.echo(traceback.format_exc(), err=True)
    typer.secho(what, fg="red", err=True)


_ABOUT = (
    "Does temporal architecture matter when depression severity is regressed from facial video? "
    "The report's work, verb by verb. With a corpus of your own: check, extract, train."
)
_CODES = (
    "Exit codes: 0 done and sound, 1 the data has faults, 2 it could not be done as asked (the "
    f"message says why), {CRASHED} deplib itself failed ({TRACEBACK}=1 shows where). Large files "
    "go to $DEPLIB_DATA, or to your cache folder."
)
app = typer.Typer(cls=_CleanErrors, no_args_is_help=True, help=_ABOUT, epilog=_CODES,
                  context_settings={"help_option_names": ["-h", "--help"]},
                  rich_markup_mode="markdown", pretty_exceptions_enable=False)  # fmt: skip


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"deplib {__version__}")
        raise typer.Exit


_Version = typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit.")


@app.callback()
def _every_verb(version: Annotated[bool, _Version] = False) -> None: ...


for_maintainers = partial(app.command, rich_help_panel="Making the report anew: for maintainers")

Device = Literal["cpu", "cuda"]


def of_work(text: str, *names: str, panel: str = "How the work is done", **more: Any) -> Any:
    """Return an option by its help, under a heading of the help."""
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


_of_corpus = partial(of_work, panel="Whose recordings")
_of_encoder = partial(of_work, panel="Which encoder")
_CORPUS = "A table of clips (CSV: path, recording, person, split, label), or a folder of AVEC2014."
_OR_SIMULATED = f"{_CORPUS} Else the simulated cohort."
_TASKS = "One of the corpus's tasks; else all."
_EXCLUDE = "Leave a recording out, by its name; may be given again."
_WORLD = "Of the simulated cohort, else default: null, published, pace or stroke."
_FLIP = "Embed the mirrored frame, too, and add the two."
_MISSES = "Stop when more of all frames have no face or are unreadable."
_RECORDING_MISSES = "Leave a recording out that lacks more of its frames."
_DISTANCE = "Stop when faces lie further from the template (median): they are aligned otherwise."
_DET_SIZE = "Side of the detector's canvas; 320 takes a quarter of the time of 640."
_DETECTOR = "Aligns videos: an SCRFD or YuNet file, a known name, or 'haar'."
_ENCODER = "An ONNX file or a known name (deplib fetch); else the one that is shipped."
_PIXELS = "arcface (RGB, (x - 127.5) / 127.5), raw, or 'RGB mean=... std=... size=112'."
_SPLIT = "official: as the cohort has it, where persons recur. disjoint: nobody is in two splits."

Root = Annotated[Path, typer.Argument(metavar="CORPUS", help=_CORPUS)]
Tasks = Annotated[list[str] | None, _of_corpus(_TASKS, "--task")]
Exclude = Annotated[list[str] | None, _of_corpus(_EXCLUDE, "--exclude")]
Detector = Annotated[str | None, _of_corpus(_DETECTOR)]
DetSize = Annotated[int | None, _of_corpus(_DET_SIZE)]
_of_faults = partial(of_work, panel="What is refused", min=0)
_share = partial(_of_faults, max=1, metavar="SHARE")
TemplateDistance = Annotated[float, _of_faults(_DISTANCE, metavar="PIXELS")]
ReferenceFile = Annotated[Path | None, _of_encoder("A frame and its right embedding.")]
_STORE = "Folder of the features; else one in the data folder, of this corpus and encoder."
Store = Annotated[Path | None, of_work(_STORE)]
SplitRule = Literal["official", "disjoint"]
AsJson = Annotated[bool, of_work("Print JSON, and nothing else.", "--json")]
Split = Annotated[SplitRule, of_work(_SPLIT)]
_CONFIG = "A YAML file of what shall differ, such as 'learning_rate: 0.001'. protocol.yaml beside \
results has all that can."
Config = Annotated[Path | None, of_work(_CONFIG)]
Jobs = Annotated[int, of_work("Processes, one thread each; 0: one a core that may be used.", min=0)]


@dataclass
class Work:
    """What features are made from, by which encoder, and how many frames may be missed."""

    root: Annotated[Path | None, typer.Argument(metavar="CORPUS", help=_OR_SIMULATED)] = None
    task: Tasks = None
    exclude: Exclude = None
    detector: Detector = None
    det_size: DetSize = None
    encoder: Annotated[str | None, _of_encoder(_ENCODER)] = None
    preprocess: Annotated[str | None, _of_encoder(_PIXELS)] = None
    flip: Annotated[bool, _of_encoder(_FLIP, "--flip")] = False
    world: Annotated[str | None, _of_corpus(_WORLD)] = None
    device: Annotated[Device, _of_encoder("Where the encoder runs, and an SCRFD.")] = "cpu"
    max_miss_rate: Annotated[float, _share(_MISSES)] = 0.05
    max_recording_miss_rate: Annotated[float, _share(_RECORDING_MISSES)] = 0.5
    max_template_distance: TemplateDistance = 10.0

    def open_encoder(self) -> "OnnxEncoder":
        """Return the encoder that was asked for; the embedded one by default."""
        from deplib.extraction import OnnxEncoder, Preprocess, embedded_encoder

        if self.encoder is None:
            if self.preprocess is not None:
                raise EncoderError("--preprocess belongs to an encoder of your own: give --encoder")
            return embedded_encoder(flip=self.flip, device=self.device)
        parsed = None if self.preprocess is None else Preprocess.parse(self.preprocess)
        return OnnxEncoder(known_or_path(self.encoder), parsed, flip=self.flip, device=self.device)

    @property
    def limits(self) -> dict[str, Any]:
        """The same by the names that `Bounds` and `MissLimits` give them."""
        names = "invalid_rate", "recording_invalid_rate", "max_template_distance"
        given = self.max_miss_rate, self.max_recording_miss_rate, self.max_template_distance
        return dict(zip(names, given, strict=True))

    def open_cohort(self) -> "Cohort":
        """Return the corpus in the folder that was named, or the simulated cohort."""
        from deplib.cohorts.simulated import SimulatedCohort

        if self.root is None:
            if self.detector or self.task or self.exclude:
                raise CohortError("--detector, --task and --exclude are of a corpus: give CORPUS")
            return SimulatedCohort(self.world or "default")
        if self.world:
            raise CohortError("--world is one of the simulated cohort: leave it or CORPUS out")
        aligner = open_aligner(self.detector, self.det_size, self.device)
        return open_corpus(self.root, self.task, self.exclude, aligner)


@dataclass
class Training(Work):
    """The same, and on which features, by which protocol and how fast is trained."""

    store: Store = None
    config: Config = None
    jobs: Jobs = 0

    def inputs(self, streams: Path | None = None) -> "Inputs":
        """Return what runs see."""
        from deplib.protocol import Protocol
        from deplib.study import Inputs, MissLimits

        given: Any = {"protocol": Protocol.read(self.config)} if self.config else {}
        return Inputs(
            self.open_cohort(), self.open_encoder(), progress=True, **given,
            limits=MissLimits(**self.limits), jobs=n_jobs(self.jobs), stream_folder=streams,
            store_folder=self.store,
        )  # fmt: skip


def spread(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb, in the place of its first parameter, the options that are that one's fields."""
    first, *others = signature(verb).parameters.values()
    shared = signature(first.annotation).parameters

    @wraps(verb)
    def with_fields(**given: Any) -> None:
        made = first.annotation(**{name: given.pop(name) for name in shared})
        verb(made, **given)

    every = [one.replace(kind=one.KEYWORD_ONLY) for one in (*shared.values(), *others)]
    with_fields.__signature__ = Signature(every)  # type: ignore[attr-defined]
    return with_fields


def told(cohort: "Cohort") -> str:
    """Return a cohort's name, what its labels measure, and what one should know of its listing."""
    from deplib.cohorts.base import scale_of

    scale, notes = scale_of(cohort), getattr(cohort, "notes", ())
    return "; ".join([f"{cohort.name}, {scale.name} from {scale.low:g} to {scale.high:g}", *notes])


def end(left_out: Mapping[str, str], sound: bool = True) -> NoReturn:
    """End a verb: what was left out of the data is its last line, and shows in its exit code."""
    for recording, why in left_out.items():
        typer.secho(f"left out {recording}: {why}", fg="red")
    if left_out:
        typer.secho(f"{len(left_out)} recordings left out: {', '.join(left_out)}", fg="red")
    raise typer.Exit(OK if sound and not left_out else FAULTS)


def n_jobs(jobs: int, device: Device = "cpu") -> int:
    """Return the number of processes meant by ``--jobs``; an accelerator is fed by one."""
    from joblib import cpu_count  # those that this process may use: affinity, containers

    return jobs or (1 if device == "cuda" else cpu_count())


def open_corpus(
    root: Path, tasks: list[str] | None, exclude: list[str] | None, aligner: "FaceAligner | None"
) -> "Corpus":
    """Return a corpus, and say which recordings are left out as asked."""
    from deplib.cohorts.corpus import Corpus

    corpus = Corpus(root, tasks=tasks or (), exclude=exclude or (), aligner=aligner)
    if exclude:
        typer.secho(f"left out as asked: {', '.join(exclude)}", fg="yellow", err=True)
    return corpus


def open_aligner(
    detector: str | None, det_size: int | None, device: Device = "cpu"
) -> "FaceAligner | None":
    """Return what aligns the faces of videos, where a detector is named."""
    from deplib.alignment import FaceAligner
    from deplib.detection import open_detector

    if detector is None:
        if det_size is not None:
            raise EncoderError("--det-size is of a detector's canvas: give --detector")
        return None
    path = None if detector == "haar" else known_or_path(detector)
    return FaceAligner(open_detector(path, det_size, device))


def known_or_path(name: str) -> Path:
    """Return the path of a file, or of the known weights of that name.

    Raises
    ------
    EncoderError
        If the name is that of known weights which are not on this machine yet.
    """
    from deplib.extraction import weights

    if name not in weights.KNOWN:
        return Path(name)
    if (path := weights.find(name)) is None:
        raise EncoderError(f"{name} is not on this machine: see 'deplib fetch {name}'")
    return path
