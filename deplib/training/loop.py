"""One loop for all models: the protocol in, predictions out; Dev chooses the epoch.

The loss is L1 on z-scored labels of windows. After each epoch, the Dev windows are averaged per
recording and denormalised, and their MAE in BDI-II points decides which epoch is kept and when
training stops. Test is predicted once, by the epoch already chosen.

Other ways of teaching (``deplib.recipes``) replace the `Objective`, and nothing else.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deplib.cohorts.base import SPLITS
from deplib.errors import ModelError
from deplib.models import build, n_parameters
from deplib.models.blocks import trusted
from deplib.models.mean_mlp import TemporalMeanMLP
from deplib.protocol import Protocol
from deplib.training.checkpoint import Checkpoint
from deplib.training.course import Course
from deplib.training.run import Run
from deplib.windows import WindowSet

Forward = Callable[[np.ndarray], Tensor]
"""Rows of a set of windows -> the model's outputs."""
PADDING_TOLERANCE = 1e-3
"""z-units by which padding may move an output: rounding stays far below."""


class Objective:
    """What a step of training minimises: here L1 between windows and their recording's label.

    A recipe overrides `loss`, and where it must `end_epoch` or `predict`.

    Parameters
    ----------
    model, windows, protocol
        As of `train`, which calls this.

    Attributes
    ----------
    parts, forward
        The windows of each split, and rows -> outputs of the model on them.
    target
        (n_train,) float32: z-scored BDI-II of each Train window.
    n_units, batch_size
        What an epoch goes through in random order, here the Train windows; units in a batch.
    """

    def __init__(self, model: nn.Module, windows: WindowSet, protocol: Protocol) -> None:
        self.model, self.protocol = model, protocol
        self.parts = {split: windows.subset(split) for split in SPLITS}
        self.forward = {split: outputs_of(model, part) for split, part in self.parts.items()}
        self.target = torch.from_numpy(self.parts["train"].index["y"].to_numpy(np.float32))
        self.n_units, self.batch_size = len(self.target), protocol.batch_size_train

    def loss(self, units: np.ndarray) -> tuple[Tensor, np.ndarray, Tensor]:
        """Return the loss of a batch, the Train rows that it holds, and the answers for them."""
        output = self.forward["train"](units)
        return nn.functional.l1_loss(output, self.target[units]), units, output

    def end_epoch(self, y_hat: np.ndarray) -> None:
        """See (n_train,) answers that were made while training, after each epoch."""

    def predict(self, split: str) -> np.ndarray:
        """Return (n_windows,) z-scored predictions of a split, as `predict` makes them."""
        n = len(self.parts[split])
        return _predict(self.model, self.forward[split], n, self.protocol.batch_size_eval)


