"""Figures of published results and of the constant that they stand beside."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from deplib.figures.drawn import unlisted
from deplib.figures.style import COLOURS, begin

WIDTH = 5.2
"""Inches: narrow, so that the letters can be read on a telephone."""
SIZE_OF_LETTERS = 9
DARK, LIGHTER, OTHER = "#222222", "#808080", "#B2182B"
MARKERS = {
    "V": ("o", DARK, "paper, figure read there"),
    "S": ("s", DARK, "paper, second hand"),
    "M": ("^", LIGHTER, "paper, as commonly quoted"),
    "code": ("D", OTHER, "public code"),
}
"""Marker, colour and meaning; what its own PCC rules out is drawn hollow."""
IMPOSSIBLE = "RMSE too low for its PCC"
DASHES: tuple[Literal["--", ":", "-."], ...] = ("--", ":", "-.")


def literature_forest(
    rows: pd.DataFrame, *, lines: Mapping[str, float], without: pd.DataFrame
) -> Figure:
    """Show published MAEs with their intervals, and reference values as vertical lines.

    Parameters
    ----------
    rows
        Columns ``name``, ``mae``, ``low``, ``high``, ``marker`` (a key of ``MARKERS``) and
        ``possible`` (False draws the marker hollow).
    lines
        Reference values by what they are, up to three.
    without
        Results without an interval: columns ``model`` (a key of ``COLOURS``) and ``test_mae``.
    """
    names = [*rows["name"], *without["model"]]
    figure, axes = begin(size=(WIDTH, 1.9 + 0.25 * len(names)))
    axis = axes[0, 0]
    for place, row in enumerate(rows.to_dict("records")):
        marker, colour, meaning = MARKERS[row["marker"]]
        ends = [row["low"], row["high"]]
        axis.plot(ends, [place, place], color=colour, lw=1.3, label=unlisted("interval"))
        face = colour if row["possible"] else "white"
        if not row["possible"]:
            meaning += f", {IMPOSSIBLE}"
        style = {"color": colour, "markerfacecolor": face, "markersize": 5.5}
        axis.plot(row["mae"], place, marker, label=unlisted(meaning), **style)
    for place, row in enumerate(without.to_dict("records"), start=len(rows)):
        cross = {"color": COLOURS[row["model"]], "markersize": 7, "label": unlisted("this study")}
        axis.plot(row["test_mae"], place, "X", **cross)
    for dash, (name, value) in zip(DASHES, lines.items(), strict=False):
        line = {"color": "black", "linestyle": dash, "linewidth": 1, "label": unlisted(name)}
        axis.axvline(value, zorder=0, **line)
    axis.set_yticks(range(len(names)), names, fontsize=SIZE_OF_LETTERS)
    axis.set(ylim=(len(names) - 0.5, -0.5), xlabel="Test MAE on AVEC2014, BDI-II points")
    axis.grid(axis="y", visible=False)
    figure.legend(
        handles=_key(rows, lines, bool(len(without))),
        loc="outside upper center",
        ncols=2,
        fontsize=SIZE_OF_LETTERS - 1,
        frameon=False,
    )
    return figure


def _key(rows: pd.DataFrame, lines: Mapping[str, float], study: bool) -> list[Line2D]:
    """Return what the markers and lines mean, of those that are drawn."""
    used = [one for name, one in MARKERS.items() if name in set(rows["marker"])]
    points = [(marker, colour, colour, label) for marker, colour, label in used]
    if not rows["possible"].all():
        points.append(("D", OTHER, "white", IMPOSSIBLE))
    if study:
        points.append(("X", DARK, DARK, "this study, no interval"))
    key = [
        Line2D([], [], marker=m, color=c, markerfacecolor=face, linestyle="", label=label)
        for m, c, face, label in points
    ]
    styles = zip(DASHES, lines.items(), strict=False)
    key += [
        Line2D([], [], color="black", linestyle=dash, linewidth=1, label=f"{label}: {value:.2f}")
        for dash, (label, value) in styles
    ]
    return key


def constant_curve(
    constants: np.ndarray, low: np.ndarray, high: np.ndarray, *, reported: pd.DataFrame
) -> Figure:
    """Show between which bounds the Test MAE of each constant lies, and what models reported.

    Parameters
    ----------
    constants, low, high
        Constants in BDI-II points and the bounds of their MAE.
    reported
        Columns ``model`` (a key of ``COLOURS``) and ``test_mae``: horizontal lines.
    """
    figure, axes = begin(size=(WIDTH, 3.6))
    axis = axes[0, 0]
    style = {"color": "black", "alpha": 0.3, "linewidth": 0}
    axis.fill_between(constants, low, high, label=unlisted("between the bounds"), **style)
    axis.plot(constants, low, color="black", linewidth=1, label="a constant: bounds")
    axis.plot(constants, high, color="black", linewidth=1, label=unlisted("upper bound"))
    shown = reported[["model", "test_mae"]].itertuples(index=False)
    for place, (model, mae) in enumerate(shown):
        dashes = (2 * place, (2, 6))  # by turns, so that lines that coincide are all seen
        axis.axhline(mae, color=COLOURS[model], linewidth=2.2, linestyle=dashes, label=model)
    axis.set(xlabel="the constant, BDI-II points", ylabel="Test MAE on AVEC2014")
    axis.legend(fontsize=SIZE_OF_LETTERS - 1, loc="upper center", frameon=False)
    return figure
