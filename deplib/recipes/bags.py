"""Multiple-instance learning: the label belongs to the recording, and windows share one loss.

::

    f_w = the model's output of window w        a_w = softmax over the recording's windows of s_w
    F = sum of a_w f_w                          s_w = v' tanh(U z_w + u)        L = mean of |F - y|

The protocol gives every window the label of its recording. Here a recording is a bag of windows,
and attention learns which of them its label speaks of: Ilse, Tomczak and Welling 2018 ("Attention-
based deep multiple instance learning"), equations 7 and 8, with a window as the instance. Theirs
pools embeddings and then classifies; this pools the outputs, so that any model of the registry can
be the instance's, and a window's own answer stays readable. The gate sees the mean frame of a
window, z_w, each component standardised by the Train windows: the windows of one person differ
little beside what all have in common.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.models import build
from deplib.models.blocks import check_input, masked_mean
from deplib.protocol import Protocol
from deplib.recipes.loop import descend
from deplib.training.course import Course
from deplib.training.loop import adam, batches, copy_of, finish, outputs_of, predict
from deplib.training.run import Run
from deplib.windows import WindowSet

ATTENTION = 32
"""Width of the hidden layer that scores a window."""


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


class Bag(nn.Module):
    """A model and the gate that weighs its windows; ``forward`` is the model's own, of a window."""

    def __init__(self, instance: nn.Module, gate: Gate) -> None:
        super().__init__()
        self.instance = instance
        self.gate = gate

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,)."""
        return self.instance(x, mask)


def fit(
    name: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    unlabelled: WindowSet | None = None,
) -> Run:
    """Train one model from one seed on recordings.

    Parameters
    ----------
    name, windows, protocol, seed, config
        As of ``deplib.training.train``. A batch is of as many recordings as surely have no more
        than ``protocol.batch_size_train`` windows, so steps and memory are about the protocol's.
        Where every recording has one window, the predictions are those of ``train``.
    unlabelled
        Not used.

    Returns
    -------
    Run
        In ``predictions``, ``y_hat`` is F for every window of a recording, whose mean is thus F,
        since the recipe makes no statement about a window. Two more columns do: ``y_hat_window``
        is f_w and ``attention`` a_w, so that F is the sum of their products. ``state_dict`` and
        ``n_parameters`` include the gate.

    Raises
    ------
    ModelError, CohortError
        As ``deplib.training.train`` does.
    """
    start = time.perf_counter()
    train_set, dev_set = windows.subset("train"), windows.subset("dev")
    windows.subset("test")  # if it has none, fail now and not after the last epoch
    means, dev_means = mean_frames(train_set), mean_frames(dev_set)
    model = Bag(build(name, seed=seed, **(config or {})), _gate(means, seed))
    optimizer = adam(model.parameters(), protocol)
    forward = outputs_of(model.instance, train_set)
    bags = bags_of(train_set.index)
    first = bags[:, 0]
    y = torch.from_numpy(train_set.index["y"].to_numpy(np.float32)[first])
    rng = np.random.default_rng(seed)
    course = Course(name, seed, train_set, dev_set, protocol)
    size = max(1, protocol.batch_size_train // bags.shape[1])

    while not course.stopped:
        model.train()
        y_hat = np.empty(len(train_set), dtype=np.float32)
        for batch in batches(rng.permutation(len(bags)), size):
            present = bags[batch] >= 0  # (R, W)
            rows = bags[batch][present]
            output = pooled(forward(rows), model.gate(means[rows]), torch.from_numpy(present))
            descend(optimizer, nn.functional.l1_loss(output, y[batch]), course)
            y_hat[rows] = output.detach().numpy().repeat(present.sum(axis=1))
        dev_f = predict(model.instance, dev_set, batch_size=protocol.batch_size_eval)
        dev_hat, _ = answers(model.gate, dev_means, dev_f, dev_set.index)
        course.record(y_hat, dev_hat, lambda: copy_of(model.state_dict()))

    run = finish(model, windows, course, start)
    f = run.predictions["y_hat"].to_numpy()
    F, a = answers(model.gate, mean_frames(windows), f, windows.index)
    table = run.predictions.assign(y_hat=F, y_hat_window=f, attention=a)
    return replace(run, predictions=table, seconds=time.perf_counter() - start)


def bags_of(index: pd.DataFrame) -> np.ndarray:
    """Return the rows of each recording's windows.

    Returns
    -------
    ndarray of int64, shape (n_recordings, most windows of one)
        In order of first appearance; -1 where a recording has no more windows.
    """
    recording, names = pd.factorize(index["recording"])
    place = index.groupby("recording", sort=False).cumcount().to_numpy()
    bags = np.full((len(names), place.max() + 1), -1)
    bags[recording, place] = np.arange(len(index))
    return bags


def pooled(f: Tensor, score: Tensor, present: Tensor) -> Tensor:
    """Pool windows to recordings: (n,), (n,), (R, W) bool with n times True -> (R,)."""
    a = torch.full(present.shape, float("-inf")).masked_scatter(present, score).softmax(dim=1)
    return (a * torch.zeros(present.shape).masked_scatter(present, f)).sum(dim=1)


def answers(
    gate: Gate, means: Tensor, f: np.ndarray, index: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return F of its recording and a_w for every window, both float64 (n,).

    F is rounded to 1e-6 for the reason that ``deplib.training.predict`` gives.
    """
    with torch.inference_mode():
        score = pd.Series(gate(means).numpy().astype(float))
    recording = index["recording"].to_numpy()
    odds = (score - score.groupby(recording).transform("max")).map(np.exp)
    a = odds / odds.groupby(recording).transform("sum")
    F = (a * f).groupby(recording).transform("sum")
    return F.to_numpy().round(6), a.to_numpy()


def mean_frames(windows: WindowSet) -> Tensor:
    """Return the mean real frame of every window: (n, C)."""
    channels = windows.features.shape[2]
    parts = []
    for rows in batches(np.arange(len(windows)), 64):
        x = torch.from_numpy(windows.features[rows]).transpose(1, 2)
        mask = torch.from_numpy(windows.mask[rows])
        parts.append(masked_mean(check_input(x, mask, channels=channels), mask))
    return torch.cat(parts)


def _gate(means: Tensor, seed: int) -> Gate:
    with torch.random.fork_rng(devices=[]):
        # Not the seed itself, which has drawn the model's weights.
        torch.manual_seed(int(np.random.SeedSequence([seed, 1]).generate_state(1)[0]))
        return Gate(means)
