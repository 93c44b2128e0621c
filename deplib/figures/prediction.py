"""One clip's score as a sum: the mean label of training, and what each window adds to it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deplib.figures.drawn import unlisted
from deplib.figures.style import KINDS, begin
from deplib.windows import BDI_MAX, BDI_MIN

UP, DOWN = KINDS[1], KINDS[0]
"""A window that raises the score, and one that lowers it."""
_ROOM = 0.15  # of the sums' range, above and below the bars
_LEAST = 0.1  # BDI-II points; smaller ranges are not blown up
_MANY = 12  # windows; the numbers of more would run into each other


def contributions(
    windows: pd.DataFrame,
    *,
    label_mean: float,
    score: float,
    low: float,
    high: float,
    level: float,
    note: str,
) -> Figure:
    """Show the running sum of the windows' contributions over time, and the score it ends at.

    Beside it the score stands with its interval on the whole scale, on which contributions are
    often too small to be seen.

    Parameters
    ----------
    windows
        Columns ``start`` and ``end``, seconds, and ``contribution``, BDI-II points; in time.
    label_mean
        Where the sum starts.
    score, low, high, level
        The score and its interval, BDI-II points, and how often such an interval holds the truth.
    note
        What must be read with the figure; below it.
    """
    figure, axes = begin(1, 2, size=(7.2, 3.9), width_ratios=(4, 1))
    sums, scale = axes[0]
    _running_sum(sums, windows, label_mean)
    dotted = {"color": "black", "linestyle": ":", "linewidth": 1}
    sums.axhline(label_mean, label=unlisted("training mean"), **dotted)
    sums.set(
        xlabel="time in the clip, s",
        ylabel="BDI-II points",
        title=f"What each window adds to the training mean of {label_mean:.1f} (dotted)",
    )
    scale.axhline(label_mean, label=unlisted("training mean"), **dotted)
    ends = [[score - low], [high - score]]
    scale.errorbar(0, score, ends, fmt="o", color="black", capsize=4, label=unlisted("score"))
    scale.set(ylim=(BDI_MIN, BDI_MAX), title=f"score {score:.1f}")
    scale.set_xticks([0], [f"{level:.0%} interval\n{low:.1f} to {high:.1f}"])
    scale.grid(axis="x", visible=False)
    figure.supxlabel(note, fontsize=8, x=0.01, ha="left", wrap=True)
    return figure


def _running_sum(axis: Axes, windows: pd.DataFrame, label_mean: float) -> None:
    """Draw a bar a window, each from where the one before it ended."""
    added = windows["contribution"].to_numpy(dtype=float)
    sums = label_mean + np.concatenate([[0.0], np.cumsum(added)])
    starts, ends = (windows[column].to_numpy(dtype=float) for column in ("start", "end"))
    colours = np.where(added < 0, DOWN, UP).tolist()
    axis.bar(starts, added, ends - starts, sums[:-1], align="edge", color=colours, alpha=0.75)
    axis.hlines(sums[1:], starts, np.append(starts[1:], ends[-1]), color="black", linewidth=0.8)
    room = _ROOM * max(float(np.ptp(sums)), _LEAST)
    axis.set_ylim(sums.min() - room, sums.max() + room)
    if len(added) > _MANY:
        return
    tops = np.maximum(sums[:-1], sums[1:])
    for start, end, value, top in zip(starts, ends, added, tops, strict=True):
        axis.annotate(
            f"{value:+.2f}",
            ((start + end) / 2, top),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
