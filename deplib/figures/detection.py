"""Figures of face detection."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.style import begin


def detections(images: Mapping[str, np.ndarray], boxes: Mapping[str, np.ndarray]) -> Figure:
    """Show each image with the boxes (left, top, right, bottom) found in it, or none."""
    figure, axes = begin(1, len(images), size=(2.3 * len(images), 2.5))
    for axis, (title, image) in zip(axes[0], images.items(), strict=True):
        axis.imshow(image)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        found = boxes[title]
        for left, top, right, bottom in found:
            size = right - left, bottom - top
            axis.add_patch(plt.Rectangle((left, top), *size, fill=False, color="#00D5FF", lw=2))
        axis.set_title(f"{title}\n{'face found' if len(found) else 'no face, no error'}", size=9)
    return figure


def outgrown(curves: pd.DataFrame) -> Figure:
    """Show faces found and best scores as the face fills more of a detector's canvas.

    Parameters
    ----------
    curves
        Columns ``detector``, ``share`` (side of the face, of the canvas's), ``found`` (share of
        images) and ``score`` (in units of the score that a face needs).
    """
    figure, axes = begin(2, 1, size=(4.6, 4.6), sharex=True)
    looks = (("#D55E00", "o-"), ("#0072B2", "s--"), ("#009E73", "D:"), ("#CC79A7", "^-."))
    for i, (name, curve) in enumerate(curves.groupby("detector", sort=False)):
        tone, form = looks[i % len(looks)]
        for axis, column in zip(axes[:, 0], ("found", "score"), strict=True):
            axis.plot(100 * curve["share"], curve[column], form, ms=4, color=tone, label=name)
    axes[1, 0].axhline(1, color="black", linewidth=1)
    axes[1, 0].annotate("needed", (30, 1), (0, 3), textcoords="offset points", fontsize=9)
    axes[0, 0].set(ylabel="share of faces found", ylim=(-0.05, 1.05))
    axes[1, 0].set(ylabel="best score / needed", ylim=(0, None), xlabel="face, % of the canvas")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", fontsize=9)
    return figure
