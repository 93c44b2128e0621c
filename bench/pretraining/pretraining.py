"""Pretraining of a causal recurrence on face video without labels: it predicts hidden frames.

Spans of real frames are hidden, and the state as it stands there predicts their embeddings::

    h_t = GRU(W z_t + b + p_t, h_(t-1)) at a visible frame        h_t = h_(t-1) at a hidden one
    x'_t = m + s (G (h_t - k) / r + g)        loss = mean over hidden t of |x_t - x'_t|^2 / (C s^2)

W, b, p and the GRU are the model's own; G and g are thrown away afterwards. m and k are the means
of embeddings and states over the visible frames of the window. s and r are root mean squares of a
component about its window's mean: s of the embeddings, r of the states before training.

**The deviation is predicted**, because an identity embedding is mostly the person: x_t itself is
nearly given by a constant of the window, and says who it is. What is left is what the face did
meanwhile. k does the same for the state: without it, G would have to tell the person from the
deviation, which it learns by heart for the persons it sees. G and g start at 0, so training starts
at the trivial prediction m, whose loss is close to 1: what the loss falls below it is the share
of the variance within a window that was explained.

**A hidden frame takes no step**, as a masked frame of the model takes none, so that pretraining
shows the network nothing which the protocol never will, such as a vector that stands for "hidden".

**z is the standardised frame**, (x - mean) / SD with the mean frame and one SD of all components.
The SD of a component of a unit vector is below 0.05 and would take most of the training to make
up for; afterwards it is folded into W and b, so the model takes x as it did before.

Hiding spans and regressing their frames by a head that is discarded is Liu et al. 2020
("Mockingjay: unsupervised speech representation learning with deep bidirectional transformer
encoders"). There the network sees both sides of a span; this one sees what came before, so it
predicts up to a span ahead, as in Chung et al. 2019 ("An unsupervised autoregressive model for
speech representation learning"). Deviation, scales and held state are choices of this report.

Then the protocol follows, from the weights that this has left (`pretrained`). What
is learnt is folded into the model together with the standardisation of its input, which is a
better start by itself: ``Pretraining(learning_rate=0)`` is the control that has only that.
"""

import warnings
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib import study
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import ModelError
from deplib.extraction import embedded_encoder
from deplib.models import build
from deplib.models.blocks import check_input, masked_mean
from deplib.models.mamba_gru import MambaGRU
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.training import Run, train
from deplib.training.loop import batches, inputs_of
from deplib.windows import WindowSet

HISTORY_COLUMNS = ("epoch", "loss", "baseline", "held_out_loss", "held_out_baseline")
VIDEO_SEED = 4102
"""Of the video without labels: not 2014, the seed of the labelled cohort."""
_STREAM = 2
"""Which of a seed's streams pretraining draws from; the protocol's batches have their own."""


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
        sound = 0 < self.share < 1 and 0 <= self.held_out < 1 and 1 <= self.shortest <= self.longest
        if not (sound and min(self.epochs, self.learning_rate) >= 0 and self.batch_size >= 1):
            raise ModelError(
                f"{self}: share must be above 0 and below 1, held_out from 0 to below 1, shortest "
                "from 1 to longest, epochs and learning_rate at least 0, and batch_size at least 1"
            )


DEFAULT = Pretraining()


