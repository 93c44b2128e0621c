"""Parts of the variance: against statsmodels, a known truth, and the spreads that are seen."""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from drawn import N, runs_of
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from deplib.statistics import score_runs


def two_way(persons=N, runs=8, sds=(6.0, 1.0, 3.0), seed=0):
    """Errors (runs, persons), far above 0, with known SDs of persons, seeds and both at once."""
    rng = np.random.default_rng(seed)
    person, run, both = sds
    errors = 60 + rng.normal(0, person, (1, persons)) + rng.normal(0, run, (runs, 1))
    return errors + rng.normal(0, both, (runs, persons))


def test_mean_squares_are_those_of_the_analysis_of_variance():
    errors = two_way()
    table = runs_of("m", errors, persons=N)
    long = pd.DataFrame(errors.T).reset_index(names="person").melt("person", var_name="run")
    square = anova_lm(ols("value ~ C(person) + C(run)", long).fit())["mean_sq"]
    ours = score_runs(table, n_resamples=10).components("m")
    residual = square["Residual"]
    assert ours.interaction_sd**2 == pytest.approx(residual / N)
    assert ours.seed_sd**2 == pytest.approx((square["C(run)"] - residual) / N)
    assert ours.person_sd**2 == pytest.approx((square["C(person)"] - residual) / 8 / N)


def test_parts_add_up_to_the_spreads_that_can_be_seen():
    scores = score_runs(runs_of("m", two_way(sds=(6.0, 2.0, 2.0)), persons=N))
    found, seed_sd = scores.components("m"), scores.summary("m").seed_sd
    assert found.seed_sd**2 + found.interaction_sd**2 == pytest.approx(seed_sd**2)
    seen = np.sqrt(found.person_sd**2 + found.interaction_sd**2 / 8)
    assert seen == pytest.approx(scores.draws("m")[0].std(), rel=0.05)


@pytest.mark.parametrize("metric", ["rmse", "pcc", "ccc", "sigma_ratio", "bias"])
def test_other_metrics_have_parts_near_their_bootstrap(scores, metric):
    found = scores.components("a", metric)
    person = np.sqrt(found.person_sd**2 + found.interaction_sd**2 / 5)
    assert person == pytest.approx(scores.draws("a", metric)[0].std(), rel=0.15)


def test_one_run_or_an_undefined_one_has_no_parts_and_a_part_below_zero_is_zero(table):
    def undefined(one):
        return np.isnan(astuple(one)).all()

    assert undefined(score_runs(table.query("seed == 0"), n_resamples=10).components("a"))
    constant = table.query("model == 'a'").copy()
    constant.loc[constant["seed"] == 0, "bdi_hat"] = 13.0
    scores = score_runs(constant, n_resamples=10)
    assert undefined(scores.components("a", "pcc"))
    assert not undefined(scores.components("a", "mae"))
    balanced = two_way(sds=(6.0, 0.0, 4.0))
    balanced -= balanced.mean(axis=1, keepdims=True) - balanced.mean()  # no two seeds differ
    even = score_runs(runs_of("m", balanced, persons=N), n_resamples=10)
    assert even.components("m").seed_sd == 0.0
