import numpy as np
import pytest
from known_truth import two

from deplib.power import formulas, simulation, twins
from deplib.statistics import critical_r, sign_flip_test


def rng(seed=0):
    return np.random.default_rng(seed)


def test_all_samples_at_once_decide_as_the_test_of_the_library():
    pair, n = twins(two(), 3.0), 40
    decided = 0
    for seed in range(n):
        rows = simulation.power_curve(pair, [0.0, 1.2], n_samples=1, rng=rng(seed))
        samples = pair.draw(1, 50, rng=rng(seed))
        a, b = samples.errors[0]
        for found, kept in zip(rows["power"], (1.0, 1 - 1.2 / pair.mae[0]), strict=True):
            p = sign_flip_test(
                a - kept * b, samples.person[0], n_resamples=1_999, rng=rng()
            ).p_value
            if not 0.03 < p < 0.07:  # the two draw different flips
                decided += 1
                assert found == (p <= 0.05)
    assert decided > n


def test_the_curve_follows_the_formula():
    pair = twins(two(), 3.0)
    within = simulation.within_persons(pair, n_persons=30_000, rng=rng(1))["difference"]
    rows = simulation.power_curve(pair, [0.0, 0.5, 1.0, 2.0], rng=rng(2))
    n = formulas.effective_n(50, within)
    for row in rows.itertuples():
        sd = simulation.reduced_sd(pair, row.difference)
        expected = formulas.power_of_difference(row.difference, sd, n)
        assert row.power == pytest.approx(expected, abs=0.05)
        assert row.low <= row.power <= row.high
        assert row.wrong == pytest.approx(formulas.wrong_order(row.difference, sd, n), abs=0.04)
    assert rows["power"].is_monotonic_increasing


def test_the_spread_of_a_reduced_pair_is_exact():
    pair = twins(two(), 3.0)
    a, b = pair.draw(1, 200_000, rng=rng(3)).errors[0]
    kept = 1 - 2.0 / pair.mae[0]
    assert (a - kept * b).std() == pytest.approx(simulation.reduced_sd(pair, 2.0), rel=0.01)
    assert (a - kept * b).mean() == pytest.approx(2.0, abs=0.1)
    assert simulation.reduced_sd(pair, 0.0) == pytest.approx(3.0, abs=1e-6)


def test_unequal_models_and_impossible_differences_are_refused():
    with pytest.raises(ValueError, match="equal MAE"):
        simulation.power_curve(two(), [0.5], rng=rng())
    for difference in (-0.1, 50.0):
        with pytest.raises(ValueError, match="is not between"):
            simulation.power_curve(twins(two(), 3.0), [difference], rng=rng())


def test_correlations_of_independent_recordings_keep_the_textbook_level():
    none, strong = np.abs(simulation.correlations([0.0, 0.5], 0.9, n_persons=50, rng=rng(4)))
    assert (none > critical_r(50)).mean() == pytest.approx(0.05, abs=0.015)
    expected = formulas.power_of_correlation(0.5, 50)
    assert (strong > critical_r(50)).mean() == pytest.approx(expected, abs=0.02)


def test_recurring_persons_make_chance_correlations_larger():
    (r,) = simulation.correlations([0.0], 0.95, rng=rng(5))
    assert (np.abs(r) > critical_r(50)).mean() > 0.06


def test_equal_models_win_equally_often_and_far_ones_in_order():
    pair = twins(two(), 3.0)
    even = simulation.ranking(pair, [9.0, 9.0], rng=rng(6))
    assert even["first"].sum() == pytest.approx(1)
    assert even["first"].tolist() == pytest.approx([0.5, 0.5], abs=0.03)
    far = simulation.ranking(pair, [12.0, 6.0], rng=rng(6))
    assert far["first"].tolist() == [0, 1]
    assert (far["same_order"] == 1).all()
    with pytest.raises(ValueError, match="as many MAEs"):
        simulation.ranking(pair, [9.0], rng=rng())


def test_what_persons_keep_is_found_in_their_recordings():
    found = simulation.within_persons(two(share=0.6), n_persons=20_000, rng=rng(7))
    assert set(found) == {"label", "prediction", "error", "difference"}
    # The prediction of a is nearly all residual: r = .1 with the label.
    assert found["prediction"] == pytest.approx(0.6, abs=0.02)
    assert 0.6 < found["label"] < 0.7
