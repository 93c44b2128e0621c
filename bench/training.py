"""What training costs: a step of each model, each lever alone, and the whole grid.

    python bench/training.py [steps] [levers] [grid]

Unit vectors in the protocol's shapes: 32 windows of 512 frames a step, every fourth half padded.
Ways that are compared take turns, and the smallest time of each counts, after a first that warms
up. CPU time in one thread, but by the clock where processes or threads are what is compared; the
latter needs a machine that does nothing else. Some four minutes on two cores.
"""

import shutil
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import torch
from networks.epoch import PROTOCOL, course_seconds, epoch_seconds, timed, window_set, windows
from networks.plain import PLAIN, PlainEncoder, plain
from torch import Tensor, nn

from deplib.models import MODELS, build, n_parameters, resolve
from deplib.models.blocks import EncoderLayer
from deplib.models.ldbm import LDBM
from deplib.models.mean_mlp import TemporalMeanMLP
from deplib.results import Result
from deplib.study import SEEDS, VARIED, results_dir
from deplib.training import train, train_together

ROUNDS = 3
CORES = 2
WANTED = 1.5  # the least gain a run over the whole grid
HOURS, MINUTES = 3.0, 4.0  # the most for the default world's variants, and for one seed of the four


def backward(forward: Callable[[], Tensor]) -> None:
    """Do a forward and backward pass."""
    forward().abs().mean().backward()


