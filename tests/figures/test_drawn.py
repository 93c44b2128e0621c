"""The data of a figure are read back as they were drawn, whatever drew them."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from deplib.figures.drawn import COLUMNS, drawn, unlisted
from deplib.figures.style import COLOURS, begin


@pytest.fixture
def axis():
    _, axes = plt.subplots()
    yield axes
    plt.close("all")


def points(axis, **wanted: str) -> list[tuple[float, float]]:
    """Return the points of the rows that have these values."""
    table = drawn(axis.figure)
    for column, value in wanted.items():
        table = table[table[column] == value]
    return list(table[["x", "y"]].itertuples(index=False, name=None))


def test_lines_and_single_points_are_told_apart_and_keep_their_data_on_log_axes(axis):
    axis.plot([1, 10, 100], [2, 20, 200], label="a line")
    axis.plot([1, 10], [3, 30], "o", label="marks")
    axis.plot(5, 6, color="black", label=unlisted("one: mean"))
    axis.set(xscale="log", yscale="log")
    assert points(axis, series="a line", kind="line") == [(1, 2), (10, 20), (100, 200)]
    assert points(axis, series="marks", kind="point") == [(1, 3), (10, 30)]
    assert points(axis, series="one: mean", kind="point") == [(5, 6)]
    assert drawn(axis.figure).groupby("element").size().tolist() == [3, 2, 1]
    axis.legend()
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a line", "marks"]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_lines_across_the_panel_have_one_coordinate(axis, scale):
    axis.plot([1, 10], [1, 10], label="data")
    axis.set(xscale=scale, yscale=scale)
    axis.axvline(3, label="at three")
    axis.axhline(4, label="at four")
    axis.axvspan(1, 2, label="columns")
    axis.axhspan(5, 6, label="rows")
    (vertical,) = points(axis, series="at three", kind="vertical")
    (horizontal,) = points(axis, series="at four", kind="horizontal")
    assert (vertical[0], horizontal[1]) == (3, 4)
    assert np.isnan([vertical[1], horizontal[0]]).all()
    columns, rows = (points(axis, series=name, kind="bar") for name in ("columns", "rows"))
    assert [x for x, _ in columns] == [1, 2]
    assert [y for _, y in rows] == [5, 6]
    assert np.isnan([y for _, y in columns] + [x for x, _ in rows]).all()


def test_bars_have_the_name_of_their_group_and_two_corners_each(axis):
    axis.bar([0, 1], [3, 4], 0.5, label="Train")
    axis.set_xticks([0, 1], ["minimal", "mild\nor so"])
    assert points(axis, series="Train", kind="bar") == [
        (-0.25, 0), (0.25, 3), (0.75, 0), (1.25, 4),
    ]  # fmt: skip
    assert drawn(axis.figure)["x_name"].tolist() == ["minimal"] * 2 + ["mild or so"] * 2


def test_error_bars_are_points_and_intervals_and_no_caps(axis):
    axis.errorbar([1, 2], [5, 6], [[1, 2], [3, 4]], capsize=3, label="LDBM, means at hand")
    assert points(axis, series="LDBM, means at hand", kind="line") == [(1, 5), (2, 6)]
    assert points(axis, series="LDBM, means at hand: interval", kind="segment") == [
        (1, 4), (1, 8), (2, 4), (2, 10),
    ]  # fmt: skip
    assert len(drawn(axis.figure)) == 6


def test_a_band_has_its_two_sides_in_order(axis):
    axis.fill_between([1, 2, 4], [0, 1, 0], [5, 6, 7], label=unlisted("null: interval"))
    assert points(axis, series="null: interval: from", kind="area") == [(1, 0), (2, 1), (4, 0)]
    assert points(axis, series="null: interval: to", kind="area") == [(1, 5), (2, 6), (4, 7)]


def test_steps_scattered_dots_and_segments(axis):
    axis.stairs([2, 3], [0, 1, 2], baseline=0, fill=True, label="steps")
    axis.scatter([1, 2], [3, np.nan], label="dots")
    axis.vlines([7, 8], [0, 1], [2, 3], label="ends")
    assert points(axis, series="steps", kind="area") == [(0, 2), (1, 3), (2, 3)]
    assert points(axis, series="dots", kind="point") == [(1, 3)]
    assert points(axis, series="ends", kind="segment") == [(7, 0), (7, 2), (8, 1), (8, 3)]


def test_small_images_are_cells_and_photographs_are_only_named(axis):
    axis.imshow([[0.25, 0.5]])
    axis.imshow(np.zeros((8, 8, 3)), label=unlisted("a face"))
    assert points(axis, series="0.5", kind="cell") == [(1, 0)]
    ((x, y),) = points(axis, series="a face", kind="picture")
    assert np.isnan([x, y]).all()


def test_a_series_without_a_label_is_called_by_its_colour(axis):
    axis.plot([1, 2], [1, 2], color=COLOURS["LDBM"])
    axis.scatter([1], [2], color="#123456")
    names = {COLOURS["LDBM"].lower(): "LDBM"}
    assert drawn(axis.figure, names)["series"].unique().tolist() == ["LDBM", "#123456"]


def test_panels_axes_and_twins_are_named(axis):
    figure, axes = plt.subplots(2, 2, sharex=True, sharey=True)
    for one in axes.flat:
        one.plot([0, 1], [0, 1], label="data")
    axes[0, 0].set(title="Dev", ylabel="one seed")
    axes[1, 0].set_ylabel("ten seeds")
    axes[1, 1].set_label("Test, ten seeds")
    figure.supxlabel("BDI-II")
    twin = axes[0, 0].twinx()
    twin.plot([0, 1], [5, 6], label="other scale")
    twin.set_ylabel("seconds")
    rows = drawn(figure).groupby("element").first()
    assert rows["panel"].tolist() == ["Dev", "2", "3", "Test, ten seeds", "Dev"]
    assert rows["y_axis"].tolist() == ["one seed"] * 2 + ["ten seeds"] * 2 + ["seconds"]
    assert set(rows["x_axis"]) == {"BDI-II"}


def test_values_are_named_by_the_nearest_tick_within_half_a_step(axis):
    axis.plot([0.5, 0.6], [1, 1.27], "o", label="data")
    axis.plot([0.7], [1.6], "o", label="between")
    axis.set_yticks([0, 1, 3], ["LDBM", "Mamba", "oracle"])
    assert drawn(axis.figure)["y_name"].tolist() == ["Mamba", "Mamba", ""]
    assert set(drawn(axis.figure)["x_name"]) == {""}  # ticks that nobody named


def test_no_name_is_lost_when_a_table_is_read_again():
    figure, axes = begin(size=(3, 2))
    axes[0, 0].plot([1, 2], [1 / 3, 1e-17], label="null")
    axes[0, 0].set_title("null")
    table = pd.read_csv(io.StringIO(figure.kept()["csv"]))
    assert table.columns.tolist() == COLUMNS
    assert table[["panel", "series"]].drop_duplicates().to_numpy().tolist() == [["'null'"] * 2]
    assert table["y"].tolist() == [0.333333, 0]


def test_an_empty_figure_gives_the_columns():
    assert drawn(begin(size=(3, 2))[0]).columns.tolist() == COLUMNS
