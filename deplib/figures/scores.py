"""Figures of predictions and scores."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deplib.cohorts.base import BANDS
from deplib.figures.drawn import unlisted
from deplib.figures.style import COLOURS, begin

TOP = 50
"""BDI-II points; no score of the cohorts is higher."""


def shade_bands(axis: Axes) -> None:
    """Shade the bands of severity along x, the more severe the darker."""
    for number, (name, low, high) in enumerate(BANDS):
        axis.axvspan(
            low - 0.5,
            high + 0.5,
            color="black",
            alpha=0.02 + 0.03 * number,
            linewidth=0,
            label=unlisted(f"band: {name}"),
        )


def score_plane(axis: Axes) -> None:
    """Prepare predicted against true BDI-II: severity bands shaded, perfect prediction dotted."""
    shade_bands(axis)
    ends, name = [0, TOP], unlisted("perfect prediction")
    axis.plot(ends, ends, color="black", linewidth=1, linestyle=":", label=name)
    axis.set(xlim=(-1, TOP), ylim=(-5, TOP))


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
            ends = [entry["low"], entry["high"]]
            axis.plot(ends, [row, row], color=colour, lw=2, label=unlisted("interval"))
        axis.plot(entry["value"], row, "o", color=colour, label=unlisted("value"))
    axis.axvline(reference, color="black", linestyle="--", linewidth=1, label=reference_label)
    axis.set_yticks(range(len(scores)), scores["label"])
    axis.set(xlabel=xlabel, ylim=(len(scores) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=9, borderpad=0, frameon=False)
    return figure
