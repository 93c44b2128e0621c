"""Predictors of known truth: against large samples, scipy, and the library's own tests."""

import numpy as np
import pandas as pd
import pytest
from drawn import rng

from deplib.cohorts.simulated import PERSON_SHARE, RELIABILITY
from deplib.errors import ResultError
from deplib.metrics import mae, pcc, rmse
from deplib.statistics import fit, persons_of, population_like
from deplib.statistics.population import AVEC2014, SHARES, draw_persons, draw_scores
from deplib.statistics.power import ErrorModel, intraclass_correlation


def two(r=0.8, **changed):
    mean, sd, pcc = np.array([[13.0, 15.0], [4.0, 7.0], [0.1, 0.5]])
    known = {"names": ("a", "b"), "mean": mean, "sd": sd, "pcc": pcc, "person_share": 0.9}
    known["residual_correlation"] = np.array([[1.0, r], [r, 1.0]])
    return ErrorModel(**known | changed)


def runs(n_seeds=2, n=4_000):
    """Draws of a known error model as a table of runs, on the same labels."""
    samples = two().draw(1, n, rng=rng(0))
    columns = {"recording": np.arange(n), "person": samples.person[0], "bdi": samples.y[0]}
    one = pd.DataFrame(columns)
    return pd.concat(
        one.assign(bdi_hat=samples.y_hat[0, k] + 0.01 * seed, model=name, seed=seed)
        for seed in range(n_seeds)
        for k, name in enumerate(two().names)
    )


def test_the_truth_is_what_a_population_of_300_000_recordings_shows():
    model, large = two(), two().draw(1, 300_000, rng=rng(0))
    for k in (0, 1):
        y, y_hat = large.y[0], large.y_hat[0, k]
        assert mae(y, y_hat) == pytest.approx(model.mae[k], abs=0.08)
        assert rmse(y, y_hat) == pytest.approx(model.rmse[k], abs=0.1)
        assert pcc(y, y_hat) == pytest.approx(model.pcc[k], abs=0.01)
        assert y_hat.mean() == pytest.approx(model.mean[k], abs=0.08)
        assert y_hat.std() == pytest.approx(model.sd[k], rel=0.01)
        assert large.errors[0, k].std() == pytest.approx(model.error_sd[k], rel=0.01)
    difference = large.errors[0, 0] - large.errors[0, 1]
    assert difference.std() == pytest.approx(model.difference_sd(), rel=0.01)
    assert two(1.0).difference_sd(0, 0) == pytest.approx(0, abs=0.02)


def test_a_known_model_is_found_again():
    found, known = fit(runs(), ("a", "b")), two()
    near = {"mean": 0.4, "sd": 0.3, "pcc": 0.05, "mae": 0.5, "residual_correlation": 0.03}
    for name, tolerance in (near | {"person_share": 0.03}).items():
        expected = getattr(known, name)
        np.testing.assert_allclose(getattr(found, name), expected, atol=tolerance, err_msg=name)
    assert fit(runs(), ("b", "a")).sd.tolist() == found.sd[::-1].tolist()


def test_a_population_of_other_labels_is_that_of_a_split():
    split = runs(n=40).assign(
        bdi=lambda t: t["recording"] % 4, person=lambda t: t["recording"] % 10
    )
    model = fit(split, ("a", "b"), like := population_like(split))
    large = model.draw(1, 100_000, rng=rng(0))
    assert np.bincount(large.y[0].astype(int)) / 100_000 == pytest.approx([0.25] * 4, abs=0.01)
    assert large.errors.mean(axis=-1)[0] == pytest.approx(model.mae, abs=0.1)
    assert persons_of(50, like) == 12


def test_runs_that_cannot_be_paired_are_refused():
    rows = runs(n=60)
    for wrong, models in (
        (rows, ("a", "c")),
        (pd.concat([rows, rows]), ("a", "b")),
        (rows[(rows["model"] == "a") | (rows["seed"] == 0)], ("a", "b")),
        (rows[(rows["model"] == "a") | (rows["recording"] != 3)], ("a", "b")),
    ):
        with pytest.raises(ResultError, match="same recordings and seeds, each once"):
            fit(wrong, models)
    with pytest.raises(ResultError, match="constant"):
        fit(rows.assign(bdi_hat=15.0), ("a", "b"))
    assert fit(rows.assign(person=rows["recording"]), ("a", "b")).person_share == 0


def test_the_correlation_within_persons_is_known_for_simple_groups():
    same = np.array([[1.0], [1.0], [4.0], [4.0], [9.0], [9.0]])
    assert intraclass_correlation(same, [*"aabbcc"]) == pytest.approx([1.0])
    opposite = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert intraclass_correlation(opposite, [*"aabb"]) == pytest.approx([-1.0])
    assert np.isnan(intraclass_correlation(np.ones((4, 1)), [*"aabb"])).all()


def test_every_sample_has_its_persons_and_recordings_one_to_four_each():
    person = draw_persons(300, 50, rng=rng(0))
    sessions = np.stack([np.bincount(who, minlength=40) for who in person])
    assert (sessions.sum(axis=1) == 50).all()
    assert (sessions.min(), sessions.max() <= 4) == (1, True)
    assert [persons_of(n) for n in (50, 100, 1000, 2)] == [40, 80, 800, 2]
    assert np.bincount(draw_persons(1, 30, n_persons=2, rng=rng(0))[0]).min() > 4
    for n_persons, n_recordings in ((1, 3), (5, 4)):
        with pytest.raises(ValueError, match="at least 2 persons"):
            draw_persons(2, n_recordings, n_persons=n_persons, rng=rng(0))


def test_scores_have_the_exact_marginal_and_persons_share_severity():
    person = draw_persons(1, 200_000, n_persons=100_000, rng=rng(1))
    y = draw_scores(person, rng=rng(2))[0]
    shares = np.bincount(y.astype(int), minlength=len(SHARES)) / len(y)
    np.testing.assert_allclose(shares, SHARES, atol=0.003)
    assert (y.mean(), y.std()) == pytest.approx((AVEC2014.mean, AVEC2014.sd), abs=0.12)
    again = person[0, 1:] == person[0, :-1]
    r = np.corrcoef(y[1:][again], y[:-1][again])[0, 1]
    normal = PERSON_SHARE * RELIABILITY
    assert normal - 0.06 < r < normal  # rounding and skew take a little away
    free, even = (
        draw_scores(draw_persons(40, 50, rng=rng(3)), rng=rng(4), balanced=b).mean(axis=1)
        for b in (False, True)
    )
    assert even.std() < 0.2 < free.std()
