"""The map of order, with a few recordings in a cell and trainings of one epoch."""

from dataclasses import replace

import cells
import numpy as np
import pandas as pd
import pytest
import sweep
from cells import SHALLOW, Run
from scipy.stats import pearsonr

from deplib import results
from deplib.errors import CohortError, ModelError
from deplib.metrics import mae

CHEAP = ("constant", "oracle", "ridge (mean+sd)", "ridge (order)", "TemporalMeanMLP", "LDBM")
RUNS = [
    Run("pace", share, 20, cohort, "z-scored", predictor)
    for cohort in (0, 1)
    for share in (0.0, 1.0)
    for predictor in CHEAP
]


@pytest.fixture
def computed(monkeypatch):
    """Small cells, and the runs that were computed, in order."""
    computed, answers = [], cells.answers
    monkeypatch.setattr(cells, "N_DEV", 10)
    monkeypatch.setattr(cells, "N_TEST", 20)
    monkeypatch.setattr(cells, "PROTOCOL", replace(cells.PROTOCOL, epochs=1))
    monkeypatch.setattr(cells, "answers", lambda run: computed.append(run) or answers(run))
    monkeypatch.setattr(sweep, "TOGETHER", 5)
    for cached in (sweep.key, sweep.recordings_of, cells.drawn):
        cached.cache_clear()
    yield computed
    for cached in (sweep.key, sweep.recordings_of, cells.drawn):
        cached.cache_clear()


def read(folder):
    return pd.read_parquet(folder / "runs.parquet"), pd.read_parquet(folder / "recordings.parquet")


def test_a_cell_end_to_end(computed, tmp_path):
    sweep.complete(RUNS, tmp_path, jobs=1)
    runs, recordings = read(tmp_path)
    assert len(runs) == len(RUNS) == len(computed)
    for row in runs.itertuples():
        simulated = cells.simulate("pace", row.share, 20, row.cohort)
        whole = simulated.recordings.merge(simulated.truth, on="recording").set_index("recording")
        whose = recordings[recordings["cohort"] == row.cohort]
        assert set(whose["split"]) == {"dev", "test"}
        truth = whole.loc[whose["recording"]]
        assert whose["bdi"].tolist() == truth["bdi"].tolist()
        if row.predictor == "oracle":
            np.testing.assert_allclose(row.bdi_hat / 100, truth["oracle_median"], atol=0.0051)
        if row.predictor == "constant":
            assert set(row.bdi_hat) == {100 * whole["bdi"][whole["split"] == "train"].median()}
    assert runs.groupby("predictor")["epoch"].unique().map(list)[["LDBM", "oracle"]].tolist() == [
        [1],
        [0],
    ]


def test_an_interrupted_call_leaves_what_it_has_and_goes_on(computed, tmp_path, monkeypatch):
    answers = cells.answers

    def interrupted(run):
        if len(computed) == 8:
            raise KeyboardInterrupt
        return answers(run)

    with monkeypatch.context() as patch:
        patch.setattr(cells, "answers", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep.complete(RUNS, tmp_path / "one", jobs=1)
    assert len(read(tmp_path / "one")[0]) == 5  # a first part was merged
    sweep.complete(RUNS, tmp_path / "one", jobs=1)
    assert len(computed) == len(RUNS) + 3  # no row of the table is computed again
    sweep.complete(RUNS, tmp_path / "other", jobs=1)
    for one, other in zip(read(tmp_path / "one"), read(tmp_path / "other"), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_rows_of_other_code_are_computed_again(computed, tmp_path, monkeypatch):
    sweep.complete(RUNS[:2], tmp_path, jobs=1)
    keys = {sweep.key(*of) for of in (("pace", "LDBM"), ("stroke", "LDBM"), ("pace", "oracle"))}
    assert len(keys) == 3
    monkeypatch.setattr(cells, "PROTOCOL", replace(cells.PROTOCOL, learning_rate=0.1))
    sweep.key.cache_clear()
    sweep.complete(RUNS[:1], tmp_path, jobs=1)
    assert len(computed) == 3
    assert read(tmp_path)[0]["predictor"].tolist() == ["constant"]


def test_the_versioned_map_is_that_of_the_present_code():
    runs = pd.read_parquet(results.folder() / "order" / "runs.parquet")
    assert len(sweep.held_in(results.folder() / "order")) == len(runs) > 0
    assert set(runs[sweep.FIELDS].itertuples(index=False, name=None)) <= set(sweep.grid())


def test_what_cannot_be_computed_is_refused(computed):
    for changed, error in (
        ({"share": 1.2}, CohortError),
        ({"movement": "tempo"}, CohortError),
        ({"n_train": 1}, CohortError),
        ({"inputs": "minmax"}, CohortError),
        ({"predictor": "ResNet"}, ModelError),
    ):
        with pytest.raises(error):
            cells.answers(RUNS[0]._replace(**changed))


def test_features_of_order_find_pace_that_mean_and_sd_do_not(monkeypatch):
    """On 500 recordings, as large as the map's."""
    monkeypatch.setattr(cells, "N_TEST", 300)
    told, r = {}, {}
    for predictor in SHALLOW[1:4]:
        cell = Run("pace", 1.0, 500, 0, "none", predictor)
        test = cells.drawn(*cell[:4])[0].recordings.query("split == 'test'")
        said = cells.answers(cell)[0][test["recording"]]
        told[predictor] = mae(test["bdi"], said)
        r[predictor] = pearsonr(test["bdi"], said)[0]
    assert told["oracle"] < told["ridge (order)"] < told["ridge (mean+sd)"] - 0.5
    assert r["oracle"] > r["ridge (order)"] > 0.5
    assert abs(r["ridge (mean+sd)"]) < 0.15
