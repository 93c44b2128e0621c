"""One visual language: one colour a model, safe for colour-blind readers.

A figure shows itself as a picture. Where `deplib.publish` executes the chapter, it also hands over
what readers can download: the drawing as SVG, the data in it, and its origin.
"""

import io
import os
from dataclasses import asdict
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deplib.figures.drawn import drawn
from deplib.figures.origin import Origin

OTHER = "#712B35"
"""Of a model that the table below does not name, such as one that was added a minute ago."""


class _Colours(dict[str, str]):
    def __missing__(self, model: str) -> str:
        return OTHER


COLOURS = _Colours(
    {
        "TemporalMeanMLP": "#0072B2",
        "LDBM": "#D55E00",
        "VanillaTransformer": "#009E73",
        "MambaGRU": "#CC79A7",
        "constant": "#5F5F5F",
        "oracle": "#000000",
        "permuted labels": "#8C7E4D",
        "LDBM-patch4": "#AD290B",
        "LDBM-patch16": "#795E3B",
        "Mamba": "#3B2142",
        "AttentionMIL": "#006078",
        "MiniRocket": "#0A3303",
        "RidgeMean": "#7F7EFC",
        "RidgeMeanSD": "#331EA3",
    }
)
"""One colour a model throughout the book; a model that is not listed gets ``OTHER``.

The study's four are after Okabe and Ito. All have a contrast of 3 to white at least, and stay apart
for readers without red, green or blue cones; `tests/figures/test_colours.py` measures that.
"""

KINDS = ("#2A1F9D", "#A03010", "#8A86F2", "#4A2741")
"""Of what is no model, such as splits, worlds or encoders, in order; none of the study's four,
the constant or the oracle looks alike. Mostly drawn with the markers of ``MARKS``."""
MARKS = ("o", "s", "^", "D")
"""One mark a kind, for who cannot tell the colours apart."""
DEV, TEST = KINDS[1], KINDS[0]
MARGIN = "#56B4E9"
"""Shades what counts as no difference; light, for data lie on it."""

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


KEEP = "DEPLIB_KEEP_FIGURES"
"""The environment variable by which `deplib.publish` asks for what can be downloaded."""
KEPT = "deplib"
"""Under which it lies in the metadata of the cell's output."""

PHOTOGRAPHS = 64
"""Dots an inch of what is no line in an SVG."""

_SERIES = {colour.lower(): model for model, colour in reversed(COLOURS.items())}


class BookFigure(Figure):
    """A figure of the book; see `begin`."""

    origin: Origin | None = None

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the picture, and what can be downloaded where the book is published."""
        data = {"image/png": self._saved("png"), "text/plain": repr(self)}
        return data, {KEPT: self.kept()} if os.environ.get(KEEP) else {}

    def kept(self) -> dict[str, Any]:
        """Return what readers can download: ``svg`` and ``csv`` as text, ``origin`` as a dict."""
        table = drawn(self, _SERIES).round(12)
        return {
            "svg": self._saved("svg").decode(),
            "csv": table.to_csv(index=False, float_format="%.6g"),
            "origin": asdict(self.origin) if self.origin else None,
        }

    def _saved(self, kind: str) -> bytes:
        stream = io.BytesIO()
        # No date and fixed names of elements: drawn twice, a figure has the same bytes.
        with plt.rc_context(STYLE | {"svg.hashsalt": "deplib"}):
            # Of a drawing the resolution only concerns photographs in it, which weigh most.
            dpi, metadata = (PHOTOGRAPHS, {"Date": None}) if kind == "svg" else ("figure", None)
            self.savefig(stream, format=kind, bbox_inches="tight", dpi=dpi, metadata=metadata)
        return stream.getvalue()


def begin(*shape: int, size: tuple[float, float], **kwargs: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure in the book's style and its axes, (rows, columns), one by default."""
    with plt.rc_context(STYLE):
        rows, columns = shape or (1, 1)
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=size,
            squeeze=False,
            layout="constrained",
            FigureClass=BookFigure,
            **kwargs,
        )
    plt.close(figure)  # a cell shows the figure that it returns, and not once more by itself
    return figure, axes


def key(figure: Figure, axis: Axes, *, ncols: int = 2, size: float = 9) -> None:
    """Put a legend of what one panel shows above the whole figure, each entry once."""
    handles, labels = axis.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(
        once.values(),
        once.keys(),
        loc="outside upper center",
        ncols=ncols,
        fontsize=size,
        frameon=False,
    )
