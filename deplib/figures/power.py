"""Figures of coverage and power."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.style import KINDS, MARKS, begin, key

_DASHED = {"color": "black", "linestyle": "--", "linewidth": 1}


def coverage_dots(rows: pd.DataFrame, *, target: tuple[float, float]) -> Figure:
    """Show how often each kind of interval holds the truth, grouped by what the interval is of.

    Parameters
    ----------
    rows
        ``quantity``, ``method``, ``coverage``, ``low``, ``high``, as shares; at most four methods.
    target
        Shares between which a coverage counts as that of a 95 % interval; shaded.
    """
    methods = list(rows["method"].unique())
    quantities = list(rows["quantity"].unique())
    figure, axes = begin(size=(5.0, 0.9 + 0.75 * len(quantities)))
    axis = axes[0, 0]
    band = {"color": "black", "alpha": 0.08, "linewidth": 0, "label": unlisted("target")}
    axis.axvspan(100 * target[0], 100 * target[1], **band)
    axis.axvline(95, label=unlisted("95 %"), **_DASHED)
    for k, method in enumerate(methods):
        part = rows[rows["method"] == method]
        at = part["quantity"].map(quantities.index) + 0.18 * (k - (len(methods) - 1) / 2)
        interval = {"color": KINDS[k], "linewidth": 2, "label": unlisted(f"{method}: interval")}
        axis.hlines(at, 100 * part["low"], 100 * part["high"], **interval)
        axis.plot(100 * part["coverage"], at, MARKS[k], color=KINDS[k], ms=5, label=method)
    axis.set_yticks(range(len(quantities)), quantities)
    axis.set(xlabel="intervals that hold the truth, %", ylim=(len(quantities) - 0.4, -0.6))
    axis.grid(axis="y", visible=False)
    key(figure, axis)
    return figure


def power_curves(
    differences: Mapping[str, pd.DataFrame], correlations: pd.DataFrame, *, reported: pd.DataFrame
) -> Figure:
    """Show the power for differences in MAE above that for correlations.

    Parameters
    ----------
    differences
        A table a spread, by its label: ``difference``, ``power``, ``low``, ``high`` (simulated)
        and ``formula``.
    correlations
        ``rho``, ``power``, ``low``, ``high`` and ``formula``.
    reported
        What a study reported, ``kind`` ``"mae"`` (absolute differences) or ``"pcc"`` and
        ``value``: short ticks on the axis.
    """
    figure, axes = begin(2, 1, size=(5.0, 6.2))
    for k, (label, rows) in enumerate(differences.items()):
        _curve(axes[0, 0], rows, "difference", k, label)
    _curve(axes[1, 0], correlations, "rho", 0, "persons as in Test")
    axes[0, 0].set(xlabel="true difference in MAE, BDI-II points")
    axes[1, 0].set(xlabel="true PCC")
    for axis, kind in zip(axes[:, 0], ("mae", "pcc"), strict=True):
        axis.axhline(80, label=unlisted("80 %"), **_DASHED)
        values = reported.loc[reported["kind"] == kind, "value"]
        axis.vlines(values, -6, 4, color="black", linewidth=2, label="in the study's table")
        axis.set(ylabel="found at the 5 % level, %", ylim=(-6, 104), xlim=(-0.01, None))
        axis.legend(fontsize=8, loc="lower right", frameon=False)
    return figure


def _curve(axis: Axes, rows: pd.DataFrame, x: str, k: int, label: str) -> None:
    formula, interval = unlisted(f"{label}: formula"), unlisted(f"{label}: interval")
    axis.plot(rows[x], 100 * rows["formula"], color=KINDS[k], linewidth=1.2, label=formula)
    low, high = 100 * rows["low"], 100 * rows["high"]
    axis.vlines(rows[x], low, high, color=KINDS[k], linewidth=1.5, label=interval)
    axis.plot(rows[x], 100 * rows["power"], MARKS[k], color=KINDS[k], markersize=4, label=label)


def wrong_orders(curves: Mapping[str, pd.DataFrame], *, reported: Sequence[float]) -> Figure:
    """Show how often the better of two models looks worse, and the differences of a study.

    Parameters
    ----------
    curves
        A table a spread, by its label: ``difference``, ``wrong`` (simulated) and ``formula``.
    reported
        Absolute differences that were read as a ranking: vertical lines.
    """
    figure, axes = begin(size=(5.0, 3.6))
    axis = axes[0, 0]
    for value in np.unique(reported):
        line = {"color": "black", "linewidth": 0.8, "alpha": 0.6}
        axis.axvline(value, label=unlisted("in the study's table"), **line)
    for (label, rows), colour, mark in zip(curves.items(), KINDS, MARKS, strict=False):
        formula = unlisted(f"{label}: formula")
        x, style = rows["difference"], {"color": colour, "markersize": 4, "linewidth": 1.2}
        axis.plot(x, 100 * rows["formula"], label=formula, **style)
        axis.plot(x, 100 * rows["wrong"], mark, label=label, **style)
    axis.set(xlabel="true difference in MAE, BDI-II points", ylabel="wrong order, %", ylim=(0, 52))
    axis.legend(fontsize=9, frameon=False)
    return figure
