"""One loop for all models: the protocol in, predictions out; Dev chooses the epoch.

The loss is L1 on z-scored labels of windows. After each epoch, the Dev windows are averaged per
recording and denormalised, and their MAE in BDI-II points decides which epoch is kept. Test is
predicted once, by the epoch already chosen.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.cohorts.base import SPLITS
from deplib.errors import ModelError, ResultError
from deplib.metrics import describe
from deplib.models import build, n_parameters
from deplib.protocol import Protocol
from deplib.windows import WindowSet

COLLAPSE_RATIO = 0.05
"""A Dev sigma_ratio (of standard deviations) below this counts towards collapse."""
COLLAPSE_EPOCHS = 3
"""So many epochs in a row below it raise the flag."""

PREDICTION_COLUMNS = (
    "recording",
    "person",
    "split",
    "window",
    "y",
    "y_hat",
    "model",
    "seed",
    "epoch",
    "chosen_by",
)


@dataclass(frozen=True, eq=False)
class Run:
    """What one training run leaves behind.

    Attributes
    ----------
    predictions
        One row a window of every split, with ``PREDICTION_COLUMNS``; ``y`` and ``y_hat`` are
        z-scored. All rows come from the chosen epoch.
    history
        One row an epoch, counted from 1: ``epoch``, ``train_loss`` (L1, z-scored windows),
        ``train_mae`` (BDI-II, recordings, from the outputs made while training), ``dev_mae``,
        ``dev_rmse``, ``dev_bias``, ``dev_pcc``, ``dev_ccc``, ``dev_sigma_ratio`` (recordings,
        BDI-II) and ``collapsed``.
    epoch
        The chosen epoch: lowest ``dev_mae``, the earliest of equals.
    collapsed
        Whether the last ``COLLAPSE_EPOCHS`` epochs all had a Dev sigma_ratio below
        ``COLLAPSE_RATIO``: the model ended as a constant.
    label_mean, label_std
        Denormalise by ``y * label_std + label_mean``.
    n_parameters
        Trainable parameters.
    seconds
        Wall time of training and of all predictions.
    state_dict
        Weights of the chosen epoch.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    epoch: int
    collapsed: bool
    label_mean: float
    label_std: float
    n_parameters: int
    seconds: float
    state_dict: dict[str, Tensor]


