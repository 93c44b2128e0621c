"""Ways of teaching a model other than the protocol's: one module each, imported when asked for.

A recipe has ``fit(name, windows, protocol, *, seed, config=None, unlabelled=None)`` and returns
what ``deplib.training.train`` does: the model, the windows, the labels and the choice of the epoch
on Dev are the protocol's, and Test chooses nothing.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from deplib.errors import ModelError
from deplib.protocol import Protocol
from deplib.training import Run, train
from deplib.windows import WindowSet

PROTOCOL = "protocol"
"""Training as it is: ``deplib.training.train``."""

RECIPES = {
    "smoothed": "smoothed",
    "bags": "bags",
    "pretrained": "pretrained",
    "dropout": "dropout",
}
"""Recipe -> module of this folder."""


def recipe_module(recipe: str) -> str:
    """Return the dotted name of the module that holds a recipe.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    if recipe not in RECIPES:
        raise ModelError(f"unknown recipe {recipe!r}; there are {[PROTOCOL, *RECIPES]}")
    return f"{__name__}.{RECIPES[recipe]}"


def train_by(
    recipe: str,
    name: str,
    windows: WindowSet,
    protocol: Protocol,
    *,
    seed: int,
    config: Mapping[str, Any] | None = None,
    unlabelled: WindowSet | None = None,
) -> Run:
    """Train one model from one seed by a recipe.

    Parameters
    ----------
    recipe
        ``"protocol"``, or one of ``RECIPES``.
    name, windows, protocol, seed, config
        As of ``deplib.training.train``.
    unlabelled
        Windows of other recordings, whose labels are never read; only ``"pretrained"`` looks at
        them.

    Raises
    ------
    ModelError
        If the recipe is unknown or does not fit the model, and as ``train`` does.
    CohortError
        If a split has no window.
    """
    if recipe == PROTOCOL:
        return train(name, windows, protocol, seed=seed, config=config)
    module = import_module(recipe_module(recipe))
    return module.fit(name, windows, protocol, seed=seed, config=config, unlabelled=unlabelled)
