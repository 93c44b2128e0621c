"""Trained weights, kept so that what needs them later need not train again.

One safetensors file a run, beside the checkpoints and not among the results: it can be made again,
and nothing but its key says that it belongs to the present code. Nothing is ever unpickled.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from deplib.paths import data_root
from deplib.results import RunSpec
from deplib.study.grid import SEEDS

FORMAT = 1
KEPT_SEED = SEEDS[0]
"""Of a study, only the weights of its first seed are kept: the one that is exported."""
ENTRY = "run"
"""The one entry of a file's metadata: several would be written in random order."""


def weights_path(spec: RunSpec) -> Path:
    """Return where the weights of a run lie, if they do."""
    return data_root() / "weights" / spec.path.with_suffix(".safetensors")


def keep(spec: RunSpec, key: str, state_dict: Mapping[str, Tensor]) -> None:
    """Keep the weights of a run, whole or not at all.

    Parameters
    ----------
    spec, key
        The run, and the hash of all that determines it.
    state_dict
        The weights of its chosen epoch.

    Warns
    -----
    UserWarning
        Where they cannot be written, for instance because the disk is full: a run needs no kept
        weights to end well.
    """
    tensors = {name: value.detach().contiguous() for name, value in state_dict.items()}
    entry = {"format": FORMAT, "key": key, "sha256": _digest(tensors)}
    path = weights_path(spec)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(save(tensors, metadata={ENTRY: json.dumps(entry, sort_keys=True)}))
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        warnings.warn(
            f"cannot keep the weights of {spec.model} in {path}: {error.strerror or error}; what "
            "needs them will train again. Make room",
            stacklevel=2,
        )


def kept(spec: RunSpec, key: str) -> dict[str, Tensor] | None:
    """Return the weights of a run, or None where they are missing, damaged, or of another key."""
    path = weights_path(spec)
    try:
        with safe_open(path, framework="pt") as file:
            # Copies: the file behind them may be replaced while they are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            entry = json.loads((file.metadata() or {})[ENTRY])
        whole = entry == {"format": FORMAT, "key": key, "sha256": _digest(tensors)}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return tensors if whole else None


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {list(tensors[name].shape)}\n".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
