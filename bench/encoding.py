"""Frames a second of the encoder, beside a one-image-at-a-time loop and the runtime alone.

    python bench/encoding.py [encoder.onnx]

For the embedded encoder and an IResNet-50 with random weights (or the one file that is named), over
the same file and the same frames: `OnnxEncoder.embed`; the loop that most scripts have (blob of one
image, run, normalise); and the runtime alone on inputs that are ready, at its best batch size.

Twice: by CPU time in one thread each, and by the clock with all cores, where `embed` and the
runtime run as `extract` does, in one process a core, and the loop as a script does, in one process
with the runtime's own threads. The ways take turns, so that a busy machine hits all alike, after a
round that warms up: the median of the CPU times, and by the clock the fastest round, since another
program's work only adds to it. Some two minutes.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from encoders import ways
from joblib import Parallel, cpu_count, delayed, parallel_config
from networks.iresnet50 import write_iresnet50

from deplib.extraction import OnnxEncoder, embedded_encoder

SHARE_OF_RUNTIME = 0.8  # the least that is wanted of the runtime's best throughput
CORES = cpu_count()
PAUSE = 0.5  # seconds; the runtime's own threads go on spinning a while after the last image


@dataclass(frozen=True)
class Load:
    """How long one network is measured, and what is wanted of it."""

    frames: int
    rounds: int
    batches: tuple[int, ...]
    target: float | None  # times the loop


EMBEDDED = Load(frames=512, rounds=7, batches=(1, 4, 16, 64), target=4.0)
IRESNET50 = Load(frames=16, rounds=4, batches=(1, 4, 16), target=1.5)


def take_turns(
    measures: dict[str, Callable[[], float]],
    load: Load,
    typical: Callable[[list[float]], float],
) -> dict[str, float]:
    """Return frames a second of each way, from what is typical of its seconds."""
    seconds: dict[str, list[float]] = {way: [] for way in measures}
    for _ in range(load.rounds + 1):
        for way, measure in measures.items():
            seconds[way].append(measure())
    return {way: load.frames / typical(times[1:]) for way, times in seconds.items()}


def cpu_seconds(run: Callable[[], object]) -> Callable[[], float]:
    """Return a function that runs another and returns the CPU time of this process."""

    def measure() -> float:
        start = time.process_time()
        run()
        return time.process_time() - start

    return measure


def by_cpu_time(encoder: OnnxEncoder, load: Load) -> dict[str, float]:
    """Return frames a CPU-second of each way, in one thread."""
    session = ways.script_session(encoder.path, 1)
    frames, inputs = ways.photographs(load.frames), ways.planes(load.frames)
    measures: dict[str, Callable[[], object]] = {
        "embed": lambda: encoder.embed(frames),
        "loop": lambda: ways.one_at_a_time(session, frames),
    }
    for batch in load.batches:
        measures[f"runtime, batch {batch}"] = lambda batch=batch: ways.runtime_alone(
            session, inputs, batch
        )
    return take_turns({way: cpu_seconds(run) for way, run in measures.items()}, load, median)


def by_the_clock(encoder: OnnxEncoder, load: Load, batch: int) -> dict[str, float]:
    """Return frames a second of each way with all cores; workers are warm after a round."""
    session = ways.script_session(encoder.path, None)
    frames = ways.photographs(load.frames)
    share = load.frames // CORES

    def in_workers(work: Callable, *arguments: object) -> float:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            spans = Parallel(n_jobs=CORES, batch_size=1)(
                delayed(work)(*arguments) for _ in range(CORES)
            )
        # From the first start to the last end; what is left over by the shares is added.
        seconds = max(end for _, end in spans) - min(start for start, _ in spans)
        return seconds * load.frames / (share * CORES)

    def script() -> float:
        start = time.time()
        ways.one_at_a_time(session, frames)
        seconds = time.time() - start
        time.sleep(PAUSE)
        return seconds

    return take_turns(
        {
            "embed": lambda: in_workers(ways.embed_in_worker, encoder, share),
            "loop": script,
            f"runtime, batch {batch}": lambda: in_workers(
                ways.runtime_in_worker, encoder.path, share, batch
            ),
        },
        load,
        min,
    )


def report(encoder: OnnxEncoder, load: Load) -> None:
    """Measure one network and print its table."""
    sample = ways.photographs(load.frames)[:8]
    loop = ways.one_at_a_time(ways.script_session(encoder.path, 1), sample)
    # The same work, or the comparison means nothing.
    np.testing.assert_allclose(encoder.embed(sample).features, loop, atol=1e-4)

    by_cpu = by_cpu_time(encoder, load)
    best = max((way for way in by_cpu if way.startswith("runtime")), key=by_cpu.__getitem__)
    by_clock = by_the_clock(encoder, load, int(best.split()[-1]))
    print(f"{encoder.path.name}, {load.frames} frames, {load.rounds} rounds")
    for title, rates in (("a CPU-second", by_cpu), (f"a second, {CORES} cores", by_clock)):
        for way, rate in rates.items():
            print(f"  {way:<20}{rate:>10,.1f} frames {title}")
        over_loop, of_runtime = rates["embed"] / rates["loop"], rates["embed"] / rates[best]
        wanted = "" if load.target is None else f" ({verdict(over_loop, load.target)})"
        print(f"  embed is {over_loop:.2f} x the loop{wanted}")
        print(f"  and {of_runtime:.0%} of the runtime's best ", end="")
        print(f"({verdict(of_runtime, SHARE_OF_RUNTIME)})")


def verdict(value: float, target: float) -> str:
    """Say whether a target is met."""
    return f"wanted {target:g}: {'met' if value >= target else 'not met'}"


def main() -> None:
    """Print a table for each network."""
    cv2.setNumThreads(1)
    if len(sys.argv) > 1:
        report(OnnxEncoder(sys.argv[1]), Load(frames=32, rounds=4, batches=(1, 4, 16), target=None))
        return
    report(embedded_encoder(), EMBEDDED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "iresnet50.onnx"
        parameters, multiply_adds = (count / 1e6 for count in write_iresnet50(path))
        print(f"IResNet-50: {parameters:.1f} M parameters, {multiply_adds:,.0f} M multiply-adds")
        report(OnnxEncoder(path), IRESNET50)


if __name__ == "__main__":
    main()
