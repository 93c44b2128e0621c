"""Every figure of the library: data with names, letters that can be read, nothing cut off."""

import io
from collections.abc import Callable
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from deplib import figures
from deplib.figures.diagrams import Row
from deplib.figures.style import BookFigure

LEAST = 8  # points
RNG = np.random.default_rng(0)
FOUR = ["TemporalMeanMLP", "LDBM", "VanillaTransformer", "MambaGRU"]
ROWS = pd.DataFrame(
    {"label": FOUR, "model": FOUR, "value": [9.0, 9.5, 9.2, 9.9], "low": 8.0, "high": 11.0}
)
RUNS = ROWS.assign(runs=[RNG.normal(9, 1, 3) for _ in FOUR])
STRIPS = ROWS.assign(values=[RNG.normal(9, 1, 3).tolist() for _ in FOUR], reference=9.5)
SEEDS = pd.DataFrame(
    {"recording": list("aabb"), "bdi": [5, 5, 30, 30], "bdi_hat": [8, 12, 20, 26.0]}
)
HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "dev_mae": 9.0, "train_loss": 0.5, "dev_sigma_ratio": [0.1, 0.2]}
)
CURVE = pd.DataFrame(
    {"way": "LDBM", "model": "LDBM", "frames": [128, 256], "value": [1.0, 2], "low": 0.9,
     "high": [2.0, 3]}
)  # fmt: skip
GROUPS = pd.DataFrame(
    {"label": ["a", "b"] * 2, "group": ["x", "x", "y", "y"], "value": 1.0, "low": 0, "high": 2}
)
POWER = pd.DataFrame(
    {"difference": [0, 1.0], "rho": [0, 0.5], "power": [0.05, 0.9], "formula": [0.05, 0.9],
     "low": 0.0, "high": 1.0, "wrong": [0.5, 0.1]}
)  # fmt: skip
MAES = pd.DataFrame({"dev_mae": [8.0, 9.0], "test_mae": [9.0, 9.5]})
REPORTED = pd.DataFrame({"model": FOUR, "dev_mae": 8.5, "test_mae": [10.4, 10.5, 10.4, 10.9]})
PAPERS = pd.DataFrame(
    {"name": ["He 2024", "DNet"], "mae": [5.6, 6.1], "low": 4.5, "high": 7.0,
     "marker": ["V", "code"], "possible": [True, False]}
)  # fmt: skip
FRAMES = np.zeros((2, 112, 112, 3), np.uint8)
EDGES = np.array([[0.0, 1], [1, 2], [2, 3]])

