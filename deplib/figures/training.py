"""Figures of one variant at several seeds: courses of training, predictions, scores."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.scores import score_plane
from deplib.figures.style import COLOURS, begin

PANELS = (
    ("dev_mae", "Dev MAE, BDI-II points"),
    ("train_loss", "training L1 loss, z-units"),
    ("dev_sigma_ratio", "Dev sigma_ratio"),
)
"""Columns of a history that are shown."""
LINES = ("-", "--", "-.")


def courses(histories: Sequence[pd.DataFrame], epochs: Sequence[int], *, model: str) -> Figure:
    """Show Dev MAE, training loss and sigma_ratio by epoch, a thin line a seed.

    Parameters
    ----------
    histories
        One table a seed, of lengths of their own; columns ``epoch`` and those of ``PANELS``.
    epochs
        The chosen epoch of each; marked by a dot.
    model
        A key of ``COLOURS``.
    """
    figure, axes = begin(len(PANELS), 1, size=(4.6, 5.4), sharex=True)
    middle = median_course(histories)
    for axis, (column, label) in zip(axes[:, 0], PANELS, strict=True):
        for number, (history, epoch) in enumerate(zip(histories, epochs, strict=True), 1):
            thin = {"color": COLOURS[model], "linewidth": 0.8, "alpha": 0.65}
            run = unlisted(f"run {number}")
            axis.plot(history["epoch"], history[column], label=run, **thin)
            chosen = history[history["epoch"] == epoch]
            dot = {"color": COLOURS[model], "markersize": 4, "label": f"{run}, chosen epoch"}
            axis.plot(chosen["epoch"], chosen[column], "o", **dot)
        thick = {"color": "black", "linewidth": 1.8, "label": unlisted("median")}
        axis.plot(middle.index, middle[column], **thick)
        axis.set_title(label)
    axes[-1, 0].set(xlabel="epoch", ylim=(0, None))
    return figure


def median_course(histories: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the median over seeds by epoch, as far as at least half of the seeds still train."""
    by_epoch = pd.concat(histories).groupby("epoch")
    running = by_epoch.size()
    middle = by_epoch[[column for column, _ in PANELS]].median()
    return middle[running >= len(histories) / 2]


def predictions_over_seeds(
    tables: Mapping[str, Mapping[str, pd.DataFrame]], *, model: str
) -> Figure:
    """Show predicted against true BDI-II, a panel a table; severity bands are shaded.

    Parameters
    ----------
    tables
        Rows of panels by their label, then columns by their title. A table has columns ``bdi`` and
        ``bdi_hat``, and where a whisker is to be drawn also ``low`` and ``high``.
    model
        A key of ``COLOURS``.
    """
    columns = len(next(iter(tables.values())))
    figure, axes = begin(
        len(tables), columns, size=(4.6, 2.3 * len(tables) + 0.2), sharex=True, sharey=True
    )
    for row, (label, panels) in enumerate(tables.items()):
        for axis, (title, table) in zip(axes[row], panels.items(), strict=True):
            score_plane(axis)
            axis.set_label(f"{title}, {label}")
            if "low" in table:
                whiskers = {"color": COLOURS[model], "linewidth": 0.8, "alpha": 0.6}
                ends = unlisted("lowest to highest seed")
                axis.vlines(table["bdi"], table["low"], table["high"], label=ends, **whiskers)
            dots = {"color": COLOURS[model], "alpha": 0.9, "label": unlisted("recordings")}
            axis.scatter(table["bdi"], table["bdi_hat"], s=9, **dots)
            if row == 0:
                axis.set_title(title)
        axes[row, 0].set_ylabel(f"predicted, {label}")
    for axis in axes[-1]:
        axis.set_xlabel("BDI-II")
    return figure


def scores_over_seeds(rows: pd.DataFrame, *, xlabel: str) -> Figure:
    """Show a score of each seed as a dot, and the interval over persons of their mean as a bar.

    Parameters
    ----------
    rows
        ``label``, ``model`` (a key of ``COLOURS``), ``values`` (one a seed), ``value``, ``low``
        and ``high`` (their mean, and its interval over persons), ``reference`` (a score to compare
        with, or nan).
    xlabel
        What the score is.
    """
    figure, axes = begin(size=(4.6, 0.9 + 0.62 * len(rows)))
    axis = axes[0, 0]
    for y, row in enumerate(rows.to_dict("records")):
        colour = COLOURS[row["model"]]
        ends = [row["low"], row["high"]]
        axis.plot(ends, [y, y], color=colour, lw=2, label=unlisted("interval over persons"))
        mean = {"color": colour, "markersize": 7, "zorder": 3}
        axis.plot(row["value"], y, "o", label=unlisted("mean over seeds"), **mean)
        below = y + np.linspace(0.16, 0.36, len(row["values"]))  # seed 0 uppermost
        dots = {"color": colour, "markersize": 3.5, "alpha": 0.85, "mew": 0}
        axis.plot(row["values"], below, "o", label=unlisted("single seeds, in order"), **dots)
        if np.isfinite(row["reference"]):
            line = {"color": "black", "linewidth": 1, "label": unlisted("constant")}
            axis.plot([row["reference"]] * 2, [y - 0.4, y + 0.4], "--", **line)
    axis.set_yticks(range(len(rows)), rows["label"])
    axis.set(xlabel=xlabel, ylim=(len(rows) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    return figure


def forgetting(influence: Mapping[str, np.ndarray], *, ylabel: str) -> Figure:
    """Show how much a frame matters by its distance from the last one, a line a model.

    Parameters
    ----------
    influence
        Shares of the total by distance from the end, (frames,), by model; three at most.
    ylabel
        What they are.
    """
    figure, axes = begin(size=(4.6, 3.0))
    axis = axes[0, 0]
    for line, (name, share) in zip(LINES, influence.items(), strict=False):
        style = {"color": COLOURS[name], "linestyle": line, "linewidth": 1.6}
        axis.plot(np.arange(len(share)), share, label=name, **style)
    axis.set(xlabel="frames before the last one", ylabel=ylabel, yscale="log", ylim=(1e-9, 1.5))
    axis.legend(fontsize=9, frameon=False)
    return figure
