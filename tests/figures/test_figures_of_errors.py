"""Figures of errors draw the values that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from deplib import figures


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def points(axis) -> list[list[float]]:
    return [list(map(float, line.get_xdata())) for line in axis.lines]


def test_a_row_has_its_distribution_interval_and_persons():
    row = figures.PairedRow(
        label="a minus b",
        resampled=np.random.default_rng(0).normal(0.5, 0.2, 500),
        persons=np.array([-2.0, 1.0, 3.0]),
        value=0.5,
        low=0.1,
        high=0.9,
    )
    figure = figures.paired_differences(
        [row, row], margins={"1 point": 1.0, "the MCID": 2.5}, xlabel="difference"
    )
    axis = figure.axes[0]
    assert points(axis).count([0.1, 0.9]) == 2
    assert points(axis).count([0.5]) == 2
    assert points(axis).count([-2.0, 1.0, 3.0]) == 2
    shaded = [patch for patch in axis.patches if patch.get_label().startswith("within")]
    assert [(p.get_x(), p.get_width()) for p in shaded] == [(-2.5, 5.0), (-1.0, 2.0)]
    steps = [patch for patch in axis.patches if patch not in shaded]
    assert len(steps) == 2
    low, high = axis.get_xlim()
    assert (low, high) == (-high, high)
    assert high > 3


def test_lines_of_residuals_pass_through_the_mean_with_their_slopes():
    table = pd.DataFrame({"bdi": [0.0, 10.0, 20.0], "error": [9.0, 1.0, -7.0]})
    panels = {
        "LDBM": figures.Residuals(table, slope=-0.8, forced=-0.5),
        "constant": figures.Residuals(table, slope=-1.0, forced=float("nan")),
    }
    first, second = figures.residuals_by_severity(panels).axes
    ends = {line.get_label(): list(line.get_ydata()) for line in first.lines}
    assert ends["this predictor"] == pytest.approx([9.0, -7.0])
    assert ends["forced by its PCC"] == pytest.approx([6.0, -4.0])
    assert "forced by its PCC" not in [line.get_label() for line in second.lines]
    np.testing.assert_allclose(first.collections[-1].get_offsets(), table)


def test_every_run_is_a_line_with_a_dot_at_its_chosen_epoch():
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "dev_sigma_ratio": [0.01, 0.2, 0.4],
            "chosen": [False, True, False],
        }
    )
    figure = figures.spread_by_epoch(
        {"LDBM": ([history, history], [history]), "MambaGRU": ([history], [])}, floor=0.05
    )
    first, second = figure.axes
    assert points(first).count([1, 2, 3]) == 3
    assert points(first).count([2]) == 3
    assert points(second).count([1, 2, 3]) == 1
    assert [0.05, 0.05] in [list(line.get_ydata()) for line in first.lines]
    assert [axis.get_title() for axis in figure.axes] == ["LDBM", "MambaGRU"]
    assert first.get_ylim()[0] == 0
    assert first.get_ylim()[1] >= 0.4
