"""Exact resume: everything that the next epoch depends on, in one safetensors file.

A file is written between epochs, whole or not at all, and a resumed run continues bit by bit as
if it had never stopped. It names the run that it belongs to: a file of another run, of other code
or in pieces is set aside, and training starts at epoch 1.
"""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from deplib.training.course import Course

FORMAT = 1


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
        moments = optimizer.state_dict()["state"]
        tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in course.weights.items()}
        tensors |= {
            f"optimizer.{i}.{name}": value
            for i, state in moments.items()
            for name, value in state.items()
        }
        state = {
            "format": FORMAT,
            "key": self.key,
            "rows": course.rows,
            "best": course.best["epoch"],
            "rng": rng.bit_generator.state,
        }
        tensors = {name: value.detach().contiguous() for name, value in tensors.items()}
        state["sha256"] = _digest(tensors)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(save(tensors, metadata={"state": json.dumps(state)}))
            partial.replace(self.path)
        except OSError as error:  # the run itself can go on, and its result says the same if not
            partial.unlink(missing_ok=True)
            warnings.warn(
                f"cannot write the checkpoint {self.path}: {error.strerror or error}; an "
                "interruption would cost this run. Make room",
                stacklevel=3,
            )
        self._written = time.monotonic()

    def restore(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        course: Course,
        rng: np.random.Generator,
    ) -> bool:
        """Put everything back as it was, and return whether there was something to resume.

        What cannot be used, because it is damaged or belongs to another run, is named in a
        warning and changes nothing.
        """
        if not self.path.exists():
            return False
        try:
            state, tensors = self._read()
            weights = _like(_part(tensors, "model."), model.state_dict())
            best = _like(_part(tensors, "best."), model.state_dict())
            moments: dict[int, dict[str, Tensor]] = {}
            for name, value in _part(tensors, "optimizer.").items():
                index, _, what = name.partition(".")
                moments.setdefault(int(index), {})[what] = value
            bits = np.random.default_rng().bit_generator
            bits.state = state["rng"]
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            warnings.warn(
                f"cannot resume from {self.path} ({error}): training starts at epoch 1",
                stacklevel=3,
            )
            self.clear()
            return False
        model.load_state_dict(weights)
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
        rng.bit_generator.state = bits.state
        course.resume(state["rows"], state["best"], best)
        return True

    def clear(self) -> None:
        """Remove the file: the run is finished, or the file is of no use."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        with safe_open(self.path, framework="pt") as file:
            # Copies: the file behind them may be replaced while they are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            state = json.loads((file.metadata() or {})["state"])
        if state["format"] != FORMAT or state["key"] != self.key:
            raise ValueError("it belongs to another run or version")
        if state["sha256"] != _digest(tensors):
            raise ValueError("it is damaged")
        return state, tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _like(tensors: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors in the order of others, after comparing their names and shapes."""
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in wanted.items()}:
        raise ValueError("its weights are those of another model")
    return {name: tensors[name] for name in wanted}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
