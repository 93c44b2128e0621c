from typing import get_args

import numpy as np
import pytest

from deplib.errors import StoreError
from deplib.windows import Fill, fill, interpolate_invalid, lose_bursts, losing


def unit_rows(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_interpolation_is_numpys_along_each_dimension_at_unit_length():
    features = unit_rows(40)
    valid = np.random.default_rng(1).random(40) > 0.4
    valid[[0, 1, 39]] = False  # before the first and after the last valid row
    expected = np.stack(
        [np.interp(np.arange(40), np.flatnonzero(valid), column[valid]) for column in features.T],
        axis=1,
    )
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    filled = interpolate_invalid(np.where(valid[:, None], features, np.nan), valid)
    np.testing.assert_allclose(filled, expected, atol=1e-6)
    np.testing.assert_array_equal(filled[valid], features[valid])
    assert filled.dtype == features.dtype
    with pytest.raises(StoreError, match="no frame is valid"):
        interpolate_invalid(features, np.zeros(40, bool))


@pytest.mark.parametrize("how", get_args(Fill))
def test_each_way_keeps_valid_rows_and_says_what_models_may_see(how):
    valid = np.arange(30) % 3 > 0
    features = np.where(valid[:, None], unit_rows(30), np.float32(np.nan))
    before = features.copy()
    filled, seen = fill(features, valid, how, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(features, before)
    np.testing.assert_array_equal(filled[valid], features[valid])
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(seen, valid if how == "mask" else np.ones(30, bool))
    lengths = np.linalg.norm(filled[~valid], axis=1)
    expected = {"mask": np.nan, "zeros": 0}.get(how, 1)  # what is masked is zeroed by windows
    np.testing.assert_allclose(lengths, expected, atol=1e-6)
    with pytest.raises(StoreError, match="no way 'guess' to fill frames; there are mask, "):
        fill(features, valid, "guess", rng=np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "mean_burst"), [(0.05, 30), (0.3, 30), (0.3, 5), (0.8, 12)])
def test_losses_have_the_rate_and_length_asked_for(rate, mean_burst):
    valid = lose_bursts(400_000, rate, rng=np.random.default_rng(0), mean_burst=mean_burst)
    assert (~valid).mean() == pytest.approx(rate, rel=0.1)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], valid, [True]]).astype(int)))
    assert np.diff(edges)[::2].mean() == pytest.approx(mean_burst, rel=0.1)


def test_losses_are_seeded_and_never_take_all():
    rngs = map(np.random.default_rng, (0, 0, 1))
    first, again, other = (lose_bursts(500, 0.3, rng=rng) for rng in rngs)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    for seed in range(50):
        assert lose_bursts(3, 0.99, rng=np.random.default_rng(seed), mean_burst=1000).any()
    assert lose_bursts(100, 0, rng=np.random.default_rng(0)).all()
    assert lose_bursts(0, 0.5, rng=np.random.default_rng(0)).shape == (0,)


@pytest.mark.parametrize(("rate", "mean_burst"), [(-0.1, 30), (1, 30), (0.5, 0.5), (0.7, 2)])
def test_impossible_losses_are_refused(rate, mean_burst):
    with pytest.raises(StoreError, match="rate is"):
        lose_bursts(10, rate, rng=np.random.default_rng(0), mean_burst=mean_burst)


def test_every_way_and_every_call_meets_the_same_gaps():
    features = unit_rows(400)
    frames = {name: (features, np.ones(400, bool)) for name in ("201_1", "201_2")}
    masked, seen = losing(frames.__getitem__, 0.5, "mask")("201_1")
    np.testing.assert_array_equal(masked, features)
    zeros, all_seen = losing(frames.__getitem__, 0.5, "zeros")("201_1")
    assert all_seen.all()
    np.testing.assert_array_equal(zeros.any(axis=1), seen)
    other = losing(frames.__getitem__, 0.5, "mask")("201_2")[1]
    assert (other != seen).any()
    again = losing(frames.__getitem__, 0.5, "random")("201_1")[0]
    np.testing.assert_array_equal(again, losing(frames.__getitem__, 0.5, "random")("201_1")[0])
    np.testing.assert_array_equal(again[seen], features[seen])