class MaskedFrames(nn.Module):
    """A model and what it takes to pretrain it.

    Parameters
    ----------
    model
        Trained in place, on standardised frames until ``fold`` is called.
    mean, sd, within
        As `scales_of` measures them on the windows that are learnt from.
    """

    def __init__(self, model: MambaGRU, mean: np.ndarray, sd: float, within: float) -> None:
        super().__init__()
        self.model, self.sd, self.within = model, sd, within / sd
        self.mean = torch.from_numpy(mean.astype(np.float32))
        self.spread = 1.0  # r
        # G, g; a Linear built in the ordinary way would draw from torch's global generator.
        self.head = nn.utils.skip_init(nn.Linear, model.positions.shape[1], model.channels)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def state_deviation(self, z: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool twice -> (B, T, D): h_t less the k of its window."""
        visible = mask & ~hidden
        h = states(self.model, z, visible)  # (B, T, D)
        return h - masked_mean(h, visible)[:, None]

    def forward(self, x: Tensor, mask: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T), (B, T) bool twice -> errors at the hidden frames: two of (n_hidden,).

        Of the network, and of the mean of the visible frames: mean squares over the components.
        """
        z = self.standardised(x, mask)
        h = self.state_deviation(z, mask, hidden)[hidden] / self.spread  # (n, D)
        z = z.transpose(1, 2)  # (B, T, C)
        deviation = (z - masked_mean(z, mask & ~hidden)[:, None])[hidden] / self.within  # (n, C)
        return (deviation - self.head(h)).square().mean(1), deviation.square().mean(1)

    def standardised(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B, C, T): z, and 0 in masked frames."""
        return ((x - self.mean[:, None]) / self.sd).masked_fill(~mask[:, None], 0.0)

    @torch.no_grad()
    def fold(self) -> None:
        """Make the model take frames as they are: W becomes W / SD, and b less that times mean."""
        projection = self.model.input_proj
        projection.weight /= self.sd
        projection.bias -= projection.weight @ self.mean  # type: ignore[misc]


def states(model: MambaGRU, x: Tensor, visible: Tensor) -> Tensor:
    """Return the state of the last layer as it stands at every frame.

    The model gives the last one only. This composes its ``input_proj``, ``positions`` and ``gru``
    as its ``forward`` does; a test holds the two together.

    Parameters
    ----------
    model
        Its ``regressor`` is not used.
    x
        (B, C, T).
    visible
        (B, T) bool: the frames that take a step, each with the position of its own time.

    Returns
    -------
    Tensor
        (B, T, D); what the last visible frame left, and 0 before the first.

    Raises
    ------
    ModelError
        If the batch breaks the model's contract.
    """
    x = check_input(x, visible, channels=model.channels, max_length=len(model.positions))
    T = x.shape[1]
    u = model.input_proj(x) + model.positions[:T]  # (B, T, D)
    seen = visible.cumsum(dim=1)  # (B, T)
    order = torch.argsort(torch.arange(T) + T * ~visible, dim=1)[:, : int(seen.max())]
    h, _ = model.gru(u.gather(1, order[..., None].expand(-1, -1, u.shape[2])))
    h = h.gather(1, (seen - 1).clamp(min=0)[..., None].expand_as(u))  # (B, T, D)
    return h.masked_fill((seen == 0)[..., None], 0.0)


def scales_of(windows: WindowSet, rows: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Measure the real frames of some windows.

    Returns
    -------
    mean : ndarray, (C,)
        The mean frame.
    sd : float
        Root mean square of a component about the mean frame.
    within : float
        s, the same about the mean frame of its own window.

    Raises
    ------
    ModelError
        If the frames of every window are all alike, or one is not finite.
    """
    channels = windows.features.shape[2]
    n, total, square, within = 0, np.zeros(channels), 0.0, 0.0
    for row in rows:
        frames = windows.features[row][windows.mask[row]].astype(float)
        n += len(frames)
        total += frames.sum(axis=0)
        square += float((frames**2).sum())
        within += float(((frames - frames.mean(axis=0)) ** 2).sum())
    if not within > 0:
        raise ModelError(
            f"in each of {len(rows)} windows all frames are alike, or one is NaN: there is nothing "
            "to predict; verify the features first"
        )
    mean = total / n
    sd = np.sqrt(square / (n * channels) - (mean**2).mean())
    return mean, float(sd), float(np.sqrt(within / (n * channels)))


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


def unlabelled(
    world: str, features: str, *, n_recordings: int = 150, max_frames: int = 512, **given: Any
) -> WindowSet:
    """Return windows of simulated video of other persons than the labelled cohort's.

    Every recording is of the split "train", since no split means anything here; labels are NaN,
    which no training survives. By default each is one window long.

    Parameters
    ----------
    world, features
        Whose behaviour, and the stream of one encoder.
    n_recordings, max_frames
        As of ``SimulatedCohort``.
    **given
        ``jobs`` and ``progress``, as of ``study.Inputs``.
    """
    cohort = SimulatedCohort(world, VIDEO_SEED, n_recordings=n_recordings, max_frames=max_frames)
    cohort.name = f"{cohort.name}/unlabelled"
    # Windows are built with labels that differ; these have nothing to do with anybody.
    drawn = np.arange(len(cohort.recordings)) % 2
    cohort.recordings = cohort.recordings.assign(split="train", bdi=drawn)
    inputs = study.Inputs(cohort, embedded_encoder(), **given)
    windows = inputs.windows(RunSpec("", world=world, features=features))
    blank = windows.index.assign(bdi=np.nan, y=np.nan)
    return replace(windows, index=blank, label_mean=np.nan, label_std=np.nan)


def pretrained(
    model: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: dict[str, Any] | None = None,
    unlabelled: WindowSet | None = None,
    settings: Pretraining = DEFAULT,
) -> Run:
    """Pretrain a recurrence on hidden frames, then train it by the protocol.

    The regressor keeps the initial weights of its seed and the batches are those of ``train``, so
    without an epoch of pretraining the two are equal in every bit. No label of ``unlabelled`` is
    read; without them it looks at the Train windows.
    """
    video = windows.subset("train") if unlabelled is None else unlabelled
    if video.features.shape[2] != windows.features.shape[2]:
        raise ModelError(
            f"the frames without labels have {video.features.shape[2]} numbers and those with "
            f"labels {windows.features.shape[2]}: extract both by the same encoder"
        )
    start = build(model, seed=seed, **(config or {}))
    pretrain(start, video, settings, seed=seed)
    return train(start, windows, protocol, seed=seed, name=model)


def pretrain(
    model: nn.Module,
    windows: WindowSet,
    settings: Pretraining = DEFAULT,
    *,
    seed: int,
) -> pd.DataFrame:
    """Train a model, in place, to predict hidden frames; no label is read.

    Parameters
    ----------
    model
        A ``MambaGRU``, whose ``regressor`` stays as it is.
    windows
        Of any split.
    settings
        A share ``held_out`` of the persons is only measured, after each epoch, the same frames
        of theirs being hidden each time.
    seed
        Determines these persons, the order of the windows and, anew in every epoch, what is hidden.

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
        If the model is not a ``MambaGRU``, no frame can be hidden, nothing varies within a window,
        a window breaks the model's contract, or the loss is no longer finite.

    Warns
    -----
    UserWarning
        If nothing was learnt.
    """
    if not isinstance(model, MambaGRU):
        raise ModelError(
            f"{type(model).__name__} cannot be pretrained on hidden frames, which takes a state at "
            "every frame that has seen only the frames before it: choose MambaGRU"
        )
    if not settings.epochs:
        return pd.DataFrame(columns=list(HISTORY_COLUMNS), dtype=float)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM,)))
    persons = windows.index["person"].unique()
    n_held = min(round(settings.held_out * len(persons)), len(persons) - 1)
    held = windows.index["person"].isin(rng.choice(persons, n_held, replace=False))
    learnt, measured = np.flatnonzero(~held), np.flatnonzero(held)
    task = MaskedFrames(model, *scales_of(windows, learnt))
    task.spread = _spread(task, windows, learnt, settings.batch_size)
    learning = [part.parameters() for part in (model.input_proj, model.gru, task.head)]
    optimizer = torch.optim.Adam([model.positions, *chain(*learning)], lr=settings.learning_rate)
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
    loss, baseline = history[-1][3:] if n_held else history[-1][1:3]
    if settings.learning_rate and not loss < baseline:
        warnings.warn(
            f"MambaGRU, seed {seed}: pretraining ends at a loss of {loss:.4f} on hidden frames, "
            f"where the mean of the visible ones has {baseline:.4f}: it has learnt nothing that "
            "carries over to other persons; more windows or epochs may help",
            stacklevel=2,
        )
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
        errors, baseline = task(*inputs_of(windows, rows[batch]), torch.from_numpy(hidden[batch]))
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
        x, mask = inputs_of(windows, batch)
        nothing = torch.zeros_like(mask)
        h = task.state_deviation(task.standardised(x, mask), mask, nothing)[mask]
        total += h.square().sum().item()
        n += h.numel()
    return float(np.sqrt(total / n))


def _lengths(total: int, settings: Pretraining, *, rng: np.random.Generator) -> list[int]:
    """Draw lengths of spans that sum to ``total``."""
    lengths: list[int] = []
    while (left := total - sum(lengths)) > 0:
        lengths.append(min(left, int(rng.integers(settings.shortest, settings.longest + 1))))
    return [int(length) for length in rng.permutation(lengths)]
