"""Rows about the simulated cohort follow its runs, and decide nothing about AVEC2014."""

import pandas as pd
import pytest
from made_up import made_up

from deplib import claims, evaluation, seeds, study
from deplib.claims import NOT_TESTABLE, Evidence, Simulated
from deplib.claims.ledger import TOPICS, counts, entries, ledger
from deplib.models import MODELS

TOPIC = "On the simulated cohort"


def known(spec, windows, rng):
    """LDBM knows something, and the wrong patch destroys it."""
    signal = 0.5 * (spec.model == "LDBM") * windows["y"]
    return (signal + rng.normal(0, 0.3, len(windows))).to_numpy()


@pytest.fixture(scope="module")
def grid() -> Simulated:
    cohort = study.open_cohort()

    def scores(table, split):
        return seeds.score(table[table["split"] == split], n_resamples=200)

    names = (*study.VARIED, *study.RIDGE)
    specs = [s for s in study.grid_specs(seeds=range(3)) if s.model in names]
    runs = evaluation.predictors(cohort, [made_up(s, cohort, known) for s in specs])
    control = pd.concat(
        evaluation.recordings(made_up(s, cohort, known)) for s in study.permuted_specs()
    )
    lost = pd.concat(
        evaluation.recordings(made_up(s, cohort, known)).assign(model=f"{s.model}, {s.fill}")
        for s in study.fallback_specs()
    )
    return Simulated(
        test=scores(runs, "test"),
        permuted=scores(control, "test"),
        dev=scores(runs, "dev"),
        permuted_dev=scores(control, "dev"),
        fallback=scores(lost, "test"),
    )


@pytest.fixture(scope="module")
def found(grid) -> dict[str, claims.Claim]:
    evidence = Evidence(simulated=grid)
    return {row.id: row.judge(evidence) for row in entries()[TOPIC]}


def test_nothing_is_decided_about_avec(found):
    assert {row.verdict for row in found.values()} == {NOT_TESTABLE}


def test_each_row_shows_the_grid(grid, found):
    test = grid.test
    assert found["simulated-winner"].found == "lowest mean: LDBM, first in 3 of 3 seeds"
    assert found["simulated-pcc"].found.startswith("highest mean: LDBM, ")
    finer = evaluation.signed(test.difference("LDBM-patch4", "LDBM"))
    assert f"patch 4 {finer}" in found["simulated-patches"].found
    means = pd.Series([test.summary(model).value for model in MODELS])
    assert f"{means.std():.3f}" in found["simulated-spread"].found
    shuffled = [grid.permuted.summary(model, "sigma_ratio").value for model in MODELS]
    span = f"{min(shuffled):.2f} to {max(shuffled):.2f}"
    assert found["simulated-collapse"].found.endswith(span)
    gap = pd.Series([test.summary(m).value - grid.dev.summary(m).value for m in MODELS]).mean()
    assert found["simulated-gap"].found.startswith(f"the four {gap:+.2f} on average")
    assert found["simulated-improvement"].found.startswith("1 of 3")
    dev = [grid.dev.summary(m, "pcc").value for m in MODELS]
    assert found["simulated-dev-pcc"].found.startswith(f"{min(dev):.2f} to {max(dev):.2f};")
    oracle = test.summary(evaluation.ORACLE, "pcc").value
    assert f"true behaviour {oracle:.2f}" in found["simulated-identity"].found
    random = [grid.fallback.summary(f"{m}, random", "sigma_ratio").value for m in MODELS]
    assert f"{min(random):.2f} to {max(random):.2f}" in found["simulated-fallback"].found


def test_what_was_not_given_is_said_and_not_made_up(grid):
    rows = {r.id: r for r in entries()[TOPIC]}
    few = Evidence(simulated=Simulated(test=grid.test, permuted=grid.permuted))
    for name in ("simulated-gap", "simulated-dev-pcc", "simulated-fallback"):
        assert "were given" in rows[name].judge(few).found


def test_the_whole_ledger_is_one_table_and_its_counts_add_up(grid):
    table = ledger(Evidence(simulated=grid))
    assert table["id"].is_unique
    assert table["verdict"].isin(claims.VERDICTS).all()
    assert table["found"].str.len().gt(0).all()
    assert not table["found"].str.contains("nan").any()
    counted = counts(table).set_index("topic")
    assert list(counted.index) == [*TOPICS, "together"]
    assert counted.loc["together", "together"] == len(table)
    for verdict in claims.VERDICTS:
        assert counted.loc["together", verdict] == (table["verdict"] == verdict).sum()
