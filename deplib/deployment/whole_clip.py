"""What a whole ``deplib predict`` takes, from the start of its process on, and its parts."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deplib.cohorts.frame_folder import FrameFolder
from deplib.cost.steps import cpu_seconds
from deplib.deployment.bundle import open_bundle
from deplib.deployment.clip import embed_clip
from deplib.deployment.prediction import cut

WHOLE, START, READING, EMBEDDING, MODEL = "whole", "start", "reading", "embedding", "model"
"""Parts of a prediction. Reading and embedding overlap; what is left is passing things on."""
CLOCK, CPU = "clock", "CPU"
CORES = 2
"""Processor cores that the verb may use."""

_TWO_CORES = f"""
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{CORES}])
"""
_VERB = f"{_TWO_CORES}\nfrom deplib.cli import app\napp()"
_OPENING = f"""{_TWO_CORES}
import sys
from pathlib import Path
from deplib.cli import app
import deplib.deployment.prediction
from deplib.deployment.bundle import open_bundle
open_bundle(Path(sys.argv[1]))
"""


def predict_rows(
    pair: Path,
    clip: Path,
    *,
    rounds: int,
    on_round: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Run ``deplib predict`` in processes of its own, on two cores, and its parts one by one.

    Parameters
    ----------
    pair, clip
        What the verb is given.
    rounds
        How often each is measured.
    on_round
        Called after each round.

    Returns
    -------
    list of dict
        ``part``, ``by`` (`CLOCK` or `CPU`) and ``seconds``: one number a round. The parts in CPU
        time of one thread; `START` is a process that imports the verb and opens the pair.

    Raises
    ------
    subprocess.CalledProcessError
        If the verb fails.
    """
    bundle = open_bundle(pair)
    embedded = embed_clip(clip, bundle.encoder, frame_limit=bundle.card.sequence_length)
    x, mask, _ = cut(embedded.features, embedded.valid, bundle.card.window_length)
    x = np.ascontiguousarray(x.transpose(0, 2, 1))
    folder = FrameFolder(clip)
    frames = folder.read(0, len(embedded.valid)).frames
    verb, opening = ["-c", _VERB, "predict", clip, pair], ["-c", _OPENING, pair]
    parts: dict[str, Callable[[], object]] = {
        READING: lambda: folder.read(0, len(frames)),
        EMBEDDING: lambda: bundle.encoder.embed(frames),
        MODEL: lambda: bundle.predict(x, mask),
    }
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for part, arguments in ((WHOLE, verb), (START, opening)):
            clock, cpu = _process_seconds(list(map(str, arguments)))
            seconds.setdefault((part, CLOCK), []).append(clock)
            seconds.setdefault((part, CPU), []).append(cpu)
        for part, work in parts.items():
            seconds.setdefault((part, CPU), []).append(cpu_seconds(work))
        on_round()
    return [
        {"part": part, "by": by, "seconds": measured} for (part, by), measured in seconds.items()
    ]


def _process_seconds(arguments: Sequence[str]) -> tuple[float, float]:
    """Return what a Python process takes by the clock, from its start on, and of CPU."""
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    clock, after = time.perf_counter() - began, os.times()
    cpu = after.children_user - before.children_user
    return clock, cpu + after.children_system - before.children_system
