"""Verdicts of the chapter on claims follow the evidence; figures against references."""

from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
from scipy import stats

CHAPTER = Path(__file__).parents[2] / "notebooks" / "13_claims.py"
YES, NO, OPEN = "confirmed", "contradicted", "undecidable"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the cells up to the ledger know."""
    scope: dict[str, Any] = {}
    for cell in jupytext.read(CHAPTER).cells:
        if cell.cell_type == "code":
            exec(cell.source, scope)
        if "def ledger" in cell.source:
            break
    return scope


def verdict(page: dict[str, Any], name: str, stated=None, **other: object) -> str:
    """Judge one row by another table or other facts, or with another figure in it."""
    row = page["statements"].loc[name].copy()
    row["stated"] = stated or row["stated"]
    known = page["evidence"](**{one: page[one] for one in ("study", "fact")} | other)
    return page["judge"](row, known)[1]


def test_the_ledger_of_the_study(page) -> None:
    table = page["rows"]
    assert len(table) == table.index.nunique() == 101
    assert table["line"].is_monotonic_increasing
    assert set(table["decides"]) == {"True", "False", ""}
    assert set(table["otherwise"]) <= set(page["VERDICTS"])
    assert ((table["check"] == "") == (table["kind"] == "simulated")).all()
    decided = table[table["kind"] != "simulated"]["verdict"].value_counts()
    assert decided.to_dict() == {YES: 34, NO: 17, OPEN: 18, "not testable": 20}
    assert not table["found"].str.contains("nan|[{}]").any()
    assert table.loc["similar-errors", "verdict"] == OPEN
    assert table.loc["sd-of-test-mae", "found"] == "0.198 (population) or 0.228 (sample)"


EVIDENCE = [
    ("mean-of-test-mae", YES, {"test_mae": [10.0, 10.5, 10.4, 10.9]}, NO),
    ("sd-of-test-mae", NO, {"test_mae": [10.0, 10.195, 10.39, 10.195]}, NO),
    ("range-of-dev-pcc", NO, {"dev_pcc": [0.42, 0.45, 0.45, 0.51]}, YES),
    ("gap-in-mae", NO, {"dev_mae": [8.426, 8.529, 8.428, 8.907]}, YES),
    ("gap-has-one-sign", YES, {"dev_mae": [11.0, 8, 8, 8]}, NO),
    ("identical-gap", NO, {"dev_mae": [8.426, 8.529, 8.428, 8.907]}, YES),
    ("similar-errors", OPEN, {"test_mae": [8.0, 10.0, 11.0, 12.0]}, NO),
    ("overfitting", OPEN, {"dev_mae": [11.0] * 4}, NO),
    ("within-a-tenth", NO, {"test_mae": [10.0, 10.1, 10.04, 9.92]}, YES),
    ("no-better-error", YES, {"test_mae": [10.5, 10.1, 10.6, 10.7]}, OPEN),
    ("lower-bound", NO, {"test_mae": [9.0, 10.1, 10.6, 10.7]}, YES),
    ("some-signal", OPEN, {"test_pcc": [0.1, 0.3, 0.1, 0.2]}, YES),
    ("highest-pcc", YES, {"test_pcc": [0.3, 0.1, 0.1, 0.2]}, NO),
    ("other-patterns", OPEN, {"test_pcc": [0.3, 0.1, 0.1, 0.2]}, NO),
    ("fall-of-pcc", OPEN, {"dev_pcc": [0.0] * 4}, NO),
    ("not-collapsed", YES, {"sigma_ratio": [0.4, 0.9, 0.8, 0.8]}, NO),
    ("useful-spread", OPEN, {"sigma_ratio": [0.1] * 4}, YES),
    ("ten-times", YES, {"parameters": [1e5, 5e5, 5e5, 5e5]}, NO),
    ("target-pcc", NO, {"test_pcc": [0.1, 0.15, 0.1, 0.1]}, YES),
    ("patches-on-dev", YES, {"dev_mae": [9.1, 9.0, 9.0, 9.0]}, NO),
    ("noise-of-labels", OPEN, {"test_mae": [4.0] * 4}, YES),
]


@pytest.mark.parametrize(("name", "before", "columns", "then"), EVIDENCE)
def test_a_verdict_follows_its_evidence(page, name, before, columns, then) -> None:
    assert page["rows"].loc[name, "verdict"] == before
    assert verdict(page, name, study=page["study"].assign(**columns)) == then


FACTS = [
    ("fifty-subjects", "n_persons", 150.0, YES),
    ("same-context", "clips_over_2000", 300.0, YES),
    ("clips-are-long", "clip_q75", 2400.0, NO),
    ("encoder-training", "encoder_identities", 4e6, YES),
    ("target-time", "frames_a_second", 5.0, YES),
    ("target-size", "encoder_parameters", 1e6, YES),
    ("batch-fits", "gpu_gb", 0.1, NO),
]


@pytest.mark.parametrize(("name", "fact", "value", "then"), FACTS)
def test_published_facts_decide(page, name, fact, value, then) -> None:
    assert page["rows"].loc[name, "verdict"] != then
    assert verdict(page, name, fact=page["fact"].where(lambda f: f.index != fact, value)) == then


def test_an_impossible_figure_is_contradicted(page) -> None:
    assert verdict(page, "test-pcc-LDBM", stated=(0.999,)) == "not testable"
    assert verdict(page, "test-mae-LDBM", stated=(64.0,)) == NO


def test_the_identity_of_rmse_and_of_an_intervals_width(page) -> None:
    rng, sd = np.random.default_rng(0), page["fact"].label_sd
    y = rng.normal(15, 11, 200)
    y_hat = 0.4 * y + rng.normal(0, 5, 200)
    y_hat += y.mean() - y_hat.mean()
    r, s = np.corrcoef(y, y_hat)[0, 1], y_hat.std() / y.std()
    rmse = np.sqrt(np.mean((y - y_hat) ** 2))
    assert page["least_rmse"](r, s) / sd == pytest.approx(rmse / y.std())
    row = page["study"].loc["LDBM"]
    rmse = page["least_rmse"](row.test_pcc, row.sigma_ratio)
    expected = stats.norm.ppf(0.975) * np.sqrt(rmse**2 - row.test_mae**2) / np.sqrt(50)
    width = page["half_width"](row.test_mae, row.test_pcc, row.sigma_ratio)
    assert width == pytest.approx(expected, rel=1e-4)


def test_the_best_of_so_many_without_signal_has_even_odds(page) -> None:
    k, rng = page["candidates_by_chance"](0.3, 50), np.random.default_rng(1)
    y = rng.normal(size=50)
    guesses = rng.normal(size=(400, k, 50))
    y, guesses = y - y.mean(), guesses - guesses.mean(axis=2, keepdims=True)
    best = (guesses @ y / np.linalg.norm(guesses, axis=2) / np.linalg.norm(y)).max(axis=1)
    assert np.mean(best > 0.3) == pytest.approx(0.5, abs=0.08)


def test_two_correlations_need_agreement(page) -> None:
    assert page["agreement_needed"](0.267, 0.101) == pytest.approx(0.82, abs=0.005)
    assert page["agreement_needed"](0.2, 0.2) is None


def test_an_order_is_seen_far_out(page) -> None:
    costs = page["OPERATIONS"].values()
    assert [round(page["growth"](one), 1) for one in costs] == [1.0, 2.0, 2.0, 1.0]
    assert page["growth"](page["ORDERS"]["O(1)"]) == 0
    detectable = page["evidence"](page["study"], page["fact"])["detectable"]
    assert detectable == pytest.approx([1.19, 2.38], abs=0.005)


def test_simulated_rows_are_those_of_the_results(page) -> None:
    test = page["grid"].query("split == 'test' and model == 'LDBM'")
    error = (test["bdi_hat"] - test["bdi"]).abs().groupby(test["seed"]).mean()
    assert page["scores"]("mae")["LDBM"] == pytest.approx(error.mean())
    assert page["runs"].summary("LDBM").estimate == pytest.approx(error.mean())