def train(
    name: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
) -> Run:
    """Train one model from one seed.

    Parameters
    ----------
    name
        A key of ``deplib.models.MODELS``.
    windows
        Windows of the three splits.
    protocol
        Learning rate, weight decay, batch sizes and number of epochs.
    seed
        Determines the initial weights and the order of the batches, each by a generator of its
        own. The same seed gives the same result on one machine with one thread
        (``torch.set_num_threads(1)``); with several, sums may differ in the last digits.
    config
        Keywords of the model, such as ``{"patch": 4}``.
    on_epoch
        Called with each new row of the history, for progress and early warnings.

    Raises
    ------
    ModelError
        If the configuration does not fit the model, a window breaks its contract, or the loss is
        no longer finite.
    CohortError
        If a split has no window.
    """
    start = time.perf_counter()
    model = build(name, seed=seed, **(config or {}))
    optimizer = torch.optim.Adam(
        model.parameters(), lr=protocol.learning_rate, weight_decay=protocol.weight_decay
    )
    train_set, dev_set = windows.subset("train"), windows.subset("dev")
    windows.subset("test")  # if it has none, fail now and not after the last epoch
    size = protocol.batch_size_eval
    forward = _forward(model, train_set)
    predict_dev = _forward(model, dev_set)
    y_train = torch.from_numpy(train_set.index["y"].to_numpy(np.float32))
    rng = np.random.default_rng(seed)

    rows: list[dict[str, Any]] = []
    best: dict[str, Any] = {"dev_mae": np.inf}
    weights: dict[str, Tensor] = {}
    for epoch in range(1, protocol.epochs + 1):
        model.train()
        y_hat = np.empty(len(train_set), dtype=np.float32)
        order = rng.permutation(len(train_set))
        for batch in _batches(order, protocol.batch_size_train):
            output = forward(batch)
            loss = nn.functional.l1_loss(output, y_train[batch])
            if not torch.isfinite(loss):
                raise ModelError(f"{name}, seed {seed}: the loss is {loss.item()} in epoch {epoch}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            y_hat[batch] = output.detach().numpy()

        dev_hat = _predict(model, predict_dev, len(dev_set), size)
        row = {
            "epoch": epoch,
            "train_loss": float(np.abs(y_hat - y_train.numpy()).mean()),
            "train_mae": _recording_scores(train_set, y_hat)["mae"],
            **{f"dev_{key}": value for key, value in _recording_scores(dev_set, dev_hat).items()},
        }
        low = [r["dev_sigma_ratio"] < COLLAPSE_RATIO for r in [*rows, row]][-COLLAPSE_EPOCHS:]
        row["collapsed"] = len(low) == COLLAPSE_EPOCHS and all(low)
        rows.append(row)
        if row["dev_mae"] < best["dev_mae"]:
            best = row
            weights = {key: value.clone() for key, value in model.state_dict().items()}
        if on_epoch:
            on_epoch(row)

    model.load_state_dict(weights)
    # Split by split, so that the Dev batches, and their rounding, are those of the history.
    parts = [windows.subset(split) for split in SPLITS]
    y_hat = np.concatenate([predict(model, part, batch_size=size) for part in parts])
    index = windows.index[["recording", "person", "split", "window", "y"]]
    return Run(
        predictions=index.assign(
            y_hat=y_hat, model=name, seed=seed, epoch=best["epoch"], chosen_by=protocol.chosen_by
        ),
        history=pd.DataFrame(rows),
        epoch=best["epoch"],
        collapsed=rows[-1]["collapsed"],
        label_mean=windows.label_mean,
        label_std=windows.label_std,
        n_parameters=n_parameters(model),
        seconds=time.perf_counter() - start,
        state_dict=weights,
    )


def predict(model: nn.Module, windows: WindowSet, *, batch_size: int = 64) -> np.ndarray:
    """Predict every window in evaluation mode; a remainder of a batch is kept.

    Returns
    -------
    ndarray of float64, shape (n_windows,)
        z-scored BDI-II, in the order of ``windows.index``; rounded to 1e-6, since what lies below
        is float32 noise that would give a collapsed model a spread and a correlation.
    """
    return _predict(model, _forward(model, windows), len(windows), batch_size)


def recording_table(predictions: pd.DataFrame, label_mean: float, label_std: float) -> pd.DataFrame:
    """Average the windows of each recording, then denormalise to BDI-II.

    Parameters
    ----------
    predictions
        Rows with ``PREDICTION_COLUMNS``; several models and seeds may stand together.
    label_mean, label_std
        As in ``Run``.

    Returns
    -------
    DataFrame
        ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, ``model``, ``seed``; one row a
        recording, model and seed, in order of first appearance.

    Raises
    ------
    ResultError
        If a window occurs twice, or a prediction is not finite.
    """
    keys = ["recording", "model", "seed"]
    twice = predictions.duplicated([*keys, "window"])
    if twice.any():
        row = predictions.loc[twice, [*keys, "window"]].iloc[0].to_dict()
        raise ResultError(f"{int(twice.sum())} windows are predicted twice, the first {row}")
    if not np.isfinite(predictions["y_hat"]).all():
        raise ResultError("a prediction is NaN or infinite; the run that made it has failed")
    table = predictions.groupby(keys, sort=False, as_index=False).agg(
        person=("person", "first"),
        split=("split", "first"),
        bdi=("y", "first"),
        bdi_hat=("y_hat", "mean"),
    )
    table[["bdi", "bdi_hat"]] = table[["bdi", "bdi_hat"]] * label_std + label_mean
    return table[["recording", "person", "split", "bdi", "bdi_hat", "model", "seed"]]


def permute_labels(windows: WindowSet, *, rng: np.random.Generator) -> WindowSet:
    """Return the same windows with the labels permuted among the recordings of each split.

    A control: nothing can be learnt from them, while the labels of every split keep their
    distribution, so the scaling stays as it is.
    """
    index = windows.index.copy()
    of_recording = index.drop_duplicates("recording")
    permuted: dict[str, float] = {}
    for _, group in of_recording.groupby("split", sort=False):
        labels = rng.permutation(group["bdi"].to_numpy())
        permuted.update(zip(group["recording"], labels, strict=True))
    index["bdi"] = index["recording"].map(permuted)
    index["y"] = (index["bdi"] - windows.label_mean) / windows.label_std
    return replace(windows, index=index)


def _forward(model: nn.Module, windows: WindowSet) -> Callable[[np.ndarray], Tensor]:
    """Return rows -> outputs. A model that starts with a mean has it taken once for all epochs."""

    def inputs(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(windows.features[rows]).transpose(1, 2)  # (B, C, T)
        return x, torch.from_numpy(windows.mask[rows])

    pool, head = getattr(model, "pool", None), getattr(model, "head", None)
    if pool is None or head is None:
        return lambda rows: model(*inputs(rows))
    with torch.no_grad():
        pooled = torch.cat([pool(*inputs(b)) for b in _batches(np.arange(len(windows)), 64)])
    return lambda rows: head(pooled[rows])


def _batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def _predict(
    model: nn.Module, forward: Callable[[np.ndarray], Tensor], n: int, batch_size: int
) -> np.ndarray:
    training = model.training
    model.eval()
    with torch.inference_mode():
        outputs = [forward(rows) for rows in _batches(np.arange(n), batch_size)]
    model.train(training)
    return torch.cat(outputs).numpy().astype(float).round(6)


def _recording_scores(windows: WindowSet, y_hat: np.ndarray) -> dict[str, float]:
    """Metrics of the recordings' mean predictions, in BDI-II points."""
    table = windows.index.assign(y_hat=y_hat.astype(float))
    means = table.groupby("recording", sort=False)[["bdi", "y_hat"]].mean()
    scores = describe(means["bdi"], means["y_hat"] * windows.label_std + windows.label_mean)
    return {
        key: getattr(scores, key) for key in ("mae", "rmse", "bias", "pcc", "ccc", "sigma_ratio")
    }
