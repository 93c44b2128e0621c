"""Temporal label smoothing: a window's target is drawn towards what was predicted around it.

::

    t_w = (1 - e) y + e mean of f_(w-1), f_w, f_(w+1)        L = mean of |f_w - t_w|

y is the recording's label, which all its windows share, and f the predictions that the previous
epoch made while it trained. A label that is wrong for a window is thus softened by what the model
makes of that window and its neighbours in time; the first epoch has no predictions and is plain.

Targets mixed with the model's own predictions are Reed et al. 2015 ("Training deep neural networks
on noisy labels with bootstrapping", the soft form), who mix within a step; predictions kept from
one epoch for the next are Laine and Aila 2017 ("Temporal ensembling for semi-supervised
learning"), who average over all epochs before. Ours are the mean over neighbouring windows, L1
regression, and e = 0.3, fixed beforehand and not tuned.

L1 goes by the sign of f - t alone, and a target between y and f leaves that sign as it was. So
nothing changes until a prediction comes to its target: what smoothing does here is to end the pull
of the label early, not to weaken it.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from deplib.models import build
from deplib.protocol import Protocol
from deplib.recipes.loop import descend
from deplib.training.course import Course
from deplib.training.loop import adam, batches, copy_of, finish, outputs_of, predict
from deplib.training.run import Run
from deplib.windows import WindowSet

SHARE = 0.3
"""e, the predictions' part of a target."""
REACH = 1
"""Windows on either side that count as neighbours."""


def fit(
    name: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    unlabelled: WindowSet | None = None,
) -> Run:
    """Train one model from one seed on smoothed targets.

    Parameters
    ----------
    name, windows, protocol, seed, config
        As of ``deplib.training.train``, which gives the same bits at e = 0.
    unlabelled
        Not used.

    Returns
    -------
    Run
        Its ``history`` compares with the labels as they are: ``train_loss`` is no smoothed loss.

    Raises
    ------
    ModelError, CohortError
        As ``deplib.training.train`` does.
    """
    start = time.perf_counter()
    train_set, dev_set = windows.subset("train"), windows.subset("dev")
    windows.subset("test")  # if it has none, fail now and not after the last epoch
    model = build(name, seed=seed, **(config or {}))
    optimizer = adam(model.parameters(), protocol)
    forward = outputs_of(model, train_set)
    y = train_set.index["y"].to_numpy(np.float32)
    near = neighbours(train_set.index)
    rng = np.random.default_rng(seed)
    course = Course(name, seed, train_set, dev_set, protocol)

    target = y
    while not course.stopped:
        model.train()
        y_hat = np.empty_like(y)
        for batch in batches(rng.permutation(len(y)), protocol.batch_size_train):
            output = forward(batch)
            descend(
                optimizer, nn.functional.l1_loss(output, torch.from_numpy(target[batch])), course
            )
            y_hat[batch] = output.detach().numpy()
        dev_hat = predict(model, dev_set, batch_size=protocol.batch_size_eval)
        course.record(y_hat, dev_hat, lambda: copy_of(model.state_dict()))
        target = smooth(y, y_hat, near)
    return finish(model, windows, course, start)


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


def smooth(y: np.ndarray, y_hat: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return the targets of the next epoch: (n,), (n,), (n, n) -> (n,) of the labels' type."""
    return (1 - SHARE) * y + SHARE * (near @ y_hat)
