"""The page says what the choices give, and follows them when they change."""

import sys
from pathlib import Path

import pandas as pd
import pytest
from made_up import publishing

from deplib import claims, study
from deplib.chapters import choosing_parts
from deplib.chapters.choosing import ChoosingPage
from deplib.chapters.choosing_parts import APART, NULL
from deplib.selection import findings, record
from deplib.selection.cohorts import SCENARIOS
from deplib.selection.courses import SETTINGS
from deplib.selection.rules import BEST, LAST, PROTOCOL, RULES

sys.path.append(str(Path(__file__).parents[1] / "selection"))
from made_up_choices import N, selection


def open_page(monkeypatch, *, outside: bool = False, **made) -> ChoosingPage:
    """Return the page over made-up choices; ``made`` has keywords of ``selection`` by scenario."""
    default = {"gap": 0.0, "chosen_gap": 0.8}
    made = {name.replace("_", "-"): options for name, options in made.items()}
    monkeypatch.setattr(record, "load", lambda name: selection(name, **made.get(name, default)))
    rows = pd.DataFrame(
        {
            "measure": ["total variance", "retrieval"],
            "rendered": [2.0 if outside else 1.0, 1.0],
            "mean": [1.0, 1.0],
            "low": [0.9, 1.0],
            "high": [1.1, 1.0],
        }
    )
    monkeypatch.setattr(record, "load_validation", lambda: rows)
    monkeypatch.setattr(study, "available", publishing())
    return ChoosingPage()


def test_choosing_alone_is_told_from_persons_who_recur(monkeypatch):
    page = open_page(monkeypatch, null={"gap": 0.6, "chosen_gap": 0.8})
    apart, null = page.apart_verdict().data, page.null_verdict().data
    assert "Choosing alone makes that." in apart
    assert "choosing both adds +0.80 (+0.80 to +0.80)" in apart
    assert "That part is no effect of choosing" in null
    assert "+0.6" in null


def test_a_gap_without_a_choice_is_not_called_choosing(monkeypatch):
    page = open_page(monkeypatch, null_apart={"gap": 0.5, "chosen_gap": 0.0})
    text = page.apart_verdict().data
    assert "Not each of them can be told from none." in text
    assert "choosing both adds +0.00" in text
    page = open_page(monkeypatch, null_apart={}, null={})
    assert "Persons who recur make no difference" in page.null_verdict().data
    assert "does not grow measurably" in page.curves.verdict().data


def test_every_rule_is_in_the_tables(monkeypatch):
    page = open_page(monkeypatch)
    assert list(page.rules()["rule"]) == list(RULES)
    assert list(page.candidates()["learning rate"]) == [f"{s.learning_rate:g}" for s in SETTINGS]
    for name in SCENARIOS:
        table = page.outcome(name).set_index("rule")
        assert list(table.index) == ["constant", *RULES]
        assert table.loc["constant", "Test MAE"].startswith("9.00")
        found = findings.mean_of(findings.optimism(page.selections[name], PROTOCOL))
        assert found.value == pytest.approx(0.8, abs=0.05)
        assert table.loc[PROTOCOL, "optimism"].startswith(f"{found.value:+.2f} ({found.low:+.2f}")
        assert table.loc[LAST, "optimism"].startswith(("+0.0", "-0.0"))
    costs = page.costs()
    assert set(costs["world"]) == set(SCENARIOS)
    assert (costs["optimism, change"].str[0] == "-").all()
    assert "takes optimism away (-0.80" in page.costs_verdict().data


def test_the_pattern_is_counted_with_the_studys_bounds(monkeypatch):
    page = open_page(monkeypatch, null={"gap": 2.6, "chosen_gap": 0.4, "constant": 9.8})
    rows = page.pattern.table().set_index(["world", "rule"])
    assert rows.loc[(NULL, BEST), "both MAE"] == "100 %"
    assert rows.loc[(NULL, BEST), "Dev PCC"] == "0 %"
    assert rows.loc[(NULL, BEST), "both MAE and PCC"] == "0 %"
    assert rows.loc[(APART, BEST), "both MAE"] == "0 %"
    text = page.pattern.verdict().data
    assert f"{claims.REPORTED['dev_mae'].max():.2f}" in text
    assert "most often in `null`" in text


