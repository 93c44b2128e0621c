"""CPU time of training steps and of forward passes, as this machine has it.

One thread. The ways take turns, round after round, so that a busy machine hits all alike, and
every round is kept: the smallest is the estimate, for another program's work only adds to it, and
the spread over the rounds says how far it can be trusted.
"""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from deplib.cost.ways import LENGTHS, WAYS, WINDOWS, forward_of, sized, train_step, unit_vectors

TRAINING, FORWARD = "training", "forward"
"""Forward and backward; forward alone, no gradient kept."""

LEAST_SECONDS = 0.05
"""What is shorter is repeated until so much time has passed, and the mean is taken."""


def step_seconds(
    ways: Collection[str] = tuple(WAYS),
    lengths: Sequence[int] = LENGTHS,
    *,
    windows: int = WINDOWS,
    rounds: int,
    on_round: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Measure the CPU time of training steps and of forward passes alone.

    Parameters
    ----------
    ways
        Names of ``deplib.cost.ways.WAYS``.
    lengths
        Frames of a window.
    windows
        Windows of a step.
    rounds
        How often each is measured. What only a process's first step does, such as compiling, is
        done before, by a step of the shortest length.
    on_round
        Called after each round.

    Returns
    -------
    list of dict
        ``way``, ``kind``, ``frames``, ``windows``, and ``seconds``: one number a round.
    """
    runs: dict[tuple[str, str, int], Callable[[], object]] = {}
    for frames in lengths:
        x = unit_vectors(windows, frames)
        for way in ways:
            runs |= {(way, kind, frames): run for kind, run in _runs(way, x).items()}
    for (_, _, frames), run in runs.items():
        if frames == min(lengths):
            run()
    seconds: dict[tuple[str, str, int], list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            seconds[key].append(cpu_seconds(run))
        on_round()
    return [
        {"way": way, "kind": kind, "frames": frames, "windows": windows, "seconds": measured}
        for (way, kind, frames), measured in seconds.items()
    ]


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of a call, the mean of as many calls as fill ``LEAST_SECONDS``."""
    calls, start = 0, time.process_time()
    while True:
        run()
        calls += 1
        passed = time.process_time() - start
        if passed >= LEAST_SECONDS:
            return passed / calls


def _runs(way: str, x: Tensor) -> dict[str, Callable[[], object]]:
    network = sized(WAYS[way], x.shape[1])
    forward = forward_of(way, network, x)

    def without_gradient() -> Tensor:
        with torch.inference_mode():
            return forward()

    return {TRAINING: lambda: train_step(network, forward), FORWARD: without_gradient}
