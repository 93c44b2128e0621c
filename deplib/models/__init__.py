"""The temporal models, one file each, and the registry that builds them by name.

The contract, held by ``tests/models/test_contract.py`` for every entry: ``forward(x, mask)`` maps
x (batch, 512, time) and mask (batch, time) bool, True = real frame, to (batch,) z-scored BDI-II,
and neither padding nor what stands in a masked frame changes an output.
"""

from importlib import import_module
from typing import Any

import torch
from torch import nn

from deplib.errors import ModelError

MODELS = {
    "TemporalMeanMLP": "mean_mlp",
    "LDBM": "ldbm",
    "VanillaTransformer": "transformer",
    "MambaGRU": "mamba_gru",
}
"""Class -> file of this folder, in the study's order.

A file is imported when its model is built, so that a result depends on the source of its own
model and not on that of the others.
"""


def module_of(name: str) -> str:
    """Return the dotted name of the module that defines a model.

    Raises
    ------
    ModelError
        If the name is unknown.
    """
    if name not in MODELS:
        raise ModelError(f"unknown model {name!r}; the models are {list(MODELS)}")
    return f"{__name__}.{MODELS[name]}"


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
        If the name or a keyword is unknown, or the values don't fit together.
    """
    model = getattr(import_module(module_of(name)), name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return model(**config)
        except TypeError as error:
            raise ModelError(f"{name} cannot be built with {config}: {error}") from error


def n_parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
