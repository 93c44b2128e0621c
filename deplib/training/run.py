"""What a training run leaves behind, and its predictions by recording."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from deplib.errors import ResultError


@dataclass(frozen=True, eq=False)
class Run:
    """What one training run leaves behind.

    Attributes
    ----------
    predictions
        One row a window of every split: ``recording``, ``person``, ``split``, ``window``, ``y`` and
        ``y_hat``, z-scored, ``model``, ``seed``, ``epoch``, ``chosen_by``; all of one epoch.
    history
        One row an epoch, as ``deplib.training.course.Course`` records it.
    epoch
        The chosen epoch: lowest ``dev_mae``, the earliest of equals.
    label_mean, label_std
        Denormalise by ``y * label_std + label_mean``.
    n_parameters
        Trainable parameters.
    state_dict
        Weights of the chosen epoch.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    epoch: int
    label_mean: float
    label_std: float
    n_parameters: int
    state_dict: dict[str, Tensor]


def recording_table(predictions: pd.DataFrame, label_mean: float, label_std: float) -> pd.DataFrame:
    """Average the windows of each recording, then denormalise to BDI-II.

    Parameters
    ----------
    predictions
        As of ``Run``; several models and seeds may stand together.
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
    how = {"person": "first", "split": "first", "y": "first", "y_hat": "mean"}
    table = predictions.groupby(keys, sort=False, as_index=False).agg(how)
    table = table.rename(columns={"y": "bdi", "y_hat": "bdi_hat"})
    table[["bdi", "bdi_hat"]] = table[["bdi", "bdi_hat"]] * label_std + label_mean
    return table[["recording", "person", "split", "bdi", "bdi_hat", "model", "seed"]]
