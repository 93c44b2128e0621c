"""Ways of teaching a model other than the protocol's: each a small function over one loop.

All keep the model, the windows, the labels and the choice of the epoch on Dev; Test chooses
nothing. What differs is the `Objective` (``smoothed``, ``bags``), or what is asked of the trained
model (``dropout``).

Smoothed labels
    ``t_w = (1 - e) y + e mean of f_(w-1), f_w, f_(w+1)`` and L1 between f_w and t_w, where y is the
    recording's label and f what the previous epoch predicted while it trained; the first epoch is
    plain. Targets mixed with own predictions are Reed et al. 2015 ("Training deep neural networks
    on noisy labels with bootstrapping"), predictions kept from one epoch for the next Laine and
    Aila 2017 ("Temporal ensembling"). L1 goes by the sign of f - t alone, so smoothing ends the
    pull of the label early; it does not weaken it.
Bags
    A recording is a bag of windows with one label: ``F = sum of a_w f_w``, where a_w is a softmax
    over its windows of ``v' tanh(U z_w + u)``, and L1 between F and y. Ilse, Tomczak and Welling
    2018 ("Attention-based deep multiple instance learning"), equations 7 and 8, with a window as
    the instance; ours pools outputs, so that any model can be the instance's. z_w is the window's
    mean frame, standardised by the Train windows.
Dropout
    Gal and Ghahramani 2016 ("Dropout as a Bayesian approximation"): the SD over thinned networks
    of a recording's mean prediction. A network is the same for all windows; with a mask of its own
    for each, the windows of a recording would look independent. The SD is of the model alone,
    without the spread of the labels: it can rank recordings by doubt, and is no interval.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.errors import ModelError
from deplib.models import build
from deplib.models.blocks import check_input, masked_mean
from deplib.models.dropout import SeededDropout
from deplib.models.hybrid import HybridPooling
from deplib.protocol import Protocol
from deplib.training import Objective, Run, train
from deplib.training.loop import batches, inputs_of
from deplib.windows import WindowSet

SHARE = 0.3
"""e, the predictions' part of a smoothed target; fixed beforehand and not tuned."""
REACH = 1
"""Windows on either side that count as neighbours."""
ATTENTION = 32
"""Width of the hidden layer that scores a window of a bag."""
PASSES = 50
"""Thinned networks that are asked."""

Config = Mapping[str, Any] | None
"""Keywords of a model."""


# ------------------------------------------------------------------------------ smoothed labels


class Smoothed(Objective):
    """L1 between windows and labels that are drawn towards the last epoch's predictions.

    The history compares with the labels as they are.
    """

    def __init__(self, model: nn.Module, windows: WindowSet, protocol: Protocol) -> None:
        super().__init__(model, windows, protocol)
        self.y = self.target.numpy()
        self.near = neighbours(self.parts["train"].index)

    def end_epoch(self, y_hat: np.ndarray) -> None:
        """Smooth the targets of the next epoch."""
        self.target = torch.from_numpy((1 - SHARE) * self.y + SHARE * (self.near @ y_hat))


def neighbours(index: pd.DataFrame) -> np.ndarray:
    """Return what averages over the windows around each.

    Parameters
    ----------
    index
        Rows with ``recording`` and ``window``, as of a ``WindowSet``.

    Returns
    -------
    ndarray of float32, shape (n, n)
        A row sums to 1: equal weights for the windows of the same recording that are at most
        ``REACH`` away, the window itself among them. One that was dropped is no neighbour.
    """
    recording, _ = pd.factorize(index["recording"])
    window = index["window"].to_numpy()
    near = recording[:, None] == recording
    near &= np.abs(window[:, None] - window) <= REACH
    return (near / near.sum(axis=1, keepdims=True)).astype(np.float32)


# ---------------------------------------------------------------------------------------- bags


