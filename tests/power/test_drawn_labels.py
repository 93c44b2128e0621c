import numpy as np
import pytest

from deplib.cohorts.simulated import PERSON_SHARE, RELIABILITY
from deplib.power.labels import (
    SCORES,
    draw_persons,
    draw_scores,
    persons_of,
    score_mean,
    score_sd,
    score_shares,
    shared_and_own,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_every_sample_has_its_persons_and_recordings_one_to_four_each():
    person = draw_persons(300, 50, rng=rng())
    assert person.shape == (300, 50)
    sessions = np.stack([np.bincount(who, minlength=40) for who in person])
    assert (sessions.sum(axis=1) == 50).all()
    assert sessions.min() == 1
    assert 2 <= sessions.max() <= 4
    assert (draw_persons(5, 8, n_persons=2, rng=rng()) == [[0] * 4 + [1] * 4] * 5).all()


@pytest.mark.parametrize(("n_persons", "n_recordings"), [(1, 3), (5, 4), (2, 9)])
def test_impossible_samples_are_refused(n_persons, n_recordings):
    with pytest.raises(ValueError, match="1 to 4 recordings each"):
        draw_persons(2, n_recordings, n_persons=n_persons, rng=rng())


def test_scores_have_the_exact_marginal_and_persons_share_severity():
    person = draw_persons(1, 200_000, n_persons=100_000, rng=rng(1))
    y = draw_scores(person, rng=rng(2))[0]
    shares = np.bincount(y.astype(int), minlength=len(SCORES)) / len(y)
    np.testing.assert_allclose(shares, score_shares(), atol=0.003)
    assert y.mean() == pytest.approx(score_mean(), abs=0.12)
    assert y.std() == pytest.approx(score_sd(), abs=0.12)
    again = person[0, 1:] == person[0, :-1]
    r = np.corrcoef(y[1:][again], y[:-1][again])[0, 1]
    normal = PERSON_SHARE * RELIABILITY
    assert normal - 0.06 < r < normal  # rounding and skew take a little away


def test_balanced_scores_hardly_move_between_samples():
    person = draw_persons(40, 50, rng=rng(3))
    free, even = (draw_scores(person, rng=rng(4), balanced=b).mean(axis=1) for b in (False, True))
    assert even.std() < 0.2 < free.std()


def test_a_share_is_the_correlation_between_recordings_of_a_person():
    person = np.repeat(np.arange(40_000), 2)[None]
    for share in (0.0, 0.6, 1.0):
        values = shared_and_own(person, share, rng=rng(5))[0].reshape(-1, 2)
        assert np.corrcoef(values.T)[0, 1] == pytest.approx(share, abs=0.02)
    assert shared_and_own(person[:, :4], 0.5, rng=rng(), n_values=3).shape == (1, 4, 3)


def test_the_same_state_gives_the_same_draw():
    a, b, c = (draw_scores(draw_persons(3, 20, rng=rng(s)), rng=rng(s)) for s in (1, 1, 2))
    assert (a == b).all()
    assert (a != c).any()


def test_a_sample_has_persons_at_the_ratio_of_the_test_split():
    assert [persons_of(n) for n in (50, 100, 1000, 2)] == [40, 80, 800, 2]
