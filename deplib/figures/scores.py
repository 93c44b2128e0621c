"""Figures of predictions and scores."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.cohorts.base import BANDS
from deplib.figures.style import COLOURS, begin


def prediction_scatter(tables: Mapping[str, pd.DataFrame], *, model: str | None = None) -> Figure:
    """Show predicted against true BDI-II, one panel a table; severity bands are shaded.

    Parameters
    ----------
    tables
        Columns ``bdi`` and ``bdi_hat``, by the panel's title.
    model
        Whose colour all panels have; by default each title names its own model.
    """
    figure, axes = begin(
        1, len(tables), size=(2.6 * len(tables) + 0.6, 3.1), sharex=True, sharey=True
    )
    for axis, (title, table) in zip(axes[0], tables.items(), strict=True):
        for number, (_, low, high) in enumerate(BANDS):
            axis.axvspan(low - 0.5, high + 0.5, color="black", alpha=0.02 + 0.03 * number, lw=0)
        axis.plot([0, 50], [0, 50], color="black", linewidth=1, linestyle=":")
        axis.scatter(table["bdi"], table["bdi_hat"], s=16, color=COLOURS[model or title], alpha=0.8)
        axis.set(title=title, xlabel="BDI-II", xlim=(-1, 50), ylim=(-5, 50))
    axes[0, 0].set_ylabel("predicted BDI-II")
    return figure


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