class Gate(nn.Module):
    """Score a window by its mean frame.

    Parameters
    ----------
    means
        (n, C), mean frames of the Train windows: what "standardised" refers to.
    """

    def __init__(self, means: Tensor) -> None:
        super().__init__()
        sd = means.std(dim=0, correction=0)
        self.centre: Tensor
        self.scale: Tensor
        self.register_buffer("centre", means.mean(dim=0))
        self.register_buffer("scale", torch.where(sd > 1e-6, sd, 1.0))
        self.hidden_proj = nn.Linear(means.shape[1], ATTENTION)
        self.score = nn.Linear(ATTENTION, 1, bias=False)  # a bias would cancel in the softmax

    def forward(self, means: Tensor) -> Tensor:
        """(n, C) -> (n,)."""
        z = (means - self.centre) / self.scale
        return self.score(self.hidden_proj(z).tanh()).squeeze(1)


class Bags(Objective):
    """L1 between recordings and the attention-weighted sum of their windows' answers.

    A batch is of as many recordings as surely have no more windows than the protocol's batch. The
    model has a `Gate` as its ``gate``.
    """

    def __init__(self, model: nn.Module, windows: WindowSet, protocol: Protocol) -> None:
        super().__init__(model, windows, protocol)
        self.gate = cast(Gate, model.gate)
        self.means = {split: mean_frames(part) for split, part in self.parts.items()}
        self.bags = bags_of(self.parts["train"].index)
        self.target = self.target[self.bags[:, 0]]
        self.n_units = len(self.bags)
        self.batch_size = max(1, protocol.batch_size_train // self.bags.shape[1])

    def loss(self, units: np.ndarray) -> tuple[Tensor, np.ndarray, Tensor]:
        """Return the loss of some recordings, their windows, and F for each of these."""
        present = self.bags[units] >= 0  # (R, W)
        rows = self.bags[units][present]
        f, score = self.forward["train"](rows), self.gate(self.means["train"][rows])
        output = pooled(f, score, torch.from_numpy(present))
        loss = nn.functional.l1_loss(output, self.target[units])
        return loss, rows, output.repeat_interleave(torch.from_numpy(present.sum(axis=1)))

    def predict(self, split: str) -> np.ndarray:
        """Return F of its recording for every window of a split."""
        f = super().predict(split)
        return answers(self.gate, self.means[split], f, self.parts[split].index)[0]


def bags(
    model: str, windows: WindowSet, protocol: Protocol, *, seed: int, config: Config = None
) -> Run:
    """Train on recordings; where each has one window, the predictions are those of ``train``.

    Returns
    -------
    Run
        In ``predictions``, ``y_hat`` is F for every window of a recording. ``attention`` is a_w.
        ``state_dict`` and ``n_parameters`` include the gate.
    """
    bag = build(model, seed=seed, **(config or {}))
    means = mean_frames(windows.subset("train"))
    with torch.random.fork_rng(devices=[]):
        # Not the seed itself, which has drawn the model's weights.
        torch.manual_seed(int(np.random.SeedSequence([seed, 1]).generate_state(1)[0]))
        bag.gate = gate = Gate(means)
    run = train(bag, windows, protocol, seed=seed, name=model, objective=Bags)
    bag.load_state_dict(run.state_dict)
    blank = np.zeros(len(windows))
    _, attention = answers(gate, mean_frames(windows), blank, windows.index)
    return replace(run, predictions=run.predictions.assign(attention=attention))


def bags_of(index: pd.DataFrame) -> np.ndarray:
    """Return the rows of each recording's windows.

    Returns
    -------
    ndarray of int64, shape (n_recordings, most windows of one)
        In order of first appearance; -1 where a recording has no more windows.
    """
    recording, names = pd.factorize(index["recording"])
    place = index.groupby("recording", sort=False).cumcount().to_numpy()
    rows = np.full((len(names), place.max() + 1), -1)
    rows[recording, place] = np.arange(len(index))
    return rows


def pooled(f: Tensor, score: Tensor, present: Tensor) -> Tensor:
    """Pool windows to recordings: (n,), (n,), (R, W) bool with n times True -> (R,)."""
    a = torch.full(present.shape, float("-inf")).masked_scatter(present, score).softmax(dim=1)
    return (a * torch.zeros(present.shape).masked_scatter(present, f)).sum(dim=1)


def answers(
    gate: Gate, means: Tensor, f: np.ndarray, index: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return F of its recording, rounded to 1e-6, and a_w for every window, both float64 (n,)."""
    with torch.inference_mode():
        score = pd.Series(gate(means).numpy().astype(float))
    recording = index["recording"].to_numpy()
    odds = (score - score.groupby(recording).transform("max")).map(np.exp)
    a = odds / odds.groupby(recording).transform("sum")
    F = (a * f).groupby(recording).transform("sum")
    return F.to_numpy().round(6), a.to_numpy()


def mean_frames(windows: WindowSet) -> Tensor:
    """Return the mean real frame of every window: (n, C)."""
    parts = []
    for rows in batches(np.arange(len(windows)), 64):
        x, mask = inputs_of(windows, rows)
        parts.append(masked_mean(check_input(x, mask, channels=x.shape[1]), mask))
    return torch.cat(parts)


# ------------------------------------------------------------------------------------- dropout


def dropout(
    model: str, windows: WindowSet, protocol: Protocol, *, seed: int, config: Config = None
) -> Run:
    """Train a model with dropout by the protocol, then ask its thinned networks.

    Returns
    -------
    Run
        That of ``train``, its ``y_hat`` made without dropout, and in ``predictions`` one more
        column: ``y_sd``, for every window the SD (1/(n-1), z-units) over ``PASSES`` thinned
        networks of its recording's mean prediction.
    """
    thinned = build(model, seed=seed, **(config or {}))
    _dropout_of(thinned)  # if there is none, fail now and not after training
    run = train(model, windows, protocol, seed=seed, config=config)
    thinned.load_state_dict(run.state_dict)
    y = passes(thinned, windows, batch_size=protocol.batch_size_eval)
    recording = windows.index["recording"]
    of_recording = pd.DataFrame(y.T).groupby(recording.to_numpy(), sort=False).mean()
    sd = recording.map(of_recording.std(axis=1, ddof=1)).to_numpy()
    return replace(run, predictions=run.predictions.assign(y_sd=sd))


def passes(
    model: nn.Module, windows: WindowSet, *, n: int = PASSES, batch_size: int = 64
) -> np.ndarray:
    """Predict every window by thinned networks 0 to n - 1 of a model with dropout.

    Which components a network lacks follows from the seed that its dropout was built with.

    Returns
    -------
    ndarray of float64, shape (n, n_windows)
        z-scored BDI-II; a row is one network's.

    Raises
    ------
    ModelError
        If the model has no dropout.
    """
    hybrid, layer = _dropout_of(model)
    hybrid.eval()
    parts = batches(np.arange(len(windows)), batch_size)
    outputs = []
    with torch.inference_mode():
        # Up to the dropout all networks are one, and that is nearly all of the work.
        summary = torch.cat([hybrid.summary(*inputs_of(windows, rows)) for rows in parts])
        for k in range(n):
            layer.network = k
            outputs.append(hybrid.answer(summary).numpy().astype(float))
    layer.network = None
    return np.stack(outputs).round(6)


def _dropout_of(model: nn.Module) -> tuple[HybridPooling, SeededDropout]:
    if not isinstance(model, HybridPooling) or not isinstance(model.dropout, SeededDropout):
        raise ModelError(
            f"this {type(model).__name__} has no dropout, so all passes would agree: take "
            "HybridPooling-dropout, or HybridPooling with a dropout above 0"
        )
    return model, model.dropout


RECIPES: dict[str, Callable[..., Run]] = {
    "protocol": train,
    "smoothed": partial(train, objective=Smoothed),
    "bags": bags,
    "dropout": dropout,
}
"""The protocol's own way, and those beside it."""


def recipe_named(name: str) -> Callable[..., Run]:
    """Return a recipe, which takes what ``deplib.training.train`` takes: model, windows, protocol.

    Raises
    ------
    ModelError
        If there is no such recipe.
    """
    if name not in RECIPES:
        raise ModelError(f"unknown recipe {name!r}; there are {[*RECIPES]}")
    return RECIPES[name]
