"""Training: the protocol in, predictions of the epoch that Dev chose out."""

from deplib.training.checkpoint import Checkpoint
from deplib.training.loop import predict, train
from deplib.training.run import PREDICTION_COLUMNS, Run, recording_table
from deplib.training.stacked import can_stack, train_together

__all__ = [
    "PREDICTION_COLUMNS",
    "Checkpoint",
    "Run",
    "can_stack",
    "predict",
    "recording_table",
    "train",
    "train_together",
]