def test_the_surrogate_is_judged(monkeypatch):
    assert "2 of 2 measures" in open_page(monkeypatch).validation_verdict().data
    text = open_page(monkeypatch, outside=True).validation_verdict().data
    assert "1 of 2 measures" in text
    assert "Outside: total variance" in text


def test_figures_have_a_panel_a_scenario_and_the_studys_models(monkeypatch):
    page = open_page(monkeypatch)
    titles = list(SCENARIOS)
    assert [axis.get_title() for axis in page.curves.over_epochs().axes] == titles
    scatter = page.pattern.scatter()
    assert [axis.get_title() for axis in scatter.axes] == titles
    assert max(len(line.get_xdata()) for line in scatter.axes[0].lines) == N
    named = [line for line in scatter.axes[0].lines if not line.get_label().startswith("_")]
    assert [line.get_label() for line in named] == list(claims.REPORTED["model"])
    assert len({line.get_marker() for line in named}) == len(named)
    lines = [line.get_label() for line in page.curves.over_candidates().axes[0].lines]
    assert lines[: len(titles)] == titles
    assert len(page.pattern.scatter_data()) == 2 * len(titles)
    assert (
        list(page.curves.candidates_table()["world"])
        == list(page.curves.epochs_table()["world"])
        == titles
    )


def test_a_world_that_was_not_trained_is_named(monkeypatch):
    page = open_page(monkeypatch)
    everything = publishing()
    monkeypatch.setattr(
        study, "available", lambda specs: everything([s for s in specs if s.world != "published"])
    )
    rows = page.own_runs.table()
    assert list(rows.loc[rows["world"] == "published", "model"]) == ["not computed yet"]
    assert (rows["world"] == "null").sum() == 5
    text = page.own_runs.verdict().data
    assert "`null`" in text
    assert "`published`" not in text
    assert "the four models reach Dev MAE" in text
    assert f"reported {claims.REPORTED['test_mae'].min():.2f} to" in text
    monkeypatch.setattr(study, "available", lambda specs: [])
    assert "No world's grid" in page.own_runs.verdict().data


def test_the_rerun_compares_with_the_file(monkeypatch):
    page = open_page(monkeypatch)
    monkeypatch.setattr(record, "load_surrogate", lambda: None)
    monkeypatch.setattr(choosing_parts, "cohort_courses", lambda name, k, surrogate: k)
    monkeypatch.setattr(choosing_parts, "summary", lambda name, cohorts: page.selections[name])
    rows = page.own_runs.again().set_index("rule")
    assert list(rows.index) == list(choosing_parts.ALONE)
    assert rows.apply(lambda c: c.str.startswith("within")).all(axis=None)
    other = selection(NULL, gap=3.0)
    monkeypatch.setattr(choosing_parts, "summary", lambda name, cohorts: other)
    assert page.own_runs.again().set_index("rule").loc[LAST].str.startswith("NOT within").all()


def test_the_worlds_are_compared_on_the_same_draws(monkeypatch):
    page = open_page(monkeypatch)
    assert "a signal changes little here" in page.worlds_verdict().data
    page = open_page(monkeypatch, published={"constant": 7.0})
    assert "is found in the mean of the embeddings" in page.worlds_verdict().data


def test_the_conclusion_follows(monkeypatch):
    both = open_page(monkeypatch, null={"gap": 0.6, "chosen_gap": 0.8}).conclusion().data
    assert "arises from: choosing and persons who recur." in both
    assert "change optimism by -0.80" in both
    neither = open_page(monkeypatch, null_apart={}, null={}).conclusion().data
    assert "arises from: none." in neither


def test_guessing_is_printed_with_the_studys_range(monkeypatch):
    page = open_page(monkeypatch)
    assert len(page.guessing()) == len(page.noise)
    assert "within the study's range" in page.guessing_verdict().data


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_versioned_files_hold(scenario):
    """What the book prints is of the present code, and of as many cohorts as it says."""
    found = record.load(scenario)
    assert found.n_cohorts == record.N_COHORTS >= 200
    assert list(found.rules) == list(RULES)
