"""The temporal models, one file each, and the registry that builds them by name.

The contract, held by ``tests/models/test_contract.py`` for every entry: ``forward(x, mask)`` maps
x (batch, 512, time) and mask (batch, time) bool, True = real frame, to (batch,) z-scored BDI-II,
and neither padding nor what stands in a masked frame changes an output.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from deplib.errors import ModelError
from deplib.models.registry import BEYOND, MODELS, REGISTRY, VARIANTS

if TYPE_CHECKING:
    from torch import nn


def build(name: str, *, seed: int, **config: Any) -> "nn.Module":
    """Build a model with seeded weights; torch's global generator is left as it was.

    Parameters
    ----------
    name
        One of ``REGISTRY``.
    seed
        Determines every initial weight.
    **config
        Keywords of the class, such as ``patch=4`` for LDBM; they come after a variant's own.

    Raises
    ------
    ModelError
        If the name or a keyword is unknown, or the values don't fit together.
    """
    import torch  # late: tables of results need the names of models, and no torch

    base, settings = resolve(name)
    model = getattr(import_module(f"{__name__}.{(MODELS | BEYOND)[base]}"), base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return model(**{**settings, **config})
        except TypeError as error:
            raise ModelError(f"{name} cannot be built with {config}: {error}") from error


def n_parameters(model: "nn.Module") -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def resolve(name: str) -> tuple[str, Mapping[str, Any]]:
    """Return the class that a name stands for, and the keywords that it brings.

    Raises
    ------
    ModelError
        If the name is unknown.
    """
    base, settings = VARIANTS.get(name, (name, {}))
    if base not in MODELS | BEYOND:
        raise ModelError(f"unknown model {name!r}; the models are {list(REGISTRY)}")
    return base, settings
