"""Labels that are planted in a cohort's own features: what its recordings can show at all."""

from dataclasses import replace

import numpy as np

from deplib.windows import WindowSet


def _level(windows: WindowSet) -> np.ndarray:
    """Return each window's mean along the direction in which the means of Train differ most."""
    means = [x[real].mean(axis=0) for x, real in zip(windows.features, windows.mask, strict=True)]
    train = np.stack(means)[windows.index["split"] == "train"]
    _, _, directions = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
    return np.stack(means) @ directions[0]


def _order(windows: WindowSet) -> np.ndarray:
    """Return the squared step from frame to frame over the variance: shuffled frames all have 2."""
    real = (x[mask] for x, mask in zip(windows.features, windows.mask, strict=True))
    about = ((np.square(np.diff(x, axis=0)).sum(), x.var(axis=0).sum() * len(x)) for x in real)
    return np.array([step / max(spread, 1e-9) for step, spread in about])


PLANTED = {"planted-level": _level, "planted-order": _order}
"""Positive controls: the values of ``RunSpec.labels``, and what the labels then follow."""


def plant_labels(windows: WindowSet, labels: str) -> WindowSet:
    """Return the windows with the labels of each split dealt out anew, in order of what they show.

    Each split keeps its labels, so the constant its error and the scaling its values. Level is
    what an average of the frames keeps; order is what is lost when frames are shuffled.
    """
    dealt: dict[str, float] = {}
    index = windows.index.assign(shown=PLANTED[labels](windows))
    for _, group in index.groupby("split", sort=False):
        shown = group.groupby("recording")["shown"].mean().sort_values()
        scores = np.sort(group.drop_duplicates("recording")["bdi"])
        dealt.update(zip(shown.index, scores, strict=True))
    index["bdi"] = index["recording"].map(dealt)
    index["y"] = (index["bdi"] - windows.label_mean) / windows.label_std
    return replace(windows, index=index.drop(columns="shown"))
