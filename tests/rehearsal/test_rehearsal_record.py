"""The record of times: read as it was written, refused in pieces, and never made up."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_up_timings import READS, TRAINS
from made_up_timings import TIMINGS as MADE_UP

from deplib.errors import ResultError
from deplib.rehearsal.record import Book, Cost, Timings, default_folder, load, load_chapter

TIMINGS = replace(MADE_UP, book=Book(500.0, 30.0, 2_000_000_000))


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path.read_text()
        for path in sorted(folder.rglob("*.json"))
    }


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "timings"
    TIMINGS.save(folder)
    assert load(folder) == TIMINGS
    first = contents(folder)
    assert list(first) == ["book", "chapters/draws", "chapters/reads", "chapters/trains", "machine"]
    load(folder).save(folder)
    assert contents(folder) == first
    bare = Timings()
    bare.save(folder)
    assert load(folder) == bare
    assert list(contents(folder)) == ["machine"]


def test_a_chapter_is_read_from_its_own_file_and_changes_no_other(tmp_path: Path) -> None:
    TIMINGS.save(tmp_path)
    first = contents(tmp_path)
    TIMINGS.having("reads", replace(READS, full=Cost(9.0, 1))).save(tmp_path)
    changed = {name for name, content in contents(tmp_path).items() if content != first[name]}
    assert changed == {"chapters/reads"}
    for name in ("book", "chapters/trains"):
        (tmp_path / f"{name}.json").write_text("damaged")
    found = load_chapter("reads", tmp_path)
    assert found.alone("reads") == Cost(9.0, 1)
    assert found.versions == TIMINGS.versions
    assert load_chapter("unknown", tmp_path).alone("unknown") is None


def test_where_nothing_was_taken_there_is_nothing(tmp_path: Path) -> None:
    found = load(tmp_path / "none")
    assert found == Timings()
    assert found.alone("reads") is None


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"format": 2', '"format": 1'),
        lambda text: re.sub('"(seconds|cold)"', '"minutes"', text),
        lambda text: "[]",
    ],
)
@pytest.mark.parametrize("name", ["machine", "chapters/trains", "book"])
def test_a_damaged_record_is_refused_with_a_remedy(tmp_path: Path, name: str, spoilt) -> None:
    TIMINGS.save(tmp_path)
    path = tmp_path / f"{name}.json"
    path.write_text(spoilt(path.read_text()))
    with pytest.raises(ResultError, match=rf"{name}\.json is no whole file .*rehearse --record"):
        load(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot write"):
        TIMINGS.save(tmp_path / "file" / "timings")


def test_from_nothing_is_with_features_where_they_are_needed() -> None:
    assert TIMINGS.alone("reads") == READS.full
    assert TIMINGS.alone("trains") == Cost(330.0, 900_000_000)
    assert replace(TIMINGS, features=None).alone("trains") is None


def test_a_chapter_that_was_measured_anew_replaces_the_old_and_one_that_is_gone_goes() -> None:
    anew = TIMINGS.having("reads", replace(READS, full=Cost(9.0, 1)))
    assert anew.chapters["reads"].full.seconds == 9.0
    assert anew.chapters["trains"] == TRAINS
    assert TIMINGS.chapters["reads"] == READS  # nothing was changed in place
    assert list(anew.of(["trains"]).chapters) == ["trains"]


def test_the_versioned_record_names_no_folder_and_no_machine() -> None:
    found = load()
    assert set(found.machine) == {"processor", "cores", "system"}
    assert "/" not in "".join(contents(default_folder()).values())
