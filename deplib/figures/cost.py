"""Figures of cost against the length of a window."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from deplib.figures.drawn import unlisted
from deplib.figures.style import COLOURS, begin, key

MARKERS = "osD^v<>P*"


def cost_against_length(
    panels: Mapping[str, pd.DataFrame], *, ylabel: str, reference: str | None = None
) -> Figure:
    """Show cost against length, both logarithmic, a panel a table and a line a way.

    Parameters
    ----------
    panels
        Columns ``way``, ``model`` (a key of ``COLOURS``; a way of another name is drawn dashed),
        ``frames``, ``value``, and ``high``, to which a bar reaches; by the panel's title.
    ylabel
        What is shown, with its unit.
    reference
        A way that is no model, drawn in black without a bar.
    """
    figure, axes = begin(1, len(panels), size=(3.7 * len(panels) + 0.4, 4.6), sharey=True)
    for axis, (title, table) in zip(axes[0], panels.items(), strict=True):
        for number, (way, curve) in enumerate(table.groupby("way", sort=False)):
            if way == reference:
                line = {"color": "black", "ls": ":", "lw": 2, "zorder": 5}
                axis.plot(curve["frames"], curve["value"], label=str(way), **line)
            else:
                _curve(axis, str(way), curve, number)
        axis.set(xscale="log", yscale="log", title=title, xlabel="frames in a window")
        lengths = sorted(table["frames"].unique())
        axis.set_xticks(lengths, lengths, fontsize=8)
        axis.minorticks_off()
    axes[0, 0].set_ylabel(ylabel)
    key(figure, axes[0, 0], ncols=3, size=8)
    return figure


def exponents_against_length(
    panels: Mapping[str, pd.DataFrame], *, order: Mapping[str, pd.Series]
) -> Figure:
    """Show the exponent between neighbouring lengths, a panel a table and a line a way.

    Parameters
    ----------
    panels
        Columns ``way``, ``model``, ``frames`` (where the exponent stands), ``value``, ``low`` and
        ``high``; by the panel's title.
    order
        The exponent that an order would show, by frames; by its name. Drawn in black.
    """
    figure, axes = begin(len(panels), 1, size=(6.2, 3.0 * len(panels) + 0.7))
    for axis, (title, table) in zip(axes[:, 0], panels.items(), strict=True):
        for number, (way, curve) in enumerate(table.groupby("way", sort=False)):
            _curve(axis, str(way), curve, number)
        for name, slopes in order.items():
            span = slopes[slopes.index <= table["frames"].max()]
            axis.plot(span.index, span, color="black", ls=":", lw=1.5, label=unlisted(name))
            axis.annotate(
                name,
                (span.index[-1], span.iloc[-1]),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axis.set(title=title, ylabel="exponent", yticks=np.arange(0, 2.1, 0.5))
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_locator(LogLocator(base=2, numticks=8))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        axis.margins(x=0.08)
    axes[-1, 0].set_xlabel("frames in a window")
    key(figure, axes[0, 0], ncols=3, size=8)
    return figure


def _curve(axis: Axes, way: str, curve: pd.DataFrame, number: int) -> None:
    model = str(curve["model"].iloc[0])
    below = curve["value"] - curve["low"] if "low" in curve else 0 * curve["value"]
    axis.errorbar(
        curve["frames"],
        curve["value"],
        yerr=[below, curve["high"] - curve["value"]],
        color=COLOURS[model],
        linestyle="-" if way == model else "--",
        marker=MARKERS[number % len(MARKERS)],
        markersize=4,
        linewidth=1.3,
        elinewidth=1,
        capsize=2,
        label=way,
    )
