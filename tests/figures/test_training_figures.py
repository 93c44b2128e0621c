"""Figures of several seeds show each of them, and the median as long as half still train."""

import numpy as np
import pandas as pd
import pytest

from deplib import figures
from deplib.figures.training import PANELS, median_course


def history(length: int, level: float) -> pd.DataFrame:
    return pd.DataFrame({"epoch": range(1, length + 1), **{column: level for column, _ in PANELS}})


HISTORIES = [history(2, 1.0), history(4, 2.0), history(3, 6.0), history(1, 9.0)]


def test_the_median_ends_where_fewer_than_half_of_the_seeds_train():
    middle = median_course(HISTORIES)
    assert middle.index.tolist() == [1, 2, 3]
    assert middle["dev_mae"].tolist() == [4.0, 2.0, 4.0]


def test_every_seed_has_a_line_and_its_chosen_epoch_a_dot():
    figure = figures.courses(HISTORIES, [2, 3, 1, 1], model="LDBM")
    for axis in figure.axes:
        lines = [line for line in axis.lines if line.get_marker() == "None"]
        dots = [line for line in axis.lines if line.get_marker() == "o"]
        assert [len(line.get_xdata()) for line in lines] == [2, 4, 3, 1, 3]  # the last: the median
        assert [dot.get_xdata().tolist() for dot in dots] == [[2], [3], [1], [1]]
        assert [dot.get_ydata().tolist() for dot in dots] == [[1], [2], [6], [9]]


def test_whiskers_are_drawn_where_extremes_are_given():
    plain = pd.DataFrame({"bdi": [1.0, 20.0], "bdi_hat": [5.0, 15.0]})
    panels = {"a": {"Dev": plain}, "b": {"Dev": plain.assign(low=[4.0, 9.0], high=[6.0, 19.0])}}
    above, below = figures.predictions_over_seeds(panels, model="LDBM").axes
    assert len(above.collections) == 1
    whiskers, points = below.collections
    ends = [segment[:, 1].tolist() for segment in whiskers.get_segments()]
    assert ends == [[4.0, 6.0], [9.0, 19.0]]
    np.testing.assert_allclose(points.get_offsets(), plain.to_numpy())


def test_a_row_of_scores_shows_seeds_mean_interval_and_reference():
    row = {"label": "Dev", "model": "LDBM", "values": [8.0, 9.0], "value": 8.5, "low": 7.0,
           "high": 10.0, "reference": 9.5}  # fmt: skip
    rows = pd.DataFrame([row, {**row, "label": "Test", "reference": np.nan}])
    axis = figures.scores_over_seeds(rows, xlabel="MAE").axes[0]
    data = [list(line.get_xdata()) for line in axis.lines]
    assert data.count([8.0, 9.0]) == data.count([7.0, 10.0]) == data.count([8.5]) == 2
    assert data.count([9.5, 9.5]) == 1
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Dev", "Test"]


def test_forgetting_has_a_line_a_model_on_a_logarithmic_scale():
    share = np.array([0.5, 0.25, 0.25])
    axis = figures.forgetting({"MambaGRU": share, "Mamba": share}, ylabel="share").axes[0]
    assert axis.get_yscale() == "log"
    assert [line.get_label() for line in axis.lines] == ["MambaGRU", "Mamba"]
    assert axis.lines[0].get_ydata().tolist() == pytest.approx(share.tolist())
