"""What the benches share: ways that take turns, made-up windows, and the machine in words."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from deplib.windows import WindowSet

SIZES = {"train": 160, "dev": 147, "test": 141}
"""Windows of the protocol's 50 recordings a split."""
LEAST_SECONDS = 0.05  # what is shorter is repeated until so much has passed, and the mean is taken


def take_turns(
    ways: Mapping[Any, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[Any, list[float]]:
    """Return the seconds of each way in each round, after one call of each that warms up.

    A busy machine hits all alike, and the smallest round is the estimate: whatever else runs can
    only add to it.
    """
    for run in ways.values():
        run()
    seconds: dict[Any, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            calls, start = 0, clock()
            while not calls or clock() - start < LEAST_SECONDS:
                run()
                calls += 1
            seconds[way].append((clock() - start) / calls)
    return seconds


def smallest(ways: Mapping[Any, Callable[[], object]], rounds: int = 3) -> dict[Any, float]:
    """Return the smallest CPU-seconds of each way, in turns."""
    return {way: min(taken) for way, taken in take_turns(ways, rounds).items()}


def windows(n: int, frames: int = 512, *, padded: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Return n windows of unit embeddings, (n, 512, frames), and masks; a quarter half padded."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, frames, 512), dtype=np.float32)
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    mask = np.ones((n, frames), dtype=bool)
    if padded:
        mask[::4, frames // 2 :] = False
    return torch.from_numpy(x * mask[..., None]).transpose(1, 2), torch.from_numpy(mask)


def window_set(frames: int = 512) -> WindowSet:
    """Return windows of all splits, made up, with labels that nothing can be learnt about."""
    split = np.repeat(list(SIZES), list(SIZES.values()))
    x, mask = windows(len(split), frames)
    names = [f"{s}{i // 3}" for s, n in SIZES.items() for i in range(n)]
    index = pd.DataFrame({"recording": names, "person": names, "split": split})
    index["window"] = index.groupby("recording").cumcount()
    bdi = np.random.default_rng(1).gamma(1.35, 11.4, 200).clip(0, 63)
    index["bdi"] = bdi[pd.factorize(index["recording"])[0]]
    index["y"] = (index["bdi"] - 15) / 12
    return WindowSet(x.transpose(1, 2).numpy(), mask.numpy(), index, 15.0, 12.0)


def this_machine() -> dict[str, Any]:
    """Return the processor, the number of cores, the versions and the date; no name, no path."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": next(named, "") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }
