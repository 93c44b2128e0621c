"""Verdicts follow the evidence; figures against independent references."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from deplib import results
from deplib.claims import REPORTED, VERDICTS, Evidence, checks, claims, ledger
from deplib.claims.checks import CHECKS
from deplib.claims.ledger import judge

STUDY = Evidence()
YES, NO, OPEN, UNTESTABLE = VERDICTS


def verdict(name: str, evidence: Evidence = STUDY, **row: object) -> str:
    claim = evidence.claims.loc[name].copy()
    claim.update(pd.Series(row, dtype=object))
    return judge(claim, evidence)[1]


def test_every_row_has_a_check_and_every_check_a_row() -> None:
    table = claims()
    assert set(table["check"]) == set(CHECKS)
    assert table.index.is_unique
    assert set(table["kind"]) == {"arithmetic", "published", "code", "simulated"}
    assert set(table["otherwise"]) <= set(VERDICTS)
    assert set(table["decides"]) == {"True", "False", ""}
    assert table["line"].is_monotonic_increasing


def test_the_ledger_of_the_study() -> None:
    table = ledger().set_index("id")
    assert len(table) == 101
    decided = table[table["kind"] != "simulated"]["verdict"].value_counts()
    assert decided.to_dict() == {
        "confirmed": 34, "contradicted": 17, "undecidable": 18, "not testable": 20,
    }  # fmt: skip
    assert (table.loc[table["kind"] == "simulated", "verdict"] == "not testable").all()
    assert not table["found"].str.contains("nan|[{}]").any()
    assert table.loc["similar-errors", "verdict"] == "undecidable"
    assert table.loc["sd-of-test-mae", "found"] == "0.198 (population) or 0.228 (sample)"
    assert table.loc["target-mae", "section"] == "Implications"


@pytest.mark.parametrize(
    ("name", "before", "columns", "then"),
    [
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
    ],
)
def test_a_verdict_follows_its_evidence(name, before, columns, then) -> None:
    assert verdict(name) == before
    assert verdict(name, replace(STUDY, reported=STUDY.reported.assign(**columns))) == then


@pytest.mark.parametrize(
    ("name", "fact", "value", "then"),
    [
        ("fifty-subjects", "n_persons", 150.0, YES),
        ("same-context", "clips_over_2000", 300.0, YES),
        ("clips-are-long", "clip_q75", 2400.0, NO),
        ("encoder-training", "encoder_identities", 4e6, YES),
        ("target-time", "frames_a_second", 5.0, YES),
        ("target-size", "encoder_parameters", 1e6, YES),
        ("batch-fits", "gpu_gb", 0.1, NO),
    ],
)
def test_published_facts_decide(name, fact, value, then) -> None:
    assert verdict(name) != then
    facts = STUDY.facts.copy()
    facts[fact] = value
    assert verdict(name, replace(STUDY, facts=facts)) == then


def test_an_impossible_figure_is_contradicted() -> None:
    assert verdict("test-pcc-LDBM", stated=(0.999,)) == UNTESTABLE
    assert verdict("test-mae-LDBM", stated=(64.0,)) == NO


def test_the_identity_of_rmse_and_of_an_intervals_width() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(15, 11, 200)
    y_hat = 0.4 * y + rng.normal(0, 5, 200)
    y_hat += y.mean() - y_hat.mean()
    r, s = np.corrcoef(y, y_hat)[0, 1], y_hat.std() / y.std()
    assert checks.rmse_without_bias(r, s, y.std()) == pytest.approx(
        np.sqrt(np.mean((y - y_hat) ** 2))
    )
    row = REPORTED.set_index("model").loc["LDBM"]
    rmse = checks.rmse_without_bias(row.test_pcc, row.sigma_ratio, 11.48)
    expected = stats.norm.ppf(0.975) * np.sqrt(rmse**2 - row.test_mae**2) / np.sqrt(50)
    assert checks.half_width(STUDY, "LDBM", row.sigma_ratio) == pytest.approx(expected, rel=1e-4)


def test_the_best_of_so_many_without_signal_has_even_odds() -> None:
    k, rng = checks.candidates_by_chance(0.3, 50), np.random.default_rng(1)
    y = rng.normal(size=50)
    guesses = rng.normal(size=(400, k, 50))
    y, guesses = y - y.mean(), guesses - guesses.mean(axis=2, keepdims=True)
    best = (guesses @ y / np.linalg.norm(guesses, axis=2) / np.linalg.norm(y)).max(axis=1)
    assert np.mean(best > 0.3) == pytest.approx(0.5, abs=0.08)


def test_two_correlations_need_agreement() -> None:
    needed = checks.agreement_needed(0.267, 0.101, 50)
    assert needed == pytest.approx(0.82, abs=0.005)
    assert checks.agreement_needed(0.2, 0.2, 50) is None


def test_an_order_is_seen_far_out() -> None:
    assert [round(STUDY.growth(m)[0], 1) for m in STUDY.reported.index] == [1.0, 2.0, 2.0, 1.0]
    assert STUDY.growth("TemporalMeanMLP")[1] == 0
    assert STUDY.detectable == pytest.approx([1.19, 2.38], abs=0.005)


def test_simulated_rows_are_those_of_the_results() -> None:
    grid = results.load("default", **results.ABLATION, model="LDBM")
    test = grid[grid["split"] == "test"]
    error = (test["bdi_hat"] - test["bdi"]).abs().groupby(test["seed"]).mean()
    assert STUDY.scores("mae")["LDBM"] == pytest.approx(error.mean())
    assert STUDY.runs.summary("LDBM").estimate == pytest.approx(error.mean())
