"""Figures of what the persons in Train do to a score."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.style import KINDS, MARKS, begin, key


def forest_of_groups(panels: Mapping[str, pd.DataFrame], *, xlabel: str) -> Figure:
    """Show a difference with its interval, one row a label, in it one mark a group.

    Parameters
    ----------
    panels
        Columns ``label``, ``group`` (four at most), ``value``, ``low``, ``high``; by the panel's
        title. All have the same labels and groups.
    xlabel
        What is shown; a line stands at 0.
    """
    first = next(iter(panels.values()))
    labels, groups = list(pd.unique(first["label"])), list(pd.unique(first["group"]))
    height = 0.22 * len(labels) * len(groups) + 0.35
    figure, axes = begin(len(panels), 1, size=(5.6, 1.0 + height * len(panels)), sharex=True)
    for axis, (title, rows) in zip(axes[:, 0], panels.items(), strict=True):
        for k, group in enumerate(groups):
            colour, marker = KINDS[k], MARKS[k]
            part = rows[rows["group"] == group].set_index("label").loc[labels]
            at = [row + 0.24 * (k - (len(groups) - 1) / 2) for row in range(len(labels))]
            interval = {"color": colour, "linewidth": 1.6, "label": unlisted(f"{group}: interval")}
            axis.hlines(at, part["low"], part["high"], **interval)
            axis.plot(part["value"], at, marker, color=colour, markersize=5, label=group)
        axis.axvline(0, color="black", linestyle="--", linewidth=1, label=unlisted("zero"))
        axis.set_yticks(range(len(labels)), labels)
        axis.set(ylim=(len(labels) - 0.4, -0.6), title=title)
        axis.grid(axis="y", visible=False)
    axes[-1, 0].set_xlabel(xlabel)
    key(figure, axes[0, 0], ncols=len(groups))
    return figure
