"""The book's figures in one visual language: one colour a model, safe for colour-blind readers.

Every function takes plain data, draws, and returns the figure; none of them computes a result.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.cohorts.base import BANDS

COLOURS = {
    "TemporalMeanMLP": "#0072B2",
    "LDBM": "#D55E00",
    "VanillaTransformer": "#009E73",
    "MambaGRU": "#CC79A7",
    "constant": "#5F5F5F",
    "permuted labels": "#B8860B",
    "oracle": "#000000",
    "RidgeMean": "#56B4E9",
    "RidgeMeanSD": "#56B4E9",
}
"""One colour a model throughout the book (after Okabe and Ito)."""

STYLE: Any = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "font.size": 10,
    "legend.frameon": False,
    "axes.titlesize": 10,
}


def _figure(*shape: int, size: tuple[float, float], **kwargs: Any) -> tuple[Figure, np.ndarray]:
    with plt.rc_context(STYLE):
        rows, columns = shape or (1, 1)
        figure, axes = plt.subplots(
            rows, columns, figsize=size, squeeze=False, layout="constrained", **kwargs
        )
    plt.close(figure)  # a cell shows the figure that it returns, and not once more by itself
    return figure, axes


def contact_sheet(
    rows: Sequence[np.ndarray], row_labels: Sequence[str], column_labels: Sequence[str]
) -> Figure:
    """Show a grid of frames, each row a ``(n, 112, 112, 3)`` uint8 array."""
    figure, axes = _figure(len(rows), len(rows[0]), size=(len(rows[0]) * 1.05, len(rows) * 1.12))
    figure.set_dpi(85)  # about the frames' own resolution: a sharper sheet only weighs more
    for row_axes, frames, label in zip(axes, rows, row_labels, strict=True):
        for axis, frame in zip(row_axes, frames, strict=True):
            axis.imshow(frame)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        row_axes[0].set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    for axis, label in zip(axes[0], column_labels, strict=True):
        axis.set_title(label, fontsize=8)
    return figure


def labels_by_band(shares: pd.DataFrame) -> Figure:
    """Show the share of recordings in each band, one group of bars a column of ``shares``."""
    figure, axes = _figure(size=(7, 3))
    axis = axes[0, 0]
    width = 0.8 / shares.shape[1]
    tones = plt.get_cmap("cividis")(np.linspace(0.1, 0.9, shares.shape[1]))
    for offset, (name, column) in enumerate(shares.items()):
        at = np.arange(len(shares)) + (offset - (shares.shape[1] - 1) / 2) * width
        axis.bar(at, column, width, label=str(name), color=tones[offset])
    axis.set_xticks(np.arange(len(shares)), shares.index)
    axis.set(ylabel="share of recordings")
    axis.grid(axis="x", visible=False)
    axis.legend(fontsize=8)
    return figure


def clip_lengths(n_frames: np.ndarray, quantiles: Mapping[float, float], limit: int) -> Figure:
    """Show the cumulative distribution of clip lengths, published quantiles marked."""
    figure, axes = _figure(size=(7, 3))
    axis = axes[0, 0]
    axis.ecdf(n_frames, color="#0072B2", label="this cohort")
    axis.plot(
        list(quantiles.values()), list(quantiles), "o", color="#D55E00", label="AVEC2014, published"
    )
    axis.axvline(limit, color="black", linestyle="--", linewidth=1, label=f"{limit} frames")
    axis.set(xlabel="frames in a clip (30 a second)", ylabel="share of clips", xscale="log")
    axis.set_xticks([180, 500, 1000, 2000, 4000, 7000], [180, 500, 1000, 2000, 4000, 7000])
    axis.minorticks_off()
    axis.legend(loc="upper left", fontsize=8)
    return figure


def trajectories(tracks: Mapping[str, pd.DataFrame], seconds: np.ndarray) -> Figure:
    """Show the same channels of several recordings below each other, one column a recording."""
    channels = list(next(iter(tracks.values())).columns)
    figure, axes = _figure(
        len(channels), len(tracks), size=(8, 1.15 * len(channels)), sharex=True, sharey="row"
    )
    tones = ("#0072B2", "#D55E00")
    for column, (title, track) in enumerate(tracks.items()):
        axes[0, column].set_title(title)
        for row, channel in enumerate(channels):
            axes[row, column].plot(
                seconds, track[channel], linewidth=0.8, color=tones[column % len(tones)]
            )
            if column == 0:
                axes[row, 0].set_ylabel(channel.replace("_", "\n"), fontsize=8)
        axes[-1, column].set_xlabel("seconds")
    return figure


def detections(images: Mapping[str, np.ndarray], boxes: Mapping[str, np.ndarray]) -> Figure:
    """Show each image with the boxes (left, top, right, bottom) found in it, or none."""
    figure, axes = _figure(1, len(images), size=(2.3 * len(images), 2.5))
    for axis, (title, image) in zip(axes[0], images.items(), strict=True):
        axis.imshow(image)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        found = boxes[title]
        for left, top, right, bottom in found:
            size = right - left, bottom - top
            axis.add_patch(plt.Rectangle((left, top), *size, fill=False, color="#00D5FF", lw=2))
        axis.set_title(f"{title}\n{'face found' if len(found) else 'no face, no error'}", size=9)
    return figure


def outgrown(curves: pd.DataFrame) -> Figure:
    """Show faces found and best scores as the face fills more of a detector's canvas.

    Parameters
    ----------
    curves
        Columns ``detector``, ``share`` (side of the face, of the canvas's), ``found`` (share of
        images) and ``score`` (in units of the score that a face needs).
    """
    figure, axes = _figure(2, 1, size=(4.6, 4.6), sharex=True)
    looks = (("#D55E00", "o-"), ("#0072B2", "s--"), ("#009E73", "D:"), ("#CC79A7", "^-."))
    for i, (name, curve) in enumerate(curves.groupby("detector", sort=False)):
        tone, form = looks[i % len(looks)]
        for axis, column in zip(axes[:, 0], ("found", "score"), strict=True):
            axis.plot(100 * curve["share"], curve[column], form, ms=4, color=tone, label=name)
    axes[1, 0].axhline(1, color="black", linewidth=1)
    axes[1, 0].annotate("needed", (30, 1), (0, 3), textcoords="offset points", fontsize=9)
    axes[0, 0].set(ylabel="share of faces found", ylim=(-0.05, 1.05))
    axes[1, 0].set(ylabel="best score / needed", ylim=(0, None), xlabel="face, % of the canvas")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", fontsize=9)
    return figure


def learning_curve(history: pd.DataFrame, model: str, epoch: int) -> Figure:
    """Show loss, Dev MAE and sigma_ratio by epoch; the epoch that Dev chose is marked."""
    figure, axes = _figure(1, 3, size=(9, 2.6))
    panels = (
        ("train_loss", "training L1 loss, z-units"),
        ("dev_mae", "Dev MAE, BDI-II points"),
        ("dev_sigma_ratio", "Dev sigma_ratio"),
    )
    for axis, (column, label) in zip(axes[0], panels, strict=True):
        axis.plot(history["epoch"], history[column], color=COLOURS[model])
        axis.axvline(epoch, color="black", linestyle=":", linewidth=1)
        axis.set(xlabel="epoch", title=label)
    axes[0, 2].set_ylim(bottom=0)
    return figure


def prediction_scatter(tables: Mapping[str, pd.DataFrame], *, model: str | None = None) -> Figure:
    """Show predicted against true BDI-II, one panel a table; severity bands are shaded.

    Parameters
    ----------
    tables
        Columns ``bdi`` and ``bdi_hat``, by the panel's title.
    model
        Whose colour all panels have; by default each title names its own model.
    """
    figure, axes = _figure(
        1, len(tables), size=(2.6 * len(tables) + 0.6, 3.1), sharex=True, sharey=True
    )
    for axis, (title, table) in zip(axes[0], tables.items(), strict=True):
        for number, (_, low, high) in enumerate(BANDS):
            axis.axvspan(low - 0.5, high + 0.5, color="black", alpha=0.02 + 0.03 * number, lw=0)
        axis.plot([0, 50], [0, 50], color="black", linewidth=1, linestyle=":")
        axis.scatter(table["bdi"], table["bdi_hat"], s=16, color=COLOURS[model or title], alpha=0.8)
        axis.set(title=title, xlabel="BDI-II", xlim=(-1, 50), ylim=(-5, 50))
    axes[0, 0].set_ylabel("predicted BDI-II")
    return figure


def forest(scores: pd.DataFrame, *, reference: float, reference_label: str, xlabel: str) -> Figure:
    """Show a point and an interval a row, groups apart, and a reference as a vertical line.

    Parameters
    ----------
    scores
        Columns ``label``, ``model`` (a key of ``COLOURS``), ``value``, ``low``, ``high``; an
        interval that is not known is nan.
    reference, reference_label
        Where the vertical line stands, and what it is.
    """
    figure, axes = _figure(size=(7.5, 0.6 + 0.34 * len(scores)))
    axis = axes[0, 0]
    for row, entry in enumerate(scores.to_dict("records")):
        colour = COLOURS[entry["model"]]
        if np.isfinite(entry["low"]):
            axis.plot([entry["low"], entry["high"]], [row, row], color=colour, linewidth=2)
        axis.plot(entry["value"], row, "o", color=colour)
    axis.axvline(reference, color="black", linestyle="--", linewidth=1, label=reference_label)
    axis.set_yticks(range(len(scores)), scores["label"])
    axis.set(xlabel=xlabel, ylim=(len(scores) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, borderpad=0)
    return figure
