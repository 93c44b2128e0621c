"""Colours can be told apart and seen on both grounds; a figure shows itself once, with its data."""

import io
from itertools import combinations

import cv2
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
    "no red cones": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green cones": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue cones": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
MAIN = ("TemporalMeanMLP", "LDBM", "VanillaTransformer", "MambaGRU", "constant", "oracle")
APART, LEAST = 11.0, 6.0
"""Distances in CIELAB: of what stands in one panel, and of all models; 2.3 is just seen."""
GROUNDS, SEEN = ("#FFFFFF", "#121212"), 3.0
"""The light and the dark page, and the contrast that WCAG 2.2 asks of graphics."""


def linear(colour: str) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def closest(colours: dict[str, str], vision: str) -> tuple[float, str, str]:
    """Return the two colours that are hardest to tell apart, after their distance in CIELAB."""
    seen = np.clip([np.array(VISION[vision]) @ linear(c) for c in colours.values()], 0, 1)
    places = cv2.cvtColor(np.float32(seen[None]), cv2.COLOR_LRGB2Lab)[0]
    lab = dict(zip(colours, places, strict=True))
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


ROWS = pd.DataFrame({"label": ["mine", "LDBM"], "model": ["MyModel", "LDBM"], "value": [9.0, 9.5]})
ROWS = ROWS.assign(low=[8.0, np.nan], high=[10.0, np.nan])


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
    runs = [("LDBM", seed, epoch, 10 - epoch + seed) for seed in (0, 1, 2) for epoch in (1, 2)]
    table = pd.DataFrame(runs, columns=["model", "seed", "epoch", "dev_mae"])
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
    assert set(data) == {"image/svg+xml", "image/png", "text/plain"}
    assert metadata == {}
    monkeypatch.setenv(figures.KEEP, "1")
    kept = drawn()._repr_mimebundle_()[1][figures.KEPT]
    assert kept["origin"] == "made-up inputs"
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(kept["csv"])), ROWS)


UNUSABLE = [
    ((8, 3), ROWS, "x", "8.0 inches"),
    ((4, 3), ROWS[:0], "x", "its data"),
    ((4, 3), ROWS, " ", "origin"),
]


@pytest.mark.parametrize(("size", "data", "origin", "message"), UNUSABLE)
def test_a_figure_that_readers_could_not_use_is_refused(
    size: tuple[int, int], data: pd.DataFrame, origin: str, message: str
) -> None:
    figure, _ = plt.subplots(figsize=size)
    with pytest.raises(ValueError, match=message):
        figures.keep(figure, data, origin)
    plt.close(figure)
