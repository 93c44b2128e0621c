"""Pictures of models: rows of cells above each other, and what one cell depends on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from deplib.figures.drawn import unlisted
from deplib.figures.style import begin

HEIGHT = 0.34
"""Of a cell, in units of the distance between two rows."""

MANY = 40
"""Cells in a row; from here on their outlines would cover them."""


@dataclass(frozen=True)
class Row:
    """One stage of a model: a frame, token or state a cell.

    Attributes
    ----------
    label
        What the cells are, and how many a window of full length has.
    edges
        (cells, 2), first and last moment of each cell, in frames.
    real
        (cells,), False where masked.
    picked
        The cell that is drawn dark.
    sources
        (cells of the row below,), how much the picked cell depends on each, from 0 (not at all)
        to 1; empty for the lowest row.
    chained
        Whether each real cell also depends on the real one before it.
    """

    label: str
    edges: np.ndarray
    real: np.ndarray
    picked: int
    sources: np.ndarray
    chained: bool = False


def diagram(rows: Sequence[Row], *, colour: str) -> Figure:
    """Draw a model from its frames (below) to its output (above).

    A masked cell is hatched. Lines lead to the dark cell of each row from every cell that it
    depends on, the stronger the darker; arrows within a row are steps of a recurrence.
    """
    figure, axes = begin(size=(4.6, 0.5 + 0.72 * len(rows)))
    axis = axes[0, 0]
    for y, row in enumerate(rows):
        for cell in range(len(row.edges)):
            axis.add_patch(_cell(row, cell, y, colour))
        if row.chained:
            _chain(axis, row, y)
    for y, (below, above) in enumerate(pairwise(rows)):
        target = above.edges[above.picked].mean()
        for cell in np.flatnonzero(above.sources).tolist():
            share = float(above.sources[cell])
            axis.plot(
                [below.edges[cell].mean(), target],
                [y + HEIGHT / 2, y + 1 - HEIGHT / 2],
                color=colour,
                linewidth=0.9,
                alpha=0.3 + 0.7 * share,
                zorder=0,
                label=unlisted(f"depends on, {share:.2f} of the most"),
            )
    ends = np.concatenate([row.edges for row in rows])
    margin = 0.01 * np.ptp(ends)
    axis.set(xlim=(ends.min() - margin, ends.max() + margin), ylim=(-0.45, len(rows) - 0.55))
    axis.set_yticks(range(len(rows)), [row.label for row in rows])
    axis.set(xticks=[], xlabel="time")
    axis.grid(False)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def _cell(row: Row, cell: int, y: int, colour: str) -> Rectangle:
    left, right = row.edges[cell]
    gap = min(0.1 * (right - left), 0.01 * np.ptp(row.edges)) if len(row.real) > 1 else 0.0
    real, picked = bool(row.real[cell]), cell == row.picked
    name = f"{'real' if real else 'masked'} cell{', the dark one' if picked else ''}"
    return Rectangle(
        (left + gap / 2, y - HEIGHT / 2),
        right - left - gap,
        HEIGHT,
        facecolor=(colour, 1.0 if picked else 0.3) if real else "white",
        edgecolor="black" if picked else "#7A7A7A",
        hatch=None if real else "/////",
        linewidth=1.0 if picked else 0.5 if len(row.real) < MANY else 0.2,
        zorder=2,
        label=unlisted(name),
    )


def _chain(axis: object, row: Row, y: int) -> None:
    """Draw an arrow from each real cell to the next, over the masked ones between."""
    centres = row.edges[row.real].mean(axis=1)
    for start, stop in pairwise(centres):
        arrow = FancyArrowPatch(
            (start, y + HEIGHT / 2),
            (stop, y + HEIGHT / 2),
            connectionstyle="arc3,rad=-0.5",
            arrowstyle="-|>",
            mutation_scale=6,
            shrinkA=0,
            shrinkB=0,
            linewidth=0.9,
            color="black",
            zorder=3,
        )
        axis.add_patch(arrow)  # type: ignore[attr-defined]
