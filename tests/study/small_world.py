"""A world of nine recordings of twelve frames, and a process that dies while it trains on it."""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from deplib import results, study
from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction import embedded_encoder
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.study import runs

PROTOCOL = Protocol(epochs=4, window_length=8)
COHORT = partial(SimulatedCohort, n_recordings=9, max_frames=12)


def inputs(world: str = "default", cohort: Any = None, jobs: int = 1) -> study.Inputs:
    """The streams of a small world."""
    cohort = cohort or COHORT(world)
    return study.Inputs(cohort, embedded_encoder(), protocol=PROTOCOL, jobs=jobs)


def complete(
    specs: list[RunSpec], root: Path | None = None, scheduler: str | None = None, **seen: Any
) -> list[Result]:
    """Complete runs of the small worlds in this process."""
    given = {world: inputs(world, **seen) for world in {spec.world for spec in specs}}
    return study.complete(specs, root=root, inputs=given, scheduler=scheduler)


def die(moment: str, root: Path) -> None:
    """Train two models with a checkpoint an epoch, and be killed somewhere on the way."""
    runs.Checkpoint = partial(runs.Checkpoint, every=0)
    calls = []

    def killing(real, at):
        def function(*args, **options):
            calls.append(args)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return function

    if moment == "epoch":  # one batch an epoch
        from deplib.training import loop

        loop.check_loss = killing(loop.check_loss, at=3)
    else:  # before the nth table: three of the first run's part, then three of the world
        results.write_whole = killing(results.write_whole, at=int(moment))
    complete([RunSpec("LDBM"), RunSpec("RidgeMean")], root)


if __name__ == "__main__":
    die(sys.argv[1], Path(sys.argv[2]))
