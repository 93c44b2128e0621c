"""Time of every model against the length of a window: the clock of the chapter on cost.

    python bench/cost.py [FILE]

Writes results/cost.json, or FILE: training steps on three windows, and whole epochs of the
protocol, in CPU time of one thread. Prints them as ratios to TemporalMeanMLP, which is measured
twice: averaging the frames in each step, as a plain implementation does, and with the means at
hand before the first step, as `deplib.training` does it. Some four minutes on a quiet machine.
"""

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from networks.turns import SIZES, take_turns, this_machine, window_set, windows
from torch import Tensor, nn

from deplib import results
from deplib.models import build, resolve
from deplib.protocol import Protocol
from deplib.training import train

MEAN = "TemporalMeanMLP"
AT_HAND = f"{MEAN} (means at hand)"
WAYS = (
    *(MEAN, AT_HAND, "AttentionMIL", "LDBM-patch16", "LDBM", "LDBM-patch4", "MambaGRU", "Mamba"),
    "VanillaTransformer",
)
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
WINDOWS = 3  # few, so that no tensor reaches 32 MiB: from there on the system gives memory anew
POSITIONS = {"LDBM": "max_length", "VanillaTransformer": "n_positions", "MambaGRU": "n_positions"}
ROUNDS, EPOCH_ROUNDS = 5, 3


class Averaging(nn.Module):
    """TemporalMeanMLP without its short cut: the frames are averaged in each step."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.channels = build(MEAN, seed=0), 512

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B,)."""
        return self.model(x, mask)


def step(way: str, frames: int) -> Callable[[], None]:
    """Return a training step without the optimizer; learned positions cover just the window."""
    name = MEAN if way == AT_HAND else way
    keyword = POSITIONS.get(resolve(name)[0])
    model = build(name, seed=0, **({keyword: frames} if keyword else {}))
    x, mask = windows(WINDOWS, frames, padded=False)
    forward = partial(model, x, mask)
    if way == AT_HAND:
        forward = partial(model.head, model.pool(x, mask).detach())

    def run() -> None:
        model.zero_grad(set_to_none=True)
        forward().abs().mean().backward()

    return run


def epochs() -> list[dict[str, object]]:
    """Return seconds of an epoch of each way: three epochs of training without one, halved."""
    data, long, short = window_set(), *(replace(Protocol(), epochs=n) for n in (3, 1))

    def training(way: str, protocol: Protocol) -> None:
        model = Averaging() if way == MEAN else MEAN if way == AT_HAND else way
        train(model, data, protocol, seed=0)

    calls = {(w, p.epochs): partial(training, w, p) for w in WAYS for p in (long, short)}
    taken = take_turns(calls, EPOCH_ROUNDS)
    rows = []
    for way in WAYS:
        pairs = zip(taken[way, 3], taken[way, 1], strict=True)
        rows.append({"way": way, "seconds": [(a - b) / 2 for a, b in pairs]})
    return rows


def main(path: Path) -> None:
    """Measure, write, and print the ratios."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*Dev sigma_ratio")  # nothing can be learnt
    taken = take_turns({(w, n): step(w, n) for w in WAYS for n in LENGTHS}, ROUNDS)
    about = {"kind": "training", "windows": WINDOWS}
    steps = [{"way": w, "frames": n, "seconds": s} | about for (w, n), s in taken.items()]
    content = {"machine": this_machine(), "windows": SIZES, "steps": steps, "epochs": epochs()}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")

    table = pd.DataFrame(steps)
    wide = table.assign(s=table["seconds"].map(min)).pivot_table("s", "way", "frames", sort=False)
    print("a training step, times that of TemporalMeanMLP, by frames of a window")
    print((wide / wide.loc[MEAN]).round(1).to_string())
    epoch = pd.DataFrame(content["epochs"]).set_index("way")["seconds"].map(min)
    print("an epoch, times that of TemporalMeanMLP: averaging in each step, means at hand")
    ratios = pd.DataFrame({"averaging": epoch / epoch[MEAN], "at hand": epoch / epoch[AT_HAND]})
    print(ratios.round(2).to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else results.folder() / "cost.json")
