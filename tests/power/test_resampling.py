from dataclasses import replace

import numpy as np
import pytest
from known_truth import perfect, two

from deplib.power import Quantity, Samples, intervals
from deplib.statistics import cluster_bootstrap, paired_difference

METHODS = ("expanded", "percentile", "bca")


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def samples():
    return two().draw(3, 50, rng=rng(0))


@pytest.mark.parametrize("metric", ["mae", "rmse", "pcc"])
@pytest.mark.parametrize("method", METHODS)
def test_every_sample_gets_the_interval_of_the_library(samples, metric, method):
    wanted = [Quantity(metric), Quantity(metric, 1), Quantity(metric, 0, 1)]
    found = intervals(samples, wanted, methods=METHODS, n_resamples=500, rng=rng())[method]
    for k, (y, (a, b), person) in enumerate(
        zip(samples.y, samples.y_hat, samples.person, strict=True)
    ):
        how = {"metric": metric, "method": method, "n_resamples": 500}
        expected = [
            cluster_bootstrap(y, a, person, rng=rng(), **how),
            cluster_bootstrap(y, b, person, rng=rng(), **how),
            paired_difference(y, a, b, person, rng=rng(), **how),
        ]
        for ends, interval in zip(found[:, k], expected, strict=True):
            np.testing.assert_allclose(ends, [interval.low, interval.high], atol=1e-9)


def test_the_expanded_interval_is_wider_by_students_t(samples):
    found = intervals(samples, [Quantity("mae")], methods=("percentile", "expanded"), rng=rng())
    width = {method: np.diff(ends[0], axis=1).mean() for method, ends in found.items()}
    # sqrt(40/39) t(.975, 39) / z(.975) = 1.045
    assert width["expanded"] / width["percentile"] == pytest.approx(1.045, abs=0.03)


def test_more_samples_than_a_block_are_all_scored():
    many = two().draw(230, 20, rng=rng(2))
    ends = intervals(many, [Quantity("mae")], methods=("bca",), n_resamples=200, rng=rng())["bca"]
    assert ends.shape == (1, 230, 2)
    estimate = many.errors[:, 0].mean(axis=1)
    assert (ends[0, :, 0] < estimate).all()
    assert (estimate < ends[0, :, 1]).all()


def test_a_quantity_knows_its_truth():
    model = perfect()
    assert Quantity("mae", 1).truth(model) == pytest.approx(3)
    assert Quantity("rmse", 0, 1).truth(model) == pytest.approx(-3)
    assert Quantity("pcc").truth(two()) == 0.1


def test_what_has_no_answer_is_refused(samples):
    with pytest.raises(ValueError, match="unknown methods"):
        intervals(samples, [Quantity("mae")], methods=("basic",), rng=rng())
    with pytest.raises(ValueError, match="no known truth"):
        Quantity("ccc")
    constant = replace(samples, y_hat=np.full_like(samples.y_hat, 15.0))
    with pytest.raises(ValueError, match="constant"):
        intervals(constant, [Quantity("pcc")], methods=METHODS, rng=rng())
    flat = Samples(samples.person, samples.y, samples.y[:, None] + np.zeros((3, 2, 50)))
    with pytest.raises(ValueError, match="BCa"):
        intervals(flat, [Quantity("mae")], methods=("bca",), rng=rng())
