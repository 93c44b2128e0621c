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
from matplotlib.figure import Figure

from deplib.figures.drawn import drawn
from deplib.figures.origin import Origin

COLOURS = {
    "TemporalMeanMLP": "#0072B2",
    "LDBM": "#D55E00",
    "VanillaTransformer": "#009E73",
    "MambaGRU": "#CC79A7",
    "constant": "#5F5F5F",
    "permuted labels": "#B8860B",
    "oracle": "#000000",
    "LDBM-patch4": "#F0A36B",
    "LDBM-patch16": "#8F3F00",
    "Mamba": "#7B3F98",
    "AttentionMIL": "#00A0B0",
    "MiniRocket": "#8C8C1A",
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


KEEP = "DEPLIB_KEEP_FIGURES"
"""The environment variable by which `deplib.publish` asks for what can be downloaded."""
KEPT = "deplib"
"""Under which it lies in the metadata of the cell's output."""

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
        table = drawn(self, _SERIES)
        return {
            "svg": self._saved("svg").decode(),
            "csv": table.to_csv(index=False, float_format="%.6g"),
            "origin": asdict(self.origin) if self.origin else None,
        }

    def _saved(self, kind: str) -> bytes:
        stream = io.BytesIO()
        # No date and fixed names of elements: drawn twice, a figure has the same bytes.
        with plt.rc_context(STYLE | {"svg.hashsalt": "deplib"}):
            metadata = {"Date": None} if kind == "svg" else None
            self.savefig(stream, format=kind, bbox_inches="tight", metadata=metadata)
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
