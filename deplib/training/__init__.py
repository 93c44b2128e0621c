"""Training: the protocol in, predictions of the epoch that Dev chose out."""

from deplib.training.checkpoint import Checkpoint
from deplib.training.loop import Objective, predict, train
from deplib.training.run import PREDICTION_COLUMNS, Run, recording_table

SAME_MAE = 0.25
"""BDI-II points by which an MAE after training may differ between two processors."""

__all__ = [
    "PREDICTION_COLUMNS",
    "SAME_MAE",
    "Checkpoint",
    "Objective",
    "Run",
    "predict",
    "recording_table",
    "train",
]
