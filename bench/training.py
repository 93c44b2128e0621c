"""What training costs: a step of each model beside plain torch, and what each lever gives alone.

    python bench/training.py

Unit vectors in the protocol's shapes: 32 windows of 512 frames a step, every fourth half padded.
Ways that are compared take turns, and the smallest time of each counts, after a first that warms
up. CPU time in one thread, but by the clock where processes are compared with threads; that needs
a machine that does nothing else. Some three minutes on two cores.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from joblib import Parallel, delayed, parallel_config
from networks.plain import PLAIN, PlainEncoder, plain
from networks.turns import smallest, window_set, windows
from torch import Tensor, nn

from deplib.models import MODELS, build, n_parameters
from deplib.models.blocks import EncoderLayer, trusted
from deplib.models.ldbm import LDBM
from deplib.models.mean_mlp import TemporalMeanMLP
from deplib.protocol import Protocol
from deplib.training import train

CORES = 2


def step(forward: Callable[[], Tensor]) -> Callable[[], None]:
    """Return a forward and backward pass."""
    return lambda: forward().abs().mean().backward()


def steps(x: Tensor, mask: Tensor) -> None:
    """Print a step of each of the study's models beside its plain version."""
    mean = TemporalMeanMLP()
    pooled = mean.pool(x, mask).detach()
    calls: dict[str, Callable[[], None]] = {}
    for name in MODELS:
        model, theirs = build(name, seed=0), plain(name)
        ours = partial(mean.head, pooled) if name == "TemporalMeanMLP" else partial(model, x, mask)
        calls |= {name: step(ours), f"plain {name}": step(partial(theirs, x, mask))}
    with trusted():  # as the training loop, which checks its windows once
        seconds = smallest(calls)
    print("forward and backward, 32 windows of 512 frames, one thread")
    print("model                 parameters     x MLP    gain  over plain torch:")
    for name in MODELS:
        ours, size = seconds[name], n_parameters(build(name, seed=0))
        print(
            f"{name:<20}{size:>12,}{ours / seconds['TemporalMeanMLP']:>10.0f}"
            f"{seconds[f'plain {name}'] / ours:>7.1f}x  {PLAIN[name]}"
        )


def levers(x: Tensor, mask: Tensor) -> None:
    """Print what each lever gives alone: the plain way's time over ours."""
    print("\nlevers, each alone: the plain way's time over ours")

    def show(what: str, plainly: Callable[[], object], ours: Callable[[], object]) -> None:
        seconds = smallest({"plain": plainly, "ours": ours})
        print(f"  {what:<60}{seconds['plain'] / seconds['ours']:7.2f}x")

    ldbm, conv = LDBM(), nn.Conv1d(512, 128, 8, stride=8)
    patches = step(lambda: ldbm.patch_proj(ldbm.patches(x.transpose(1, 2), mask)[0]))
    show("patches by reshape and one product, beside conv1d", step(partial(conv, x)), patches)
    layer, torchs = EncoderLayer(128, heads=4, feedforward=128), PlainEncoder(128)
    z = torch.randn(32, 512, 128, generator=torch.Generator().manual_seed(0))
    ours, theirs = partial(layer, z, mask), partial(torchs, z, mask)
    show("fused attention, beside torch's encoder layer, training", step(theirs), step(ours))
    layer.eval(), torchs.eval()
    with torch.inference_mode():
        show("the same, evaluation, beside its fast path", theirs, ours)

    forward = step(partial(ldbm, x, mask))

    def believed() -> None:
        with trusted():
            forward()

    show("windows checked once and not in each step, LDBM", forward, believed)

    gru = build("MambaGRU", seed=0)
    small = 1e-6 * x  # a state that fades leaves gradients below the smallest normal number

    def flushed() -> None:
        torch.set_flush_denormal(True)
        step(partial(gru, small, mask))()
        torch.set_flush_denormal(False)

    show("denormal numbers flushed to zero, MambaGRU", step(partial(gru, small, mask)), flushed)


def cores() -> None:
    """Print what one process a core gives, beside one process with a thread a core."""
    data, protocol = window_set(), replace(Protocol(), epochs=2)

    def training(seed: int, threads: int) -> None:
        torch.set_num_threads(threads)
        train("LDBM", data, protocol, seed=seed)

    def seconds(processes: int) -> float:
        threads = CORES // processes
        jobs = [delayed(training)(seed, threads) for seed in range(CORES)]
        with parallel_config("loky", inner_max_num_threads=threads):
            workers = Parallel(n_jobs=processes)
            workers(jobs)  # starts the processes
            start = time.perf_counter()
            workers(jobs)
        return time.perf_counter() - start

    gain = seconds(1) / seconds(CORES)
    print(f"  {'a process a core with one thread each, by the clock, LDBM':<60}{gain:7.2f}x")


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    # Nothing can be learnt from these windows, and training says so.
    warnings.filterwarnings("ignore", message=".*Dev sigma_ratio is below")
    x, mask = windows(32)
    steps(x, mask)
    levers(x, mask)
    cores()


if __name__ == "__main__":
    main()
