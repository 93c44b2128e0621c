"""The options that several verbs share, and what they open."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deplib.errors import CohortError, EncoderError

if TYPE_CHECKING:
    from deplib.cohorts.base import Cohort
    from deplib.cohorts.video import Aligner
    from deplib.extraction import OnnxEncoder

RECORDINGS, ENCODER, WORK = "Whose recordings", "Which encoder", "How the work is done"
"""Headings of the help."""


class Task(StrEnum):
    """The two tasks of AVEC2014."""

    FREEFORM = "Freeform"
    NORTHWIND = "Northwind"


class SplitBy(StrEnum):
    """Which recordings are Train, Dev and Test."""

    OFFICIAL = "official"
    DISJOINT = "disjoint"


class Part(StrEnum):
    """Parts of the sweep."""

    ABLATION = "ablation"
    OPTIONS = "options"


class Device(StrEnum):
    """Where an encoder runs."""

    CPU = "cpu"
    CUDA = "cuda"


Root = Annotated[
    Path | None,
    typer.Option(
        help="A folder of AVEC2014: aligned frames or videos, and labels. Without it, the "
        "simulated cohort.",
        rich_help_panel=RECORDINGS,
    ),
]
Tasks = Annotated[
    list[Task] | None,
    typer.Option("--task", help="With --root: only this task. Both by default.",
                 rich_help_panel=RECORDINGS),
]  # fmt: skip
Detector = Annotated[
    str | None,
    typer.Option(
        help="With --root, for clips that are videos: finds the faces to align. The ONNX file of "
        "an SCRFD or YuNet detector, the name of a known one (deplib fetch), or 'haar', which "
        "comes with OpenCV and is the least exact.",
        rich_help_panel=RECORDINGS,
    ),
]
World = Annotated[
    str,
    typer.Option(
        help="Without --root: the simulated world: null (severity changes nothing), default, "
        "published.",
        rich_help_panel=RECORDINGS,
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="The ONNX file of a face encoder, or the name of a known one (deplib fetch). "
        "Without it, the small one that is shipped.",
        rich_help_panel=ENCODER,
    ),
]
Preprocessing = Annotated[
    str | None,
    typer.Option(
        "--preprocess",
        help="What the encoder expects of its pixels: arcface (RGB, (x - 127.5) / 127.5), raw, or "
        "in full 'RGB mean=127.5,127.5,127.5 std=127.5,127.5,127.5 size=112'. By default arcface, "
        "or raw where the network normalises by itself.",
        rich_help_panel=ENCODER,
    ),
]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip", help="Embed the mirrored frame, too, and add the two.", rich_help_panel=ENCODER
    ),
]
RunsOn = Annotated[
    Device, typer.Option("--device", help="Where the encoder runs.", rich_help_panel=ENCODER)
]
ReferenceFile = Annotated[
    Path | None,
    typer.Option(
        help="A frame and its right embedding, to find wrong preprocessing.",
        rich_help_panel=ENCODER,
    ),
]
Split = Annotated[
    SplitBy,
    typer.Option(
        help="official: as the cohort has it, where persons recur in several splits. disjoint: "
        "nobody is in two of them.",
        rich_help_panel=WORK,
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        min=0, help="Processes, one thread each; 0: one a core.", rich_help_panel=WORK
    ),
]  # fmt: skip
MaxMissRate = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Stop when more of all frames have no face, or cannot be read.",
        rich_help_panel=WORK,
    ),
]
MaxRecordingMissRate = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Leave out a recording that lacks more of its frames, and go on.",
        rich_help_panel=WORK,
    ),
]


def n_jobs(jobs: int, device: Device = Device.CPU) -> int:
    """Return the number of processes meant by ``--jobs``; an accelerator is fed by one."""
    return jobs or (1 if device is Device.CUDA else os.cpu_count() or 1)


def open_cohort(
    world: str, root: Path | None, tasks: list[Task] | None = None, detector: str | None = None
) -> "Cohort":
    """Return the corpus in ``root``, or without one the simulated cohort."""
    if root is None:
        from deplib.cohorts.simulated import SimulatedCohort

        if detector or tasks:
            raise CohortError("--detector and --task belong to a corpus: give its folder, --root")
        return SimulatedCohort(world)
    from deplib.cohorts.avec2014 import TASKS, Avec2014Cohort

    chosen = tuple(task.value for task in tasks) if tasks else TASKS
    return Avec2014Cohort(root, tasks=chosen, aligner=open_aligner(detector))


def open_aligner(detector: str | None) -> "Aligner | None":
    """Return what aligns the frames of videos, or None where no detector was named."""
    if detector is None:
        return None
    from deplib.alignment import FaceAligner, open_detector

    return FaceAligner(open_detector(None if detector == "haar" else known_or_path(detector)))


def open_encoder(
    encoder: str | None,
    preprocess: str | None = None,
    *,
    flip: bool = False,
    device: Device = Device.CPU,
) -> "OnnxEncoder":
    """Return the encoder that was asked for; the embedded one by default."""
    from deplib.extraction import OnnxEncoder, Preprocess, embedded_encoder

    if encoder is None:
        if preprocess is not None:
            raise EncoderError("--preprocess belongs to an encoder of your own: give --encoder")
        return embedded_encoder(flip=flip, device=device.value)
    parsed = None if preprocess is None else Preprocess.parse(preprocess)
    return OnnxEncoder(known_or_path(encoder), parsed, flip=flip, device=device.value)


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
        raise EncoderError(
            f"{name} is not on this machine: read its licence with 'deplib fetch {name}', or give "
            "the path of your own copy"
        )
    return path
