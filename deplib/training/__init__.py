"""Training: the protocol in, predictions of the epoch that Dev chose out."""

from deplib.training.checkpoint import Checkpoint
from deplib.training.loop import Objective, predict, train
from deplib.training.run import Run, recording_table

__all__ = ["Checkpoint", "Objective", "Run", "predict", "recording_table", "train"]
