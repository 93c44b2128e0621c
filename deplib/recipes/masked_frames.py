"""Masked frames: what a causal recurrence can learn from face video without labels.

Spans of real frames are hidden, and the state at a hidden frame predicts that frame's embedding:

    u_t = W x_t + b + p_t, or e + p_t where frame t is hidden       h_t = GRU(u_t, h_(t-1))
    x'_t = m + s (G h_t + g)          loss = mean over hidden t of |x_t - x'_t|^2 / (C s^2)

W, b, p and the GRU are the model's own; e, G and g are thrown away afterwards. m is the mean of
the visible frames of the window, s^2 the mean square of a component about the mean of its window.

What is predicted is the deviation from m, because an identity embedding is mostly the person:
predicting x_t itself is nearly solved by a constant of the window, and says who it is. What is
left is what the face did meanwhile. G and g start at 0, so that training starts at the trivial
prediction m, whose loss is close to 1; a loss below it is the share of behaviour explained.

Hiding spans and regressing their frames through a head that is discarded is Mockingjay (Liu et
al. 2020, "Mockingjay: unsupervised speech representation learning with deep bidirectional
transformer encoders"); here the network is causal, so a hidden span is predicted from what came
before it, up to its length ahead, as in autoregressive predictive coding (Chung et al. 2019, "An
unsupervised autoregressive model for speech representation learning").
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.errors import ModelError
from deplib.models.blocks import check_input, masked_mean
from deplib.models.mamba_gru import MambaGRU
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

    epochs: int = 40  # about 2 CPU-minutes on 150 windows of 512 frames
    batch_size: int = 16  # windows in a batch
    learning_rate: float = 1e-3  # of Adam, without weight decay
    share: float = 0.3  # of a window's real frames that are hidden
    shortest: int = 8  # frames of a span: a quarter of a second at 30 a second,
    longest: int = 16  # and half a second
    held_out: float = 0.1  # share of persons whose windows are measured and not learnt from

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
        if self.epochs < 0 or self.batch_size < 1 or self.learning_rate <= 0:
            raise ModelError(
                f"epochs ({self.epochs}) must be at least 0, batch_size ({self.batch_size}) at "
                f"least 1 and learning_rate ({self.learning_rate}) above 0"
            )


DEFAULT = Pretraining()


class MaskedFrames(nn.Module):
    """A model with what it takes to pretrain it: the vector of a hidden frame, and the head.

    Parameters
    ----------
    model
        Trained in place.
    scale
        s: root mean square of a component about its window's mean, as ``deviation_scale`` gives.
    """

    def __init__(self, model: MambaGRU, *, scale: float) -> None:
        super().__init__()
        width = model.positions.shape[1]
        self.model = model
        self.scale = scale
        self.token = nn.Parameter(torch.zeros(width))  # e
        self.head = nn.Linear(width, model.channels)  # G, g
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, mask: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T), (B, T) bool, (B, T) bool -> errors of the hidden frames: two of (n_hidden,).

        The first of the network, the second of the mean of the visible frames; both are mean
        squares over the components, in units of ``scale``.
        """
        h = states(self.model, x, mask, hidden, self.token)[hidden]  # (n, D)
        x = x.transpose(1, 2)  # (B, T, C)
        visible = mask & ~hidden
        mean = masked_mean(x.masked_fill(~visible[..., None], 0.0), visible)  # (B, C)
        window = hidden.nonzero()[:, 0]
        deviation = (x[hidden] - mean[window]) / self.scale  # (n, C)
        return (deviation - self.head(h)).square().mean(1), deviation.square().mean(1)


def states(model: MambaGRU, x: Tensor, mask: Tensor, hidden: Tensor, token: Tensor) -> Tensor:
    """Return the last layer's state at every frame, through the model's own submodules.

    The model gives its last state only. This composes ``input_proj``, ``positions`` and ``gru`` as
    its ``forward`` does; a test holds the two together.

    Parameters
    ----------
    model
        Its ``regressor`` is not used.
    x, mask
        (B, C, T) and (B, T) bool, as for the model.
    hidden
        (B, T) bool. A hidden frame takes its step of the recurrence, with its position, but
        ``token`` stands for its embedding.
    token
        (D,).

    Returns
    -------
    Tensor
        (B, T, D); 0 where ``mask`` is False.

    Raises
    ------
    ModelError
        If the batch breaks the model's contract.
    """
    x = check_input(x, mask, channels=model.channels, max_length=len(model.positions))
    T = x.shape[1]
    u = torch.where(hidden[..., None], token, model.input_proj(x)) + model.positions[:T]
    order = torch.argsort(torch.arange(T) + T * ~mask, dim=1)  # real frames first, in their order
    h, _ = model.gru(u.gather(1, order[..., None].expand_as(u)))
    back = torch.argsort(order, dim=1)
    h = h.gather(1, back[..., None].expand_as(h))  # (B, T, D), in time again
    return h.masked_fill(~mask[..., None], 0.0)


