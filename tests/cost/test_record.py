"""Measurements survive their file, and are refused where other code made them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from deplib.cost import record
from deplib.cost.steps import step_seconds
from deplib.cost.ways import HEAD_ONLY
from deplib.errors import ResultError


@pytest.fixture
def measured() -> record.Measured:
    return record.Measured(
        machine=record.this_machine(),
        steps=pd.DataFrame(step_seconds([HEAD_ONLY], [16], windows=1, rounds=2)),
        memory=pd.DataFrame(
            [
                {"way": HEAD_ONLY, "frames": n, "windows": 1, "bytes": 7, "grown": grown}
                for n, grown in ((16, None), (32, 9))
            ]
        ),
        epochs=pd.DataFrame([{"way": HEAD_ONLY, "seconds": [0.25, 0.5]}]),
        windows={"train": 3, "dev": 2},
    )


def test_measurements_survive_the_file(measured: record.Measured, tmp_path: Path) -> None:
    measured.save(tmp_path / "new" / "cost.json")
    again = record.load(tmp_path / "new" / "cost.json")
    assert again.machine == measured.machine
    assert again.windows == measured.windows
    for name in ("steps", "memory", "epochs"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(measured, name))


def test_the_file_names_no_host_and_no_path(measured: record.Measured, tmp_path: Path) -> None:
    path = tmp_path / "cost.json"
    measured.save(path)
    text = path.read_text()
    assert record.platform.node() not in text
    assert str(Path.cwd()) not in text


def test_measurements_of_other_code_are_refused(measured: record.Measured, tmp_path: Path) -> None:
    path = tmp_path / "cost.json"
    measured.save(path)
    content = json.loads(path.read_text())
    content["key"] = "0" * 64
    path.write_text(json.dumps(content))
    with pytest.raises(ResultError, match=r"stale.*000000.*run `python bench/cost.py`"):
        record.load(path)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "key": "x", "steps": 3}'])
def test_a_damaged_or_missing_file_says_how_to_make_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "cost.json"
    with pytest.raises(ResultError, match=r"does not exist; run `python bench/cost.py`"):
        record.load(path)
    path.write_text(text)
    with pytest.raises(ResultError, match=r"no whole file.*run `python bench/cost.py`"):
        record.load(path)


def test_the_key_changes_with_a_model_and_with_what_measures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = record.key()
    monkeypatch.setattr(record, "MEASURING", record.MEASURING[:-1])
    assert record.key() != before
    monkeypatch.undo()
    monkeypatch.setattr(record, "WAYS", {"LDBM": "LDBM"})
    assert record.key() != before
    monkeypatch.undo()
    assert record.key() == before
