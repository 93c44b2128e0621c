"""The controlled variables of the comparison, held in one frozen dataclass.

Every table of the protocol in the book is printed from here, so text and code cannot drift.
"""

from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd

STUDY = "study"
"""The value is stated by the study that this report starts from."""
OURS = "this report"
"""The study does not state the value; this report had to choose one."""


def _variable(default: Any, meaning: str, rationale: str, source: str = STUDY) -> Any:
    return field(
        default=default, metadata={"meaning": meaning, "rationale": rationale, "source": source}
    )


@dataclass(frozen=True)
class Protocol:
    """What is held constant while the temporal architecture varies."""

    sequence_length: int = _variable(
        2000, "frames of a recording that are used", "longer clips are cut, shorter ones padded"
    )
    feature_dim: int = _variable(
        512, "width of one frame's embedding", "the width of the ArcFace family of encoders"
    )
    window_length: int = _variable(
        512, "frames a model sees at once", "the study evaluates 512-frame windows"
    )
    label_scaling: str = _variable(
        "z-score", "scaling of BDI-II before training", "mean and SD of the Train recordings only"
    )
    loss: str = _variable("L1", "training loss", "robust to outliers in clinical scores")
    optimizer: str = _variable("Adam", "optimizer", "one optimizer for all models")
    learning_rate: float = _variable(3e-4, "learning rate", "one rate for all models")
    weight_decay: float = _variable(1e-4, "weight decay (L2, as in Adam)", "one value for all")
    batch_size_train: int = _variable(32, "windows in a training batch", "fits a small GPU")
    batch_size_eval: int = _variable(64, "windows in an evaluation batch", "no gradient is kept")
    epochs: int = _variable(
        40, "passes over the Train windows, at most", "the study states no number of epochs", OURS
    )
    patience: int = _variable(
        10,
        "epochs without a lower Dev MAE after which training stops",
        "slow and fast learners alike come to their best epoch",
        OURS,
    )
    chosen_by: str = _variable(
        "dev_mae",
        "what chooses the epoch: lowest recording-level MAE on Dev",
        "the study does not say; Test never chooses anything",
        OURS,
    )

    def table(self) -> pd.DataFrame:
        """Return one row a controlled variable.

        Returns
        -------
        DataFrame
            Columns ``variable``, ``value``, ``meaning``, ``rationale``, ``source``.
        """
        return pd.DataFrame(
            [
                {"variable": f.name, "value": getattr(self, f.name), **f.metadata}
                for f in fields(self)
            ]
        )
