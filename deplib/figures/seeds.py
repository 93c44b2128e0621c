"""Figures of models that were trained at several seeds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.scores import score_plane
from deplib.figures.style import COLOURS, begin


def forest_of_seeds(
    panels: Mapping[str, pd.DataFrame], *, references: Mapping[str, float], xlabel: str
) -> Figure:
    """Show mean, interval over persons and single runs a row, one panel below the other.

    Parameters
    ----------
    panels
        Columns ``label``, ``model`` (a key of ``COLOURS``), ``value``, ``low``, ``high`` and
        ``runs``, the values of the single runs; by the panel's title. All have the same rows.
    references
        The MAE of the constant, a dashed line; by the same titles.
    """
    heights = [len(rows) + 1 for rows in panels.values()]
    figure, axes = begin(
        len(panels),
        1,
        size=(5.6, 0.5 + 0.29 * sum(heights)),
        sharex=True,
        height_ratios=heights,
    )
    for axis, (title, rows) in zip(axes[:, 0], panels.items(), strict=True):
        for row, entry in enumerate(rows.to_dict("records")):
            _row(axis, row, entry)
        constant = {"color": "black", "linestyle": "--", "linewidth": 1}
        axis.axvline(references[title], label=unlisted("constant"), **constant)
        axis.set_yticks(range(len(rows)), rows["label"])
        axis.set(ylim=(len(rows) - 0.4, -0.6), title=title)
        axis.grid(axis="y", visible=False)
    axes[-1, 0].set_xlabel(xlabel)
    return figure


def _row(axis: Axes, row: int, entry: Mapping) -> None:
    colour = COLOURS[entry["model"]]
    runs = np.asarray(entry["runs"])
    ends = [entry["low"], entry["high"]]
    axis.plot(ends, [row, row], color=colour, lw=2, label=unlisted("interval over persons"))
    mean = unlisted("mean over seeds" if len(runs) > 1 else "the only run")
    axis.plot(entry["value"], row, "o", color=colour, markersize=6, zorder=3, label=mean)
    if len(runs) > 1:
        below = np.full(len(runs), row + 0.27)
        name = unlisted("single seeds, in order")
        axis.plot(runs, below, "o", color=colour, markersize=3, alpha=0.85, mew=0, label=name)


def scatter_of_seeds(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Show range and mean over seeds of the prediction against true BDI-II, a panel a model.

    Parameters
    ----------
    tables
        ``recording``, ``bdi``, ``bdi_hat`` of all runs of a model, by its name.
    """
    n_rows = (len(tables) + 1) // 2
    figure, axes = begin(n_rows, 2, size=(5.6, 0.4 + 2.4 * n_rows), sharex=True, sharey=True)
    for axis, (model, table) in zip(axes.flat, tables.items(), strict=False):
        score_plane(axis)
        rows = table.groupby("recording").agg(
            bdi=("bdi", "first"),
            mean=("bdi_hat", "mean"),
            low=("bdi_hat", "min"),
            high=("bdi_hat", "max"),
        )
        colour = COLOURS[model]
        spans = {"color": colour, "alpha": 0.6, "linewidth": 1}
        ends = unlisted("lowest to highest seed")
        axis.vlines(rows["bdi"], rows["low"], rows["high"], label=ends, **spans)
        mean = unlisted("mean over seeds")
        axis.scatter(rows["bdi"], rows["mean"], s=14, color=colour, zorder=3, label=mean)
        axis.set_title(model)
    figure.supxlabel("BDI-II", fontsize=10)
    figure.supylabel("predicted BDI-II", fontsize=10)
    return figure
