import numpy as np
import pandas as pd
import pytest
from learnable import WIDTH, run

from deplib.errors import ResultError
from deplib.training import PREDICTION_COLUMNS, recording_table


def test_prediction_table_has_a_row_a_window(windows):
    result = run("TemporalMeanMLP", windows, seed=5)
    assert tuple(result.predictions) == PREDICTION_COLUMNS
    pd.testing.assert_frame_equal(
        result.predictions[["recording", "person", "split", "window", "y"]],
        windows.index[["recording", "person", "split", "window", "y"]],
    )
    for column, value in (("model", "TemporalMeanMLP"), ("seed", 5), ("chosen_by", "dev_mae")):
        assert (result.predictions[column] == value).all()
    assert result.n_parameters == WIDTH * 256 + 256 + 257
    assert result.seconds > 0


def test_recording_table_averages_then_denormalises(windows):
    result = run("TemporalMeanMLP", windows)
    both = pd.concat([result.predictions, result.predictions.assign(seed=1, y_hat=0.0)])
    table = recording_table(both, result.label_mean, result.label_std)
    assert table.columns.tolist() == [
        "recording",
        "person",
        "split",
        "bdi",
        "bdi_hat",
        "model",
        "seed",
    ]
    assert len(table) == 2 * windows.index["recording"].nunique()
    rows = result.predictions[result.predictions["recording"] == "r4"]
    row = table[(table["recording"] == "r4") & (table["seed"] == 0)].iloc[0]
    expected = np.mean(rows["y_hat"]) * windows.label_std + windows.label_mean
    assert row["bdi_hat"] == pytest.approx(expected)
    label = windows.index.set_index("recording")["bdi"]["r4"]
    assert row["bdi"] == pytest.approx(np.unique(label)[0])
    constant = table.loc[table["seed"] == 1, "bdi_hat"]
    np.testing.assert_allclose(constant, result.label_mean)


def test_recording_table_refuses_doubled_and_failed_predictions(windows):
    predictions = run("TemporalMeanMLP", windows, epochs=1).predictions
    with pytest.raises(ResultError, match="predicted twice"):
        recording_table(pd.concat([predictions, predictions.iloc[:2]]), 15.0, 12.0)
    with pytest.raises(ResultError, match="NaN or infinite"):
        recording_table(predictions.assign(y_hat=np.nan), 15.0, 12.0)
