"""Figures of choosing on Dev: courses over epochs, cohorts, and the number of candidates."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.style import COLOURS, begin

DEV, TEST = "#E69F00", "#0072B2"
_DOT = {"markersize": 6, "markeredgecolor": "white", "linestyle": "none"}


def courses_of_choosing(
    panels: Mapping[str, pd.DataFrame],
    *,
    chosen: Mapping[str, float],
    constant: Mapping[str, float],
) -> Figure:
    """Show the mean Dev and Test MAE after each epoch, a panel a world.

    Parameters
    ----------
    panels
        ``epoch``, ``dev_mae``, ``test_mae``, means over cohorts; by the panel's title.
    chosen
        Mean epoch that Dev chose, by the same titles.
    constant
        Mean Test MAE of the constant, by the same titles.
    """
    figure, axes = _grid(len(panels), height=2.2, sharex=True, sharey=True)
    for axis, (title, course) in zip(axes.flat, panels.items(), strict=False):
        axis.plot(course["epoch"], course["test_mae"], color=TEST, label="Test")
        axis.plot(course["epoch"], course["dev_mae"], color=DEV, label="Dev")
        axis.axhline(
            constant[title], color="black", linestyle="--", linewidth=1, label="constant, Test"
        )
        axis.axvline(chosen[title], color=COLOURS["constant"], linestyle=":", linewidth=1.5)
        axis.set_title(title)
    axes[0, 0].legend(fontsize=8, frameon=False)
    figure.supxlabel("epoch (dotted: chosen on Dev, on average)", fontsize=10)
    figure.supylabel("MAE, BDI-II points", fontsize=10)
    return figure


def dev_and_test(panels: Mapping[str, pd.DataFrame], *, study: pd.DataFrame) -> Figure:
    """Show Dev against Test MAE of every cohort, a panel a world, with a study's models.

    Parameters
    ----------
    panels
        ``dev_mae``, ``test_mae``; one row a cohort, by the panel's title.
    study
        The same columns, and ``model``, a key of ``COLOURS``.
    """
    figure, axes = _grid(len(panels), height=2.5, sharex=True, sharey=True)
    everything = pd.concat([study, *panels.values()])[["dev_mae", "test_mae"]]
    low, high = everything.min().min() - 0.2, everything.max().max() + 0.2
    for axis, (title, table) in zip(axes.flat, panels.items(), strict=False):
        axis.plot([low, high], [low, high], color="black", linestyle=":", linewidth=1)
        axis.plot(
            table["dev_mae"],
            table["test_mae"],
            "o",
            color=COLOURS["constant"],
            ms=3,
            alpha=0.45,
            mew=0,
        )
        for row in study.to_dict("records"):
            axis.plot(row["dev_mae"], row["test_mae"], "D", color=COLOURS[row["model"]], **_DOT)
        axis.set(title=title, xlim=(low, high), ylim=(low, high), aspect="equal")
    figure.supxlabel("Dev MAE (diamonds: the study's four; dotted: equal)", fontsize=10)
    figure.supylabel("Test MAE", fontsize=10)
    return figure


def optimism_by_candidates(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Show how optimism grows with the number of candidates, a line a world.

    Parameters
    ----------
    curves
        ``candidates``, ``optimism``, ``low``, ``high``; by the line's name.
    """
    figure, axes = begin(size=(5.6, 3.0))
    axis = axes[0, 0]
    colours = ("#000000", "#8A8A8A", "#E69F00", "#882255")
    styles = ("-", "--", "-.", ":")
    for (name, curve), colour, style in zip(curves.items(), colours, styles, strict=False):
        axis.fill_between(
            curve["candidates"], curve["low"], curve["high"], color=colour, alpha=0.15
        )
        axis.plot(curve["candidates"], curve["optimism"], style, color=colour, label=name, ms=3)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set(xlabel="candidates, each with all its epochs", ylabel="optimism, BDI-II points")
    axis.set_xticks(np.arange(1, max(len(curve) for curve in curves.values()) + 1))
    figure.legend(loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    return figure


def _grid(n: int, *, height: float, **kwargs: bool) -> tuple[Figure, np.ndarray]:
    """Return n panels in two columns; a place without a panel stays empty."""
    n_rows = -(-n // 2)
    figure, axes = begin(n_rows, 2, size=(5.6, 0.4 + height * n_rows), **kwargs)
    for axis in axes.flat[n:]:
        axis.set_axis_off()
    return figure, axes
