"""One visual language: one colour a model, safe for colour-blind readers."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

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


def begin(*shape: int, size: tuple[float, float], **kwargs: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure in the book's style and its axes, (rows, columns), one by default."""
    with plt.rc_context(STYLE):
        rows, columns = shape or (1, 1)
        figure, axes = plt.subplots(
            rows, columns, figsize=size, squeeze=False, layout="constrained", **kwargs
        )
    plt.close(figure)  # a cell shows the figure that it returns, and not once more by itself
    return figure, axes
