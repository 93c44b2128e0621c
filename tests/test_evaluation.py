"""Score tables: levels, intervals and pairing, against values computed by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import made_up

from deplib import evaluation
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import ResultError
from deplib.metrics import PREDICTION_TOLERANCE
from deplib.results import Result, RunSpec


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    bdi = rng.integers(0, 45, 50).astype(float)
    return pd.DataFrame(
        {
            "recording": [f"r{k}" for k in range(50)],
            "person": [f"p{k // 2}" for k in range(50)],
            "split": "test",
            "bdi": bdi,
            "bdi_hat": bdi + rng.normal(0, 6, 50),
        }
    )


def test_recordings_are_means_of_windows_in_bdi_points():
    predictions = pd.DataFrame(
        {
            "recording": ["a", "a", "b"],
            "person": ["p", "p", "q"],
            "split": "test",
            "window": [0, 1, 0],
            "y": [1.0, 1.0, -1.0],
            "y_hat": [0.0, 1.0, 2.0],
        }
    )
    result = Result(
        RunSpec("LDBM"), "0" * 64, predictions, pd.DataFrame(), 1, "dev_mae", 10.0, 4.0, 1
    )
    table = evaluation.recordings(result)
    assert table["bdi"].tolist() == [14.0, 6.0]
    assert table["bdi_hat"].tolist() == [12.0, 18.0]


def test_intervals_hold_the_estimate_and_repeat(table):
    scores = evaluation.with_intervals(table)
    assert scores["mae_low"] < scores["mae"] < scores["mae_high"]
    assert scores["mae"] == pytest.approx((table["bdi"] - table["bdi_hat"]).abs().mean())
    assert scores == evaluation.with_intervals(table)


def test_a_constant_has_no_correlation_and_says_so(table):
    scores = evaluation.with_intervals(table.assign(bdi_hat=13.0))
    assert np.isnan(scores["pcc"])
    assert scores["sigma_ratio"] == 0
    printed = evaluation.printable(pd.DataFrame([{"predictor": "constant", **scores}]))
    assert printed.loc[0, "PCC"] == "undefined"


def test_paired_difference_is_of_the_same_recordings(table):
    worse = table.assign(bdi_hat=table["bdi_hat"] + 100)
    shuffled = worse.sample(frac=1, random_state=0)
    difference = evaluation.paired_mae(table, shuffled)
    by_hand = evaluation.mae_of(table) - evaluation.mae_of(worse)
    assert difference.value == pytest.approx(by_hand)
    assert difference.high < 0
    assert "better" in evaluation.reading(difference, "better than", "worse than")


def test_tables_that_do_not_match_are_refused(table):
    with pytest.raises(ValueError, match="same recordings"):
        evaluation.paired_mae(table, table.iloc[:-1])
    with pytest.raises(ValueError, match="different labels"):
        evaluation.paired_mae(table, table.assign(bdi=table["bdi"] + 1))


def test_the_oracle_beats_the_constant_where_there_is_something_to_know():
    cohort = SimulatedCohort("published", n_recordings=600)
    oracle = evaluation.oracle(cohort)
    spread = (oracle["bdi"] - oracle["bdi"].median()).abs().mean()
    assert evaluation.mae_of(oracle) < 0.8 * spread


def test_all_predictors_stand_in_one_table_with_constant_and_oracle_last():
    cohort = SimulatedCohort("default")
    runs = [made_up(RunSpec("LDBM", seed=seed), cohort) for seed in (0, 1)]
    table = evaluation.predictors(cohort, runs)
    names = list(table[["model", "seed"]].drop_duplicates().itertuples(index=False, name=None))
    assert names == [
        ("LDBM", 0),
        ("LDBM", 1),
        (evaluation.CONSTANT, 0),
        (evaluation.CONSTANT_MEAN, 0),
        (evaluation.ORACLE, 0),
    ]
    assert table.groupby(["model", "seed"]).size().eq(len(cohort.recordings)).all()
    constant = table[table["model"] == evaluation.CONSTANT]
    assert constant["bdi_hat"].eq(constant.query("split == 'train'")["bdi"].median()).all()
    mean = table[table["model"] == evaluation.CONSTANT_MEAN]
    assert mean["bdi_hat"].eq(mean.query("split == 'train'")["bdi"].mean()).all()


def test_two_machines_are_compared_by_score_and_by_window():
    ours = made_up(RunSpec("LDBM"), SimulatedCohort("default"))
    theirs = ours.predictions.copy()
    row = theirs.index[theirs["split"] == "test"][3]
    theirs.loc[row, "y_hat"] += 1.5
    same = evaluation.compare(ours, ours)
    assert (same.mae_difference, same.prediction_difference) == (0, 0)
    other = evaluation.compare(ours, replace(ours, predictions=theirs.sample(frac=1)))
    assert other.prediction_difference == pytest.approx(1.5 * ours.label_std)
    n_windows = (theirs["recording"] == theirs.loc[row, "recording"]).sum()
    assert 0 < abs(other.mae_difference) <= 1.5 * ours.label_std / n_windows / 50 + 1e-9
    table = evaluation.agreement_table([same, other])
    window = table["prediction of the window that differs most"]
    assert window[0] == f"within {PREDICTION_TOLERANCE:g} points"
    assert window[1].startswith("NOT within")
    with pytest.raises(ResultError, match="different keys"):
        evaluation.compare(ours, replace(ours, key="1" * 64))


def test_a_mean_over_persons_is_the_mean_with_an_interval_around_it():
    values = pd.Series(np.linspace(-1, 3, 30))
    mean = evaluation.mean_over_persons(values, pd.Series(np.arange(30) // 2))
    assert mean.value == pytest.approx(1.0)
    assert mean.low < 1.0 < mean.high


def test_a_recording_that_occurs_twice_is_refused_not_counted_twice(table):
    with pytest.raises(ResultError, match="r7 occurs twice"):
        evaluation.with_intervals(pd.concat([table, table[table["recording"] == "r7"]]))
