"""One loop for all models: the protocol in, predictions out; Dev chooses the epoch.

The loss is L1 on z-scored labels of windows. After each epoch, the Dev windows are averaged per
recording and denormalised, and their MAE in BDI-II points decides which epoch is kept and when
training stops. Test is predicted once, by the epoch already chosen.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.cohorts.base import SPLITS
from deplib.errors import ModelError
from deplib.models import build, n_parameters
from deplib.protocol import Protocol
from deplib.training.checkpoint import Checkpoint
from deplib.training.course import Course
from deplib.training.run import Run
from deplib.windows import WindowSet


def train(
    name: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Run:
    """Train one model from one seed.

    Parameters
    ----------
    name
        One of ``deplib.models.REGISTRY``.
    windows
        Windows of the three splits.
    protocol
        Learning rate, weight decay, batch sizes, number of epochs and patience.
    seed
        Determines the initial weights and the order of the batches, each by a generator of its
        own. The same seed gives the same result on one machine with one thread
        (``torch.set_num_threads(1)``); with several, sums may differ in the last digits.
    config
        Keywords of the model, such as ``{"patch": 4}``.
    on_epoch
        Called with each new row of the history, for progress and early warnings.
    checkpoint
        Where to keep the state between epochs; if one is there, training resumes from it and ends
        in the same bits.

    Raises
    ------
    ModelError
        If the configuration does not fit the model, a window breaks its contract, or the loss is
        no longer finite.
    CohortError
        If a split has no window.

    Warns
    -----
    UserWarning
        Once the Dev predictions collapse to a constant, and where a checkpoint cannot be written
        or is of no use.
    """
    start = time.perf_counter()
    train_set, dev_set = windows.subset("train"), windows.subset("dev")
    windows.subset("test")  # if it has none, fail now and not after the last epoch
    model = build(name, seed=seed, **(config or {}))
    optimizer = adam(model.parameters(), protocol)
    forward, predict_dev = outputs_of(model, train_set), outputs_of(model, dev_set)
    y_train = torch.from_numpy(train_set.index["y"].to_numpy(np.float32))
    rng = np.random.default_rng(seed)
    course = Course(name, seed, train_set, dev_set, protocol)
    if checkpoint and checkpoint.restore(model, optimizer, course, rng) and on_epoch:
        for row in course.rows:
            on_epoch(row)

    while not course.stopped:
        model.train()
        y_hat = np.empty(len(train_set), dtype=np.float32)
        order = rng.permutation(len(train_set))
        for batch in batches(order, protocol.batch_size_train):
            output = forward(batch)
            loss = nn.functional.l1_loss(output, y_train[batch])
            check_loss(loss.item(), name, seed, course.epoch + 1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            y_hat[batch] = output.detach().numpy()
        dev_hat = _predict(model, predict_dev, len(dev_set), protocol.batch_size_eval)
        row = course.record(y_hat, dev_hat, lambda: copy_of(model.state_dict()))
        if checkpoint:
            checkpoint.save(model, optimizer, course, rng)
        if on_epoch:
            on_epoch(row)

    run = finish(model, windows, course, start)
    if checkpoint:
        checkpoint.clear()
    return run


def finish(model: nn.Module, windows: WindowSet, course: Course, start: float) -> Run:
    """Give a model its chosen weights, and predict every split with them."""
    protocol = course.protocol
    model.load_state_dict(course.weights)
    # Split by split, so that the Dev batches, and their rounding, are those of the history.
    parts = [windows.subset(split) for split in SPLITS]
    y_hat = np.concatenate(
        [predict(model, part, batch_size=protocol.batch_size_eval) for part in parts]
    )
    index = windows.index[["recording", "person", "split", "window", "y"]]
    epoch = course.best["epoch"]
    return Run(
        predictions=index.assign(
            y_hat=y_hat,
            model=course.name,
            seed=course.seed,
            epoch=epoch,
            chosen_by=protocol.chosen_by,
        ),
        history=pd.DataFrame(course.rows),
        epoch=epoch,
        collapsed=course.rows[-1]["collapsed"],
        label_mean=windows.label_mean,
        label_std=windows.label_std,
        n_parameters=n_parameters(model),
        seconds=time.perf_counter() - start,
        state_dict=course.weights,
    )


def predict(model: nn.Module, windows: WindowSet, *, batch_size: int = 64) -> np.ndarray:
    """Predict every window in evaluation mode; a remainder of a batch is kept.

    Returns
    -------
    ndarray of float64, shape (n_windows,)
        z-scored BDI-II, in the order of ``windows.index``; rounded to 1e-6, since what lies below
        is float32 noise that would give a collapsed model a spread and a correlation.
    """
    return _predict(model, outputs_of(model, windows), len(windows), batch_size)


def adam(parameters: Any, protocol: Protocol) -> torch.optim.Adam:
    """Return the protocol's optimizer."""
    return torch.optim.Adam(
        parameters, lr=protocol.learning_rate, weight_decay=protocol.weight_decay
    )


def check_loss(loss: float, name: str, seed: int, epoch: int) -> None:
    """Stop a training whose loss is no longer a number."""
    if not np.isfinite(loss):
        raise ModelError(f"{name}, seed {seed}: the loss is {loss} in epoch {epoch}")


def copy_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy weights, so that further training does not change them."""
    return {key: value.detach().clone() for key, value in state.items()}


def outputs_of(model: nn.Module, windows: WindowSet) -> Callable[[np.ndarray], Tensor]:
    """Return rows -> outputs. A model that starts with a mean has it taken once for all epochs."""
    if not (hasattr(model, "pool") and hasattr(model, "head")):
        return lambda rows: model(*_inputs(windows, rows))
    pooled = pool(model, windows)
    return lambda rows: model.head(pooled[rows])  # type: ignore[operator]


def pool(model: nn.Module, windows: WindowSet) -> Tensor:
    """Return what a model's ``pool`` makes of every window: (n_windows, C)."""
    with torch.no_grad():
        parts = batches(np.arange(len(windows)), 64)
        return torch.cat([model.pool(*_inputs(windows, rows)) for rows in parts])  # type: ignore[operator]


def batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut rows into batches; the last may be smaller."""
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def _inputs(windows: WindowSet, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(windows.features[rows]).transpose(1, 2)  # (B, C, T)
    return x, torch.from_numpy(windows.mask[rows])


def _predict(
    model: nn.Module, forward: Callable[[np.ndarray], Tensor], n: int, batch_size: int
) -> np.ndarray:
    training = model.training
    model.eval()
    with torch.inference_mode():
        outputs = [forward(rows) for rows in batches(np.arange(n), batch_size)]
    model.train(training)
    return torch.cat(outputs).numpy().astype(float).round(6)
