"""Figures over seeds show every run, the mean and its interval."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from deplib import figures


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_a_forest_has_a_panel_a_table_with_interval_mean_runs_and_reference():
    rows = pd.DataFrame(
        {
            "label": ["LDBM", "oracle"],
            "model": ["LDBM", "oracle"],
            "value": [9.0, 8.0],
            "low": [8.0, 7.0],
            "high": [10.0, 9.0],
            "runs": [np.array([8.5, 9.0, 9.5]), np.array([8.0])],
        }
    )
    figure = figures.forest_of_seeds(
        {"default": rows, "null": rows.head(1)},
        references={"default": 9.5, "null": 9.1},
        xlabel="x",
    )
    first, second = figure.axes
    drawn = [list(line.get_xdata()) for line in first.lines]
    assert [8.0, 10.0] in drawn
    assert [8.5, 9.0, 9.5] in drawn
    assert [9.5, 9.5] in drawn
    assert drawn.count([8.0]) == 1  # a single run is its own mean: one dot, not two
    assert [9.1, 9.1] in [list(line.get_xdata()) for line in second.lines]
    assert [axis.get_title() for axis in figure.axes] == ["default", "null"]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["LDBM", "oracle"]


def test_a_scatter_spans_the_seeds_of_each_recording():
    table = pd.DataFrame(
        {
            "recording": ["a", "a", "b", "b"],
            "bdi": [5.0, 5.0, 30.0, 30.0],
            "bdi_hat": [8.0, 12.0, 20.0, 26.0],
        }
    )
    axis = figures.scatter_of_seeds({"LDBM": table}).axes[0]
    spans, dots = axis.collections[-2:]
    ends = [segment[:, 1].tolist() for segment in spans.get_segments()]
    assert ends == [[8, 12], [20, 26]]
    np.testing.assert_allclose(dots.get_offsets(), [[5, 10], [30, 23]])
