"""Exact resume: everything that the next epoch depends on, in one safetensors file.

A file is written between epochs, whole or not at all, and a resumed run continues bit by bit as
if it had never stopped. It names the run that it belongs to: a file of another run, of other code
or in pieces is set aside, and training starts at epoch 1.
"""

import hashlib
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from deplib.paths import write_atomically
from deplib.training.course import Course

FORMAT = 3
UNREADABLE = (OSError, SafetensorError, ValueError, KeyError, TypeError)
"""What `read_tensors` raises where there is no whole file."""


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], about: dict[str, Any], *, cost: str
) -> None:
    """Put tensors and what they are into one safetensors file, whole or not at all.

    A full disk is a warning that says what it costs: all that is kept so can be made again.
    """
    tensors = {name: tensors[name].detach().contiguous() for name in sorted(tensors)}
    # One entry of metadata: safetensors writes several in no fixed order.
    entry = json.dumps(about | {"sha256": _digest(tensors, about)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(tensors, metadata={"about": entry}))
    except OSError as error:
        why = error.strerror or error
        warnings.warn(f"cannot write {path}: {why}; {cost}. Make room", stacklevel=4)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what `write_tensors` wrote; one of `UNREADABLE` where it is missing or damaged."""
    with safe_open(path, framework="pt") as file:
        # Copies: the file behind them may be replaced while they are in use.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        about = json.loads((file.metadata() or {})["about"])
    if about.pop("sha256") != _digest(tensors, about):
        raise ValueError("it is damaged")
    return tensors, about


@dataclass
class Checkpoint:
    """Where one run keeps its state, and how often.

    Parameters
    ----------
    path
        The file; removed by ``clear``.
    key
        What identifies the run, such as ``deplib.study.run_key``.
    every
        Seconds between two files; 0 for every epoch. A run that is shorter never writes.
    """

    path: Path
    key: str
    every: float = 20.0
    _written: float = field(default_factory=time.monotonic, repr=False)

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        course: Course,
        rng: np.random.Generator,
    ) -> None:
        """Write the state after an epoch, if the last file is old enough.

        A full disk is a warning: the run needs no checkpoint to end well.
        """
        if time.monotonic() - self._written < self.every:
            return
        about = {"format": FORMAT, "key": self.key, "rows": course.rows}
        about |= {"best": course.best["epoch"], "rng": rng.bit_generator.state}
        parts = {"model": model.state_dict(), "best": course.weights}
        parts |= optimizer.state_dict()["state"]  # moments by the number of their parameter
        tensors = {f"{part}:{n}": v for part, held in parts.items() for n, v in held.items()}
        write_tensors(self.path, tensors, about, cost="an interruption would cost this run")
        self._written = time.monotonic()

    def restore(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        course: Course,
        rng: np.random.Generator,
    ) -> None:
        """Put everything back as it was, if there is something to resume.

        What cannot be used, because it is damaged or belongs to another run, is named in a
        warning and changes nothing.
        """
        if not self.path.exists():
            return
        try:
            tensors, about = read_tensors(self.path)
            if (about["format"], about["key"]) != (FORMAT, self.key):
                raise ValueError("it belongs to another run or version")
            names = list(model.state_dict())
            weights, best = ({n: tensors.pop(f"{p}:{n}") for n in names} for p in ("model", "best"))
            moments: dict[int, dict[str, Tensor]] = defaultdict(dict)
            for name, value in tensors.items():
                number, _, what = name.partition(":")
                moments[int(number)][what] = value
            bits = np.random.default_rng().bit_generator
            bits.state = about["rng"]
        except UNREADABLE as error:
            warnings.warn(
                f"cannot resume from {self.path} ({error}): training starts at epoch 1",
                stacklevel=3,
            )
            self.clear()
            return
        model.load_state_dict(weights)
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
        rng.bit_generator.state = bits.state
        course.resume(about["rows"], about["best"], best)

    def clear(self) -> None:
        """Remove the file: the run is finished, or the file is of no use."""
        self.path.unlink(missing_ok=True)


def _digest(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {list(tensors[name].shape)}\n".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
