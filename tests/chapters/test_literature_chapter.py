"""The page on the literature says what the figures give, and marks what nobody confirmed."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from deplib import claims, constant, literature, report
from deplib.chapters.constant import CONSTANTS, ConstantPart
from deplib.chapters.limitations import label_sentence
from deplib.chapters.literature import LiteraturePage

ROOT = Path(__file__).parents[2]
KEYS = set(re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "book/references.bib").read_text(), re.M))


@pytest.fixture(scope="module")
def page() -> LiteraturePage:
    return LiteraturePage()


@pytest.fixture(scope="module")
def part() -> ConstantPart:
    return ConstantPart()


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def rows_of(markdown: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in markdown.splitlines()[2:]]


def test_every_citation_of_the_book_has_an_entry_and_no_entry_occurs_twice():
    text = (ROOT / "book/references.bib").read_text()
    named = re.findall(r"^@\w+\{([^,\s]+),", text, re.M)
    assert len(named) == len(set(named))
    for file in (ROOT / "notebooks").glob("*.py"):
        for cited in re.findall(r"\{cite[a-z:]*\}`([^`]+)`", file.read_text()):
            assert set(re.split(r",\s*", cited)) <= KEYS, file.name
    assert set(literature.entries()["key"]) - {""} <= KEYS


def test_references_have_what_their_kind_needs_and_no_open_question():
    text = (ROOT / "book/references.bib").read_text()
    assert "%" not in text  # the mark of a field to check
    for entry in re.split(r"\n(?=@)", text.strip()):
        assert re.search(r"^ +title = \{.+\},$", entry, re.M), entry
        assert re.search(r"^ +author = \{.+\},$", entry, re.M) or entry.startswith("@misc"), entry
        assert entry.count("{") == entry.count("}"), entry


def test_the_steps_add_up_to_the_mae_of_the_constant(part):
    steps = part.steps()
    distances = steps.filter(like="sum of distances").squeeze()
    assert distances.sum() / steps["labels"].sum() == pytest.approx(9.54)
    text = part.derivation().data
    assert "477 / 50 = **9.54**, the same for every constant from 13 to 14" in text
    assert "±0.005" in text


def test_other_constants_are_never_better_and_the_quoted_mean_is_marked(part):
    table = part.other_constants()
    assert len(table) == len(CONSTANTS)
    assert (table["MAE at least"] >= 9.54 - 1e-9).all()
    assert (table["MAE at most"] >= table["MAE at least"] - 1e-9).all()
    quoted = table[table["constant"].str.startswith("15.1")]["constant"].item()
    assert "as commonly quoted" in quoted


def test_the_study_is_set_beside_the_constants_that_beat_it(part, monkeypatch):
    assert "Every whole number from 11 to 18" in part.study_sentence().data
    for whole, below in ((10, False), (11, True), (18, True), (19, False)):
        lowest = claims.REPORTED["test_mae"].min()
        assert bool(constant.mae_bounds(whole)[1] < lowest) is below
    better = claims.REPORTED.assign(test_mae=claims.REPORTED["test_mae"] - 2)
    monkeypatch.setattr(claims, "REPORTED", better)
    assert part.study_sentence().data.endswith("is not above that of a constant.")


def test_tables_hold_every_result_with_its_certainty_and_citation(page):
    for markdown, table in ((page.paper_table(), page.papers), (page.code_table(), page.code)):
        rows = rows_of(markdown.data)
        assert len(rows) == len(table)
        for row, (_, entry) in zip(rows, table.iterrows(), strict=True):
            assert row[0].startswith(entry["name"])
            assert (f"{{cite}}`{entry['key']}`" in row[0]) == bool(entry["key"])
            assert row[3:5] == [f"{entry['mae']:.2f}", f"{entry['rmse']:.2f}"]
            assert ("as commonly quoted" in row[5]) == (entry["certainty"] == "M")


def test_results_that_do_not_exceed_the_constant_clearly_are_named(page):
    text = page.against_constant().data
    both = pd.concat([page.papers, page.code])
    near = both[(both["mae"] < 9.54) & (both["high"] >= 9.54)]["name"]
    named = re.search(r"(\d+) lie below it by less than their interval: (.+)\. By RMSE", text)
    assert named
    assert int(named[1]) == len(near)
    assert named[2] == report.listed(list(near))
    assert "against 4 of the 4 of this study" in text
    assert text.endswith("it is better than: STA-DRN re-run (TUKL).")


def test_pairs_are_counted_without_and_with_what_is_only_quoted(page):
    text = page.pairs_sentence().data
    sure = page.papers[page.papers["certainty"] != "M"]
    known, every = literature.pairs(sure), literature.pairs(page.papers)
    assert text.startswith(f"Of the {len(known)} pairs among the {len(sure)} papers")
    assert f"it is {every['told_apart'].sum()} of {len(every)}" in text


def test_the_checks_name_what_they_rule_out_and_nothing_else(page):
    table = page.consistency().set_index("result")
    text = page.consistency_sentence().data
    sd = constant.label_sd()[0]
    for name, row in table.iterrows():
        bound = sd * (1 - (abs(row["PCC"]) + 0.005) ** 2) ** 0.5
        assert (f"{name} (" in text) == (row["RMSE"] + 0.005 < bound)
    assert "TUKL (fusion) (1.13)" in page.ratio_sentence().data


def test_reruns_and_floors_are_told_from_the_tables(page):
    assert page.rerun_sentence().data.startswith("3 of 3 re-runs have a higher MAE")
    floors = page.floors()
    assert floors.iloc[0]["MAE from it alone, points"] == pytest.approx(4.76, abs=0.005)
    column = f"papers below, of {len(page.papers)}"
    assert floors[column].tolist() == [
        (page.papers["mae"] < mae).sum() for mae in floors["MAE from it alone, points"]
    ]
    text = page.ceiling_sentence().data
    assert "RMSE of 8.08" in text
    assert "MAE of 6.45" in text
    assert "at least 0.79" in text
    mcid = page.mcid().set_index("baseline")["difference, points"]
    assert mcid["all Test labels"] == pytest.approx(0.175 * 14.5)


def test_the_closing_counts_follow_the_papers(page):
    below = (page.papers["high"] < 9.54).sum()
    assert f"{below} of {len(page.papers)} papers" in page.closing().data
    assert "little of an order among them" in page.closing().data


def test_the_forest_shows_every_result_and_hollows_what_is_ruled_out(page):
    axis = page.forest().axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == [*page.papers["name"], *page.code["name"], *claims.REPORTED["model"]]
    ruled_out = page.consistency().query("`RMSE minus that` < 0")["result"]
    hollow = [
        names[int(line.get_ydata()[0])]
        for line in axis.lines
        if line.get_marker() != "None" and line.get_markerfacecolor() == "white"
    ]
    assert set(hollow) == set(ruled_out) & set(names)
    at = [line.get_xdata()[0] for line in axis.lines if len(set(line.get_xdata())) == 1]
    assert any(value == pytest.approx(9.54) for value in at)


def test_the_curve_is_lowest_where_the_medians_are(part):
    axis = part.curve().axes[0]
    low = axis.lines[0]
    lowest = low.get_xdata()[low.get_ydata().argmin()]
    assert low.get_ydata().min() == pytest.approx(9.54)
    assert lowest <= 14
    assert len(axis.lines) == 2 + len(claims.REPORTED)


def test_the_spread_is_wider_with_fewer_persons(part):
    table = part.spread()
    assert table["SD"].is_monotonic_increasing
    assert "0.88 to 0.92" in part.spread_sentence().data


def test_limitations_keep_one_sentence_on_the_label():
    assert "0.73 to 0.96, that alone causes an MAE of 1.8 to 4.8 points" in label_sentence().data
