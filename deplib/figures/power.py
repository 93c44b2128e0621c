"""Figures of coverage and power."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deplib.figures.style import begin

SHADES = ("#0072B2", "#D55E00", "#009E73", "#5F5F5F")
"""Of the methods or spreads that a figure compares, in order."""


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
    axis.axvspan(100 * target[0], 100 * target[1], color="black", alpha=0.08, linewidth=0)
    axis.axvline(95, color="black", linestyle="--", linewidth=1)
    for k, method in enumerate(methods):
        part = rows[rows["method"] == method]
        at = part["quantity"].map(quantities.index) + 0.18 * (k - (len(methods) - 1) / 2)
        axis.hlines(at, 100 * part["low"], 100 * part["high"], color=SHADES[k], linewidth=2)
        axis.plot(100 * part["coverage"], at, "o", color=SHADES[k], markersize=5, label=method)
    axis.set_yticks(range(len(quantities)), quantities)
    axis.set(xlabel="intervals that hold the truth, %", ylim=(len(quantities) - 0.4, -0.6))
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside upper center", ncols=2, fontsize=9)
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
    for colour, (label, rows) in zip(SHADES, differences.items(), strict=False):
        _curve(axes[0, 0], rows, "difference", colour, label)
    _curve(axes[1, 0], correlations, "rho", SHADES[0], "persons as in Test")
    axes[0, 0].set(xlabel="true difference in MAE, BDI-II points")
    axes[1, 0].set(xlabel="true PCC")
    for axis, kind in zip(axes[:, 0], ("mae", "pcc"), strict=True):
        axis.axhline(80, color="black", linestyle="--", linewidth=1)
        values = reported.loc[reported["kind"] == kind, "value"]
        axis.vlines(values, -6, 4, color="black", linewidth=2, label="in the study's table")
        axis.set(ylabel="found at the 5 % level, %", ylim=(-6, 104), xlim=(-0.01, None))
        axis.legend(fontsize=8, loc="lower right")
    return figure


def _curve(axis: Axes, rows: pd.DataFrame, x: str, colour: str, label: str) -> None:
    axis.plot(rows[x], 100 * rows["formula"], color=colour, linewidth=1.2)
    axis.vlines(rows[x], 100 * rows["low"], 100 * rows["high"], color=colour, linewidth=1.5)
    axis.plot(rows[x], 100 * rows["power"], "o", color=colour, markersize=4, label=label)


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
        axis.axvline(value, color="black", linewidth=0.8, alpha=0.6)
    for colour, (label, rows) in zip(SHADES, curves.items(), strict=False):
        axis.plot(rows["difference"], 100 * rows["formula"], color=colour, linewidth=1.2)
        axis.plot(
            rows["difference"], 100 * rows["wrong"], "o", color=colour, markersize=4, label=label
        )
    axis.set(xlabel="true difference in MAE, BDI-II points", ylabel="wrong order, %", ylim=(0, 52))
    axis.legend(fontsize=9)
    return figure
