"""The book's figures in one visual language, for seaborn and matplotlib in a chapter's own cells.

`style` sets it once at the top of a chapter, `COLOURS` gives each model its colour, and `keep`
ends a figure's cell: the figure shows itself, and a published page hands over what readers can
download. Backgrounds are transparent and text is grey: legible on a light and on a dark page.
"""

import io
import json
import os
import warnings
from base64 import b64encode
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

GREY = "#737373"
"""Of text and axes: its contrast is above 4.5 to a white page and above 3.5 to the dark one."""
OTHER = "#FC24D6"
"""Of a model that the table below does not name, such as one that was added a minute ago."""


class _Colours(dict[str, str]):
    def __missing__(self, model: str) -> str:
        return OTHER


_SET: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_bytes())
COLOURS = _Colours(_SET["colours"])
"""One colour a model throughout the book; the study's four are after Okabe and Ito.

All have a contrast of 3 to the light and to the dark page, which leaves a narrow band of lightness:
names stand in the plot, too. `tests/test_figures.py` measures contrasts and distances.
"""

KINDS = ("#A976EC", "#A2450A", "#197044", "#864F8B")
"""Of what is no model, such as worlds or encoders, in order; go with the markers of `MARKS`."""
MARKS = ("o", "s", "^", "D")
DEV, TEST = KINDS[1], KINDS[0]
MARGIN = "#56B4E9"
"""Shades what counts as no difference: `ax.axvspan(-0.5, 0.5, color=MARGIN, alpha=0.25)`."""

WIDEST = 6.4
"""Inches; a wider figure cannot be read on a telephone."""
KEEP = "DEPLIB_KEEP_FIGURES"
"""The environment variable by which `deplib.publish` asks for what can be downloaded."""
KEPT = "deplib"
"""Under which that lies in the metadata of the cell's output."""


def style() -> None:
    """Set the book's style for all figures that follow; call it once at the top of a chapter."""
    import seaborn as sns

    # A seaborn grid lays itself out, whatever the style says.
    warnings.filterwarnings("ignore", "The figure layout has changed to tight")
    grey = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    clear = ("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor")
    shades = dict.fromkeys((*grey, "grid.color"), GREY) | dict.fromkeys(clear, "none")
    sns.set_theme(style="ticks", rc=shades | _SET["style"])


def forest(
    table: pd.DataFrame, ax: Axes, *, zero: float = 0.0, zero_label: str = "", colour: str = TEST
) -> Axes:
    """Draw a point with its 95 % bar a row, the row's label above it, the first row uppermost.

    Parameters
    ----------
    table
        Columns ``label``, ``value``, ``low``, ``high`` (nan: no bar), and ``model`` or ``colour``
        where rows have colours of their own.
    ax
        Where to draw.
    zero, zero_label
        Where the dashed vertical line stands, and what is written at its foot.
    colour
        Of rows that have none.
    """
    ax.axvline(zero, color=GREY, linestyle="--", linewidth=1)
    foot = ax.get_xaxis_transform()
    ax.text(zero, 0.01, f" {zero_label}", color=GREY, fontsize=9, transform=foot)
    for y, row in enumerate(table.to_dict("records")):
        shade = row.get("colour") or (COLOURS[row["model"]] if "model" in row else colour)
        ax.plot([row["low"], row["high"]], [y, y], color=shade, linewidth=2)
        ax.plot(row["value"], y, "o", color=shade)
        left = ax.get_yaxis_transform()
        ax.text(0.01, y - 0.2, row["label"], va="bottom", fontsize=10, transform=left)
    ax.set(ylim=(len(table) - 0.4, -0.9), yticks=[])
    ax.spines["left"].set_visible(False)
    return ax


