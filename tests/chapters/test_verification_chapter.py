"""What the chapter on verification says, against the library."""

from dataclasses import fields
from pathlib import Path

import pytest

from deplib.chapters import verification as chapter
from deplib.extraction.verification.damage import Extracted
from deplib.extraction.verification.planted import PLANTED
from deplib.extraction.verification.report import CHECKS, Bounds


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Extracted:
    return chapter.sound_extraction(tmp_path_factory.mktemp("sound") / "store")


def test_every_planted_fault_is_in_the_table_and_found_exactly(
    sound: Extracted, tmp_path: Path
) -> None:
    table = chapter.planted_faults(sound, tmp_path)
    assert table["fault"].tolist() == list(PLANTED)
    assert table["exactly"].all()
    assert set(table["severity"]) == {"fault", "warning"}


def test_only_the_reference_speaks_of_bgr_255_and_imagenet(
    sound: Extracted, tmp_path: Path
) -> None:
    table = chapter.silence(sound, tmp_path).set_index("preprocessing")
    checks = [column for column in table if column in CHECKS]
    speaks = {name: [c for c in checks if row[c] != "silent"] for name, row in table.iterrows()}
    assert speaks == {
        "as stated": [],
        "BGR": ["reference"],
        "divided by 255": ["reference"],
        "ImageNet statistics": ["reference"],
        "raw pixels": ["similar_persons", "reference"],
        "normalised twice": ["similar_persons", "reference"],
    }
    assert table.loc["as stated", "cosine here"] == "1.00"


def test_the_table_of_checks_prints_every_bound_once() -> None:
    table = chapter.checks_table()
    assert table["check"].tolist() == list(CHECKS)
    printed = ", ".join(bounds for bounds in table["bounds"] if bounds).split(", ")
    default = Bounds()
    assert sorted(printed) == sorted(
        f"{field.name} {getattr(default, field.name):g}" for field in fields(Bounds)
    )


def test_the_checks_named_for_the_corpus_exist() -> None:
    named = {name for names in chapter.CORPUS["check"] for name in names.split(", ")}
    assert named <= set(CHECKS)


def test_damage_before_the_reader_is_not_found(sound: Extracted, tmp_path: Path) -> None:
    table = chapter.unfound(sound, tmp_path)
    assert table["findings"].tolist() == [0, 0, 0]


def test_the_same_damage_after_the_reader_is_found(sound: Extracted) -> None:
    table = sound.cohort.recordings
    persons = table.groupby("person")["recording"].agg(list)
    one, other = (names[0] for names in persons[persons.map(len) == 1].iloc[:2])
    frames = sound.cohort.frames

    def swapped(recording: str, start: int, stop: int | None):
        return frames({one: other, other: one}.get(recording, recording), start, stop)

    report = chapter.examine(
        Extracted(sound.store, chapter.Refilmed(sound.cohort, swapped), sound.encoder)
    )
    assert set(report.findings["recording"]) == {one, other}
    assert set(report.findings["check"]) == {"spot_check"}
