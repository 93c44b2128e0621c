"""Results: what is written is read back, and nothing stale, edited or broken is used."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from deplib import results, study
from deplib.errors import ResultError
from deplib.results import Result, RunSpec


def made(model: str = "LDBM", **settings: object) -> Result:
    """Return a run of twelve recordings of two windows each."""
    spec = RunSpec(model, **settings)
    rng = np.random.default_rng(len(spec.name))
    recordings = [f"{k:03d}_1" for k in range(12)]
    predictions = pd.DataFrame(
        {
            "recording": np.repeat(recordings, 2),
            "person": np.repeat([r[:3] for r in recordings], 2),
            "split": np.repeat(["train", "dev", "test"], 8),
            "window": np.tile([0, 1], 12),
            "y": np.repeat(rng.standard_normal(12), 2).round(6),
            "y_hat": rng.standard_normal(24).round(6),
        }
    )
    history = pd.DataFrame({"epoch": [1.0, 2.0], "dev_mae": [9.5, 9.25], "dev_pcc": [np.nan, 0.1]})
    return Result(spec, "ab" * 32, predictions, history, 2, "dev_mae", 15.0, 12.0, 99)


RUNS = [
    made(),
    made(seed=1),
    made(features="affect"),
    made("RidgeMean"),
    replace(made(recipe="dropout"), predictions=made().predictions.assign(y_sd=0.25)),
]


@pytest.fixture
def root(tmp_path):
    results.merge("default", RUNS, root=tmp_path)
    return tmp_path


def test_a_run_is_read_back_as_it_was_written_and_by_its_key(root):
    keys = {one.spec: one.key for one in RUNS} | {RUNS[1].spec: "cd" * 32}
    found = results.holding("default", keys, root=root)
    assert found.keys() == {one.spec for one in RUNS} - {RUNS[1].spec}
    for one in (RUNS[0], RUNS[4]):
        expected, again = one.rounded(), found[one.spec]
        pd.testing.assert_frame_equal(again.predictions, expected.predictions, check_dtype=False)
        pd.testing.assert_frame_equal(again.history, expected.history)
        assert again.digest == expected.digest
    assert results.holding("none", keys, root=root) == {}


def test_recordings_are_means_of_windows_in_points(root):
    table = results.load("default", root=root, **results.ABLATION, model="LDBM", seed=0)
    windows = RUNS[0].predictions
    expected = windows.groupby("recording")[["y", "y_hat"]].mean() * 12 + 15
    np.testing.assert_allclose(table["bdi"], expected["y"])
    np.testing.assert_allclose(table["bdi_hat"], expected["y_hat"])
    assert table.columns.tolist() == [
        *results.SPEC, "recording", "person", "split", "bdi", "bdi_hat", "bdi_sd",
    ]  # fmt: skip
    assert table["bdi_sd"].isna().all()
    spread = results.load("default", root=root, recipe="dropout")["bdi_sd"]
    np.testing.assert_allclose(spread, 3.0)


def test_settings_select_runs_and_a_wrong_one_is_named(root):
    assert len(results.runs("default", root=root)) == len(RUNS)
    assert len(results.runs("default", root=root, model="LDBM", features="affect")) == 1
    assert set(results.runs("default", root=root, seed=[0, 1])["seed"]) == {0, 1}
    assert set(results.histories("default", root=root, seed=1)["epoch"]) == {1, 2}
    assert len(results.windows("default", root=root, model="RidgeMean")) == 24
    with pytest.raises(ResultError, match="runs have no setting 'modl'"):
        results.load("default", root=root, modl="LDBM")
    with pytest.raises(ResultError, match="no run with features='voice'"):
        results.load("default", root=root, features="voice")
    with pytest.raises(ResultError, match=r"no results of 'other'.*\['default'\]"):
        results.load("other", root=root)


def test_merging_replaces_a_run_and_keeps_the_others(root):
    new = replace(RUNS[1], epoch=1, key="cd" * 32)
    results.merge("default", [new], root=root)
    table = results.runs("default", root=root).set_index(["model", "seed", "features", "recipe"])
    assert len(table) == len(RUNS)
    assert table.loc[("LDBM", 1, "identity", "protocol"), "key"] == "cd" * 32


EDITED = [
    ("predictions", "y_hat", 0.0),
    ("predictions", "split", "dev"),
    ("histories", "dev_mae", 0.0),
    ("runs", "epoch", 1),
    ("runs", "label_mean", 0.0),
]


@pytest.mark.parametrize(("name", "column", "value"), EDITED)
def test_an_edited_number_is_named(root, name, column, value):
    path = root / "default" / f"{name}.parquet"
    table = pd.read_parquet(path)
    chosen = table["seed"] == 1
    table[column] = table[column].mask(chosen, value)
    table.to_parquet(path, index=False)
    with pytest.raises(ResultError, match=r"not whole: the numbers of LDBM, seed 1.*make sweep"):
        results.load("default", root=root)


def test_a_table_that_cannot_be_read_is_named(root):
    path = root / "default" / "histories.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ResultError, match=r"cannot be read.*from the repository"):
        results.load("default", root=root)


def test_the_name_of_a_run_tells_it_from_all_others():
    specs = study.sweep_specs()
    assert len({(spec.world, spec.name) for spec in specs}) == len(specs)


KINDS = {"string": "string", "large_string": "string", "int64": "integer", "double": "number",
         "bool": "boolean", "list<element: int16>": "any"}  # fmt: skip


def test_every_table_is_described_for_machines_and_people_column_by_column():
    home = results.folder()
    package = json.loads((home / "datapackage.json").read_text())
    tables = {path.relative_to(home).as_posix() for path in home.rglob("*.parquet")}
    assert {one["path"]: one["schema"] for one in package["resources"]}.keys() == tables
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", (home / "README.md").read_text(), re.M)
    for one in package["resources"]:
        fields = json.loads((home / one["schema"]).read_text())["fields"]
        assert {(f["name"], f.get("unit", ""), f["description"]) for f in fields} <= set(rows)
        found = {c.name: KINDS[str(c.type)] for c in pq.read_schema(home / one["path"])}
        assert found == {field["name"]: field["type"] for field in fields}, one["path"]


def test_the_tables_are_read_by_address_as_their_page_says():
    text = (results.folder() / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    here = re.sub(r"https://raw[^\"]+", str(results.folder()), code)
    exec(here, names := {})
    expected = results.load("default").sort_values(by := [*results.SPEC, "recording"])["bdi_hat"]
    found = names["windows"].groupby(by, dropna=False)["bdi_hat"].mean()
    np.testing.assert_allclose(found, expected, atol=1e-4)