DRAWN: dict[str, Callable[[], Figure]] = {
    "clip_lengths": lambda: figures.clip_lengths(np.array([200, 900]), {0.5: 1200.0}, 2000),
    "constant_curve": lambda: figures.constant_curve(
        np.arange(5.0), np.ones(5), 2 * np.ones(5), reported=REPORTED
    ),
    "contact_sheet": lambda: figures.contact_sheet([FRAMES], ["001_1\nBDI-II 3"], ["", ""]),
    "cost_against_length": lambda: figures.cost_against_length(
        {"time": CURVE}, ylabel="milliseconds"
    ),
    "courses": lambda: figures.courses([HISTORY, HISTORY], [1, 2], model="LDBM"),
    "courses_of_choosing": lambda: figures.courses_of_choosing(
        {"null": MAES.assign(epoch=[1, 2])}, chosen={"null": 1.5}, constant={"null": 9}
    ),
    "coverage_dots": lambda: figures.coverage_dots(
        pd.DataFrame(
            {"quantity": ["MAE", "MAE"], "method": ["a", "b"], "coverage": 0.94, "low": 0.9,
             "high": 0.97}
        ),
        target=(0.93, 0.97),
    ),
    "detections": lambda: figures.detections(
        {"scene": FRAMES[0]}, {"scene": np.array([[1, 1, 5, 5]])}
    ),
    "dev_and_test": lambda: figures.dev_and_test({"null": MAES}, study=REPORTED),
    "diagram": lambda: figures.diagram(
        [
            Row("frames", EDGES, np.array([True, False, True]), 0, np.zeros(0), chained=True),
            Row("mean", np.array([[0.0, 3]]), np.ones(1, bool), 0, np.array([1.0, 0, 0.5])),
        ],
        colour="#0072B2",
    ),
    "effects": lambda: figures.effects(
        {"default": ROWS[["label", "value", "low", "high"]]}, xlabel="change"
    ),
    "error_and_uncertainty": lambda: figures.error_and_uncertainty(
        {"ensemble": SEEDS.assign(bdi_sd=[1.0, 2, 3, 4])}
    ),
    "exponents_against_length": lambda: figures.exponents_against_length(
        {"time": CURVE}, order={"N log N": pd.Series({128: 1.2, 256: 1.1})}
    ),
    "forest": lambda: figures.forest(ROWS, reference=9, reference_label="constant", xlabel="MAE"),
    "forest_of_groups": lambda: figures.forest_of_groups({"null": GROUPS}, xlabel="difference"),
    "forest_of_seeds": lambda: figures.forest_of_seeds(
        {"null": RUNS}, references={"null": 9}, xlabel="MAE"
    ),
    "forgetting": lambda: figures.forgetting(
        {"MambaGRU": np.array([0.9, 0.1]), "Mamba": np.array([0.5, 0.5])}, ylabel="share"
    ),
    "labels_by_band": lambda: figures.labels_by_band(
        pd.DataFrame({"Train": [0.5, 0.5], "Dev": [0.4, 0.6]}, index=["minimal", "mild"])
    ),
    "literature_forest": lambda: figures.literature_forest(
        PAPERS, lines={"a constant": 9.5}, without=REPORTED
    ),
    "optimism_by_candidates": lambda: figures.optimism_by_candidates(
        {"null": pd.DataFrame({"candidates": [1, 2], "optimism": 1.0, "low": 0, "high": 2})}
    ),
    "outgrown": lambda: figures.outgrown(
        pd.DataFrame({"detector": "a", "share": [0.3, 0.8], "found": [1, 0.0], "score": [5, 0.5]})
    ),
    "paired_differences": lambda: figures.paired_differences(
        [figures.PairedRow("a\nminus b", RNG.normal(size=50), RNG.normal(size=9), 0, -1, 1)],
        margins={"1 point": 1.0},
        xlabel="difference",
    ),
    "power_curves": lambda: figures.power_curves(
        {"small SD": POWER},
        POWER,
        reported=pd.DataFrame({"kind": ["mae", "pcc"], "value": [0.1, 0.2]}),
    ),
    "predictions_over_seeds": lambda: figures.predictions_over_seeds(
        {"one seed": {"Dev": SEEDS, "Test": SEEDS.assign(low=5, high=30)}}, model="LDBM"
    ),
    "readability": lambda: figures.readability(
        pd.DataFrame(
            {"quantity": "smile", "features": ["identity", "affect"], "value": 0.5, "low": 0.4,
             "high": 0.6}
        ),
        xlabel="R2",
    ),
    "residuals_by_severity": lambda: figures.residuals_by_severity(
        {"LDBM": figures.Residuals(pd.DataFrame({"bdi": [1, 30], "error": [9, -9]}), -0.6, -0.5)}
    ),
    "scatter_of_seeds": lambda: figures.scatter_of_seeds({"LDBM": SEEDS, "MambaGRU": SEEDS}),
    "scores_over_seeds": lambda: figures.scores_over_seeds(STRIPS, xlabel="MAE"),
    "spread_by_epoch": lambda: figures.spread_by_epoch(
        {"LDBM": ([HISTORY.assign(chosen=[False, True])], [HISTORY.assign(chosen=[True, False])])},
        floor=0.05,
    ),
    "trajectories": lambda: figures.trajectories(
        {"001_1, BDI-II 3": pd.DataFrame({"smile": [0.0, 1], "gaze_y": [0.5, 0.2]})},
        np.array([0.0, 1.0]),
    ),
    "wrong_orders": lambda: figures.wrong_orders({"small SD": POWER}, reported=[0.1, 0.4]),
}  # fmt: skip


@pytest.fixture(scope="module", params=sorted(DRAWN))
def figure(request: pytest.FixtureRequest):
    yield DRAWN[request.param]()
    plt.close("all")


def test_no_figure_of_the_library_is_left_out():
    public = {
        name
        for name in figures.__all__
        if callable(function := getattr(figures, name))
        and getattr(function, "__annotations__", {}).get("return") is Figure
    }
    assert public - {"stated"} == set(DRAWN)


def test_each_series_has_a_name_in_the_data(figure: BookFigure):
    table = pd.read_csv(io.StringIO(figure.kept()["csv"]), dtype={"series": str, "panel": str})
    assert len(table)
    assert table[["panel", "series"]].notna().all().all()
    assert table.loc[table["series"].str.startswith(("#", "_")), "series"].tolist() == []


def test_letters_are_large_enough_for_a_telephone(figure: BookFigure):
    figure.draw_without_rendering()
    shown = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip()]
    assert shown or not figure.axes
    small = [(one.get_text(), one.get_fontsize()) for one in shown if one.get_fontsize() < LEAST]
    assert small == []


def test_labels_of_the_rows_do_not_run_into_each_other(figure: BookFigure):
    figure.draw_without_rendering()
    for axis in figure.axes:
        boxes = [
            label.get_window_extent()
            for label in axis.get_yticklabels()
            if label.get_visible() and label.get_text()
        ]
        places = sorted((box.y0, box.y1) for box in boxes)
        assert all(low[1] <= high[0] + 1 for low, high in pairwise(places))
