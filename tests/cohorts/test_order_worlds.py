"""Worlds in which order tells: what sees it, what must not, and that levels and order add up."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.stats import skew
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deplib.cohorts.simulated import INDEX, LATENT_NAMES, WORLDS, SimulatedCohort, World
from deplib.cohorts.simulated.behaviour import level_gain, loadings, oracle_error, posterior
from deplib.cohorts.simulated.motion import TEMPO
from deplib.cohorts.simulated.order import movement
from deplib.errors import CohortError
from deplib.metrics import pcc
from deplib.streams.measured import true_actions

MOVED = ("pace", "stroke")
HALF = World("half", 1.44, "half of it in pace", share=0.5, movement="pace")


@dataclass(frozen=True)
class Drawn:
    cohort: SimulatedCohort
    actions: np.ndarray  # (n_recordings, 128, 29), four frames averaged

    def ridge(self, describe, shown=None) -> float:
        """PCC of BDI-II with ridge on a description, persons apart; of other frames if shown."""
        table = self.cohort.recordings
        fitted, seen = (describe(self.actions if x is None else x) for x in (None, shown))
        y, y_hat = table["bdi"].to_numpy(), np.empty(len(table))
        for train_rows, rows in GroupKFold(5).split(fitted, groups=table["person"]):
            model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 13)))
            y_hat[rows] = model.fit(fitted[train_rows], y[train_rows]).predict(seen[rows])
        return pcc(y, y_hat)


@cache
def draw(world: str | World, n_recordings: int = 2000) -> Drawn:
    """Recordings of 512 frames, four averaged to one; nothing is rendered."""
    cohort = SimulatedCohort(world, n_recordings=n_recordings, n_frames=512)
    return Drawn(cohort, true_actions(cohort, average=4))


def levels(x: np.ndarray) -> np.ndarray:
    return np.hstack([x.mean(axis=1), x.std(axis=1)])


def moving(x: np.ndarray) -> np.ndarray:
    return x[..., x.std(axis=1).min(axis=0) > 1e-4].astype(float)


def together(x: np.ndarray) -> np.ndarray:
    """Correlations of all channels that move, and their magnitudes."""
    z = moving(x)
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    r = np.einsum("ntc,ntd->ncd", z, z)[:, *np.triu_indices(z.shape[2], 1)] / z.shape[1]
    return np.hstack([r, np.abs(r)])


def order(x: np.ndarray) -> np.ndarray:
    """Logarithm of velocity over SD, and skewness of velocity, of every channel that moves."""
    x = moving(x)
    velocity = np.diff(x, axis=1)
    speed = np.log(velocity.std(axis=1) / x.std(axis=1))
    return np.hstack([speed, skew(velocity, axis=1)])


@pytest.mark.parametrize("world", MOVED)
def test_only_order_tells(world):
    drawn, rng = draw(world), np.random.default_rng(0)
    frames = rng.permuted(np.tile(np.arange(128), (2000, 1)), axis=1)
    shuffled = np.take_along_axis(drawn.actions, frames[..., None], axis=1)
    assert abs(drawn.ridge(levels)) < 0.06
    assert drawn.ridge(order) > 0.7
    assert abs(drawn.ridge(order, shuffled)) < 0.1


def test_backwards_a_stroke_tells_the_opposite_and_pace_the_same():
    """And blind to order, all channels together tell of pace and not of a stroke."""
    pace, stroke = map(draw, MOVED)
    assert stroke.ridge(order, stroke.actions[:, ::-1]) < -0.5
    assert pace.ridge(order, pace.actions[:, ::-1]) > 0.7
    assert abs(stroke.ridge(together)) < 0.06
    assert pace.ridge(together) > 0.4
    assert draw("published", 900).ridge(levels) > 0.6


@pytest.mark.parametrize("kind", MOVED)
@pytest.mark.parametrize("n", [1, 200, 512])
def test_every_clip_has_the_same_values_in_another_order(kind, n):
    drawn = [
        movement(kind, order, n, rng=np.random.default_rng(seed))
        for seed, order in enumerate((-3.0, 0.0, 3.0))
    ]
    assert list(drawn[0]) == list(TEMPO)
    values = [x for one in drawn for x in one.values()]
    for x in values:
        np.testing.assert_array_equal(np.sort(x), np.sort(values[0]))
    assert values[0].mean() == pytest.approx(0, abs=1e-12)
    assert n < 200 or values[0].std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("kind", MOVED)
def test_order_slows_or_rises_longer(kind):
    low, high = (movement(kind, z, 30_000, rng=np.random.default_rng(0)) for z in (-1.5, 1.5))
    for name in TEMPO:
        low_velocity, high_velocity = np.diff(low[name]), np.diff(high[name])
        rising = [np.mean(v > 0) for v in (low_velocity, high_velocity)]
        if kind == "pace":
            assert low_velocity.std() > 1.5 * high_velocity.std()
            assert rising == pytest.approx([0.5, 0.5], abs=0.03)
        else:  # .2 + .6 Phi(order)
            assert rising == pytest.approx([0.24, 0.76], abs=0.03)
            assert low_velocity.std() == pytest.approx(high_velocity.std(), rel=0.1)


def test_delivered_frames_have_the_values_whatever_was_filmed():
    """Of the head's turn, when camera and limits are taken off."""
    cohort = SimulatedCohort("pace", n_recordings=6, max_frames=100, frame_step=2)
    for recording in cohort.recordings["recording"]:
        track = cohort.trajectories(recording)
        assert len(track) == 100
        angle = 24 * np.arctanh(track[:, INDEX["yaw"]] / 24)
        z = (angle - angle.mean()) / angle.std()
        assert np.quantile(z, [0.1, 0.5, 0.9]) == pytest.approx([-1.28, 0, 1.28], abs=0.08)