def train(
    model: str | nn.Module,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    name: str | None = None,
    objective: Callable[[nn.Module, WindowSet, Protocol], Objective] = Objective,
    checkpoint: Checkpoint | None = None,
) -> Run:
    """Train one model from one seed.

    Parameters
    ----------
    model
        A name in ``deplib.models.REGISTRY``, or any module with ``forward(x, mask)`` that maps x
        (batch, channels, time) and mask (batch, time) bool, True = real frame, to (batch,)
        z-scored BDI-II, whatever the padding. A module is copied, and stays as it was.
    windows
        Windows of the three splits.
    protocol
        Learning rate, weight decay, batch sizes, number of epochs and patience.
    seed
        Determines the order of the batches, and the initial weights of a model that is named. The
        same seed gives the same bits on one machine; on another, an MAE within
        ``deplib.metrics.MAE_TOLERANCE``.
    config
        Keywords of a model that is named, such as ``{"patch": 4}``.
    name
        What the predictions call the model; its own name, or that of its class, by default.
    objective
        What is minimised.
    checkpoint
        Where to keep the state between epochs; if one is there, training resumes from it and ends
        in the same bits.

    Raises
    ------
    ModelError
        If the configuration does not fit the model, a module or a window breaks the contract, or
        the loss is no longer finite.
    CohortError
        If a split has no window.

    Warns
    -----
    UserWarning
        Once the Dev predictions collapse to a constant, and where a checkpoint cannot be written
        or is of no use.
    """
    if isinstance(model, str):
        name, model = name or model, build(model, seed=seed, **(config or {}))
    elif config:
        raise ModelError(f"config {dict(config)} is for a model that is named: build the module so")
    else:
        name, model = name or type(model).__name__, copy.deepcopy(model)
        require_contract(model, windows)
    with _one_thread(), trusted(_is_clean(windows)):
        what = objective(model, windows, protocol)
        optimizer = torch.optim.Adam(
            model.parameters(), lr=protocol.learning_rate, weight_decay=protocol.weight_decay
        )
        rng = np.random.default_rng(seed)
        course = Course(name, seed, what.parts["train"], what.parts["dev"], protocol)
        if checkpoint:
            checkpoint.restore(model, optimizer, course, rng)
        while not course.stopped:
            torch.set_flush_denormal(True)  # again: opening an onnxruntime session clears it
            model.train()
            y_hat = np.empty(len(what.parts["train"]), dtype=np.float32)
            for units in batches(rng.permutation(what.n_units), what.batch_size):
                loss, rows, output = what.loss(units)
                check_loss(loss.item(), name, seed, course.epoch + 1)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                y_hat[rows] = output.detach().numpy()
            what.end_epoch(y_hat)
            course.record(y_hat, what.predict("dev"), lambda: copy.deepcopy(model.state_dict()))
            if checkpoint:
                checkpoint.save(model, optimizer, course, rng)
        model.load_state_dict(course.weights)
        # Split by split, so that the Dev batches, and their rounding, are those of the history.
        y_hat = np.concatenate([what.predict(split) for split in SPLITS])
    if checkpoint:
        checkpoint.clear()
    epoch = course.best["epoch"]
    about = {"model": name, "seed": seed, "epoch": epoch, "chosen_by": protocol.chosen_by}
    index = windows.index[["recording", "person", "split", "window", "y"]]
    return Run(
        predictions=index.assign(y_hat=y_hat, **about),
        history=pd.DataFrame(course.rows),
        epoch=epoch,
        label_mean=windows.label_mean,
        label_std=windows.label_std,
        n_parameters=n_parameters(model),
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


def require_contract(model: nn.Module, windows: WindowSet, *, n: int = 4) -> None:
    """Try a module on the first windows: the shape, finite numbers, no change by padding.

    Raises
    ------
    ModelError
        If it breaks the contract of ``deplib.models``, saying how.
    """
    name = type(model).__name__
    x, mask = inputs_of(windows, np.arange(min(n, len(windows))))
    cut = max(mask.shape[1] * 3 // 4, 1)
    mask[:, cut:] = False
    mask[:, 0] = True
    x = x * mask[:, None, :]
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            padded, short = model(x, mask), model(x[..., :cut], mask[:, :cut])
    except ModelError:
        raise
    except Exception as error:
        given = f"x {tuple(x.shape)} (batch, channels, time) and mask {tuple(mask.shape)} bool"
        raise ModelError(f"{name} cannot take {given}: {error}") from error
    finally:
        model.train(training)
    shape = tuple(padded.shape) if isinstance(padded, Tensor) else type(padded).__name__
    if shape != (len(x),):
        raise ModelError(
            f"{name} returns {shape} for {len(x)} windows; expected ({len(x)},), one z-scored "
            "BDI-II a window: squeeze the last dimension, or return the prediction alone"
        )
    if not torch.isfinite(padded).all():
        raise ModelError(f"{name} returns NaN or infinity for windows that are sound")
    moved = float((padded - short).abs().max())
    if not moved <= PADDING_TOLERANCE * (1 + float(short.abs().max())):
        raise ModelError(
            f"{name} answers differently, by {moved:.2g} z-units, when masked frames follow the "
            "real ones: leave frames with mask False out of every average, attention and last state"
        )


def check_loss(loss: float, name: str, seed: int, epoch: int) -> None:
    """Stop a training whose loss is no longer a number."""
    if not np.isfinite(loss):
        raise ModelError(f"{name}, seed {seed}: the loss is {loss} in epoch {epoch}")


def outputs_of(model: nn.Module, windows: WindowSet) -> Forward:
    """Return rows -> outputs. A model that starts with a mean has it taken once for all epochs."""
    if not isinstance(model, TemporalMeanMLP):
        return lambda rows: model(*inputs_of(windows, rows))
    with torch.no_grad():
        parts = batches(np.arange(len(windows)), 64)
        pooled = torch.cat([model.pool(*inputs_of(windows, rows)) for rows in parts])
    return lambda rows: model.head(pooled[rows])


def batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut rows into batches; the last may be smaller."""
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def inputs_of(windows: WindowSet, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return x (n, channels, time) and mask (n, time) of some windows, as a model takes them."""
    x = torch.from_numpy(windows.features[rows]).transpose(1, 2)
    return x, torch.from_numpy(windows.mask[rows])


def _predict(model: nn.Module, forward: Forward, n: int, batch_size: int) -> np.ndarray:
    training = model.training
    model.eval()
    with torch.inference_mode():
        outputs = [forward(rows) for rows in batches(np.arange(n), batch_size)]
    model.train(training)
    return torch.cat(outputs).numpy().astype(float).round(6)


def _is_clean(windows: WindowSet) -> bool:
    """Tell once what ``check_input`` would else ask, and copy, at every step."""
    return bool(
        windows.mask.any(axis=1).all()
        and np.isfinite(windows.features.sum())
        and not windows.features[~windows.mask].any()
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread, in which numbers below 1e-38 are taken as 0.

    MambaGRU's gradients are full of such denormals: with them a step takes five times as long on
    some processors. The flag holds for the thread that sets it, and no prediction changes by it.
    """
    before = float(torch.tensor([1e-40]) * 1) == 0  # torch does not tell
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
        torch.set_num_threads(threads)
