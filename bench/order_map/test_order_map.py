"""The map of order and the rendered cells, small, with trainings of one epoch."""

from dataclasses import replace
from itertools import chain

import cells
import numpy as np
import pandas as pd
import pytest
import rendered
import sweep
import tables
import torch
from cells import SHALLOW, Run
from scipy.stats import pearsonr

from deplib import results
from deplib.errors import CohortError, ModelError
from deplib.metrics import mae

READ_FROM = ("MambaGRU", cells.MEAN_OF_STATES)
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
    monkeypatch.setattr(tables, "TOGETHER", 5)
    for cached in (cells._key, cells._evaluated, cells.drawn):
        cached.cache_clear()
    yield computed
    for cached in (cells._key, cells._evaluated, cells.drawn):
        cached.cache_clear()


def read(folder):
    return pd.read_parquet(folder / "runs.parquet"), pd.read_parquet(folder / "recordings.parquet")


def test_a_cell_end_to_end(computed, tmp_path):
    tables.complete(cells, RUNS, tmp_path, jobs=1)
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
            tables.complete(cells, RUNS, tmp_path / "one", jobs=1)
    assert len(read(tmp_path / "one")[0]) == 5  # a first part was merged
    tables.complete(cells, RUNS, tmp_path / "one", jobs=1)
    assert len(computed) == len(RUNS) + 3  # no row of the table is computed again
    tables.complete(cells, RUNS, tmp_path / "other", jobs=1)
    for one, other in zip(read(tmp_path / "one"), read(tmp_path / "other"), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_rows_of_other_code_are_computed_again(computed, tmp_path, monkeypatch):
    tables.complete(cells, RUNS[:2], tmp_path, jobs=1)
    of = [RUNS[5], RUNS[5]._replace(movement="stroke"), RUNS[1]]  # LDBM, LDBM and the oracle
    keys = {cells.key(run) for run in of}
    assert len(keys) == 3
    monkeypatch.setattr(cells, "PROTOCOL", replace(cells.PROTOCOL, learning_rate=0.1))
    cells._key.cache_clear()
    tables.complete(cells, RUNS[:1], tmp_path, jobs=1)
    assert len(computed) == 3
    assert read(tmp_path)[0]["predictor"].tolist() == ["constant"]


@pytest.mark.parametrize(
    ("study", "folder", "grid"),
    [
        (cells, "order", sweep.order_map()),
        (rendered, "population", [*chain.from_iterable(sweep.population())]),
    ],
)
def test_the_versioned_answers_are_those_of_the_present_code(study, folder, grid):
    runs = pd.read_parquet(results.folder() / folder / "runs.parquet")
    assert len(tables.held_in(study, results.folder() / folder)) == len(runs) > 0
    assert set(tables.runs_in(study, runs)) <= set(grid)
    said = results.answers(folder)
    assert len(said) == runs["bdi_hat"].map(len).sum()
    assert said.groupby("split")["bdi_hat"].count().index.tolist() == ["dev", "test"]
    assert said["bdi_hat"].between(-100, 200).all()


def test_a_recurrence_is_read_from_the_mean_of_its_states():
    plain, read = (cells.network(name, seed=0, channels=29, width=8) for name in READ_FROM)
    x, mask = torch.randn(2, 29, 12, generator=torch.Generator().manual_seed(0)), torch.ones(2, 12)
    mask[0, 7:] = 0  # frames that are not there count for nothing
    states = []
    plain.gru.register_forward_hook(lambda *given: states.append(given[-1][0]))
    with torch.inference_mode():
        plain(x, mask.bool())
        want = [states[0][0, :7].mean(0), states[0][1].mean(0)]
        expected = plain.regressor(torch.stack(want)).squeeze(1)
        found = read(x, mask.bool())
        x[0, :, 7:] = 9.0
        padded = read(x, mask.bool())
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(padded, found)


def test_workers_find_the_functions_of_a_study(computed, tmp_path):
    tables.complete(cells, RUNS[:2], tmp_path, jobs=2)
    assert read(tmp_path)[0]["predictor"].tolist() == ["constant", "oracle"]


def test_a_population_has_the_published_labels_and_one_window_each():
    used = rendered.simulate("published", 0)[1]
    test = used[used["split"] == "test"]
    assert used["split"].value_counts().to_dict() == {"test": 1000, "train": 50, "dev": 50}
    assert (test["bdi"] - 13.5).abs().mean() == pytest.approx(9.54, abs=0.05)
    assert test["bdi"].mean() == pytest.approx(14.5, abs=0.1)
    assert test["n_frames"].max() == 512 < used["n_frames"].max() == 2000


@pytest.mark.parametrize("world", ["published", "pace"])
def test_rendered_cells_end_to_end(world, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    for name, size in (("N_TRAIN", 6), ("N_DEV", 6), ("N_TEST", 8), ("PACE_TRAIN", 8)):
        monkeypatch.setattr(rendered, name, size)
    monkeypatch.setattr(rendered, "PACE_TEST", 8)
    monkeypatch.setattr(cells, "N_DEV", 6)
    monkeypatch.setattr(
        rendered, "protocol_of", lambda run, of=rendered.protocol_of: replace(of(run), epochs=1)
    )
    whole = rendered.simulate.__wrapped__(world, 0)
    short = whole[1].assign(n_frames=16)  # sixteen frames of each are enough to see it work
    monkeypatch.setattr(rendered, "simulate", lambda world, cohort: (whole[0], short))
    rendered.windows_of.cache_clear()
    for name in rendered.not_embedded(world, 0):
        rendered.embed(world, 0, name)
    assert not rendered.not_embedded(world, 0)
    runs = [
        rendered.Run(world, 6, 0, "affect", "raw", "constant"),
        rendered.Run(world, 6, 0, "affect", "raw", "ridge (mean+sd)"),
        rendered.Run(world, 6, 0, "identity", "z-scored", "LDBM"),
        rendered.Run(world, 6, 0, "identity", "shuffled", "LDBM"),
        rendered.Run(world, 6, 0, "identity", "z-scored", "LDBM", dropout=0.3),
        rendered.Run(world, 6, 0, "identity", "z-scored", "LDBM", learning_rate=1e-2),
    ]
    tables.complete(rendered, runs, tmp_path / "out", jobs=1)
    rendered.windows_of.cache_clear()
    table, whose = read(tmp_path / "out")
    assert whose.groupby("split").size().to_dict() == {"dev": 6, "test": 8}
    said = {tuple(row) for row in table["bdi_hat"]}
    assert len(said) == len(runs)  # each setting says something else
    assert (table["epoch"] == (table["predictor"] == "LDBM")).all()


def test_shuffled_windows_have_their_own_frames_in_orders_of_their_own(computed):
    windows = cells.drawn("pace", 1.0, 20, 0)[1]
    windows.mask[0, 100:] = False
    found = rendered.shuffled(windows, seed=0).features
    np.testing.assert_array_equal(np.sort(found, axis=1)[1:], np.sort(windows.features, axis=1)[1:])
    np.testing.assert_array_equal(found[0, 100:], windows.features[0, 100:])
    where = [
        [(one == row).all(1).argmax() for row in found[k]]
        for k, one in enumerate(windows.features[:3])
    ]
    assert len({tuple(order) for order in where}) == 3
    assert sorted(where[1]) == list(range(128))


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
