"""One run's result as one keyed JSON file."""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deplib.errors import ResultError
from deplib.extraction.fallback import Fill
from deplib.splits import Split

FORMAT = 1
PREDICTION_COLUMNS = ["recording", "person", "split", "window", "y", "y_hat"]
SPREAD_COLUMN = "y_sd"
"""Only of runs that state their uncertainty: SD of the recording's prediction, in z-units."""
ADDED = ("split", "features", "missing", "recipe", "precision")
"""Fields that older results lack: at their default they are neither written nor hashed."""


@dataclass(frozen=True)
class RunSpec:
    """What one run is: a model, its seed, the simulated world, and what it saw of it."""

    model: str
    seed: int = 0
    world: str = "default"
    labels: str = "true"  # or "permuted": the control in which nothing can be learnt
    lost: float = 0.0  # share of the frames that a planted fault takes, in bursts
    fill: Fill = "mask"  # what stands in the place of the lost frames
    split: Split = "official"  # the cohort's own, or person-disjoint
    features: str = "identity"  # names of streams, joined by "+"; see deplib.streams
    missing: float = 0.0  # share of the recordings that have nothing but embeddings
    recipe: str = "protocol"  # how it is taught: as the protocol says, or one of deplib.recipes
    precision: str = "float32"  # or what of a trained run is in 8 bits; see deplib.study.quantised

    @property
    def path(self) -> Path:
        """Where the run's result lies, relative to a results folder."""
        kind = [self.labels]
        for name in ("split", "features", "recipe", "precision"):
            if getattr(self, name) != getattr(RunSpec, name):
                kind.append(getattr(self, name))
        if self.missing:
            kind.append(f"missing{100 * self.missing:.0f}")
        if self.lost:
            kind += [f"lost{100 * self.lost:.0f}", self.fill]
        return Path(self.world) / "-".join(kind) / f"{self.model}-seed{self.seed}.json"

    def settings(self) -> dict[str, Any]:
        """Return what is written of a run and hashed: a later field only where it is set."""
        unset = [f.name for f in fields(self) if f.name in ADDED]
        unset = [name for name in unset if getattr(self, name) == getattr(RunSpec, name)]
        return {name: value for name, value in asdict(self).items() if name not in unset}


@dataclass(frozen=True, eq=False)
class Result:
    """A run's predictions and learning curve, with what made them.

    Attributes
    ----------
    spec, key
        The run, and the hash of all that determines it.
    predictions
        One row a window, in z-scored BDI-II: recording, person, split, window, y, y_hat; where a
        run states its uncertainty, also y_sd, the SD of the recording's prediction.
    history
        One row an epoch: losses, Dev scores, sigma_ratio; no rows for a model without epochs.
    epoch, chosen_by
        The epoch whose predictions these are, and the rule that chose it.
    label_mean, label_std
        The scaling of the labels, in BDI-II points.
    n_parameters
        Trainable parameters of the model.
    """

    spec: RunSpec
    key: str
    predictions: pd.DataFrame
    history: pd.DataFrame
    epoch: int
    chosen_by: str
    label_mean: float
    label_std: float
    n_parameters: int

    def save(self, path: Path) -> None:
        """Write the result as one JSON file, atomically.

        Raises
        ------
        ResultError
            If the file cannot be written, for instance because the disk is full.
        """
        content = {
            "format": FORMAT,
            "key": self.key,
            "spec": self.spec.settings(),
            "epoch": self.epoch,
            "chosen_by": self.chosen_by,
            "label_mean": round(self.label_mean, 6),
            "label_std": round(self.label_std, 6),
            "n_parameters": self.n_parameters,
            "history": _columns(self.history),
            "predictions": _columns(known_columns(self.predictions)),
        }
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as file:
                json.dump(content, file, separators=(",", ":"), allow_nan=False)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ResultError(
                f"cannot write {path}: {error.strerror or error}; make room and run again: "
                "finished results are kept"
            ) from error

    @classmethod
    def load(cls, path: Path, *, key: str | None = None) -> "Result":
        """Read a result and, where a key is given, check that it fits.

        Raises
        ------
        ResultError
            If the file is missing or corrupt, or was made by other code, data or settings.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}, this library reads {FORMAT}")
            result = cls(
                spec=RunSpec(**content["spec"]),
                key=content["key"],
                predictions=known_columns(pd.DataFrame(content["predictions"])),
                history=pd.DataFrame(content["history"], dtype=float),
                **{
                    name: content[name]
                    for name in ("epoch", "chosen_by", "label_mean", "label_std", "n_parameters")
                },
            )
        except FileNotFoundError:
            raise ResultError(f"{path} does not exist; make it with `make sweep`") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultError(
                f"{path} is no whole result file ({error}); delete it and run `make sweep`"
            ) from error
        if key is not None and result.key != key:
            raise ResultError(
                f"{path} is stale: its key begins {result.key[:12]}, and the present code, "
                f"protocol, cohort and encoder give {key[:12]}; run `make sweep`"
            )
        return result


def known_columns(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that a result keeps; an absent spread is no fault."""
    optional = [SPREAD_COLUMN] if SPREAD_COLUMN in predictions else []
    return predictions[[*PREDICTION_COLUMNS, *optional]]


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns as lists; numbers to six digits, nan as None so that the file stays plain JSON."""
    return {
        str(name): [None if isinstance(v, float) and np.isnan(v) else v for v in column.tolist()]
        for name, column in table.round(6).items()
    }
