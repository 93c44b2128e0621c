"""Figures of the tested advice: effects beside zero, what features show, error and uncertainty."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.style import KINDS, MARKS, begin, key

FEATURES = dict(zip(("identity", "affect", "random", "identity+affect"), KINDS, strict=True))
"""One colour an encoder."""


def effects(panels: Mapping[str, pd.DataFrame], *, xlabel: str) -> Figure:
    """Show differences with their intervals, one row an option, one mark a world.

    Parameters
    ----------
    panels
        By world: ``label``, ``value``, ``low``, ``high``; left of zero is better. A world may
        lack options that another has.
    xlabel
        What the differences are of.
    """
    labels = list(dict.fromkeys(label for rows in panels.values() for label in rows["label"]))
    figure, axes = begin(size=(6.4, 0.9 + 0.42 * len(labels)))
    axis = axes[0, 0]
    offsets = np.linspace(-0.16, 0.16, len(panels))
    for (world, rows), offset, colour, mark in zip(
        panels.items(), offsets, KINDS, MARKS, strict=False
    ):
        y = np.array([labels.index(label) for label in rows["label"]]) + offset
        interval = {"color": colour, "linewidth": 2, "label": unlisted(f"{world}: interval")}
        axis.hlines(y, rows["low"], rows["high"], **interval)
        axis.plot(rows["value"], y, mark, color=colour, markersize=6, label=world)
    axis.axvline(0, color="black", linestyle="--", linewidth=1, label=unlisted("no effect"))
    axis.set_yticks(range(len(labels)), labels)
    axis.set(ylim=(len(labels) - 0.5, -0.5), xlabel=xlabel)
    axis.grid(axis="y", visible=False)
    key(figure, axis, ncols=len(panels))
    return figure


def readability(table: pd.DataFrame, *, xlabel: str) -> Figure:
    """Show how well each quantity is read from each kind of features.

    Parameters
    ----------
    table
        ``quantity``, ``features`` (keys of ``FEATURES``), ``value``, ``low``, ``high``.
    xlabel
        Name of the measure.
    """
    quantities = list(dict.fromkeys(table["quantity"]))
    figure, axes = begin(size=(6.4, 0.9 + 0.34 * len(quantities)))
    axis = axes[0, 0]
    kinds = list(dict.fromkeys(table["features"]))
    offsets = np.linspace(-0.24, 0.24, len(kinds))
    for kind, offset, mark in zip(kinds, offsets, MARKS, strict=False):
        rows = table[table["features"] == kind]
        y = np.array([quantities.index(quantity) for quantity in rows["quantity"]]) + offset
        interval = {"color": FEATURES[kind], "linewidth": 2}
        name = unlisted(f"{kind}: interval")
        axis.hlines(y, rows["low"], rows["high"], label=name, **interval)
        axis.plot(rows["value"], y, mark, color=FEATURES[kind], markersize=5, label=kind)
    axis.set_yticks(range(len(quantities)), quantities)
    axis.set(ylim=(len(quantities) - 0.5, -0.5), xlabel=xlabel)
    key(figure, axis, ncols=len(kinds))
    return figure


def error_and_uncertainty(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Show the absolute error of each recording against the SD that was stated, a panel a way.

    Parameters
    ----------
    tables
        ``bdi``, ``bdi_hat`` and ``bdi_sd`` in BDI-II points, by the panel's title.
    """
    figure, axes = begin(1, len(tables), size=(6.4, 3.0), sharey=True)
    for axis, (title, table) in zip(axes[0], tables.items(), strict=True):
        error = (table["bdi"] - table["bdi_hat"]).abs()
        dots = {"color": KINDS[0], "label": unlisted("recordings")}
        axis.scatter(table["bdi_sd"], error, s=14, **dots)
        reach = np.array([0.0, table["bdi_sd"].max()])
        line = {"color": "black", "linestyle": "--", "linewidth": 1}
        axis.plot(reach, reach, label=unlisted("error equals SD"), **line)
        axis.set(title=title, xlabel="stated SD, points", xlim=(0, None), ylim=(0, None))
    axes[0, 0].set_ylabel("absolute error, points")
    return figure
