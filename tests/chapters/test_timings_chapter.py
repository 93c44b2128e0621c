"""What the pages say of times is what was recorded, coarsely, and nothing where nothing was."""

from dataclasses import replace

import pytest
from made_up_timings import READS, TIMINGS, TRAINS

from deplib.chapters import timings as module
from deplib.chapters.timings import TimingsPage, about, how_long, sentence
from deplib.rehearsal.record import Book, Cost, Timings


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "10 s"), (10, "10 s"), (10.1, "20 s"), (50, "50 s"), (51, "60 s"), (61, "70 s"),
     (90, "90 s"), (91, "2 min"), (330, "6 min")],
)  # fmt: skip
def test_a_time_is_rounded_up_coarsely(seconds: float, said: str) -> None:
    assert about(seconds) == said


def test_a_page_that_reads_says_one_time() -> None:
    assert sentence("reads", TIMINGS) == (
        "*Run alone on a fresh machine with two cores, this page takes about 20 s; to install "
        "`deplib` first takes about 50 s.*"
    )


def test_a_page_with_sizes_says_both() -> None:
    said = sentence("draws", TIMINGS)
    assert "takes about 50 s;" in said
    assert 'with `size = "small"` above, about 30 s from nothing' in said
    assert "render" not in said


def test_a_page_that_trains_says_what_its_features_cost() -> None:
    said = sentence("trains", TIMINGS)
    assert "takes about 6 min, 4 min of it to render and embed the faces;" in said
    assert "with all of that at hand, about 20 s;" in said
    assert 'with `size = "small"` above, about 70 s from nothing' in said
    quick = TIMINGS.having("trains", replace(TRAINS, full=Cost(9.0, 1)))
    assert "takes about 4 min, nearly all of it to render" in sentence("trains", quick)


@pytest.mark.parametrize("timings", [Timings(), replace(TIMINGS, features=None)])
def test_what_was_not_measured_is_not_said(timings: Timings) -> None:
    assert "has not been measured yet" in sentence("trains", timings)
    assert "has not been measured yet" in sentence("unknown", TIMINGS)


def test_the_line_of_a_page_follows_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_chapter", lambda name: TIMINGS)
    before = how_long("reads").data
    slower = replace(READS, full=Cost(45.0, 1))
    monkeypatch.setattr(module, "load_chapter", lambda name: TIMINGS.having("reads", slower))
    assert how_long("reads").data == before.replace("20 s", "50 s")


def test_the_page_has_a_row_a_chapter_and_leaves_out_what_was_not_taken() -> None:
    table = TimingsPage(TIMINGS).table().set_index("chapter")
    assert list(table.index) == ["draws", "reads", "trains"]
    assert table.loc["trains"].tolist() == ["330", "65", "100", "15", "0.9", "0.7"]
    assert table.loc["reads"].tolist() == ["12", "", "", "12", "0.3", ""]


def test_the_page_says_what_is_a_sum_and_where_it_was_measured() -> None:
    page = TimingsPage(TIMINGS)
    assert page.note().data.startswith("Chapters that train on features of the whole cohort: 1.")
    assert "took 230 s and 0.6 GB" in page.note().data
    assert "a processor" in page.machine().data
    assert "from 2026-01-02 to 2026-01-04" in page.machine().data
    assert "other circumstances" not in page.machine().data
    assert "no chapter took longer than 65 s or held more than 0.7 GB" in page.small().data
    assert 'role="note"' in page.badge().data
    assert page.versions().to_dict("list")["version"] == ["3.11.7", "0.1.0"]


def test_a_chapter_that_was_timed_elsewhere_says_where() -> None:
    machine = {"processor": "another", "cores": 4, "system": "Linux"}
    moved = TIMINGS.having("reads", replace(READS, machine=machine, versions={"numpy": "9"}))
    assert "circumstances: reads (four cores of another, numpy 9)." in (
        TimingsPage(moved).machine().data
    )
    assert "with four cores, this page takes" in sentence("reads", moved)
    assert "with two cores, this page takes" in sentence("draws", moved)


def test_the_book_stands_beside_its_budget() -> None:
    assert TimingsPage(TIMINGS).budget()["took (s)"].tolist() == ["not measured"] * 2
    over = TimingsPage(replace(TIMINGS, book=Book(601.0, 60.0, 1))).budget()
    assert over["verdict"].tolist() == ["OVER", "within"]
    assert over["budget (s)"].tolist() == ["600", "60"]


def test_an_empty_record_makes_a_page_all_the_same() -> None:
    page = TimingsPage(Timings())
    assert len(page.table()) == len(page.versions()) == 0
    assert "yet" in page.note().data
    assert "yet" in page.small().data
    assert "yet" in page.machine().data
