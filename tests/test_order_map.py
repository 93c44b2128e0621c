"""The map of order, with a few recordings in a cell and trainings of one epoch."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import pearsonr

from deplib.errors import CohortError, ModelError, ResultError
from deplib.metrics import mae
from deplib.order_map import SHALLOW, TEMPORAL, Run, cells, complete, grid, load, table

CHEAP = ("constant", "oracle", "ridge (mean+sd)", "ridge (order)", "TemporalMeanMLP", "LDBM")
RUNS = [
    Run("pace", share, 20, cohort, "z-scored", predictor)
    for cohort in (0, 1)
    for share in (0.0, 1.0)
    for predictor in CHEAP
]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A data folder of its own, small cells, and a list of the runs that were computed."""
    computed, answers = [], cells.answers

    def counted(run):
        computed.append(run)
        if len(computed) == computed_at_most[0]:
            raise KeyboardInterrupt
        return answers(run)

    computed_at_most = [0, computed]
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(cells, "N_DEV", 10)
    monkeypatch.setattr(cells, "N_TEST", 20)
    monkeypatch.setattr(cells, "PROTOCOL", replace(cells.PROTOCOL, epochs=1))
    monkeypatch.setattr(cells, "answers", counted)
    monkeypatch.setattr(table, "TOGETHER", 5)
    table.key.cache_clear()
    cells.drawn.cache_clear()
    yield computed_at_most
    table.key.cache_clear()
    cells.drawn.cache_clear()


def run(folder, runs=RUNS):
    return complete(runs, folder=folder, jobs=1)


def test_a_cell_end_to_end(small, tmp_path):
    assert run(tmp_path) == len(RUNS) == len(small[1])
    said = load(folder=tmp_path)
    assert len(said) == len(RUNS) * 30
    for (share, cohort), rows in said.groupby(["share", "cohort"]):
        simulated = cells.simulate("pace", share, 20, cohort)
        truth = simulated.recordings.merge(simulated.truth, on="recording").set_index("recording")
        kept = truth.loc[rows["recording"]].reset_index()
        assert set(rows["split"]) == {"dev", "test"}
        for name in ("person", "split", "bdi"):
            assert rows[name].tolist() == kept[name].tolist()
        is_oracle = (rows["predictor"] == "oracle").to_numpy()
        oracle = kept["oracle_median"].to_numpy()
        np.testing.assert_allclose(rows["bdi_hat"][is_oracle], oracle[is_oracle], atol=0.0051)
        median = truth["bdi"][truth["split"] == "train"].median()
        assert rows["bdi_hat"][rows["predictor"] == "constant"].eq(median).all()
    epochs = said.groupby("predictor")["epoch"].unique().map(list)
    assert epochs["LDBM"] == [1]
    assert epochs["oracle"] == [0]


def test_an_interrupted_call_leaves_what_it_has_and_goes_on(small, tmp_path):
    small[0] = 9
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "table")
    assert len(load(folder=tmp_path / "table")) == 5 * 30  # a first part was merged
    small[0] = 0
    run(tmp_path / "table")
    assert len(small[1]) == len(RUNS) + 1  # the run that broke off is done again, no other
    whole = load(folder=tmp_path / "table")
    run(tmp_path / "other")
    assert len(small[1]) == len(RUNS) + 1  # from what was kept alone
    assert load(folder=tmp_path / "other").equals(whole)
    (tmp_path / "data").rename(tmp_path / "lost")
    run(tmp_path / "table", [*RUNS, Run("stroke", 1.0, 20, 0, "z-scored", "constant")])
    assert len(small[1]) == len(RUNS) + 2  # from the table alone
    assert load(folder=tmp_path / "table", movement="pace").equals(whole)


def test_rows_of_other_code_are_refused_and_computed_again(small, tmp_path, monkeypatch):
    runs = RUNS[:2]
    run(tmp_path, runs)
    keys = {table.key(*of) for of in (("pace", "LDBM"), ("stroke", "LDBM"), ("pace", "oracle"))}
    assert len(keys) == 3
    monkeypatch.setattr(cells, "PROTOCOL", replace(cells.PROTOCOL, learning_rate=0.1))
    table.key.cache_clear()
    with pytest.raises(ResultError, match=r"'constant'.* by other code or settings: run `make swe"):
        load(folder=tmp_path)
    run(tmp_path, runs[:1])
    assert len(small[1]) == 3
    assert load(folder=tmp_path)["predictor"].unique().tolist() == ["constant"]


def test_what_is_not_there_is_named(small, tmp_path):
    with pytest.raises(ResultError, match=r"runs.parquet is missing .*: run `make sweep`"):
        load(folder=tmp_path)
    run(tmp_path, RUNS[:1])
    for settings, why in (
        ({"movement": "tempo"}, r"no run with movement='tempo'; there are \['pace'\]"),
        ({"share": 0.3}, r"no run with share=0.3; there are \[0.0\]"),
        ({"n_train": [800]}, r"no run with n_train=\[800\]; there are \[20\]"),
        ({"model": "LDBM"}, "no setting 'model'; it has movement, share"),
    ):
        with pytest.raises(ResultError, match=why):
            load(folder=tmp_path, **settings)
    (tmp_path / "runs.parquet").write_bytes(b"no table")
    with pytest.raises(ResultError, match="damaged"):
        load(folder=tmp_path)
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


def test_a_part_of_the_grid_is_a_picture():
    runs = grid()
    assert len(set(runs)) == len(runs)
    first = [one for one in runs if one[:2] == ("pace", 1.0) and one.inputs != "centred"]
    assert {one.predictor for one in first} == {*SHALLOW, *TEMPORAL, *cells.ORDER_BLIND}
    assert [one.n_train for one in runs[:10]] == [50] * 10
    places = [runs.index(Run(*cell, "z-scored", "LDBM", 0)) for cell in (
        ("pace", 1.0, 50, 0), ("pace", 0.0, 1500, 2), ("pace", 0.25, 50, 0), ("stroke", 1.0, 50, 0),
    )]  # fmt: skip
    assert places == sorted(places)
    assert runs[-1].inputs == "centred"
