"""Figures of face detection."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.style import KINDS, MARKS, begin, key

BOX = "#00D5FF"
"""Of the frame around a face: seen on any skin and any ground."""
_LINES = ("-", "--", ":", "-.")


def detections(images: Mapping[str, np.ndarray], boxes: Mapping[str, np.ndarray]) -> Figure:
    """Show each image with the boxes (left, top, right, bottom) found in it, or none."""
    figure, axes = begin(1, len(images), size=(2.3 * len(images), 2.5))
    for axis, (title, image) in zip(axes[0], images.items(), strict=True):
        axis.imshow(image, label=unlisted("picture"))
        axis.set_label(title)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        found = boxes[title]
        for left, top, right, bottom in found:
            size = right - left, bottom - top
            box = plt.Rectangle((left, top), *size, fill=False, color=BOX, lw=2)
            box.set_label(unlisted("face found, in pixels"))
            axis.add_patch(box)
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
    looks = list(zip(KINDS, MARKS, _LINES, strict=True))
    for i, (name, curve) in enumerate(curves.groupby("detector", sort=False)):
        tone, mark, line = looks[i % len(looks)]
        for axis, column in zip(axes[:, 0], ("found", "score"), strict=True):
            form = {"marker": mark, "linestyle": line, "color": tone, "markersize": 4}
            axis.plot(100 * curve["share"], curve[column], label=name, **form)
    axes[1, 0].axhline(1, color="black", linewidth=1, label=unlisted("needed"))
    axes[1, 0].annotate("needed", (30, 1), (0, 3), textcoords="offset points", fontsize=9)
    axes[0, 0].set(ylabel="share of faces found", ylim=(-0.05, 1.05))
    axes[1, 0].set(ylabel="best score / needed", ylim=(0, None), xlabel="face, % of the canvas")
    key(figure, axes[0, 0], ncols=1)
    return figure
