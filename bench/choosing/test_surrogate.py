import numpy as np
import pytest
from fit import fit
from small import SURROGATE
from surrogate import Part, Surrogate, cut, weighted_means

from deplib.errors import ResultError

WIDTH, LATENTS = 12, 3
RANKS = {"person": 6, "session": 6, "window": 4}


def variance(part: Part) -> float:
    return np.square(part.loadings).sum() + part.loadings.shape[1] * part.floor**2


@pytest.fixture(scope="module")
def truth() -> Surrogate:
    rng = np.random.default_rng(1)
    return Surrogate(
        mean=rng.normal(0, 1, WIDTH),
        latents=rng.normal(0, 0.2, (LATENTS, WIDTH)),
        person=Part(rng.normal(0, 1, (4, WIDTH)), 0.3),
        session=Part(rng.normal(0, 0.2, (3, WIDTH)), 0.1),
        window=Part(rng.normal(0, 1.5, (2, WIDTH)), 0.8),
    )


@pytest.fixture(scope="module")
def population(truth):
    """Persons with one to four recordings, windows of 10 frames, the last of them shorter."""
    rng = np.random.default_rng(2)
    person = np.repeat(np.arange(600), rng.integers(1, 5, 600))
    latents = rng.normal(size=(len(person), LATENTS))
    n_frames = rng.integers(11, 40, len(person))
    features, recording = truth.draw(latents, person, n_frames, window_length=10, rng=rng)
    return (features, recording, cut(n_frames, 10)[1]), person, latents


def test_what_was_drawn_is_found_again(truth, population):
    fitted = fit(*population, ranks=RANKS)
    # One SD of a latent moves the embedding by what the truth says, though faces vary five-fold.
    np.testing.assert_allclose(fitted.latents, truth.latents, atol=0.05)
    assert variance(fitted.person) == pytest.approx(variance(truth.person), rel=0.12)
    assert variance(fitted.window) == pytest.approx(variance(truth.window), rel=0.05)
    # Within a person: the session, for windows are centred on their recording.
    assert variance(fitted.session) == pytest.approx(variance(truth.session), rel=0.08)
    covariance = fitted.person.loadings.T @ fitted.person.loadings
    expected = truth.person.loadings.T @ truth.person.loadings
    expected = expected + (truth.person.floor**2 - fitted.person.floor**2) * np.eye(WIDTH)
    assert np.corrcoef(covariance.ravel(), expected.ravel())[0, 1] > 0.98


def test_windows_are_centred_and_shorter_ones_noisier(truth):
    rng = np.random.default_rng(3)
    n_frames = np.full(4000, 12)  # windows of 10 and of 2 frames
    latents = np.zeros((4000, LATENTS))
    features, recording = truth.draw(
        latents, np.zeros(4000, int), n_frames, window_length=10, rng=rng
    )
    _, n_in_window = cut(n_frames, 10)
    assert list(n_in_window[:4]) == [10, 2, 10, 2]
    apart = features - weighted_means(features, recording, n_in_window)[recording]
    np.testing.assert_allclose(weighted_means(apart, recording, n_in_window), 0, atol=1e-5)
    spread = np.square(apart).sum(axis=1)
    # Both deviations are of one contrast: their variances are as the squared other weights.
    assert spread[1::2].mean() / spread[::2].mean() == pytest.approx(25, rel=1e-3)


def test_stored_and_read_back_it_draws_the_same(tmp_path):
    once = SURROGATE.save(tmp_path / "s.safetensors")
    twice = once.save(tmp_path / "t.safetensors")
    draw = {"person": np.arange(4), "n_frames": np.full(4, 600), "window_length": 512}
    latents = np.zeros((4, 10))
    first, second, other = (
        s.draw(latents, **draw, rng=np.random.default_rng(seed))[0]
        for s, seed in ((once, 0), (twice, 0), (twice, 1))
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)
    np.testing.assert_allclose(once.latents, SURROGATE.latents, rtol=2e-3, atol=1e-6)


def test_a_damaged_or_impossible_surrogate_is_refused(population, tmp_path):
    path = tmp_path / "s.safetensors"
    SURROGATE.save(path)
    path.write_bytes(path.read_bytes()[:99])
    for broken in (path, tmp_path / "none"):
        with pytest.raises(ResultError, match="missing or damaged"):
            Surrogate.load(broken)
    windows, person, latents = population
    with pytest.raises(ResultError, match="two recordings of two windows"):
        fit(windows, np.arange(len(person)), latents)
