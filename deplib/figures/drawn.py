"""The data that a figure shows, read back from what was drawn."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import (
    Collection,
    FillBetweenPolyCollection,
    LineCollection,
    PathCollection,
)
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle, StepPatch
from matplotlib.ticker import FixedLocator

COLUMNS = ["panel", "x_axis", "y_axis", "series", "kind", "element"]
COLUMNS += ["x", "y", "x_name", "y_name"]
MOST_CELLS = 10_000
"""Values of an image that are still written out; photographs of faces hold more."""
_QUOTED = {word: f"'{word}'" for word in ("null", "nan", "NA", "None")}
"""Names that whoever reads a CSV would take for a missing value; the book has a world ``null``."""
_AUTOMATIC = re.compile(r"_(child\d+|nolegend_|container\d+)?")

_Drawn = tuple[Any, str, str, np.ndarray]
"""An artist, its kind, what its name ends with, and its points."""


def unlisted(name: str) -> str:
    """Return the label of a series that is no entry of a legend, and has a name in the data."""
    return f"_{name}"


def drawn(figure: Figure, names: dict[str, str] | None = None) -> pd.DataFrame:
    """Return every point that a figure shows, in data coordinates.

    Parameters
    ----------
    figure
        A figure; text, legends, arrows and the content of photographs are left out.
    names : dict, optional
        Colour as ``#rrggbb`` -> name of the series, for artists that have no label.

    Returns
    -------
    DataFrame
        One row a point: ``panel`` (the axes' label or title, or their number from 1), ``x_axis``
        and ``y_axis`` (labels), ``series``, ``kind`` (``point``, ``line``, ``segment``, ``area``,
        ``bar``, ``vertical``, ``horizontal``, ``cell``, ``picture``), ``element`` (its number,
        the same for all points of one line or bar), ``x``, ``y``, and ``x_name`` and ``y_name``,
        the tick's label where an axis names its values. A vertical line has no y, a horizontal
        one no x, a picture neither. Opposite corners of a bar are two rows, so are the ends of a
        segment, and the corners of an area stand in order. A series is called by its label, with
        or without the ``_`` of `unlisted`, or by its colour.
    """
    rows, element = [], 0
    for number, axis in enumerate(figure.axes, 1):
        panel = _panel(figure, axis, number)
        labels = _label(figure, axis, "x"), _label(figure, axis, "y")
        ticks = _named_ticks(axis, "x"), _named_ticks(axis, "y")
        of_containers = _names_of_containers(axis)
        for artist, kind, suffix, points in _artists(axis):
            series = of_containers.get(artist) or _series(artist, names or {})
            element += 1
            for x, y in points:
                names_here = [_nearest(ticks[0], x), _nearest(ticks[1], y)]
                rows.append([panel, *labels, series + suffix, kind, element, x, y, *names_here])
    return pd.DataFrame(rows, columns=COLUMNS).replace(_QUOTED)


def _artists(axis: Axes) -> Iterator[_Drawn]:
    caps = {
        cap
        for container in axis.containers
        if isinstance(container, ErrorbarContainer)
        for cap in container.lines[1]
    }
    for line in axis.lines:
        if line not in caps:  # where the bars end
            yield _line(axis, line)
    for collection in axis.collections:
        yield from _collection(collection)
    for patch in axis.patches:
        if not isinstance(patch, FancyArrowPatch):
            yield _patch(axis, patch)
    for image in axis.images:
        values: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
        if values.ndim == 2 and values.size <= MOST_CELLS:
            for row, column in np.ndindex(*values.shape):
                cell = np.array([[column, row]], float)
                yield f"{values[row, column]:.6g}", "cell", "", cell
        else:
            yield image, "picture", "", np.full((1, 2), np.nan)


def _line(axis: Axes, line: Line2D) -> _Drawn:
    points = np.column_stack([np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata())])
    if line.get_transform() == axis.get_xaxis_transform(which="grid"):
        return line, "vertical", "", np.array([[points[0, 0], np.nan]])
    if line.get_transform() == axis.get_yaxis_transform(which="grid"):
        return line, "horizontal", "", np.array([[np.nan, points[0, 1]]])
    plain = line.get_linestyle() in ("None", "", " ") or len(points) == 1
    return line, "point" if plain else "line", "", points


def _collection(collection: Collection) -> Iterator[_Drawn]:
    if isinstance(collection, PathCollection):
        offsets: np.ndarray = np.ma.asarray(collection.get_offsets(), dtype=float)
        yield collection, "point", "", np.ma.compress_rows(offsets)  # what is nan is not drawn
        return
    kind = "segment" if isinstance(collection, LineCollection) else "area"
    for path in collection.get_paths():
        vertices = np.asarray(path.vertices)
        if isinstance(collection, FillBetweenPolyCollection):
            # The path turns at both ends and closes itself: two points more, and one.
            n = (len(vertices) - 3) // 2
            yield collection, kind, ": from", vertices[1 : n + 1]
            yield collection, kind, ": to", vertices[n + 2 : 2 * n + 2][::-1]
        else:
            yield collection, kind, "", vertices


def _patch(axis: Axes, patch: Patch) -> _Drawn:
    if isinstance(patch, Rectangle):
        (x, y), width, height = patch.get_xy(), patch.get_width(), patch.get_height()
        corners = np.array([[x, y], [x + width, y + height]], float)
        if patch.get_data_transform() == axis.get_xaxis_transform(which="grid"):
            corners[:, 1] = np.nan
        elif patch.get_data_transform() == axis.get_yaxis_transform(which="grid"):
            corners[:, 0] = np.nan
        return patch, "bar", "", corners
    if isinstance(patch, StepPatch):
        values, edges, _ = patch.get_data()
        return patch, "area", "", np.column_stack([edges, np.append(values, values[-1])])
    return patch, "area", "", patch.get_patch_transform().transform(patch.get_path().vertices)


def _names_of_containers(axis: Axes) -> dict[Any, str]:
    """Return the names of bars and of error bars: matplotlib labels only what holds them."""
    found: dict[Any, str] = {}
    for container in axis.containers:
        name = _stated(container.get_label())
        if name and isinstance(container, ErrorbarContainer):
            points, _, bars = container.lines
            found |= dict.fromkeys(bars, f"{name}: interval")
            found |= {points: name} if points is not None else {}
        elif name:
            found |= dict.fromkeys(container.get_children(), name)
    return found


def _series(artist: Any, names: dict[str, str]) -> str:
    if isinstance(artist, str):
        return artist
    if label := _stated(artist.get_label()):
        return label
    for attribute in ("get_color", "get_edgecolor", "get_facecolor"):
        colour = getattr(artist, attribute, lambda: None)()
        if colour is None or len(colour) == 0:
            continue
        first = colour if isinstance(colour, str) or np.ndim(colour) == 1 else colour[0]
        code = to_hex(first)
        return names.get(code, code)
    return ""


def _stated(label: object) -> str:
    """Return a label that somebody gave, whether legends list it or not."""
    text = str(label or "")
    return "" if _AUTOMATIC.fullmatch(text) else text.removeprefix("_").replace("\n", " ")


def _panel(figure: Figure, axis: Axes, number: int) -> str:
    """Return what a panel is called; a twin has the name of the axes that it lies on."""
    place = axis.get_position().bounds
    for one in (axis, *(other for other in figure.axes if other.get_position().bounds == place)):
        for name in (_stated(one.get_label()), one.get_title(), one.get_title(loc="left")):
            if name:
                return name.replace("\n", " ")
    return str(number)


def _label(figure: Figure, axis: Axes, which: str) -> str:
    """Return the label of an axis, or of the nearest that it is shared with, or the figure's."""
    sharing = getattr(axis, f"get_shared_{which}_axes")().get_siblings(axis)
    line = "colspan" if which == "x" else "rowspan"
    nearest = sorted(sharing, key=lambda one: _span(one, line) != _span(axis, line))
    own = [getattr(one, f"get_{which}label")() for one in (axis, *nearest)]
    whole = getattr(figure, f"get_sup{which}label")()
    return next((text for text in (*own, whole) if text), "").replace("\n", " ")


def _span(axis: Axes, line: str) -> range | None:
    """Return the rows or the columns of the grid in which axes stand."""
    place = axis.get_subplotspec()
    return getattr(place, line) if place else None


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
