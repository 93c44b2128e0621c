"""The record of times: read as it was written, refused in pieces, and never made up."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from deplib.errors import ResultError
from deplib.rehearsal.record import Book, Cost, Timing, Timings, default_path, load

READS = Timing("r" * 64, Cost(12.0, 300_000_000), features=False)
TRAINS = Timing(
    "t" * 64,
    Cost(40.0, 900_000_000),
    features=True,
    small=Cost(25.0, 700_000_000),
    again=Cost(15.0, 400_000_000),
)
TIMINGS = Timings(
    machine={"processor": "a processor", "cores": 2, "system": "Linux", "date": "2026-01-02"},
    versions={"python": "3.11.7", "deplib": "0.1.0"},
    install=50.0,
    features=Cost(200.0, 600_000_000),
    chapters={"reads": READS, "trains": TRAINS},
    book=Book(500.0, 30.0, 2_000_000_000),
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results" / "timings.json"
    TIMINGS.save(path)
    assert load(path) == TIMINGS
    first = path.read_bytes()
    load(path).save(path)
    assert path.read_bytes() == first
    bare = Timings()
    bare.save(path)
    assert load(path) == bare


def test_where_nothing_was_taken_there_is_nothing(tmp_path: Path) -> None:
    found = load(tmp_path / "none.json")
    assert found == Timings()
    assert found.alone("reads") is None


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"seconds"', '"minutes"'),
        lambda text: "[]",
    ],
)
def test_a_damaged_record_is_refused_with_a_remedy(tmp_path: Path, spoilt) -> None:
    path = tmp_path / "timings.json"
    TIMINGS.save(path)
    path.write_text(spoilt(path.read_text()))
    with pytest.raises(ResultError, match=r"timings\.json is no whole file .*rehearse --record"):
        load(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot write"):
        TIMINGS.save(tmp_path / "file" / "timings.json")


def test_from_nothing_is_with_features_where_they_are_needed() -> None:
    assert TIMINGS.alone("reads") == READS.full
    assert TIMINGS.alone("trains") == Cost(240.0, 900_000_000)
    assert replace(TIMINGS, features=None).alone("trains") is None


def test_a_chapter_that_was_measured_anew_replaces_the_old_and_one_that_is_gone_goes() -> None:
    anew = TIMINGS.having("reads", replace(READS, full=Cost(9.0, 1)))
    assert anew.chapters["reads"].full.seconds == 9.0
    assert anew.chapters["trains"] == TRAINS
    assert TIMINGS.chapters["reads"] == READS  # nothing was changed in place
    assert list(anew.of(["trains"]).chapters) == ["trains"]


def test_the_versioned_record_names_no_folder_and_no_machine() -> None:
    content = json.loads(default_path().read_text())
    assert set(content["machine"]) <= {"processor", "cores", "system", "date"}
    assert "/" not in json.dumps(content["versions"])
