"""What the chapter on claims says follows from the ledger, and changes with the evidence."""

from dataclasses import replace

import pytest
from made_up import publishing

from deplib import claims, study
from deplib.chapters.claims import ClaimsPage, printable
from deplib.claims import NOT_TESTABLE, UNDECIDABLE, Evidence, Simulated
from deplib.claims.entry import SIMULATED
from deplib.claims.ledger import TOPICS
from deplib.claims.reported import REPORTED


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "published", publishing())
        return Evidence(simulated=Simulated.read())


@pytest.fixture(scope="module")
def page(evidence) -> ClaimsPage:
    return ClaimsPage(evidence)


@pytest.fixture(scope="module")
def better(evidence) -> ClaimsPage:
    """A study whose models beat the constant, with true correlations and honest sums."""
    results = REPORTED.assign(
        dev_mae=[6.0, 6.1, 6.2, 6.3],
        test_mae=[8.0, 8.1, 8.2, 8.3],
        dev_pcc=[0.90, 0.91, 0.92, 0.93],
        test_pcc=[0.65, 0.66, 0.67, 0.68],
    )
    told = replace(
        claims.Study(),
        results=results,
        test_mae=claims.reported.Summary(8.15, 0.129, 8.0, 8.3),
        test_pcc=claims.reported.Summary(0.665, 0.013, 0.65, 0.68),
        ranges={
            "dev_mae": (6.0, 6.3),
            "test_mae": (8.0, 8.3),
            "dev_pcc": (0.90, 0.93),
            "test_pcc": (0.65, 0.68),
        },
    )
    return ClaimsPage(replace(evidence, study=told))


def test_every_row_is_printed_once(page):
    printed = sum(len(page.topic(name)) for name in TOPICS)
    assert printed == len(page.ledger) >= 40
    with pytest.raises(ValueError, match="no topic 'other'"):
        page.topic("other")


def test_the_summary_counts_what_was_judged(page):
    text, judged = page.summary().data, page.ledger[page.ledger["rests_on"] != SIMULATED]
    assert f"has {len(page.ledger)} rows. {len(judged)} are judged" in text
    n = (judged["verdict"] == NOT_TESTABLE).sum()
    assert f"{n} {NOT_TESTABLE}" in text
    assert page.counts().set_index("topic").loc["together", "together"] == len(page.ledger)


def test_the_findings_follow_the_study(page, better):
    as_reported, otherwise = page.findings().data, better.findings().data
    assert as_reported.count("\n") == otherwise.count("\n") == 3
    for before, after in (
        ("The models do worse than a constant", "4 of 4 models do better than a constant"),
        ("taken for a sign of learning, adds error", "In 0 of 4 models the spread"),
        ("No Test correlation can be told from zero", "4 of 4 Test correlations can be told"),
        ("do not all follow from its table", "summaries follow from its table"),
    ):
        assert before in as_reported
        assert before not in otherwise
        assert after in otherwise
    assert "6 of 16 means" in as_reported
    assert "0 of 16 means" in otherwise


def test_figures_show_what_the_tables_hold(page):
    assert len(page.correlation_figure().axes[0].get_yticks()) == 8
    assert len(page.error_figure().axes[0].get_yticks()) == 4
    errors = page.errors()
    assert (errors["low"] < claims.constant_test_mae()).all()
    assert "model" not in printable(errors)
    assert page.correlations().query("label == 'LDBM, Test'")["high"].item() == pytest.approx(
        0.51, abs=0.005
    )


def test_open_statements_are_the_undecidable_ones(page):
    assert len(page.open_statements()) == (page.ledger["verdict"] == UNDECIDABLE).sum()
