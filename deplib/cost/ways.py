"""What is measured: a training step of each model, at any length, on random unit vectors.

No cohort takes part, for time and memory depend on the shapes alone. Every frame is real, and a
model with learned positions gets as many as the window has frames.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from deplib.models import build, resolve

LENGTHS = (128, 256, 512, 1024, 2048, 4096)
"""Frames of a window."""
WINDOWS = 3
"""Windows of a step: few, so that no tensor reaches 32 MiB. From there on the C library of Linux
asks the system for fresh memory each time, and time jumps for a reason that is not the model's."""

HEAD_ONLY = "TemporalMeanMLP (means at hand)"
WAYS = {
    "TemporalMeanMLP": "TemporalMeanMLP",
    HEAD_ONLY: "TemporalMeanMLP",
    "AttentionMIL": "AttentionMIL",
    "LDBM-patch16": "LDBM-patch16",
    "LDBM": "LDBM",
    "LDBM-patch4": "LDBM-patch4",
    "MambaGRU": "MambaGRU",
    "Mamba": "Mamba",
    "VanillaTransformer": "VanillaTransformer",
}
"""What is measured -> its model. TemporalMeanMLP occurs twice: once it averages the frames in each
step, as a plain implementation does, and once the means were taken before the first step."""

POSITIONS = {"LDBM": "max_length", "VanillaTransformer": "n_positions", "MambaGRU": "n_positions"}
"""Class with learned positions -> the keyword that says how many frames they cover."""


def sized(model: str, frames: int) -> nn.Module:
    """Build a model whose positions, if it learns any, cover just so many frames."""
    keyword = POSITIONS.get(resolve(model)[0])
    return build(model, seed=0, **({keyword: frames} if keyword else {}))


def unit_vectors(windows: int, frames: int) -> Tensor:
    """Return seeded random unit vectors, (windows, frames, 512), time-major as windows are kept."""
    x = torch.empty(windows, frames, 512).normal_(generator=torch.Generator().manual_seed(0))
    return x.div_(x.norm(dim=2, keepdim=True))  # in place: a copy would count as a peak of memory


def forward_of(way: str, network: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """Return the forward pass of one of ``WAYS`` on frames (windows, frames, 512), all real."""
    x, mask = x.transpose(1, 2), torch.ones(x.shape[:2], dtype=torch.bool)
    if way == HEAD_ONLY:
        with torch.no_grad():
            means = network.pool(x, mask)  # type: ignore[operator]
        return partial(network.head, means)  # type: ignore[arg-type, misc, operator]
    return partial(network, x, mask)


def train_step(network: nn.Module, forward: Callable[[], Tensor]) -> None:
    """Do what a step of training does up to the optimizer: forward, L1 loss, backward."""
    network.zero_grad(set_to_none=True)
    forward().abs().mean().backward()
