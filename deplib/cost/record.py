"""The measurements of one machine as one keyed file, ``results/cost.json``.

Nothing in it names the machine beyond its processor, its number of cores and the versions.
"""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from deplib import versioned
from deplib.cost import measurements
from deplib.cost.ways import WAYS
from deplib.models import module_of, resolve
from deplib.protocol import Protocol
from deplib.provenance import NO_NUMBERS, digest, source_digest

REMEDY = "run `python bench/cost.py`"
MEASURING = ("deplib.cost.steps", "deplib.cost.memory", "deplib.cost.epoch")
CARRIERS = ("deplib.models.registry",)
"""Modules that only name others; a new model makes no measurement stale."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What ``bench/cost.py`` measured.

    Attributes
    ----------
    machine
        ``processor``, ``cores``, ``system``, ``python``, ``torch``, ``date``.
    steps
        One row a way, kind, number of frames and number of windows; ``seconds`` holds all rounds.
    memory
        One row a way and number of frames: ``bytes``, and ``grown``, nan where it was not taken.
    epochs
        One row a way; ``seconds`` holds all rounds.
    windows
        Number of windows in an epoch, "train" and "dev".
    """

    machine: Mapping[str, Any]
    steps: pd.DataFrame
    memory: pd.DataFrame
    epochs: pd.DataFrame
    windows: Mapping[str, int]

    def save(self, path: Path) -> None:
        """Write the measurements with the key of the present code, whole or not at all.

        Raises
        ------
        ResultError
            If the file cannot be written.
        """
        names = ("machine", "windows", "steps", "memory", "epochs")
        measurements.write(path, {name: getattr(self, name) for name in names}, key=key())


def key() -> str:
    """Return the hash of what was measured: the models, how they are measured, the protocol."""
    modules = sorted({module_of(model) for model in WAYS.values()})
    return digest(
        {
            "source": source_digest(*MEASURING, *modules, without=(*NO_NUMBERS, *CARRIERS)),
            "models": {model: resolve(model) for model in WAYS.values()},
            "protocol": Protocol(),
        }
    )


def default_path() -> Path:
    """Return where the versioned measurements lie, in a checkout or in an installed package."""
    return versioned.folder() / "cost.json"


def load(path: Path | None = None) -> Measured:
    """Read the measurements and check that they are of the present code.

    Raises
    ------
    ResultError
        If the file is missing or damaged, or other code was measured.
    """
    return measurements.read(
        path or default_path(),
        _measured,
        key=key(),
        code="models and measurements give",
        remedy=REMEDY,
    )


def _measured(content: dict[str, Any]) -> Measured:
    return Measured(
        machine=content["machine"],
        steps=_table(content["steps"], "way", "kind", "frames", "windows", "seconds"),
        memory=_table(content["memory"], "way", "frames", "windows", "bytes", "grown"),
        epochs=_table(content["epochs"], "way", "seconds"),
        windows=content["windows"],
    )


def this_machine() -> dict[str, Any]:
    """Return the processor, the number of cores, the versions and the date; no name, no path."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }


def _processor() -> str:
    """Return the processor's model as Linux names it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _table(rows: list[dict[str, Any]], *columns: str) -> pd.DataFrame:
    return pd.DataFrame(rows)[list(columns)]
