"""Self-supervised pretraining: a recurrence learns to predict hidden frames, then the labels.

First ``deplib.recipes.masked_frames`` on video without labels; then the protocol, exactly as
``deplib.training.train``, but from the weights that this has left. The regressor keeps the initial
weights of its seed, and the batches of the protocol are those of ``train``, so that the two recipes
differ in the start of the recurrence alone: without an epoch of pretraining they are equal in every
bit.

What is learnt is folded into the model together with the standardisation of its input, which is a
better start by itself. ``Pretraining(learning_rate=0)`` is the control that has only that.
"""

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from deplib.errors import ModelError
from deplib.models import build, resolve
from deplib.models.mamba_gru import MambaGRU
from deplib.protocol import Protocol
from deplib.recipes.loop import descend
from deplib.recipes.masked_frames import DEFAULT, Pretraining, pretrain
from deplib.training.course import Course
from deplib.training.loop import adam, batches, copy_of, finish, outputs_of, predict
from deplib.training.run import Run
from deplib.windows import WindowSet

SUPPORTED = ("MambaGRU",)
"""Classes that have a state at every frame which has seen the frames before it alone."""
_STREAM = 2
"""Which of a seed's streams pretraining draws from; the protocol's batches have their own."""


@dataclass(frozen=True, eq=False)
class PretrainedRun(Run):
    """A run, and what came before it.

    Attributes
    ----------
    pretraining
        One row an epoch of pretraining, as ``deplib.recipes.masked_frames.pretrain`` returns it.

    Notes
    -----
    ``seconds`` includes the pretraining; ``history`` and ``epoch`` are the protocol's.
    """

    pretraining: pd.DataFrame


def fit(
    name: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    unlabelled: WindowSet | None = None,
    settings: Pretraining = DEFAULT,
) -> PretrainedRun:
    """Pretrain a model without labels, then train it by the protocol.

    Parameters
    ----------
    name, windows, protocol, seed, config
        As of ``deplib.training.train``; the model must be one of ``SUPPORTED``.
    unlabelled
        Windows of any split; no label of theirs is read. None takes the Train windows, again
        without their labels.
    settings
        Of the pretraining; the protocol's learning rate and batches are for what follows it.

    Raises
    ------
    ModelError
        If the model is not supported, the two sets of windows differ in width, and as
        ``pretrain`` and ``deplib.training.train`` do.
    CohortError
        If a split has no window.

    Warns
    -----
    UserWarning
        If pretraining ends no better than the mean of the visible frames: nothing was learnt.
    """
    start = time.perf_counter()
    train_set, dev_set = windows.subset("train"), windows.subset("dev")
    windows.subset("test")  # if it has none, fail now and not after the last epoch
    video = train_set if unlabelled is None else unlabelled
    if video.features.shape[2] != windows.features.shape[2]:
        raise ModelError(
            f"the frames without labels have {video.features.shape[2]} numbers and those with "
            f"labels {windows.features.shape[2]}: extract both by the same encoder"
        )
    model, pretraining = pretrained_model(name, video, seed=seed, config=config, settings=settings)
    optimizer = adam(model.parameters(), protocol)
    forward = outputs_of(model, train_set)
    y = torch.from_numpy(train_set.index["y"].to_numpy(np.float32))
    rng = np.random.default_rng(seed)
    course = Course(name, seed, train_set, dev_set, protocol)

    while not course.stopped:
        model.train()
        y_hat = np.empty(len(train_set), dtype=np.float32)
        for batch in batches(rng.permutation(len(train_set)), protocol.batch_size_train):
            output = forward(batch)
            descend(optimizer, nn.functional.l1_loss(output, y[batch]), course)
            y_hat[batch] = output.detach().numpy()
        dev_hat = predict(model, dev_set, batch_size=protocol.batch_size_eval)
        course.record(y_hat, dev_hat, lambda: copy_of(model.state_dict()))
    run = finish(model, windows, course, start)
    return PretrainedRun(**vars(run), pretraining=pretraining)


def pretrained_model(
    name: str,
    unlabelled: WindowSet,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    settings: Pretraining = DEFAULT,
) -> tuple[MambaGRU, pd.DataFrame]:
    """Build a model from a seed, and pretrain it.

    Returns
    -------
    model : MambaGRU
    history : DataFrame
        As ``deplib.recipes.masked_frames.pretrain`` returns it, with ``settings.held_out`` of the
        persons, drawn by the seed, measured and not learnt from.

    Raises
    ------
    ModelError
        If the model is not one of ``SUPPORTED``, and as ``pretrain`` does.

    Warns
    -----
    UserWarning
        If nothing was learnt.
    """
    if resolve(name)[0] not in SUPPORTED:
        raise ModelError(
            f"{name} cannot be pretrained on hidden frames, which takes a state at every frame "
            f"that has seen only the frames before it: choose one of {list(SUPPORTED)}"
        )
    model = cast(MambaGRU, build(name, seed=seed, **(config or {})))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM,)))
    held_out = _some_persons(unlabelled.index["person"], settings.held_out, rng=rng)
    history = pretrain(model, unlabelled, settings, rng=rng, held_out=held_out)
    if len(history) and settings.learning_rate:
        last = history.iloc[-1]
        part = "held_out_" if held_out.any() else ""
        loss, baseline = last[f"{part}loss"], last[f"{part}baseline"]
        if not loss < baseline:
            warnings.warn(
                f"{name}, seed {seed}: pretraining ends at a loss of {loss:.4f} on hidden frames, "
                f"where the mean of the visible ones has {baseline:.4f}: it has learnt nothing "
                "that carries over to other persons; more windows or epochs may help",
                stacklevel=2,
            )
    return model, history


def _some_persons(persons: pd.Series, share: float, *, rng: np.random.Generator) -> np.ndarray:
    """Tell which rows are of a share of the persons; at least one other person is left."""
    names = persons.unique()
    n = min(round(share * len(names)), len(names) - 1)
    return persons.isin(rng.choice(names, n, replace=False)).to_numpy()
