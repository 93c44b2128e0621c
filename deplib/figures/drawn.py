"""The data that a figure shows, read back from what was drawn."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator

COLUMNS = ["panel", "x_axis", "y_axis", "series", "kind", "x", "y", "x_name", "y_name"]
MOST_CELLS = 10_000
"""Values of an image that are still written out; photographs of faces hold more."""


def drawn(figure: Figure, names: dict[str, str] | None = None) -> pd.DataFrame:
    """Return every point that a figure shows, in data coordinates.

    Parameters
    ----------
    figure
        A figure; text, legends and pictures of faces are left out.
    names : dict, optional
        Colour as ``#rrggbb`` -> name of the series, for artists that have no label.

    Returns
    -------
    DataFrame
        One row a point: ``panel`` (title, or number from 1), ``x_axis`` and ``y_axis`` (labels),
        ``series``, ``kind`` (``point``, ``line``, ``segment``, ``area``, ``bar``, ``vertical``,
        ``horizontal``, ``cell``), ``x``, ``y``, and ``x_name`` and ``y_name``, the tick's label
        where an axis names its values. A vertical line has no y, a horizontal one no x. Corners
        of a bar or an area are rows in order, and so are the two ends of a segment.
    """
    rows = []
    for number, axis in enumerate(figure.axes, 1):
        panel = axis.get_title() or axis.get_title(loc="left") or str(number)
        labels = axis.get_xlabel(), axis.get_ylabel()
        ticks = _named_ticks(axis, "x"), _named_ticks(axis, "y")
        for artist, kind, points in _artists(axis):
            series = _series(artist, names or {})
            for x, y in points:
                names_here = [_nearest(ticks[0], x), _nearest(ticks[1], y)]
                rows.append([panel, *labels, series, kind, x, y, *names_here])
    return pd.DataFrame(rows, columns=COLUMNS)


def _artists(axis: Axes) -> Iterator[tuple[Any, str, np.ndarray]]:
    for line in axis.lines:
        yield _line(axis, line)
    for collection in axis.collections:
        yield from _collection(collection)
    for patch in axis.patches:
        yield _patch(axis, patch)
    for image in axis.images:
        values: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
        if values.ndim == 2 and values.size <= MOST_CELLS:
            for row, column in np.ndindex(*values.shape):
                yield f"{values[row, column]:.6g}", "cell", np.array([[column, row]], float)


def _line(axis: Axes, line: Line2D) -> tuple[Line2D, str, np.ndarray]:
    points = np.column_stack([np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata())])
    if line.get_transform() == axis.get_xaxis_transform(which="grid"):
        return line, "vertical", np.array([[points[0, 0], np.nan]])
    if line.get_transform() == axis.get_yaxis_transform(which="grid"):
        return line, "horizontal", np.array([[np.nan, points[0, 1]]])
    plain = line.get_linestyle() in ("None", "", " ") or len(points) == 1
    return line, "point" if plain else "line", points


def _collection(collection: Collection) -> Iterator[tuple[Any, str, np.ndarray]]:
    if isinstance(collection, PathCollection):
        offsets: np.ndarray = np.ma.asarray(collection.get_offsets(), dtype=float)
        yield collection, "point", np.ma.filled(offsets, np.nan)
        return
    kind = "segment" if isinstance(collection, LineCollection) else "area"
    for path in collection.get_paths():
        yield collection, kind, np.asarray(path.vertices)


def _patch(axis: Axes, patch: Patch) -> tuple[Any, str, np.ndarray]:
    if isinstance(patch, Rectangle):
        (x, y), width, height = patch.get_xy(), patch.get_width(), patch.get_height()
        corners = np.array([[x, y], [x + width, y + height]], float)
        if patch.get_transform() - patch.get_patch_transform() == axis.get_xaxis_transform("grid"):
            corners[:, 1] = np.nan
        return patch, "bar", corners
    return patch, "area", patch.get_patch_transform().transform(patch.get_path().vertices)


def _series(artist: Any, names: dict[str, str]) -> str:
    if isinstance(artist, str):
        return artist
    label = str(artist.get_label() or "")
    if label and not label.startswith("_"):
        return label
    for attribute in ("get_color", "get_edgecolor", "get_facecolor"):
        colour = getattr(artist, attribute, lambda: None)()
        if colour is None or len(colour) == 0:
            continue
        first = colour if isinstance(colour, str) or np.ndim(colour) == 1 else colour[0]
        code = to_hex(first)
        return names.get(code, code)
    return ""


def _named_ticks(axis: Axes, which: str) -> dict[float, str]:
    """Return value -> label of an axis whose ticks were named one by one."""
    side = getattr(axis, f"{which}axis")
    if not isinstance(side.get_major_locator(), FixedLocator):
        return {}
    texts = [label.get_text() for label in side.get_majorticklabels()]
    return dict(zip(map(float, side.get_majorticklocs()), texts, strict=True))


def _nearest(ticks: dict[float, str], value: float) -> str:
    """Return the label of the tick that a value belongs to: the nearest within half a step."""
    if not ticks or not np.isfinite(value):
        return ""
    tick = min(ticks, key=lambda one: abs(one - value))
    return ticks[tick].replace("\n", " ") if abs(tick - value) <= 0.5 else ""
