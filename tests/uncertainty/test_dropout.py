"""SDs over stochastic passes: from windows in z-units to recordings in points."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deplib import evaluation
from deplib.errors import ResultError
from deplib.results import Result, RunSpec
from deplib.uncertainty import dropout

SD = {"1_1": 0.1, "1_2": 0.3, "2_1": 0.2}


def result(seed: int = 0) -> Result:
    rows = [(name, name[0], "test", w, 0.5, 0.25 * w) for name in SD for w in range(2)]
    windows = pd.DataFrame(rows, columns=["recording", "person", "split", "window", "y", "y_hat"])
    return Result(
        spec=RunSpec("TemporalMeanMLP", seed=seed),
        key="0" * 64,
        predictions=windows.assign(y_sd=windows["recording"].map(SD)),
        history=pd.DataFrame(),
        epoch=1,
        chosen_by="dev_mae",
        label_mean=15.0,
        label_std=12.0,
        n_parameters=10,
    )


def with_sd(values) -> Result:
    return replace(result(), predictions=result().predictions.assign(y_sd=values))


def test_the_sd_of_a_recording_comes_in_points_beside_its_prediction():
    table = dropout([result(), result(3)])
    assert table["bdi_sd"].tolist() == pytest.approx([1.2, 3.6, 2.4] * 2)
    assert table["seed"].tolist() == [0] * 3 + [3] * 3
    plain = evaluation.recordings(result())
    pd.testing.assert_frame_equal(table.iloc[:3].drop(columns="bdi_sd"), plain)


def test_the_windows_are_not_divided_by_their_number():
    one_window = result().predictions.query("window == 0")
    found = dropout([replace(result(), predictions=one_window)])
    assert found["bdi_sd"].tolist() == dropout([result()])["bdi_sd"].tolist()


def test_what_is_no_sd_of_a_recording_is_refused():
    with pytest.raises(ResultError, match="no run"):
        dropout([])
    plain = replace(result(), predictions=result().predictions.drop(columns="y_sd"))
    with pytest.raises(ResultError, match=r"TemporalMeanMLP, seed 0: .* no column y_sd"):
        dropout([plain])
    with pytest.raises(ResultError, match="recording 1_1 has another y_sd in each window"):
        dropout([with_sd([0.1, 0.2, 0.3, 0.3, 0.2, 0.2])])
    for bad in (np.nan, np.inf, -0.1):
        with pytest.raises(ResultError, match="recording 1_2 has y_sd"):
            dropout([with_sd([0.1, 0.1, bad, 0.3, 0.2, 0.2])])
