"""Figures of predictions and scores."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.style import COLOURS, begin


def forest(scores: pd.DataFrame, *, reference: float, reference_label: str, xlabel: str) -> Figure:
    """Show a point and an interval a row, groups apart, and a reference as a vertical line.

    Parameters
    ----------
    scores
        Columns ``label``, ``model`` (a key of ``COLOURS``), ``value``, ``low``, ``high``; an
        interval that is not known is nan.
    reference, reference_label
        Where the vertical line stands, and what it is.
    """
    figure, axes = begin(size=(7.5, 0.6 + 0.34 * len(scores)))
    axis = axes[0, 0]
    for row, entry in enumerate(scores.to_dict("records")):
        colour = COLOURS[entry["model"]]
        if np.isfinite(entry["low"]):
            axis.plot([entry["low"], entry["high"]], [row, row], color=colour, linewidth=2)
        axis.plot(entry["value"], row, "o", color=colour)
    axis.axvline(reference, color="black", linestyle="--", linewidth=1, label=reference_label)
    axis.set_yticks(range(len(scores)), scores["label"])
    axis.set(xlabel=xlabel, ylim=(len(scores) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, borderpad=0)
    return figure
