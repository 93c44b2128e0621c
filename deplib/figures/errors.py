"""Figures of errors: differences between two models, errors by severity, spread by epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.scores import TOP, shade_bands
from deplib.figures.style import COLOURS, KINDS, MARGIN, begin, key

BINS = 60
HEIGHT = 0.62  # of the tallest distribution, in rows


@dataclass(frozen=True, eq=False)
class PairedRow:
    """One row of ``paired_differences``."""

    label: str
    resampled: np.ndarray  # (n_resamples,), the difference of means in resamples of persons
    persons: np.ndarray  # (n_persons,), the difference of each person
    value: float
    low: float
    high: float


def paired_differences(
    rows: Sequence[PairedRow], *, margins: Mapping[str, float], xlabel: str
) -> Figure:
    """Show the bootstrap distribution of a difference a row, and the persons' own below it.

    Parameters
    ----------
    rows
        From top to bottom.
    margins
        Half-widths of the bands within which a difference is called none, by their name.
    xlabel
        What is shown.
    """
    figure, axes = begin(size=(5.6, 1.0 + 0.62 * len(rows)))
    axis = axes[0, 0]
    widest = max(np.abs(np.concatenate([row.resampled, row.persons])).max() for row in rows)
    for number, (name, half) in enumerate(sorted(margins.items(), key=lambda item: -item[1])):
        shade = 0.2 + 0.2 * number
        axis.axvspan(-half, half, color=MARGIN, alpha=shade, lw=0, label=f"within {name}")
    axis.axvline(0, color="black", linewidth=1, label=unlisted("no difference"))
    for place, row in enumerate(rows):
        count, edges = np.histogram(row.resampled, bins=BINS)
        heights = HEIGHT * count / max(count.max(), 1)
        axis.stairs(
            place - heights,
            edges,
            baseline=place,
            fill=True,
            color=KINDS[2],
            label=unlisted("bootstrap distribution, its height upwards"),
        )
        ends = [row.low, row.high]
        axis.plot(ends, [place, place], color=KINDS[0], lw=2, label=unlisted("95 % interval"))
        axis.plot(row.value, place, "o", color=KINDS[0], ms=5, label=unlisted("difference"))
        below = np.full(len(row.persons), place + 0.17)
        style = {"color": "black", "markersize": 5, "alpha": 0.6}
        axis.plot(row.persons, below, "|", label=unlisted("single persons"), **style)
    axis.set_yticks(range(len(rows)), [row.label for row in rows])
    edge = 1.05 * max([widest, *margins.values()])
    axis.set(xlabel=xlabel, ylim=(len(rows) - 0.6, -0.85), xlim=(-edge, edge))
    axis.grid(axis="y", visible=False)
    axis.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=9, borderpad=0, frameon=False
    )
    return figure


@dataclass(frozen=True, eq=False)
class Residuals:
    """One panel of ``residuals_by_severity``."""

    table: pd.DataFrame  # ``bdi`` and ``error`` of each recording
    slope: float  # of the error on the label
    forced: float  # that slope of a calibrated predictor of the same PCC; nan if undefined


def residuals_by_severity(panels: Mapping[str, Residuals]) -> Figure:
    """Show error against true BDI-II, with the line that it follows and the one forced on it.

    Parameters
    ----------
    panels
        By model, a key of ``COLOURS``. Both lines pass through the mean label and the mean error.
    """
    n_rows = (len(panels) + 1) // 2
    figure, axes = begin(n_rows, 2, size=(5.6, 0.6 + 2.3 * n_rows), sharex=True, sharey=True)
    for axis, (model, panel) in zip(axes.flat, panels.items(), strict=False):
        shade_bands(axis)
        label, error = panel.table["bdi"].to_numpy(), panel.table["error"].to_numpy()
        axis.axhline(0, color="black", linewidth=1, linestyle=":", label=unlisted("no error"))
        dots = {"color": COLOURS[model], "alpha": 0.9, "lw": 0}
        axis.scatter(label, error, s=12, label=unlisted("recordings"), **dots)
        _line(axis, label, error, panel.slope, color=COLOURS[model], label="this predictor")
        if np.isfinite(panel.forced):
            style = {"color": "black", "ls": "--", "label": "forced by its PCC"}
            _line(axis, label, error, panel.forced, **style)
        axis.set(title=model, xlim=(-1, TOP))
    key(figure, axes[0, 0])
    figure.supxlabel("BDI-II", fontsize=10)
    figure.supylabel("prediction minus BDI-II", fontsize=10)
    return figure


def _line(axis: Axes, x: np.ndarray, y: np.ndarray, slope: float, **style: object) -> None:
    ends = np.array([x.min(), x.max()])
    axis.plot(ends, y.mean() + slope * (ends - x.mean()), linewidth=1.6, **style)  # type: ignore[arg-type]


def spread_by_epoch(
    panels: Mapping[str, tuple[Sequence[pd.DataFrame], Sequence[pd.DataFrame]]], *, floor: float
) -> Figure:
    """Show the Dev sigma_ratio by epoch, a thin line a run, runs on permuted labels in contrast.

    Parameters
    ----------
    panels
        Histories of the runs on true labels and of those on permuted ones, by model; columns
        ``epoch``, ``dev_sigma_ratio`` and ``chosen``, which is true at the epoch that was kept.
    floor
        The sigma_ratio below which predictions count as collapsed.
    """
    n_rows = (len(panels) + 1) // 2
    figure, axes = begin(n_rows, 2, size=(5.6, 0.6 + 2.1 * n_rows), sharex=True, sharey=True)
    for axis, (model, (true, permuted)) in zip(axes.flat, panels.items(), strict=False):
        for histories, colour, width, label in (
            (true, COLOURS[model], 0.9, unlisted("true labels")),
            (permuted, COLOURS["permuted labels"], 2.0, "permuted labels"),
        ):
            for history in histories:
                axis.plot(
                    history["epoch"],
                    history["dev_sigma_ratio"],
                    color=colour,
                    linewidth=width,
                    label=label,
                )
                kept = history[history["chosen"]]
                chosen = unlisted(f"chosen epoch, {label.removeprefix('_')}")
                axis.plot(kept["epoch"], kept["dev_sigma_ratio"], "o", c=colour, ms=4, label=chosen)
        axis.axhline(floor, color="black", linewidth=1, linestyle="--", label="collapse below")
        axis.set_title(model)
    axes[0, 0].set_ylim(0, None)  # of all, and not before all is drawn
    key(figure, axes[0, 0])
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("Dev sigma_ratio", fontsize=10)
    return figure
