"""Figures of recordings: frames, labels, lengths, trajectories."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.style import DEV, KINDS, TEST, begin

_BARS = (KINDS[2], DEV, TEST, KINDS[3])
"""Train, Dev, Test, and what is published."""


def contact_sheet(
    rows: Sequence[np.ndarray], row_labels: Sequence[str], column_labels: Sequence[str]
) -> Figure:
    """Show a grid of frames, each row a ``(n, 112, 112, 3)`` uint8 array."""
    size = len(rows[0]) * 1.05, len(rows) * 1.12
    # Below the frames' own resolution: a sharper sheet only weighs more.
    figure, axes = begin(len(rows), len(rows[0]), size=size, dpi=85)
    for row_axes, frames, label in zip(axes, rows, row_labels, strict=True):
        for number, (axis, frame) in enumerate(zip(row_axes, frames, strict=True), 1):
            axis.imshow(frame, label=unlisted(f"frame {number}"))
            axis.set_label(f"{label}, frame {number}")
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        row_axes[0].set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    for axis, label in zip(axes[0], column_labels, strict=True):
        axis.set_title(label, fontsize=8)
    return figure


def labels_by_band(shares: pd.DataFrame) -> Figure:
    """Show the share of recordings in each band, one group of bars a column of ``shares``.

    Parameters
    ----------
    shares
        Four columns at most, by band: Train, Dev, Test, and what they are compared with.
    """
    figure, axes = begin(size=(7, 3))
    axis = axes[0, 0]
    width = 0.8 / shares.shape[1]
    for offset, (name, column) in enumerate(shares.items()):
        at = np.arange(len(shares)) + (offset - (shares.shape[1] - 1) / 2) * width
        axis.bar(at, column, width, label=str(name), color=_BARS[offset], edgecolor="white")
    axis.set_xticks(np.arange(len(shares)), shares.index)
    axis.set(ylabel="share of recordings")
    axis.grid(axis="x", visible=False)
    axis.legend(fontsize=9, frameon=False)
    return figure


def clip_lengths(n_frames: np.ndarray, quantiles: Mapping[float, float], limit: int) -> Figure:
    """Show the cumulative distribution of clip lengths, published quantiles marked."""
    figure, axes = begin(size=(7, 3))
    axis = axes[0, 0]
    axis.ecdf(n_frames, color=KINDS[0], label="this cohort")
    axis.plot(
        list(quantiles.values()), list(quantiles), "o", color=KINDS[1], label="AVEC2014, published"
    )
    axis.axvline(limit, color="black", linestyle="--", linewidth=1, label=f"{limit} frames")
    axis.set(xlabel="frames in a clip (30 a second)", ylabel="share of clips", xscale="log")
    axis.set_xticks([180, 500, 1000, 2000, 4000, 7000], [180, 500, 1000, 2000, 4000, 7000])
    axis.minorticks_off()
    axis.legend(loc="upper left", fontsize=9, frameon=False)
    return figure


def trajectories(tracks: Mapping[str, pd.DataFrame], seconds: np.ndarray) -> Figure:
    """Show the same channels of several recordings below each other, one column a recording."""
    channels = list(next(iter(tracks.values())).columns)
    figure, axes = begin(
        len(channels), len(tracks), size=(8, 1.15 * len(channels)), sharex=True, sharey="row"
    )
    for column, (title, track) in enumerate(tracks.items()):
        axes[0, column].set_title(title)
        for row, channel in enumerate(channels):
            axes[row, column].plot(
                seconds,
                track[channel],
                linewidth=0.8,
                color=KINDS[column % len(KINDS)],
                label=unlisted("track"),
            )
            axes[row, column].set_label(title)
            if column == 0:
                axes[row, 0].set_ylabel(channel.replace("_", "\n"), fontsize=8)
        axes[-1, column].set_xlabel("seconds")
    return figure
