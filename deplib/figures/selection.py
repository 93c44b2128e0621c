"""Figures of choosing on Dev: courses over epochs, cohorts, and the number of candidates."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.style import COLOURS, DEV, KINDS, TEST, begin, key

_DOT = {"markersize": 7, "markeredgecolor": "white", "linestyle": "none"}
_LINES = ("-", "--", "-.", ":")


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
        axis.plot(course["epoch"], course["dev_mae"], color=DEV, linestyle="-.", label="Dev")
        dashed = {"color": "black", "linestyle": "--", "linewidth": 1}
        axis.axhline(constant[title], label="constant, Test", **dashed)
        dotted = {"color": "black", "linestyle": ":", "linewidth": 1.5}
        axis.axvline(chosen[title], label="chosen on Dev, on average", **dotted)
        axis.set_title(title)
    key(figure, axes[0, 0], ncols=2)
    figure.supxlabel("epoch", fontsize=10)
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
        ends, line = [low, high], {"color": "black", "linestyle": ":", "linewidth": 1}
        axis.plot(ends, ends, label=unlisted("equal"), **line)
        cloud = {"color": "#8A8A8A", "markersize": 3, "alpha": 0.6, "mew": 0}
        axis.plot(table["dev_mae"], table["test_mae"], "o", label=unlisted("cohorts"), **cloud)
        for mark, row in zip("DsP^", study.to_dict("records"), strict=False):
            dot = {"color": COLOURS[row["model"]], "label": row["model"], **_DOT}
            axis.plot(row["dev_mae"], row["test_mae"], mark, **dot)
        axis.set(title=title, xlim=(low, high), ylim=(low, high), aspect="equal")
    key(figure, axes[0, 0])
    figure.supxlabel("Dev MAE", fontsize=10)
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
    for (name, curve), colour, style in zip(curves.items(), KINDS, _LINES, strict=False):
        band = {"color": colour, "alpha": 0.15, "label": unlisted(f"{name}: interval")}
        axis.fill_between(curve["candidates"], curve["low"], curve["high"], **band)
        axis.plot(curve["candidates"], curve["optimism"], style, color=colour, label=name)
    axis.axhline(0, color="black", linewidth=0.8, label=unlisted("none"))
    axis.set(xlabel="candidates, each with all its epochs", ylabel="optimism, BDI-II points")
    axis.set_xticks(np.arange(1, max(len(curve) for curve in curves.values()) + 1))
    key(figure, axis, ncols=4)
    return figure


def _grid(n: int, *, height: float, **kwargs: bool) -> tuple[Figure, np.ndarray]:
    """Return n panels in two columns; a place without a panel stays empty."""
    n_rows = -(-n // 2)
    figure, axes = begin(n_rows, 2, size=(5.6, 0.4 + height * n_rows), **kwargs)
    for axis in axes.flat[n:]:
        axis.set_axis_off()
    return figure, axes
