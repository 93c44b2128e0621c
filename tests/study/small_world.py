"""A world of nine recordings of twelve frames, and a process that dies while it trains on it."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

from deplib import study
from deplib.cohorts.simulated import SimulatedCohort
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec

N_RECORDINGS = 9
PROTOCOL = Protocol(epochs=4, window_length=8)
COHORT = partial(SimulatedCohort, n_recordings=N_RECORDINGS, max_frames=12)


def complete(specs: list[RunSpec], folder: Path, **options: object) -> list[Result]:
    """Complete runs of the small worlds in this process."""
    cohorts = {spec.world: COHORT(spec.world) for spec in specs}
    return study.complete(
        specs, folder, **{"cohorts": cohorts, "protocol": PROTOCOL, "jobs": 1} | options
    )


def key_of(spec: RunSpec) -> str:
    """The key that ``complete`` asks for."""
    encoder = study.completion.embedded_encoder()
    return study.run_key(spec, COHORT(spec.world), encoder, PROTOCOL)


def die(moment: str, folder: Path) -> None:
    """Train LDBM with a checkpoint an epoch, and be killed in mid-epoch or in mid-write."""
    study.runs.Checkpoint = partial(study.runs.Checkpoint, every=0)
    calls = []

    def killing(real, at):
        def function(*args):
            calls.append(args)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        return function

    if moment == "epoch":  # one batch an epoch
        from deplib.training import loop

        loop.check_loss = killing(loop.check_loss, at=3)
    else:
        from deplib.training import checkpoint

        real = checkpoint.Path.replace
        of_results = killing(lambda *args: None, at=3)

        def replace(path: Path, target: Path) -> Path:
            if target.suffix == ".safetensors" and target.parent.name != "recordings":
                of_results(path)
            return real(path, target)

        checkpoint.Path.replace = replace
    complete([RunSpec("LDBM")], folder)


if __name__ == "__main__":
    die(sys.argv[1], Path(sys.argv[2]))
