"""The course of one training: its history, the epoch that Dev would keep, and when to stop."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from deplib.errors import ModelError
from deplib.metrics import METRICS
from deplib.protocol import Protocol
from deplib.windows import WindowSet

COLLAPSE_RATIO = 0.05
"""A Dev sigma_ratio (of standard deviations) below this counts towards collapse."""
COLLAPSE_EPOCHS = 3
"""So many epochs in a row below it raise the flag."""
WARM_UP = 5
"""Epochs before a collapse is warned of: an untrained model starts close to a constant."""

State = dict[str, Tensor]


class Course:
    """Book-keeping of one seed, epoch after epoch.

    Parameters
    ----------
    name, seed
        Whose course it is, for the warning.
    train_set, dev_set
        The windows of the two splits.
    protocol
        Its ``epochs`` and ``patience`` say when to stop.

    Attributes
    ----------
    rows
        One dict an epoch, counted from 1: ``epoch``, ``train_loss`` (L1, z-scored windows),
        ``train_mae`` (BDI-II, recordings, from the outputs made while training), ``dev_mae``,
        ``dev_rmse``, ``dev_bias``, ``dev_pcc``, ``dev_ccc``, ``dev_sigma_ratio`` (recordings,
        BDI-II) and ``collapsed``: whether the last ``COLLAPSE_EPOCHS`` epochs all had a Dev
        sigma_ratio below ``COLLAPSE_RATIO``.
    best
        The row with the lowest ``dev_mae``, the earliest of equals.
    weights
        A copy of the weights after that epoch.
    """

    def __init__(
        self, name: str, seed: int, train_set: WindowSet, dev_set: WindowSet, protocol: Protocol
    ) -> None:
        self.name, self.seed, self.protocol = name, seed, protocol
        self.train_set, self.dev_set = train_set, dev_set
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"epoch": 0, "dev_mae": np.inf}
        self.weights: State = {}

    @property
    def epoch(self) -> int:
        """Number of epochs done."""
        return len(self.rows)

    @property
    def stopped(self) -> bool:
        """Whether all epochs are done, or too many brought no lower Dev MAE."""
        waited = self.epoch - self.best["epoch"]
        return self.epoch >= self.protocol.epochs or waited >= self.protocol.patience

    def resume(self, rows: list[dict[str, Any]], best: int, weights: State) -> None:
        """Go back to where the epochs of ``rows`` had led, ``best`` of them being kept."""
        self.rows, self.best, self.weights = rows, rows[best - 1], weights

    def record(
        self, train_hat: np.ndarray, dev_hat: np.ndarray, weights: Callable[[], State]
    ) -> None:
        """Add an epoch.

        Parameters
        ----------
        train_hat, dev_hat
            z-scored predictions, one a window of the split.
        weights
            Gives a copy of the present weights; called if this epoch is the best so far.

        Raises
        ------
        ModelError
            If a prediction on Dev is not finite.
        """
        if not np.isfinite(dev_hat).all():
            raise ModelError(
                f"{self.name}, seed {self.seed}: a Dev prediction is NaN or infinite after epoch "
                f"{self.epoch + 1}: training has diverged; a lower learning rate may help"
            )
        y = self.train_set.index["y"].to_numpy(np.float32)
        dev = _recording_scores(self.dev_set, dev_hat)
        row: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "train_loss": float(np.abs(train_hat - y).mean()),
            "train_mae": _recording_scores(self.train_set, train_hat)["mae"],
            **{f"dev_{key}": value for key, value in dev.items()},
        }
        self.rows.append(row)
        high = [one["epoch"] for one in self.rows if not one["dev_sigma_ratio"] < COLLAPSE_RATIO]
        since = max(high, default=0) + 1
        row["collapsed"] = row["epoch"] - since + 1 >= COLLAPSE_EPOCHS
        alarming = [one["collapsed"] and one["epoch"] > WARM_UP for one in self.rows]
        if alarming.pop() and not any(alarming):
            warnings.warn(
                f"{self.name}, seed {self.seed}: Dev sigma_ratio is below {COLLAPSE_RATIO:g} since "
                f"epoch {since}, so the model answers almost the same for everybody; look at the "
                "features before you wait for the end",
                stacklevel=2,
            )
        if row["dev_mae"] < self.best["dev_mae"]:
            self.best, self.weights = row, weights()


def _recording_scores(windows: WindowSet, y_hat: np.ndarray) -> dict[str, float]:
    """Metrics of the recordings' mean predictions, in BDI-II points."""
    table = windows.index.assign(y_hat=y_hat.astype(float))
    means = table.groupby("recording", sort=False)[["bdi", "y_hat"]].mean()
    points = means["y_hat"] * windows.label_std + windows.label_mean
    return {name: metric(means["bdi"], points) for name, metric in METRICS.items()}
