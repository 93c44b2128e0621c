"""Parts of the variance: against statsmodels, a known truth, and the spreads of ``Summary``."""

import numpy as np
import pandas as pd
import pytest
from score_tables import N, runs_of
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from deplib.statistics import score_runs
from deplib.statistics.runs import components_of


def two_way(persons=N, runs=8, sds=(6.0, 1.0, 3.0), seed=0):
    """Values of (persons, runs) with known SDs of persons, seeds and what they do together."""
    rng = np.random.default_rng(seed)
    person, run, both = sds
    table = 60 + rng.normal(0, person, (persons, 1)) + rng.normal(0, run, (1, runs))
    return table + rng.normal(0, both, (persons, runs))


def of_means(table):
    """The components of a plain mean over persons."""
    n = len(table)
    return components_of(table.mean(axis=0), (table.sum(axis=0) - table) / (n - 1))


def test_mean_squares_are_those_of_the_analysis_of_variance():
    errors = two_way()
    long = pd.DataFrame(errors).reset_index(names="person").melt("person", var_name="run")
    square = anova_lm(ols("value ~ C(person) + C(run)", long).fit())["mean_sq"]
    ours = score_runs(runs_of("m", errors.T, persons=N), n_resamples=10).components("m")
    residual = square["Residual"]
    assert ours.interaction_sd**2 == pytest.approx(residual / N)
    assert ours.seed_sd**2 == pytest.approx((square["C(run)"] - residual) / N)
    assert ours.person_sd**2 == pytest.approx((square["C(person)"] - residual) / 8 / N)


def test_parts_add_up_to_the_spreads_that_can_be_seen():
    errors = two_way(sds=(6.0, 2.0, 2.0))
    scores = score_runs(runs_of("m", errors.T, persons=N))
    parts, summary = scores.components("m"), scores.summary("m")
    between = parts.seed_sd**2 + parts.interaction_sd**2
    assert between == pytest.approx(summary.seed_sd**2)
    assert parts.run_sd**2 == pytest.approx(between + parts.person_sd**2)
    assert parts.mean_sd**2 == pytest.approx(between / 8 + parts.person_sd**2)
    assert parts.seed_share == pytest.approx(between / parts.run_sd**2)
    assert parts.share_left == pytest.approx(between / 8 / parts.mean_sd**2)
    seen = np.sqrt(parts.person_sd**2 + parts.interaction_sd**2 / 8)
    assert seen == pytest.approx(summary.person_sd, rel=0.05)


def test_known_parts_are_found_on_average():
    sds = (6.0, 0.8, 4.0)
    found = [of_means(two_way(40, 10, sds, seed)) for seed in range(400)]
    truth = {"person_sd": 6 / 40**0.5, "seed_sd": 0.8, "interaction_sd": 4 / 40**0.5}
    for name, sd in truth.items():
        squares = [getattr(parts, name) ** 2 for parts in found]
        assert np.mean(squares) == pytest.approx(sd**2, rel=0.1), name


def test_a_shift_of_whole_seeds_is_no_part_of_persons_and_the_other_way_round():
    of_seeds = of_means(np.tile(np.arange(5.0), (N, 1)))
    assert of_seeds.seed_sd == pytest.approx(np.arange(5).std(ddof=1))
    assert of_seeds.person_sd == pytest.approx(0, abs=1e-9)
    assert of_seeds.seed_share == pytest.approx(1)
    of_persons = of_means(np.tile(np.arange(float(N))[:, None], (1, 5)))
    assert of_persons.person_sd == pytest.approx(np.arange(N).std(ddof=1) / N**0.5)
    assert of_persons.seed_sd == pytest.approx(0, abs=1e-9)
    assert of_persons.seed_share == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", ["rmse", "pcc", "ccc", "sigma_ratio", "bias"])
def test_other_metrics_have_parts_near_their_bootstrap(scores, metric):
    parts, summary = scores.components("a", metric), scores.summary("a", metric)
    person = np.sqrt(parts.person_sd**2 + parts.interaction_sd**2 / 5)
    assert person == pytest.approx(summary.person_sd, rel=0.15)
    assert 0 < parts.seed_share < 1


def test_a_part_below_zero_is_zero():
    balanced = two_way(sds=(6.0, 0.0, 4.0))
    balanced -= balanced.mean(axis=0) - balanced.mean()  # no two seeds differ over all persons
    parts = of_means(balanced)
    assert parts.seed_sd == 0.0
    assert parts.interaction_sd > 0.3
    assert parts.run_sd**2 == pytest.approx(parts.person_sd**2 + parts.interaction_sd**2)


def test_one_run_or_an_undefined_one_has_no_parts(table):
    def undefined(parts):
        return np.isnan([parts.seed_sd, parts.person_sd, parts.run_sd, parts.seed_share]).all()

    one = score_runs(table.query("seed == 0"), n_resamples=10).components("a")
    assert undefined(one)
    constant = table.query("model == 'a'").copy()
    constant.loc[constant["seed"] == 0, "bdi_hat"] = 13.0
    scores = score_runs(constant, n_resamples=10)
    assert undefined(scores.components("a", "pcc"))
    assert not undefined(scores.components("a", "mae"))
    nothing = of_means(np.ones((N, 3)))
    assert nothing.run_sd == 0.0
    assert np.isnan(nothing.seed_share)
