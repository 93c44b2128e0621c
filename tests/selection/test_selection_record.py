import json

import numpy as np
import pandas as pd
import pytest
from made_up_choices import selection
from small import SURROGATE

from deplib.errors import ResultError
from deplib.selection import record
from deplib.selection.record import Selection

KEY = "k" * 64


def test_a_selection_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "deeper" / "null.json"
    written = selection("null")
    written.rules["last epoch"].loc[3, "test_pcc"] = np.nan
    written.save(path, key=KEY)
    read = Selection.load(path, key=KEY)
    assert read.scenario == "null"
    assert read.n_cohorts == written.n_cohorts
    assert list(read.rules) == list(written.rules)
    for name, rows in written.rules.items():
        pd.testing.assert_frame_equal(read.rules[name], rows.astype(float), atol=6e-4, rtol=0)
    assert np.isnan(read.rules["last epoch"].loc[3, "test_pcc"])
    for name, array in written.growth.items():
        np.testing.assert_allclose(read.growth[name], array, atol=6e-4)
    for name, array in written.courses.items():
        np.testing.assert_allclose(read.courses[name], array, atol=6e-4)
    assert "NaN" not in path.read_text()


def test_a_stale_missing_or_damaged_file_is_refused(tmp_path):
    path = tmp_path / "null.json"
    with pytest.raises(ResultError, match="does not exist; run `make sweep`"):
        Selection.load(path, key=KEY)
    selection("null").save(path, key=KEY)
    with pytest.raises(ResultError, match="is stale"):
        Selection.load(path, key="other")
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ResultError, match="no whole file"):
        Selection.load(path, key=KEY)
    path.write_text(json.dumps({"format": record.FORMAT, "key": KEY}))
    with pytest.raises(ResultError, match="no whole file"):
        Selection.load(path, key=KEY)


def test_a_disk_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot write"):
        selection("null").save(tmp_path / "file" / "null.json", key=KEY)


def test_keys_name_scenario_surrogate_rules_and_number(monkeypatch):
    keys = {
        record.rules_key("null", SURROGATE),
        record.rules_key("null-apart", SURROGATE),
        record.rules_key("null", SURROGATE, 10),
        record.courses_key("null", SURROGATE),
        record.rules_key("null", SURROGATE.as_stored()),
    }
    assert len(keys) == 4  # stored and read back, the surrogate is the same
    before = record.courses_key("null", SURROGATE), record.rules_key("null", SURROGATE)
    source = record._source
    monkeypatch.setattr(
        record, "_source", lambda m: "changed" if m.endswith("rules") else source(m)
    )
    assert record.courses_key("null", SURROGATE) == before[0]  # other rules, the same trainings
    assert record.rules_key("null", SURROGATE) != before[1]


def test_the_surrogate_comes_with_its_comparison(tmp_path):
    rows = pd.DataFrame({"measure": ["m"], "rendered": [1.0], "mean": [1.1]})
    record.save_surrogate(SURROGATE, tmp_path, rows)
    read = record.load_surrogate(tmp_path)
    np.testing.assert_array_equal(read.latents, SURROGATE.as_stored().latents)
    assert record.load_validation(tmp_path).to_dict("records") == rows.to_dict("records")
    record.save_surrogate(SURROGATE, tmp_path, None)
    with pytest.raises(ResultError, match="no comparison"):
        record.load_validation(tmp_path)
