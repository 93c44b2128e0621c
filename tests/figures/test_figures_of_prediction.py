"""The figure of one prediction is a sum in time that ends at the score."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from deplib.figures.prediction import DOWN, UP, contributions


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def drawn(added: list[float]):
    times = np.arange(len(added)) * 10.0
    windows = pd.DataFrame({"start": times, "end": times + 10, "contribution": added})
    return contributions(
        windows, label_mean=15.0, score=15 + sum(added), low=2.0, high=31.0, level=0.9,
        note="no diagnosis",
    )  # fmt: skip


def test_each_window_starts_where_the_one_before_it_ended():
    figure = drawn([2.0, -3.0, 1.5])
    sums, scale = figure.axes
    bars = [(bar.get_x(), bar.get_width(), bar.get_y(), bar.get_height()) for bar in sums.patches]
    assert bars == [(0, 10, 15, 2), (10, 10, 17, -3), (20, 10, 14, 1.5)]
    colours = [plt.matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in sums.patches]
    assert colours == [UP, DOWN, UP]
    assert [text.get_text() for text in sums.texts] == ["+2.00", "-3.00", "+1.50"]
    low, high = sums.get_ylim()
    assert low < 14
    assert high > 17
    (point,) = [line for line in scale.lines if line.get_marker() == "o"]
    assert point.get_ydata().tolist() == [15.5]
    (segment,) = scale.collections[0].get_segments()
    assert segment[:, 1].tolist() == [2, 31]
    assert scale.get_ylim() == (0, 63)
    assert figure.get_supxlabel() == "no diagnosis"


@pytest.mark.parametrize("added", [[0.0], [0.01] * 40])
def test_one_window_and_many_can_be_drawn(added: list[float]):
    figure = drawn(added)
    figure.draw_without_rendering()
    assert len(figure.axes[0].texts) == (len(added) if len(added) < 13 else 0)