def smallest(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """CPU-seconds of each call, the smallest of all rounds but the first."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            times[name].append(timed(call))
    return {name: min(seconds[1:]) for name, seconds in times.items()}


def batch(n: int = 32) -> tuple[Tensor, Tensor]:
    """Return x (n, 512, 512), time-major as windows are stored, and its mask."""
    features, mask = windows(n)
    return torch.from_numpy(features).transpose(1, 2), torch.from_numpy(mask)


def steps() -> None:
    """Print a step of each of the study's models beside its plain version."""
    x, mask = batch()
    mean = TemporalMeanMLP()
    pooled = mean.pool(x, mask)
    calls: dict[str, Callable[[], object]] = {}
    for name in MODELS:
        whole = partial(build(name, seed=0), x, mask)
        forward = partial(mean.head, pooled) if name == "TemporalMeanMLP" else whole
        calls[name] = partial(backward, forward)
        calls[f"plain {name}"] = partial(backward, partial(plain(name), x, mask))
    ms = {name: 1e3 * seconds for name, seconds in smallest(calls).items()}
    print("forward and backward, 32 windows of 512 frames, one thread")
    print("model                 parameters    CPU-ms  x MLP   plain   gain  plain version")
    for name in MODELS:
        ours, theirs, size = ms[name], ms[f"plain {name}"], n_parameters(build(name, seed=0))
        print(
            f"{name:<20}{size:>12,}{ours:>10.1f}{ours / ms['TemporalMeanMLP']:>7.0f}"
            f"{theirs:>8.1f}{theirs / ours:>6.1f}x  {PLAIN[name]}"
        )


def levers(workers: "Workers") -> None:
    """Print what each lever gives alone."""
    print("\nlevers, each alone: the plain way's time over ours")
    x, mask = batch()

    def show(lever: str, gain: float, how: str) -> None:
        print(f"{lever:<42}{gain:>7.2f}x  {how}")

    protocol, data = replace(PROTOCOL, epochs=10), window_set()
    name = "TemporalMeanMLP"
    times = smallest(
        {
            "stacked": lambda: train_together(name, data, protocol, seeds=SEEDS),
            "one by one": lambda: [train(name, data, protocol, seed=seed) for seed in SEEDS],
        },
        rounds=2,
    )
    show("10 seeds stacked", times["one by one"] / times["stacked"], "MLP, whole training")

    model = TemporalMeanMLP()
    pooled = model.pool(x, mask)
    times = smallest(
        {
            "once": partial(backward, partial(model.head, pooled)),
            "each": partial(backward, partial(plain(name), x, mask)),
        }
    )
    show("frames averaged once for all epochs", times["each"] / times["once"], "MLP, a step")

    ldbm, conv = LDBM(), nn.Conv1d(512, 128, 8, stride=8)
    times = smallest(
        {
            "reshape": partial(backward, lambda: ldbm.patch_proj(ldbm.patches(x, mask)[0])),
            "conv1d": partial(backward, partial(conv, x)),
        }
    )
    show("patches by reshape and one product", times["conv1d"] / times["reshape"], "beside conv1d")

    layer, torchs = EncoderLayer(128, heads=4, feedforward=128), PlainEncoder(128)
    z = torch.randn(32, 512, 128, generator=torch.Generator().manual_seed(0))
    times = smallest(
        {
            "ours": partial(backward, lambda: layer(z, mask)),
            "torch's": partial(backward, lambda: torchs(z, mask)),
        }
    )
    show("SDPA, training", times["torch's"] / times["ours"], "beside torch's encoder layer")
    layer.eval()
    torchs.eval()
    with torch.inference_mode():
        times = smallest({"ours": lambda: layer(z, mask), "torch's": lambda: torchs(z, mask)})
    show("SDPA, evaluation", times["torch's"] / times["ours"], "beside its fast path")

    for name in ("LDBM", "VanillaTransformer", "MambaGRU"):
        one, two = workers.epoch(name, ours=True), workers.epoch(name, ours=True, alone=True)
        show("a process a core with one thread each", two / one, f"{name}, one of two threads")

    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        print("torch.compile: no C++ compiler on this machine")
        return
    compiled = torch.compile(layer.train())
    seconds = timed(lambda: backward(lambda: compiled(z, mask)), time.perf_counter)
    times = smallest(
        {
            "compiled": partial(backward, lambda: compiled(z, mask)),
            "eager": partial(backward, lambda: layer(z, mask)),
        }
    )
    gain = times["eager"] / times["compiled"]
    show("torch.compile (not used)", gain, f"an encoder layer, {seconds:.0f} s of compiling")


class Workers:
    """Processes that time epochs: one a core with one thread, and one with a thread a core."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self.single = [ProcessPoolExecutor(1, context) for _ in range(CORES)]
        self.threaded = ProcessPoolExecutor(1, context)

    def cpu_epoch(self, name: str, *, ours: bool) -> float:
        """CPU-seconds of an epoch in one thread."""
        call = self.single[0].submit(epoch_seconds, name, ours, 1, time.process_time, True)
        return call.result()

    def epoch(self, name: str, *, ours: bool, alone: bool = False, rounds: int = 2) -> float:
        """Seconds by the clock in which the machine does one epoch of one run."""
        seconds = []
        for i in range(rounds):
            pools, threads = ([self.threaded], CORES) if alone else (self.single, 1)
            calls = [
                pool.submit(epoch_seconds, name, ours, threads, time.perf_counter, i == 0)
                for pool in pools
            ]
            seconds.append(max(call.result() for call in calls) / len(pools))
        return min(seconds)

    def close(self) -> None:
        """End the processes."""
        for pool in (*self.single, self.threaded):
            pool.shutdown()


def epochs_of(name: str) -> float:
    """Return the mean number of epochs of the versioned runs; the protocol's without any."""
    folder = results_dir() / "default" / "true"
    lengths = [len(Result.load(path).history) for path in folder.glob(f"{name}-seed*.json")]
    return sum(lengths) / len(lengths) if lengths else PROTOCOL.epochs


def grid(workers: Workers) -> None:
    """Print the time of a run of each variant, our way and the plain way, and of the grid."""
    print(
        "\na run of each variant by the clock: epochs (of the versioned runs, or else the most)\n"
        "times an epoch, which is five measured steps and the prediction of 147 windows.\n"
        "Ours: a process a core, one thread each. Plain: one run after the other, all threads.\n"
        "In CPU: the gain of one thread over one thread, which a busy machine leaves as it is."
    )
    print("model                 epochs    ours, s   plain, s    gain  in CPU  plain version")
    books = course_seconds()
    stacked = partial(train_together, "TemporalMeanMLP", window_set(), PROTOCOL, seeds=SEEDS)
    ours, theirs, ours_cpu, theirs_cpu = {}, {}, {}, {}
    for name in VARIED:
        epochs = epochs_of(name)
        if name == "TemporalMeanMLP":
            ours_cpu[name] = min(timed(stacked) for _ in range(2)) / len(SEEDS)
            ours[name] = ours_cpu[name] / CORES
        else:
            ours[name] = epochs * (workers.epoch(name, ours=True) + books / CORES)
            ours_cpu[name] = epochs * (workers.cpu_epoch(name, ours=True) + books)
        rounds = 1 if name == "Mamba" else 2
        seconds = workers.epoch(name, ours=False, alone=True, rounds=rounds)
        theirs[name] = epochs * (seconds + books)
        theirs_cpu[name] = epochs * (workers.cpu_epoch(name, ours=False) + books)
        print(
            f"{name:<20}{epochs:>8.1f}{ours[name]:>11.1f}{theirs[name]:>11.1f}"
            f"{theirs[name] / ours[name]:>7.1f}x{theirs_cpu[name] / ours_cpu[name]:>7.1f}x"
            f"  {PLAIN[resolve(name)[0]]}"
        )
    for names, what in ((VARIED, "the whole grid"), (VARIED[:-1], f"without {VARIED[-1]}")):
        clock, cpu = (
            sum(plains[name] for name in names) / sum(own[name] for name in names)
            for plains, own in ((theirs, ours), (theirs_cpu, ours_cpu))
        )
        verdict = "reached" if clock >= WANTED else "missed"
        print(f"{what}: {clock:.2f}x a run, {cpu:.2f}x in CPU; wanted {WANTED:g}x: {verdict}")
    hours = len(SEEDS) * sum(ours.values()) / 3600
    minutes = sum(ours[name] for name in MODELS) / 60
    print(
        f"{len(VARIED)} variants x {len(SEEDS)} seeds: {hours:.2f} h on {CORES} cores (wanted "
        f"under {HOURS:g}); one seed of the four: {minutes:.1f} min (under {MINUTES:g})"
    )


def main() -> None:
    """Print what was asked for."""
    torch.set_num_threads(1)
    # Nothing can be learnt from these windows, and training says so.
    warnings.filterwarnings("ignore", message=".*Dev sigma_ratio is below")
    asked = sys.argv[1:] or ["steps", "levers", "grid"]
    workers = Workers()
    try:
        if "steps" in asked:
            steps()
        if "levers" in asked:
            levers(workers)
        if "grid" in asked:
            grid(workers)
    finally:
        workers.close()


if __name__ == "__main__":
    main()
