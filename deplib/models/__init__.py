"""The temporal models, one file each, and the registry that builds them by name.

The contract, held by ``tests/models/test_contract.py`` for every entry: ``forward(x, mask)`` maps
x (batch, 512, time) and mask (batch, time) bool, True = real frame, to (batch,) z-scored BDI-II,
and neither padding nor what stands in a masked frame changes an output.
"""

from typing import Any

import torch
from torch import nn

from deplib.errors import ModelError
from deplib.models.ldbm import LDBM
from deplib.models.mamba_gru import MambaGRU
from deplib.models.mean_mlp import TemporalMeanMLP
from deplib.models.transformer import VanillaTransformer

MODELS: dict[str, type[nn.Module]] = {
    "TemporalMeanMLP": TemporalMeanMLP,
    "LDBM": LDBM,
    "VanillaTransformer": VanillaTransformer,
    "MambaGRU": MambaGRU,
}
"""Name -> class, in the study's order."""

__all__ = [
    "LDBM",
    "MODELS",
    "MambaGRU",
    "TemporalMeanMLP",
    "VanillaTransformer",
    "build",
    "n_parameters",
]


def build(name: str, *, seed: int, **config: Any) -> nn.Module:
    """Build a model with seeded weights; torch's global generator is left as it was.

    Parameters
    ----------
    name
        A key of ``MODELS``.
    seed
        Determines every initial weight.
    **config
        Keywords of the class, such as ``patch=4`` for LDBM.

    Raises
    ------
    ModelError
        If the name or a keyword is unknown.
    """
    if name not in MODELS:
        raise ModelError(f"unknown model {name!r}; the models are {list(MODELS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return MODELS[name](**config)
        except TypeError as error:
            raise ModelError(f"{name} cannot be built with {config}: {error}") from error


def n_parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
