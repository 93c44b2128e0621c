"""How features are scaled before a model sees them: over the cohort, or within a recording.

A seat, a face and an offset swamp movement, and a model that sees them may find no order in it.
What is centred within a recording shows the movement and has lost the level.
"""

from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from deplib.errors import CohortError
from deplib.windows import WindowSet

Scaling = Literal["none", "centred", "z-scored"]
"""Whose mean is taken off, and whose SD divides: Train's both; the recording's own mean and
Train's SD; the recording's own both."""
STILL = 1e-6
"""Below this SD, as a share of ``1 + |mean|``, a channel does not move and is not divided."""


def scaled(windows: WindowSet, scaling: Scaling) -> WindowSet:
    """Return the windows with every channel scaled; only real frames count.

    Parameters
    ----------
    windows
        Of all splits. The windows of a recording are scaled as one.
    scaling
        ``"none"`` of a recording: every channel is z-scored over the frames of Train.
        ``"centred"``: the recording's own mean is taken off, and Train's SD divides.
        ``"z-scored"``: within the recording, own mean and own SD.

    Raises
    ------
    CohortError
        If there is no such scaling, or Train has no window.
    """
    if scaling not in get_args(Scaling):
        there = ", ".join(get_args(Scaling))
        raise CohortError(f"unknown scaling {scaling!r}: choose one of {there}")
    mean, sd = _moments(windows.subset("train"), slice(None))
    features = np.zeros_like(windows.features)
    for rows in windows.index.groupby("recording", sort=False).indices.values():
        if scaling != "none":
            mean, own = _moments(windows, rows)
            sd = own if scaling == "z-scored" else sd
        features[rows] = (windows.features[rows] - mean) / sd
    features[~windows.mask] = 0
    return replace(windows, features=features)


def _moments(windows: WindowSet, rows: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and SD of each channel over the real frames of some windows."""
    real = windows.features[rows][windows.mask[rows]]
    mean, sd = real.mean(axis=0, dtype=float), real.std(axis=0, dtype=float)
    return mean, np.where(sd > STILL * (1 + np.abs(mean)), sd, 1.0)