def draw_hidden(
    mask: np.ndarray, settings: Pretraining = DEFAULT, *, rng: np.random.Generator
) -> np.ndarray:
    """Draw which real frames are hidden.

    In a window of n real frames, ``share * n`` of them, rounded, are hidden: in spans that are
    uniform between ``shortest`` and ``longest`` but for one, which makes up the sum. Spans run
    over consecutive real frames, do not touch, and never start at the first, since nothing that
    could tell of it comes before. A window too short for that keeps all its frames.

    Parameters
    ----------
    mask
        (n_windows, T) bool, True = real frame.

    Returns
    -------
    ndarray of bool, shape (n_windows, T)
        True only where ``mask`` is.
    """
    hidden = np.zeros_like(mask)
    for row, real in zip(hidden, mask, strict=True):
        frames = np.flatnonzero(real)
        n_hidden = round(settings.share * len(frames))
        lengths = _span_lengths(n_hidden, settings, rng=rng)
        n_slots = len(frames) - n_hidden  # before each visible frame but the first, or at the end
        if not lengths or len(lengths) > n_slots:
            continue
        before = 1 + np.sort(rng.choice(n_slots, len(lengths), replace=False))
        start = before + np.cumsum([0, *lengths[:-1]])
        for first, length in zip(start, lengths, strict=True):
            row[frames[first : first + length]] = True
    return hidden


def deviation_scale(windows: WindowSet) -> float:
    """Return the root mean square of a component of a real frame about its window's mean.

    Raises
    ------
    ModelError
        If the frames of every window are all alike.
    """
    total, n = 0.0, 0
    for frames, real in zip(windows.features, windows.mask, strict=True):
        seen = frames[real].astype(float)
        total += float(((seen - seen.mean(axis=0)) ** 2).sum())
        n += seen.size
    if not total > 0:
        raise ModelError(
            f"in each of {len(windows)} windows all frames are alike (or one is NaN): there is "
            "nothing to predict; verify the features first"
        )
    return float(np.sqrt(total / n))


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
        Draws the order of the windows and what is hidden, anew in every epoch.
    held_out
        (n_windows,) bool: windows that are only measured, after each epoch, the same frames of
        theirs being hidden each time.

    Returns
    -------
    DataFrame
        ``HISTORY_COLUMNS``, one row an epoch: mean errors of the hidden frames, of the network
        and of the mean of the visible frames. ``loss`` is taken while training, a batch before
        each step. A pretraining whose ``held_out_loss`` is not below ``held_out_baseline`` has
        learnt nothing that carries over. NaN where nothing is held out.

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
    task = MaskedFrames(model, scale=deviation_scale(windows))
    body = (model.input_proj, model.gru, task.head)
    optimizer = torch.optim.Adam(
        [model.positions, task.token, *(p for part in body for p in part.parameters())],
        lr=settings.learning_rate,
    )
    fixed = draw_hidden(windows.mask[measured], settings, rng=rng)
    history = []
    for epoch in range(1, settings.epochs + 1):
        order = rng.permutation(learnt)
        hidden = draw_hidden(windows.mask[order], settings, rng=rng)
        row = {"epoch": epoch}
        row["loss"], row["baseline"] = _pass(
            task, windows, order, hidden, settings.batch_size, optimizer
        )
        if not np.isfinite(row["loss"]):
            raise ModelError(
                f"pretraining: the loss is {row['loss']} in epoch {epoch}; a lower learning rate "
                f"than {settings.learning_rate:g} may help"
            )
        with torch.no_grad():
            row["held_out_loss"], row["held_out_baseline"] = _pass(
                task, windows, measured, fixed, settings.batch_size
            )
        history.append(row)
    return pd.DataFrame(history)[list(HISTORY_COLUMNS)]


def _pass(
    task: MaskedFrames,
    windows: WindowSet,
    rows: np.ndarray,
    hidden: np.ndarray,
    batch_size: int,
    optimizer: torch.optim.Optimizer | None = None,
) -> tuple[float, float]:
    """Return the mean errors of network and baseline; learn where there is an optimizer."""
    sums, n = np.zeros(2), 0
    for batch in batches(np.arange(len(rows)), batch_size):
        if not hidden[batch].any():
            continue
        x = torch.from_numpy(windows.features[rows[batch]]).transpose(1, 2)
        mask = torch.from_numpy(windows.mask[rows[batch]])
        errors, baseline = task(x, mask, torch.from_numpy(hidden[batch]))
        if optimizer:
            optimizer.zero_grad(set_to_none=True)
            errors.mean().backward()
            optimizer.step()
        sums += errors.detach().sum().item(), baseline.sum().item()
        n += len(errors)
    return (sums[0] / n, sums[1] / n) if n else (np.nan, np.nan)


def _span_lengths(n_hidden: int, settings: Pretraining, *, rng: np.random.Generator) -> list[int]:
    """Draw the lengths of spans that hide ``n_hidden`` frames together."""
    lengths: list[int] = []
    while (left := n_hidden - sum(lengths)) > 0:
        lengths.append(min(left, int(rng.integers(settings.shortest, settings.longest + 1))))
    return list(rng.permutation(lengths)) if lengths else lengths
