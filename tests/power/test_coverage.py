import numpy as np
import pytest
from known_truth import two

from deplib.power import NAIVE, Quantity, coverage
from deplib.power.coverage import share


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def many():
    """Of samples with so many persons that a 95 % interval must cover 95 %."""
    quantities = {"MAE": Quantity("mae"), "PCC": Quantity("pcc", 1), "d": Quantity("mae", 0, 1)}
    return coverage(
        two(), quantities, n_samples=1_000, n_recordings=300, n_resamples=400, rng=rng()
    )


def test_with_many_persons_the_intervals_cover_what_they_say(many):
    over_persons = many[many["method"] != NAIVE]
    assert len(over_persons) == 6
    assert over_persons["coverage"].between(0.925, 0.97).all()


def test_ignoring_persons_covers_less(many):
    wide = many.pivot_table(index="quantity", columns="method", values="coverage")
    assert (wide[NAIVE] < wide["percentile"]).all()
    narrow = many.pivot_table(index="quantity", columns="method", values="width")
    assert (narrow[NAIVE] < narrow["percentile"]).all()


def test_an_interval_covers_or_lies_to_one_side(many):
    np.testing.assert_allclose(many[["coverage", "below", "above"]].sum(axis=1), 1)
    assert (many["low"] < many["coverage"]).all()
    assert (many["coverage"] < many["high"]).all()


def test_balanced_scores_move_an_mae_less_than_its_interval_says():
    found = {
        balanced: coverage(
            two(),
            {"MAE": Quantity("mae")},
            n_samples=150,
            methods=("percentile",),
            naive=False,
            balanced=balanced,
            n_resamples=300,
            rng=rng(1),
        )["coverage"].item()
        for balanced in (False, True)
    }
    assert found[True] > 0.98 > found[False] > 0.85


def test_the_same_state_gives_the_same_table():
    tables = [
        coverage(two(), {"MAE": Quantity("mae")}, n_samples=20, n_resamples=50, rng=rng(s))
        for s in (3, 3, 4)
    ]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


def test_a_share_has_the_interval_of_wilson():
    found = share(0, 100, "hit")
    assert found["hit"] == 0
    assert found["low"] == pytest.approx(0, abs=1e-12)
    assert found["high"] == pytest.approx(0.037, abs=0.001)