# --- gain and share


@pytest.mark.parametrize("kind", MOVED)
def test_every_share_allows_the_same_error(kind):
    worlds = [World("one", 1.44, "", share, kind) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert len({round(oracle_error(world).mae, 6) for world in worlds}) == 1
    found = [level_gain(world) for world in worlds]
    assert found == pytest.approx([1.44, 1.27, 1.06, 0.77, 0], abs=0.01)
    odds = [(a := loadings(world)[0][-1]) ** 2 / (1 - a**2) for world in worlds]
    assert odds == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-3)  # joint R2 of .5
    assert oracle_error(WORLDS[kind]) == oracle_error(WORLDS["published"])


def test_the_oracle_weighs_order_and_levels_as_least_squares_does():
    truth = SimulatedCohort(HALF, n_recordings=30_000).truth
    latents = truth[[*LATENT_NAMES, "order"]].to_numpy()
    fitted, *_ = np.linalg.lstsq(latents, truth["severity_z"], rcond=None)
    mean, variance = posterior(latents, HALF)
    np.testing.assert_allclose(latents @ fitted, mean, atol=0.1)
    assert variance == pytest.approx(0.5, abs=0.001)
    assert np.var(truth["severity_z"] - mean) == pytest.approx(0.5, abs=0.02)
    assert latents.std(axis=0) == pytest.approx(np.ones(11), abs=0.03)
    assert pcc(truth["oracle_mean"], truth["severity_z"]) == pytest.approx(0.5**0.5, abs=0.02)


def test_bad_worlds_and_sizes_are_refused():
    for share in (-0.1, 1.01, float("nan")):
        with pytest.raises(CohortError, match=r"'mine' gives order a share of .* from 0 to 1"):
            World("mine", 1.0, "", share, "pace")
    for share, moved in ((0.5, None), (0.5, "tempo"), (0.0, "tempo")):
        with pytest.raises(CohortError, match="choose one of pace, stroke"):
            World("mine", 1.0, "", share, moved)
    for gain in (3.0, float("nan")):
        with pytest.raises(CohortError, match="smaller gain"):
            SimulatedCohort(World("mine", gain, "", 1.0, "pace"), n_recordings=6)
    for sizes in (5, (50, 1, 50), (50, 50), (0, 9, 9), (50, 50, -1)):
        with pytest.raises(CohortError, match="at least 2 in each, at least 6 in all"):
            SimulatedCohort("pace", n_recordings=sizes)
    uneven = SimulatedCohort("pace", n_recordings=6)
    with pytest.raises(CohortError, match="n_frames=512"):
        true_actions(uneven)
