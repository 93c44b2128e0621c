"""What depends on what inside a model, measured on the built model for its picture.

A short window with masked frames passes through the model with its initial weights. Every stage
that a module hands to the next becomes a row; the gradient of one of its cells, in a fixed random
direction, says on which cells of the stage below it depends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deplib.figures.diagrams import Row
from deplib.protocol import Protocol

Stage = tuple[str, Tensor, np.ndarray, np.ndarray]
"""Name, activations as they stand in the graph (batch of one), edges (cells, 2), real (cells,)."""

THRESHOLD = 1e-6
"""Of the largest gradient; below it a cell counts as without influence."""


def short_mask(frames: int, gap: slice, padding: int) -> Tensor:
    """Return a mask (1, frames) with a gap inside and some padding at the end."""
    mask = torch.ones(1, frames, dtype=torch.bool)
    mask[:, gap] = False
    mask[:, frames - padding :] = False
    return mask


def anatomy(network: nn.Module, mask: Tensor) -> list[Row]:
    """Return the rows of a model's picture.

    Parameters
    ----------
    network
        One of the study's four.
    mask
        (1, T) bool: the window that is drawn.

    Returns
    -------
    list of Row
        From the frames to the output; labels give the number of cells in a whole window.
    """
    stages = _stages(network, mask)
    T = Protocol().window_length
    whole = _stages(network, torch.ones(1, T, dtype=torch.bool))
    picked = [_pick(edges, real, mask.shape[1] / 2) for _, _, edges, real in stages]
    rows = []
    for i, (name, values, edges, real) in enumerate(stages):
        sources = np.zeros(0)
        if i:
            sources = influence(values, picked[i], stages[i - 1][1])
        rows.append(
            Row(
                label=f"{name}\n{_size(_cells(whole[i][1]))}",
                edges=edges,
                real=real,
                picked=picked[i],
                sources=sources,
                chained=name.startswith("$h_t$"),
            )
        )
    return rows


def influence(upper: Tensor, cell: int, lower: Tensor) -> np.ndarray:
    """Return how much one cell depends on each cell below, as a share of the largest.

    Parameters
    ----------
    upper, lower
        Of one graph: (1, cells, width), (1, width) or (1,).
    cell
        Of ``upper``.
    """
    value = _cells(upper)[cell]
    # A sum would not do: that of a layer norm's outputs depends on nothing.
    direction = torch.from_numpy(np.random.default_rng(0).standard_normal(len(value))).float()
    (gradient,) = torch.autograd.grad(value @ direction, lower, retain_graph=True)
    size = _cells(gradient).norm(dim=1).numpy()
    share = size / size.max()
    return np.where(share > THRESHOLD, share, 0.0)


def _cells(values: Tensor) -> Tensor:
    """(1, cells, width), (1, width) or (1,) -> (cells, width)."""
    return values[0] if values.ndim == 3 else values.reshape(1, -1)


def _size(values: Tensor) -> str:
    cells, width = values.shape
    return f"{cells} × {width}" if cells > 1 else f"{width}"


def _pick(edges: np.ndarray, real: np.ndarray, moment: float) -> int:
    """Return the real cell nearest to a moment."""
    distance = np.abs(edges.mean(axis=1) - moment) + np.where(real, 0, np.inf)
    return int(distance.argmin())


def _stages(network: Any, mask: Tensor) -> list[Stage]:
    T = mask.shape[1]
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((1, T, 512)).astype(np.float32)).requires_grad_()
    frames, real = _grid(T, 1), mask[0].numpy()
    one = np.array([[0.0, T]]), np.ones(1, dtype=bool)
    stages: list[Stage] = [("frames $x_t$", x, frames, real)]
    match type(network).__name__:  # by name: a page depends on its own model alone
        case "TemporalMeanMLP":
            with _heard(network.mlp) as calls:
                y = network(x.transpose(1, 2), mask)
            stages.append(("mean $m$", calls[0][0], *one))
        case "VanillaTransformer":
            with _heard(*network.layers) as calls:
                y = network(x.transpose(1, 2), mask)
            stages.append(("$z_t$", calls[0][0], frames, real))
            for i, (_, z) in enumerate(calls, start=1):
                stages.append((f"$z_t$, layer {i}", z, frames, real))
        case "LDBM":
            with _heard(network.layers[0], network.regressor) as calls, _merges(network) as merged:
                y = network(x.transpose(1, 2), mask)
            tokens = [(calls[0][0], network.patches(x, mask)[1]), *merged]
            for i, (z, part) in enumerate(tokens):
                edges = _grid(z.shape[1], network.stride * 2**i).clip(max=T)
                name = "tokens $z_i$" if i == 0 else f"$z_i$, layer {i}"
                stages.append((name, z, edges, part[0].numpy()))
            stages.append(("mean of $z_i$", calls[1][0], *one))
        case "MambaGRU":
            with _heard(network.gru) as calls:
                y = network(x.transpose(1, 2), mask)
            u, (h, _) = calls[0]
            order = np.argsort(~real, kind="stable")  # the model moves real frames together
            stages.append(("$u_t$", u, frames[order], real[order]))
            stages.append(("$h_t$", h, frames[order], real[order]))
        case name:
            raise TypeError(f"there is no picture of {name}")
    return [*stages, ("output $y$", y, *one)]


def _grid(cells: int, width: int) -> np.ndarray:
    left = np.arange(cells, dtype=float) * width
    return np.stack([left, left + width], axis=1)


@contextmanager
def _heard(*modules: nn.Module) -> Iterator[list[tuple[Tensor, Any]]]:
    """Collect what goes into the modules and what comes out, call by call."""
    calls: list[tuple[Tensor, Any]] = []
    hooks = [
        module.register_forward_hook(lambda _, args, out: calls.append((args[0], out)))
        for module in modules
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _merges(network: Any) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Collect the merged tokens and their masks, layer by layer."""
    merged: list[tuple[Tensor, Tensor]] = []
    original = network.merge_patches

    def listening(z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        merged.append(original(z, mask))
        return merged[-1]

    network.merge_patches = listening
    try:
        yield merged
    finally:
        del network.merge_patches
