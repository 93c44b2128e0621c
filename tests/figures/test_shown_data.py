"""The figures show the data that they are given, in the colours of the models."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from deplib import figures
from deplib.models import MODELS


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_each_model_has_a_colour_of_its_own():
    assert len({figures.COLOURS[name] for name in MODELS}) == len(MODELS)


def test_forest_draws_point_interval_and_reference():
    scores = pd.DataFrame(
        {
            "label": ["a", "b"],
            "model": ["LDBM", "oracle"],
            "value": [9.0, 8.0],
            "low": [8.0, np.nan],
            "high": [10.0, np.nan],
        }
    )
    axis = figures.forest(scores, reference=9.5, reference_label="c", xlabel="x").axes[0]
    lines = [tuple(line.get_xdata()) for line in axis.lines]
    assert (8.0, 10.0) in lines
    assert (9.5, 9.5) in lines
    assert sum(len(line) == 1 for line in lines) == 2  # an unknown interval draws no bar
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]


def test_detections_say_where_nothing_was_found():
    image = np.zeros((8, 8, 3), np.uint8)
    boxes = {"scene": np.array([[1, 1, 5, 5]]), "crop": np.zeros((0, 4))}
    figure = figures.detections({"scene": image, "crop": image}, boxes)
    titles = [axis.get_title() for axis in figure.axes]
    assert "face found" in titles[0]
    assert "no face, no error" in titles[1]
    (box,) = figure.axes[0].patches
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (1, 1, 4, 4)


def test_outgrown_shows_each_detector_with_a_look_of_its_own():
    curves = pd.DataFrame(
        {
            "detector": ["a", "a", "b", "b"],
            "share": [0.3, 0.8, 0.3, 0.8],
            "found": [1.0, 0.0, 1.0, 1.0],
            "score": [5.0, 0.5, 5.0, 4.0],
        }
    )
    figure = figures.outgrown(curves)
    found, score = figure.axes
    assert [list(line.get_ydata()) for line in found.lines] == [[1, 0], [1, 1]]
    assert [list(line.get_ydata()) for line in score.lines][:2] == [[5, 0.5], [5, 4]]
    assert found.lines[0].get_xdata().tolist() == [30, 80]
    assert len({(line.get_color(), line.get_marker()) for line in found.lines}) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
