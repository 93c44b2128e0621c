"""Masked frames: pretraining of a causal recurrence on face video without labels.

Spans of real frames are hidden, and the network learns to predict them from what came before:
``deplib.recipes.masked_task`` says how. Here is which frames are hidden, and the training.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from deplib.errors import ModelError
from deplib.models.mamba_gru import MambaGRU
from deplib.recipes.masked_task import MaskedFrames, scales_of
from deplib.training.loop import batches
from deplib.windows import WindowSet

HISTORY_COLUMNS = ("epoch", "loss", "baseline", "held_out_loss", "held_out_baseline")


@dataclass(frozen=True)
class Pretraining:
    """How long and on what; the study states none of these.

    Raises
    ------
    ModelError
        If a value is out of its range.
    """

    epochs: int = 40  # under 3 CPU-minutes on 150 windows of 512 frames
    batch_size: int = 8  # windows: many small steps learn more in the same time than few large
    learning_rate: float = 1e-3  # of Adam, without weight decay; 0 does all but learn, as a control
    share: float = 0.3  # of a window's real frames that are hidden
    shortest: int = 8  # frames of a span: about a quarter of a second at 30 a second,
    longest: int = 16  # and half a second
    held_out: float = 0.1  # share of the persons who are measured and not learnt from

    def __post_init__(self) -> None:
        if not (0 < self.share < 1 and 0 <= self.held_out < 1):
            raise ModelError(
                f"share ({self.share}) must lie between 0 and 1, held_out ({self.held_out}) from "
                "0 to below 1"
            )
        if not 1 <= self.shortest <= self.longest:
            raise ModelError(
                f"spans of {self.shortest} to {self.longest} frames cannot be drawn: the shortest "
                "must be at least 1 and at most the longest"
            )
        if self.epochs < 0 or self.batch_size < 1 or self.learning_rate < 0:
            raise ModelError(
                f"epochs ({self.epochs}) and learning_rate ({self.learning_rate}) must be at least "
                f"0, batch_size ({self.batch_size}) at least 1"
            )


DEFAULT = Pretraining()


def draw_hidden(
    mask: np.ndarray, settings: Pretraining = DEFAULT, *, rng: np.random.Generator
) -> np.ndarray:
    """Draw which real frames are hidden.

    In a window of n real frames, ``share * n`` of them, rounded, are: in spans of uniform length
    from ``shortest`` to ``longest``, but for one, which makes up the sum. A span runs over
    consecutive real frames, whatever lies masked between them. Spans do not touch, and none holds
    the first real frame, which nothing comes before. A window without room for that keeps all.

    Parameters
    ----------
    mask
        (n_windows, T) bool, True = real frame.

    Returns
    -------
    ndarray of bool, shape (n_windows, T)
        True only where ``mask`` is.

    Examples
    --------
    >>> four = Pretraining(share=0.4, shortest=4, longest=4)
    >>> hidden = draw_hidden(np.ones((1, 20), bool), four, rng=np.random.default_rng(0))
    >>> "".join(".#"[frame] for frame in hidden[0].astype(int))
    '.......####.####....'
    """
    hidden = np.zeros_like(mask)
    for row, real in zip(hidden, mask, strict=True):
        frames = np.flatnonzero(real)
        lengths = _lengths(round(settings.share * len(frames)), settings, rng=rng)
        n_visible = len(frames) - sum(lengths)
        if not lengths or len(lengths) > n_visible:
            continue
        # After how many visible frames each span stands: 1 to all of them, no two alike.
        after = 1 + np.sort(rng.choice(n_visible, len(lengths), replace=False))
        start = after + np.cumsum([0, *lengths[:-1]])
        for first, length in zip(start, lengths, strict=True):
            row[frames[first : first + length]] = True
    return hidden


def pretrain(
    model: MambaGRU,
    windows: WindowSet,
    settings: Pretraining = DEFAULT,
    *,
    rng: np.random.Generator,
    held_out: np.ndarray | None = None,
) -> pd.DataFrame:
    """Train a model, in place, to predict hidden frames; no label is read.

    Parameters
    ----------
    model
        Its ``input_proj``, ``positions`` and ``gru`` learn; its ``regressor`` stays as it is.
    windows
        Of any split: ``features`` and ``mask`` alone are read.
    rng
        Draws the order of the windows and, anew in every epoch, what is hidden.
    held_out
        (n_windows,) bool: windows that are only measured, after each epoch, the same frames of
        theirs being hidden each time.

    Returns
    -------
    DataFrame
        ``HISTORY_COLUMNS``, one row an epoch: mean errors at the hidden frames, of the network
        and of the mean of the visible frames. ``loss`` is taken while training, a batch before
        each step; held-out columns are NaN where nothing is held out. A pretraining whose
        ``held_out_loss`` does not fall below ``held_out_baseline`` has learnt nothing that
        carries over. One whose does may owe part of it to the head alone, which gets below
        the baseline from the states of an untrained recurrence, too.

    Raises
    ------
    ModelError
        If no frame can be hidden, nothing varies within a window, a window breaks the model's
        contract, or the loss is no longer finite.
    """
    if not settings.epochs:
        return pd.DataFrame(columns=list(HISTORY_COLUMNS), dtype=float)
    held = np.zeros(len(windows), dtype=bool) if held_out is None else held_out
    learnt, measured = np.flatnonzero(~held), np.flatnonzero(held)
    task = MaskedFrames(model, scales_of(windows, learnt))
    task.spread = _spread(task, windows, learnt, settings.batch_size)
    optimizer = torch.optim.Adam([*task.body(), *task.head.parameters()], lr=settings.learning_rate)
    fixed = draw_hidden(windows.mask[measured], settings, rng=rng)
    history = []
    model.train()
    for epoch in range(1, settings.epochs + 1):
        order = rng.permutation(learnt)
        hidden = draw_hidden(windows.mask[order], settings, rng=rng)
        if not hidden.any():
            raise ModelError(
                f"none of {len(learnt)} windows is long enough for a frame to be hidden: pretrain "
                f"on longer ones than {windows.mask[learnt].sum(axis=1).max()} real frames"
            )
        errors = _pass(task, windows, order, hidden, settings, optimizer)
        if not np.isfinite(errors[0]):
            raise ModelError(
                f"pretraining: the loss is {errors[0]} in epoch {epoch}; a lower learning rate "
                f"than {settings.learning_rate:g} may help"
            )
        with torch.no_grad():
            others = _pass(task, windows, measured, fixed, settings)
        history.append((epoch, *errors, *others))
    task.fold()
    return pd.DataFrame(history, columns=list(HISTORY_COLUMNS))


def _pass(
    task: MaskedFrames,
    windows: WindowSet,
    rows: np.ndarray,
    hidden: np.ndarray,
    settings: Pretraining,
    optimizer: torch.optim.Optimizer | None = None,
) -> tuple[float, float]:
    """Return the mean errors of network and baseline; learn where there is an optimizer."""
    sums, n = np.zeros(2), 0
    for batch in batches(np.arange(len(rows)), settings.batch_size):
        if not hidden[batch].any():
            continue
        errors, baseline = task(*_inputs(windows, rows[batch]), torch.from_numpy(hidden[batch]))
        if optimizer:
            optimizer.zero_grad(set_to_none=True)
            errors.mean().backward()
            optimizer.step()
        sums += errors.sum().item(), baseline.sum().item()
        n += len(errors)
    return (float(sums[0] / n), float(sums[1] / n)) if n else (np.nan, np.nan)


@torch.no_grad()
def _spread(task: MaskedFrames, windows: WindowSet, rows: np.ndarray, batch_size: int) -> float:
    """Return r, from the states at all real frames."""
    total, n = 0.0, 0
    for batch in batches(rows, batch_size):
        x, mask = _inputs(windows, batch)
        nothing = torch.zeros_like(mask)
        h = task.state_deviation(task.standardised(x, mask), mask, nothing)[mask]
        total += h.square().sum().item()
        n += h.numel()
    return float(np.sqrt(total / n))


def _inputs(windows: WindowSet, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(windows.features[rows]).transpose(1, 2)  # (B, C, T)
    return x, torch.from_numpy(windows.mask[rows])


def _lengths(total: int, settings: Pretraining, *, rng: np.random.Generator) -> list[int]:
    """Draw lengths of spans that sum to ``total``."""
    lengths: list[int] = []
    while (left := total - sum(lengths)) > 0:
        lengths.append(min(left, int(rng.integers(settings.shortest, settings.longest + 1))))
    return [int(length) for length in rng.permutation(lengths)]
