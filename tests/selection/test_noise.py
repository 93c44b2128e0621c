import numpy as np
import pytest

from deplib.selection.noise import best_of_noise, labels


def test_the_figures_worked_out_beforehand():
    """Guesses of 15 + N(0, 6), Dev / Test: 9.17 / 10.54 at K = 20, 8.74 / 10.55 at K = 100."""
    table = best_of_noise((20, 100), n_repeats=600, rng=np.random.default_rng(0))
    np.testing.assert_allclose(table["dev_mae"], [9.17, 8.74], atol=0.05)
    np.testing.assert_allclose(table["test_mae"], [10.54, 10.55], atol=0.1)
    assert (table["test_pcc"].abs() < 0.03).all()


def test_one_candidate_has_no_choice_and_more_look_better():
    table = best_of_noise((1, 5, 20), n_repeats=300, rng=np.random.default_rng(1))
    assert table["dev_mae"][0] == pytest.approx(table["test_mae"][0], abs=0.2)
    assert table["dev_mae"].is_monotonic_decreasing
    assert table["dev_pcc"].is_monotonic_increasing


def test_labels_are_balanced():
    a, b = (np.sort(labels(50, rng=np.random.default_rng(s))) for s in (0, 1))
    assert not np.array_equal(a, b)
    assert np.abs(a - b).mean() < 1
    assert a.min() >= 0
    assert a.max() <= 63


def test_the_generator_decides():
    one, same, other = (
        best_of_noise((3,), n_repeats=5, rng=np.random.default_rng(s)) for s in (0, 0, 1)
    )
    assert one.equals(same)
    assert not one.equals(other)


@pytest.mark.parametrize("bad", [{"ks": ()}, {"ks": (0, 2)}, {"ks": (2,), "n": 2}])
def test_bad_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="numbers from 1"):
        best_of_noise(**bad, rng=np.random.default_rng(0))
