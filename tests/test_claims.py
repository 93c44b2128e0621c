"""The study's table checked by arithmetic: figures found by hand, and claims that can fail."""

import pandas as pd
import pytest
from made_up import made_up

from deplib import claims, evaluation, seeds, study
from deplib.models import MODELS


def found(fragment: str) -> claims.Claim:
    matching = [c for c in claims.check_claims() if fragment in c.statement]
    assert len(matching) == 1, fragment
    return matching[0]


def test_constant_has_the_mae_derived_by_hand():
    by_hand = 0.5 * (13.5 - 4.96) + 0.2 * (16.2 - 13.5) + 0.16 * (25 - 13.5) + 0.14 * (34.14 - 13.5)
    assert claims.constant_test_mae(13.5) == pytest.approx(by_hand)
    assert claims.constant_test_mae(13.0) == pytest.approx(claims.constant_test_mae(14.0))


@pytest.mark.parametrize("constant", [12.9, 14.1, 20.0])
def test_a_constant_that_the_bands_do_not_determine_is_refused(constant):
    with pytest.raises(ValueError, match=r"outside \[13, 14\]"):
        claims.constant_test_mae(constant)


def test_band_shares_are_a_distribution_with_the_published_mean():
    assert claims.TEST_BANDS["share"].sum() == pytest.approx(1)
    mean = (claims.TEST_BANDS["share"] * claims.TEST_BANDS["mean_bdi"]).sum()
    assert mean == pytest.approx(14.50, abs=0.01)


@pytest.mark.parametrize(
    ("fragment", "figure", "verdict"),
    [
        ("mean 10.573", "10.5725", claims.CONFIRMED),
        ("deviation 0.195", "0.198 (population), 0.228 (sample)", claims.CONTRADICTED),
        ("deviation 0.068", "0.059 (population), 0.068 (sample)", claims.CONFIRMED),
        ("+2.0 MAE", "+1.86 on average, +1.47 to +2.16", claims.CONTRADICTED),
        ("-0.25 PCC", "-0.29", claims.CONTRADICTED),
        ("within 0.1", "MambaGRU +0.481", claims.CONTRADICTED),
        ("0.267 shows", "-0.01 to 0.51", claims.UNDECIDABLE),
        ("double", "1.12 times", claims.CONTRADICTED),
        ("50 %", "0.93", claims.CONTRADICTED),
        ("signal", "(9.54)", claims.UNDECIDABLE),
    ],
)
def test_each_claim_reaches_the_figure_found_by_hand(fragment, figure, verdict):
    claim = found(fragment)
    assert figure in claim.found
    assert claim.verdict == verdict


def test_verdicts_follow_the_table_and_not_the_text():
    better = claims.REPORTED.assign(test_mae=claims.REPORTED["test_mae"] - 2, test_pcc=0.5)
    verdicts = {c.statement: c.verdict for c in claims.check_claims(better)}
    signal = next(v for s, v in verdicts.items() if "signal" in s)
    assert signal == claims.CONFIRMED
    mean = next(v for s, v in verdicts.items() if "mean 10.573" in s)
    assert mean == claims.CONTRADICTED


def grid(predict=None) -> tuple[seeds.Scores, seeds.Scores]:
    cohort = study.open_cohort()
    kwargs = {"predict": predict} if predict else {}

    def scores(specs):
        runs = pd.concat([evaluation.recordings(made_up(s, cohort, **kwargs)) for s in specs])
        return seeds.score(runs[runs["split"] == "test"], n_resamples=200)

    trained = [s for s in study.grid_specs(seeds=range(3)) if s.model in study.VARIED]
    return scores(trained), scores(study.permuted_specs())


def test_what_the_grid_shows_follows_its_runs_and_decides_nothing_about_avec():
    def predict(spec, windows, rng):  # LDBM knows something, and the wrong patch destroys it
        known = 0.5 * (spec.model == "LDBM") * windows["y"]
        return (known + rng.normal(0, 0.3, len(windows))).to_numpy()

    test, permuted = grid(predict)
    rows = {c.statement: c for c in claims.check_on_grid(test, permuted)}
    assert {c.verdict for c in rows.values()} == {claims.NOT_TESTABLE}
    found = {statement.split(" (")[0]: c.found for statement, c in rows.items()}
    assert found["No architecture clearly dominates"] == "lowest mean: LDBM, first in 3 of 3 seeds"
    assert found["LDBM has the highest Test PCC"].startswith("highest mean: LDBM, ")
    finer = found["Does finer temporal granularity help?"]
    assert f"patch 4 {evaluation.signed(test.difference('LDBM-patch4', 'LDBM'))}" in finer
    means = pd.Series([test.summary(model).value for model in MODELS])
    sd = f"{means.std():.3f}"
    assert sd in found["Variance of Test MAE over four architectures is negligible"]
    shuffled = [permuted.summary(model, "sigma_ratio").value for model in MODELS]
    collapse = found["sigma_ratio above 0.5 indicates predictions that have not collapsed"]
    assert collapse.endswith(f"{min(shuffled):.2f} to {max(shuffled):.2f}")
