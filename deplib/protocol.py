"""The controlled variables of the comparison, held in one frozen dataclass.

Every table of the protocol in the book is printed from here, so text and code cannot drift.
"""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from deplib.errors import ProtocolError

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

    @classmethod
    def read(cls, path: Path | str) -> "Protocol":
        """Read the variables that a YAML file changes, such as ``epochs: 20``; the rest stays.

        Raises
        ------
        ProtocolError
            If the file cannot be read, a variable is unknown, or a value is not of its type.
        """
        path = Path(path)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ProtocolError(f"cannot read the protocol {path}: {error}") from error
        if not isinstance(content, dict | None):
            raise ProtocolError(f"{path} is no list of variables: write lines such as 'epochs: 20'")
        defaults = asdict(cls())
        values = {}
        for name, value in (content or {}).items():
            if name not in defaults:
                raise ProtocolError(
                    f"{path}: unknown variable {name!r}; there are {', '.join(defaults)}"
                )
            kind = type(defaults[name])
            allowed = (int, float) if kind is float else (kind,)
            if kind is str and value != defaults[name]:  # it would have no effect
                raise ProtocolError(f"{path}: {name} can be nothing but {defaults[name]}")
            if type(value) not in allowed or (kind is not str and not value >= (kind is int)):
                raise ProtocolError(
                    f"{path}: {name} is {value!r}; it must be of type {kind.__name__} and not "
                    f"negative{', or 0' * (kind is int)}, such as {defaults[name]!r}"
                )
            values[name] = kind(value)
        return cls(**values)

    def write(self, path: Path | str) -> None:
        """Write all variables to a YAML file that `read` takes.

        Raises
        ------
        ProtocolError
            If the file cannot be written.
        """
        try:
            Path(path).write_text(yaml.safe_dump(asdict(self), sort_keys=False), encoding="utf-8")
        except OSError as error:
            raise ProtocolError(f"cannot write {path}: {error.strerror or error}") from error
