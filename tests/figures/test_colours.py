"""Colours can be told apart, also by readers who lack a kind of cones, and seen on white."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from deplib import figures
from deplib.figures import KINDS, MARKS, OTHER

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
MAIN = ("TemporalMeanMLP", "LDBM", "VanillaTransformer", "MambaGRU", "constant", "oracle")
APART, LEAST = 12.0, 9.0
"""CIEDE2000 distances: of what stands in one panel, and of all models; 2 is just seen."""
SEEN = 3.0
"""Contrast that WCAG 2.2 asks of graphics."""


def linear(colour: str) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def seen(colour: str, vision: str) -> np.ndarray:
    """Return a colour in CIELAB as it looks to a reader."""
    light = np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return rgb2lab(coded[None, None])[0, 0]


def closest(colours: dict[str, str], vision: str) -> tuple[float, str, str]:
    """Return the two colours that are hardest to tell apart, after their distance."""
    return min(
        (float(deltaE_ciede2000(seen(colours[a], vision), seen(colours[b], vision))), a, b)
        for a, b in combinations(colours, 2)
    )


def contrast(colour: str) -> float:
    """Return the contrast to white, by WCAG."""
    return 1.05 / (float(linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05)


def test_the_simulation_confuses_what_such_readers_confuse():
    brick, moss = {"a": "#A04000", "b": "#5F6B00"}, {"a": "#009E73", "b": "#0092A0"}
    assert closest(brick, "no green cones")[0] < 0.4 * closest(brick, "all cones")[0]
    assert closest(moss, "no blue cones")[0] < 0.6 * closest(moss, "all cones")[0]


@pytest.mark.parametrize("vision", VISION)
def test_models_that_stand_in_one_panel_are_well_apart(vision):
    main = {name: figures.COLOURS[name] for name in MAIN}
    assert closest(main, vision) > (APART,)
    kinds = {f"kind {k}": colour for k, colour in enumerate(KINDS)}
    assert closest(main | kinds, vision) > (APART,)


@pytest.mark.parametrize("vision", VISION)
def test_every_model_has_a_colour_that_can_be_told_from_all_others(vision):
    assert closest(dict(figures.COLOURS) | {"any other": OTHER}, vision) > (LEAST,)


def test_all_colours_of_lines_and_letters_are_seen_on_white():
    every = {**figures.COLOURS, "any other": OTHER, **{k: k for k in KINDS}}
    assert {name: contrast(c) for name, c in every.items() if contrast(c) < SEEN} == {}


def test_a_kind_has_a_mark_of_its_own():
    assert len(set(MARKS)) == len(MARKS) == len(set(KINDS)) == len(KINDS)


def test_a_model_that_is_not_listed_is_drawn_in_the_colour_of_such_models():
    row = {"label": "mine", "model": "MyModel", "value": 9.0, "low": 8.0, "high": 10.0}
    rows = pd.DataFrame([row])
    figure = figures.forest(rows, reference=9.5, reference_label="c", xlabel="x")
    assert figures.COLOURS["MyModel"] == OTHER
    assert {line.get_color() for line in figure.axes[0].lines} == {OTHER, "black"}
    assert "MyModel" not in figures.COLOURS
    plt.close("all")
