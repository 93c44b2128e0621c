"""Colours can be told apart and seen on both grounds; a figure shows itself once, with its data."""

import io
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from deplib import figures

# Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation of color
# vision deficiency, IEEE TVCG 15(6), severity 1.0: matrices on linear RGB.
VISION = {
    "all cones": np.eye(3),
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Ottosson (2020), OKLab: linear RGB to cone responses, and their cube roots to L, a, b.
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
MAIN = ("TemporalMeanMLP", "LDBM", "VanillaTransformer", "MambaGRU", "constant", "oracle")
APART, LEAST = 6.0, 4.0
"""Distances in OKLab times 100: of what stands in one panel, and of all models; 2 is just seen."""
GROUNDS, SEEN = ("#FFFFFF", "#121212"), 3.0
"""The light and the dark page, and the contrast that WCAG 2.2 asks of graphics."""


def linear(colour: str) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def closest(colours: dict[str, str], vision: str) -> tuple[float, str, str]:
    """Return the two colours that are hardest to tell apart, after their distance."""
    sees = {k: np.clip(np.array(VISION[vision]) @ linear(c), 0, 1) for k, c in colours.items()}
    lab = {k: 100 * np.array(LAB) @ np.cbrt(np.array(CONES) @ light) for k, light in sees.items()}
    return min((float(np.linalg.norm(lab[a] - lab[b])), a, b) for a, b in combinations(lab, 2))


def contrast(colour: str, ground: str) -> float:
    lights = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (colour, ground))
    return lights[1] / lights[0]


@pytest.mark.parametrize("vision", VISION)
def test_colours_that_stand_in_one_panel_are_well_apart_and_all_can_be_told(vision: str) -> None:
    main = {name: figures.COLOURS[name] for name in MAIN}
    kinds = {f"kind {k}": colour for k, colour in enumerate(figures.KINDS)}
    assert closest(main | kinds, vision) > (APART,)
    assert closest(dict(figures.COLOURS) | {"any other": figures.OTHER}, vision) > (LEAST,)
    assert len(set(figures.MARKS)) == len(figures.KINDS)


@pytest.mark.parametrize("ground", GROUNDS)
def test_lines_and_letters_are_seen_on_both_grounds(ground: str) -> None:
    every = {*figures.COLOURS.values(), figures.OTHER, *figures.KINDS, figures.GREY}
    assert {c: contrast(c, ground) for c in every if contrast(c, ground) < SEEN} == {}
    assert contrast(figures.GREY, "#FFFFFF") > 4.5  # of text


ROWS = pd.DataFrame(
    {"label": ["mine", "LDBM"], "model": ["MyModel", "LDBM"], "value": [9.0, 9.5]}
).assign(low=[8.0, np.nan], high=[10.0, np.nan])


def drawn() -> figures.Kept:
    figures.style()
    figure, ax = plt.subplots()
    figures.forest(ROWS, ax, zero=9.5, zero_label="constant")
    return figures.keep(figure, ROWS, "made-up inputs")


def test_a_forest_names_its_rows_in_the_plot_and_knows_models_it_has_never_seen() -> None:
    ax = drawn().figure.axes[0]
    colours = {line.get_color() for line in ax.lines}
    assert colours == {figures.OTHER, figures.COLOURS["LDBM"], figures.GREY}
    assert {text.get_text().strip() for text in ax.texts} == {"mine", "LDBM", "constant"}
    assert "MyModel" not in figures.COLOURS


def test_learning_curves_show_each_seed_their_median_and_the_chosen_epochs() -> None:
    table = pd.DataFrame(
        [("LDBM", seed, epoch, 10 - epoch + seed) for seed in (0, 1, 2) for epoch in (1, 2)],
        columns=["model", "seed", "epoch", "dev_mae"],
    )
    figure, ax = plt.subplots()
    figures.courses(table, ax, chosen=table[table["epoch"] == 2])
    *seeds, median = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 2]
    assert len(seeds) == 3
    assert list(median) == [10.0, 9.0]
    assert sum(len(line.get_xdata()) == 1 for line in ax.lines) == 3
    plt.close(figure)


def test_a_kept_figure_shows_itself_once_with_the_same_bytes() -> None:
    kept = drawn()
    assert not plt.get_fignums()  # so the inline backend does not show it again
    assert kept.svg == drawn().svg
    assert "dc:date" not in kept.svg
    assert "fill: #ffffff" not in kept.svg  # transparent


def test_what_can_be_downloaded_is_handed_over_only_while_publishing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(figures.KEEP, raising=False)
    data, metadata = drawn()._repr_mimebundle_()
    assert set(data) == {"image/svg+xml", "text/plain"}
    assert metadata == {}
    monkeypatch.setenv(figures.KEEP, "1")
    kept = drawn()._repr_mimebundle_()[1][figures.KEPT]
    assert kept["origin"] == "made-up inputs"
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(kept["csv"])), ROWS)


@pytest.mark.parametrize(
    ("size", "data", "origin", "message"),
    [
        ((8, 3), ROWS, "x", "8.0 inches"),
        ((4, 3), ROWS[:0], "x", "its data"),
        ((4, 3), ROWS, " ", "origin"),
    ],
)
def test_a_figure_that_readers_could_not_use_is_refused(
    size: tuple[int, int], data: pd.DataFrame, origin: str, message: str
) -> None:
    figure, _ = plt.subplots(figsize=size)
    with pytest.raises(ValueError, match=message):
        figures.keep(figure, data, origin)
    plt.close(figure)
