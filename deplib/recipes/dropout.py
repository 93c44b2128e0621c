"""Monte Carlo dropout: how far apart the thinned networks of one model are.

Gal and Ghahramani 2016 ("Dropout as a Bayesian approximation: representing model uncertainty in
deep learning"): a network with dropout stands for a distribution of weights, each pass with
dropout on is a draw from it, and the spread of the passes says how uncertain the model is.

A draw is one thinned network, the same for all windows. A recording's answer in one pass is the
mean over its windows in that pass, and the SD over passes is of that mean. With a mask of its own
for every window, the windows of a recording would look independent, and four of them halve an SD
that the weights do not halve.

The SD is of the model alone: the paper's predictive variance adds that of the labels (its 1 / tau).
It is therefore no prediction interval of BDI-II; it can rank recordings by doubt.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.errors import ModelError
from deplib.models import build
from deplib.models.dropout import SeededDropout
from deplib.models.hybrid import HybridPooling
from deplib.protocol import Protocol
from deplib.training.loop import batches, train
from deplib.training.run import Run
from deplib.windows import WindowSet

PASSES = 50
"""Thinned networks that are asked."""
SPREAD = "y_sd"
"""The column of the SD."""


def fit(
    name: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    unlabelled: WindowSet | None = None,
) -> Run:
    """Train one model from one seed by the protocol, then ask its thinned networks.

    Parameters
    ----------
    name, windows, protocol, seed, config
        As of ``deplib.training.train``; the model must have dropout.
    unlabelled
        Not used.

    Returns
    -------
    Run
        That of ``train``, its ``y_hat`` made without dropout, and in ``predictions`` one more
        column: ``y_sd``, for every window the SD (1/(n-1), z-units) over ``PASSES`` thinned
        networks of its recording's mean prediction.

    Raises
    ------
    ModelError
        If the model has no dropout, and as ``train`` does.
    CohortError
        If a split has no window.
    """
    start = time.perf_counter()
    model = build(name, seed=seed, **(config or {}))
    _dropout_of(model)  # if there is none, fail now and not after training
    run = train(name, windows, protocol, seed=seed, config=config)
    model.load_state_dict(run.state_dict)
    y = passes(model, windows, batch_size=protocol.batch_size_eval)
    sd = recording_sd(y, windows.index["recording"])
    return replace(
        run,
        predictions=run.predictions.assign(**{SPREAD: sd}),
        seconds=time.perf_counter() - start,
    )


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
    hybrid, dropout = _dropout_of(model)
    hybrid.eval()
    parts = batches(np.arange(len(windows)), batch_size)
    outputs = []
    with torch.inference_mode():
        # Up to the dropout all networks are one, and that is nearly all of the work.
        summary = torch.cat([_summary(hybrid, windows, rows) for rows in parts])
        for k in range(n):
            dropout.network = k
            outputs.append(hybrid.answer(summary).numpy().astype(float))
    dropout.network = None
    return np.stack(outputs).round(6)


def recording_sd(y: np.ndarray, recording: pd.Series) -> np.ndarray:
    """Return, for every window, the SD over passes of its recording's mean.

    Parameters
    ----------
    y
        (n_passes, n_windows), a row a pass.
    recording
        (n_windows,).
    """
    of_recording = pd.DataFrame(y.T).groupby(recording.to_numpy(), sort=False).mean()
    return recording.map(of_recording.std(axis=1, ddof=1)).to_numpy()


def _dropout_of(model: nn.Module) -> tuple[HybridPooling, SeededDropout]:
    if not isinstance(model, HybridPooling) or not isinstance(model.dropout, SeededDropout):
        raise ModelError(
            f"this {type(model).__name__} has no dropout, so all passes would agree: take "
            "HybridPooling-dropout, or HybridPooling with a dropout above 0"
        )
    return model, model.dropout


def _summary(model: HybridPooling, windows: WindowSet, rows: np.ndarray) -> Tensor:
    x = torch.from_numpy(windows.features[rows]).transpose(1, 2)  # (B, C, T)
    return model.summary(x, torch.from_numpy(windows.mask[rows]))
