import numpy as np
import pytest
from known_truth import perfect, two
from scipy import stats

from deplib.metrics import mae, pcc, rmse
from deplib.power import ErrorModel, twins
from deplib.power.error_model import folded_mean


@pytest.fixture(scope="module")
def large():
    return two().draw(1, 300_000, rng=np.random.default_rng(0))


@pytest.mark.parametrize("k", [0, 1])
def test_the_truth_is_what_a_population_of_300_000_recordings_shows(large, k):
    model, y, y_hat = two(), large.y[0], large.y_hat[0, k]
    assert mae(y, y_hat) == pytest.approx(model.mae[k], abs=0.08)
    assert rmse(y, y_hat) == pytest.approx(model.rmse[k], abs=0.1)
    assert pcc(y, y_hat) == pytest.approx(model.pcc[k], abs=0.01)
    assert y_hat.mean() == pytest.approx(model.mean[k], abs=0.08)
    assert y_hat.std() == pytest.approx(model.sd[k], rel=0.01)
    assert large.errors[0, k].std() == pytest.approx(model.error_sd[k], rel=0.01)


def test_the_spread_of_paired_differences_is_exact(large):
    difference = large.errors[0, 0] - large.errors[0, 1]
    assert difference.std() == pytest.approx(two().difference_sd(), rel=0.01)
    same = two(1.0)
    assert same.difference_sd(0, 0) == pytest.approx(0, abs=0.02)


def test_perfect_predictions_have_no_error_and_a_shift_is_one():
    model = perfect()
    np.testing.assert_allclose(model.mae, [0, 3], atol=1e-9)
    np.testing.assert_allclose(model.rmse, [0, 3], atol=1e-6)
    samples = model.draw(3, 10, rng=np.random.default_rng(0))
    np.testing.assert_allclose(samples.errors[:, 1], 3)


def test_a_folded_normal_is_that_of_scipy():
    for mean, sd in [(0.0, 1.0), (3.0, 2.0), (-5.0, 0.5)]:
        expected = stats.foldnorm(abs(mean) / sd, scale=sd).mean()
        assert folded_mean(mean, sd) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("sd", [0.5, 3.0, 8.0])
def test_twins_are_equal_in_truth_and_differ_as_asked(sd):
    pair = twins(two(), sd)
    assert pair.mae[0] == pair.mae[1]
    assert pair.difference_sd() == pytest.approx(sd, abs=1e-6)
    drawn = pair.draw(1, 100_000, rng=np.random.default_rng(1)).errors[0]
    assert (drawn[0] - drawn[1]).std() == pytest.approx(sd, rel=0.02)


def test_twins_that_cannot_be_are_refused():
    for sd in (0.0, 100.0):
        with pytest.raises(ValueError, match="must lie between 0 and"):
            twins(two(), sd)


def test_a_part_of_the_models_keeps_their_relation():
    both = two().subset("b", "a")
    assert both.names == ("b", "a")
    assert both.mae.tolist() == two().mae[::-1].tolist()
    assert len(two().subset("a")) == 1
    with pytest.raises(ValueError, match="no model"):
        two().subset("c")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sd": np.array([-1.0, 1.0])}, "at least 0"),
        ({"pcc": np.array([0.0, 1.2])}, "pcc lie"),
        ({"mean": np.zeros(3)}, "shapes"),
        ({"person_share": 1.5}, "person_share"),
        ({"residual_correlation": np.array([[1, 2], [2, 1]])}, "no correlation matrix"),
    ],
)
def test_impossible_models_are_refused(changed, message):
    good = {name: getattr(two(), name) for name in two().__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        ErrorModel(**(good | changed))