def courses(
    histories: pd.DataFrame, ax: Axes, *, y: str = "dev_mae", chosen: pd.DataFrame | None = None
) -> Axes:
    """Draw learning curves: a thin line a seed, a thick one their median, named at its end.

    Parameters
    ----------
    histories
        Columns ``model``, ``seed``, ``epoch`` and ``y``, as `deplib.results.histories` gives them.
    ax
        Where to draw.
    y
        The column that is shown.
    chosen
        Columns ``model``, ``seed``, ``epoch`` as `deplib.results.runs` gives them: a dot a seed.
    """
    for name, table in histories.groupby("model", sort=False):
        model = str(name)
        wide = table.pivot_table(index="epoch", columns="seed", values=y)
        ax.plot(wide.index, wide, color=COLOURS[model], linewidth=0.8, alpha=0.5)
        middle = wide.median(axis=1)[wide.notna().mean(axis=1) >= 0.5]  # half still train
        ax.plot(middle.index, middle, color=COLOURS[model], linewidth=2.2)
        end = middle.index[-1], middle.iloc[-1]
        ax.text(*end, f"  {model}", va="center", color=COLOURS[model])
        dots = [] if chosen is None else chosen[chosen["model"] == model].to_dict("records")
        for row in dots:
            seed, epoch = row["seed"], row["epoch"]
            ax.plot(epoch, wide[seed][epoch], "o", markersize=4, color=COLOURS[model])
    ax.set(xlabel="epoch", ylabel=y.replace("_", " "))
    return ax


class Kept:
    """A finished figure that shows itself in a notebook; see `keep`."""

    def __init__(self, figure: Figure, data: pd.DataFrame, origin: str) -> None:
        stream, pixels = io.StringIO(), io.BytesIO()
        # No date and fixed names of elements: made twice, a figure has the same bytes.
        with plt.rc_context({"svg.hashsalt": "deplib"}):
            kind: dict[str, Any] = {"format": "svg", "metadata": {"Date": None, "Creator": None}}
            figure.savefig(stream, bbox_inches="tight", pad_inches=0.04, dpi=144, **kind)
        self.figure = figure
        self.svg = "\n".join(map(str.rstrip, stream.getvalue().splitlines())) + "\n"
        # Jupyter shows no SVG of a notebook that somebody else ran, until it is trusted.
        kind = {"format": "png", "dpi": 100, "metadata": {"Software": None}}
        figure.savefig(pixels, bbox_inches="tight", pad_inches=0.04, **kind)
        self.shown = {"image/svg+xml": self.svg, "text/plain": f"Figure: {origin}"}
        self.shown["image/png"] = b64encode(pixels.getvalue()).decode()
        # Numbers to six digits; an index counts where it has a name.
        table = data.reset_index() if any(data.index.names) else data
        csv = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        self.kept = {KEPT: {"csv": csv, "origin": origin}}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.shown, self.kept if os.environ.get(KEEP) else {}


def keep(figure: Figure, data: pd.DataFrame, origin: str) -> Kept:
    """Return a figure that shows itself once, with what a published page lets readers download.

    Parameters
    ----------
    figure
        At most `WIDEST` inches wide.
    data
        What is drawn, as a tidy table; becomes the CSV.
    origin
        Whose data it shows, such as ``"simulated cohort (default), seeds 0 to 9"``.

    Raises
    ------
    ValueError
        Where the figure is too wide, has no data, or does not say whose data it shows.
    """
    width = round(float(figure.get_size_inches()[0]), 2)
    if width > WIDEST:
        raise ValueError(f"the figure is {width} inches wide: give it {WIDEST} at most (figsize)")
    if data.empty or not origin.strip():
        raise ValueError("a figure is kept with its data (a DataFrame) and the words of its origin")
    if not __debug__:  # like a chapter's assertions, its findings are those of the report's cohorts
        whole, parts = [figure.suptitle], [ax.set_title for ax in figure.axes]
        for entitle in whole if figure.get_suptitle() else parts:
            entitle("")
    plt.close(figure)  # a cell shows what it returns, and not the same figure once more
    return Kept(figure, data, origin)
