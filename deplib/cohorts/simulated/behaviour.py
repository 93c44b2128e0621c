"""From severity to the latents of behaviour, in five worlds.

Every number here is an assumption taken from published directions and sizes of effect, one row of
``LATENTS`` each. Nothing that a model finds in this cohort is evidence about patients.

A recording's latent is

    ``latent = gain * r / rho * severity + t * trait + residual``

with ``r`` the correlation with BDI-II, ``rho`` the correlation of severity itself with BDI-II,
``trait`` a person's habitual expressivity that is not depression, and a residual of person and
session that fills the variance up to 1. Ten latents are levels: they set rates, sizes and places.
In a world of order there is an eleventh, which changes how the head and the tone of a face move
and leaves every channel's histogram alone (``order.py``). A world is two numbers: a ``gain``, how
much the latents tell about severity, and the ``share`` of it that order tells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import stats
from scipy.optimize import brentq

from deplib.cohorts.simulated.labels import RELIABILITY, THRESHOLDS, severity_correlation, to_bdi
from deplib.errors import CohortError


@dataclass(frozen=True)
class Latent:
    """One tendency of behaviour, standard normal over the population."""

    name: str
    correlation: float  # with BDI-II at gain 1
    low: float  # range for sensitivity
    high: float
    trait: float  # loading on the expressivity that is not depression
    meaning: str


LATENTS = (
    Latent("smile_rate", 0.0, -0.15, 0.05, 0.5, "smiles a minute"),
    Latent("smile_intensity", -0.25, -0.40, -0.10, 0.5, "strength and duration of a smile (AU12)"),
    Latent("head_velocity", -0.30, -0.40, -0.10, 0.4, "speed and reach of head movement"),
    Latent("expressivity", -0.30, -0.45, -0.10, 0.6, "variance of expression over time"),
    Latent("brow_lower", 0.20, 0.0, 0.40, 0.0, "tension of brow and lids (AU4, AU7)"),
    Latent("lip_corner_down", 0.0, 0.0, 0.0, 0.0, "AU15: published signs conflict"),
    Latent("dimpler", 0.15, 0.0, 0.30, 0.3, "AU14"),
    Latent("look_down", 0.20, 0.0, 0.35, 0.0, "gaze and head turned down"),
    Latent("speech", 0.0, 0.0, 0.0, 0.4, "share of time spent speaking: no size published"),
    Latent("blink", 0.10, -0.10, 0.25, 0.0, "blinks a minute (AU45)"),
)
LATENT_NAMES = tuple(latent.name for latent in LATENTS)
TRAIT = np.array([latent.trait for latent in LATENTS])
"""Loading of each latent on the trait."""

RESIDUAL_PERSON_SHARE = 0.6
"""Share of a residual's variance that belongs to the person and not to the session."""

_NODES = stats.norm.ppf((np.arange(400) + 0.5) / 400)


MOVEMENTS = ("pace", "stroke")
"""What order can move: how fast a head swings, or the share of a movement that rises."""


@dataclass(frozen=True)
class World:
    """How much behaviour tells about severity, and where: in levels or in order.

    Attributes
    ----------
    name, meaning
        For tables.
    gain
        Factor on every correlation of ``LATENTS`` where levels tell all.
    share
        Share, 0 to 1, of the information about severity that order has; levels have the rest. The
        sum is that of the gain alone, so that the oracle is as good at every share.
    movement
        What order moves, one of ``MOVEMENTS``; None where it moves nothing.

    Raises
    ------
    CohortError
        If the share is outside 0 to 1, or there is nothing that order moves.
    """

    name: str
    gain: float
    meaning: str
    share: float = 0.0
    movement: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise CohortError(
                f"world {self.name!r} gives order a share of {self.share}: it must be from 0 to 1"
            )
        if self.movement not in (MOVEMENTS if self.share else (None, *MOVEMENTS)):
            raise CohortError(
                f"world {self.name!r} lets order move {self.movement!r}: "
                f"choose one of {', '.join(MOVEMENTS)}"
            )


WORLDS = {
    world.name: world
    for world in (
        World("null", 0.0, "behaviour tells nothing about severity"),
        World("default", 1.25, "published single correlations, joint R2 about .35"),
        World("published", 2.1, "what the best published errors would need, joint R2 about .65"),
        World("pace", 2.1, "as published, all of it in how fast head and tone move", 1.0, "pace"),
        World("stroke", 2.1, "as published, all of it in how movements rise", 1.0, "stroke"),
    )
}
"""``oracle_error`` computes what each allows; over an endless population the oracle reaches

========= === === ====
world     R2  PCC MAE
========= === === ====
null      0   0   9.07
default   .36 .60 7.11
published .66 .81 5.13
========= === === ====

points of BDI-II, and the best constant 9.07; ``pace`` and ``stroke`` allow what ``published`` does.
"""


def world_named(name: str) -> World:
    """Return a world by name.

    Raises
    ------
    CohortError
        If there is none of that name.
    """
    if name not in WORLDS:
        raise CohortError(
            f"no simulated world is named {name!r}: choose one of {', '.join(WORLDS)}"
        )
    return WORLDS[name]


def severity_loadings(gain: float) -> np.ndarray:
    """Return the loading of each latent on severity, shape ``(len(LATENTS),)``.

    Raises
    ------
    CohortError
        If the gain would ask for a latent of more than unit variance.
    """
    loading = gain * np.array([x.correlation for x in LATENTS]) / severity_correlation()
    if not np.all(loading**2 + TRAIT**2 < 1):
        raise CohortError(
            f"a gain of {gain} leaves a latent no variance of its own: choose a smaller gain"
        )
    return loading


def information(gain: float) -> float:
    """Return what the ten levels tell about severity, ``a' S^-1 a``, their posterior precision.

    With it, ``information / (1 + information)`` of severity's variance is explained.
    """
    a, t = severity_loadings(gain), TRAIT
    return float(a @ np.linalg.solve(np.outer(t, t) + np.diag(1 - a**2 - t**2), a))


def level_gain(world: World) -> float:
    """Return the gain at which the levels have what order leaves them of the information."""
    left = (1 - world.share) * information(world.gain)
    return float(brentq(lambda gain: information(gain) - left, 0.0, world.gain, xtol=1e-12))


def loadings(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Return how each latent of a world loads on severity and on the trait; order is the last.

    Raises
    ------
    CohortError
        If the gain would ask for a latent of more than unit variance.
    """
    if world.movement is None:
        return severity_loadings(world.gain), TRAIT
    odds = world.share * information(world.gain)
    order = np.sqrt(odds / (1 + odds))
    return np.append(severity_loadings(level_gain(world)), order), np.append(TRAIT, 0.0)


def draw_latents(
    severity: np.ndarray, person: np.ndarray, *, gain: float, rng: Generator
) -> np.ndarray:
    """Draw the latents of recordings given their severity.

    Parameters
    ----------
    severity
        Standard normal, shape ``(n,)``.
    person
        Person of each recording, shape ``(n,)``; trait and part of the residual recur with it.
    gain
        Factor on every correlation of ``LATENTS``.
    rng
        Source of randomness; the draws do not depend on ``gain``, so worlds are comparable.

    Returns
    -------
    ndarray of float, shape (n, len(LATENTS))
        Each column has zero mean and unit variance over the population.
    """
    return drawn(severity, person, severity_loadings(gain), TRAIT, rng=rng)


def drawn(
    severity: np.ndarray, person: np.ndarray, a: np.ndarray, t: np.ndarray, *, rng: Generator
) -> np.ndarray:
    """Draw latents that load by ``a`` on severity and by ``t`` on the trait, shape (n, len(a))."""
    _, code = np.unique(person, return_inverse=True)
    n_persons, n_latents = code.max() + 1, len(a)
    trait = rng.standard_normal((n_persons, 1))[code]
    own = rng.standard_normal((n_persons, n_latents))[code]
    session = rng.standard_normal((len(code), n_latents))
    residual = np.sqrt(RESIDUAL_PERSON_SHARE) * own + np.sqrt(1 - RESIDUAL_PERSON_SHARE) * session
    return a * severity[:, None] + t * trait + np.sqrt(1 - a**2 - t**2) * residual


@dataclass(frozen=True)
class OracleError:
    """What the oracle reaches over an endless population, beside the best constant."""

    r2: float  # share of BDI-II's variance that the latents explain: 1 - MSE / variance
    pcc: float  # of the posterior mean
    rmse: float  # of the posterior mean
    mae: float  # of the posterior median
    constant_mae: float  # of the population's median


def _regression(world: World) -> tuple[np.ndarray, float]:
    """Return severity's regression on the latents: weights, and the variance that it explains.

    With ``latents = a * severity + noise`` and ``noise ~ N(0, t t' + D)``, this is the usual
    formula of a Gaussian linear model, solved as ``cov(latents)^-1 a``.
    """
    a, t = loadings(world)
    covariance = np.outer(a, a) + np.outer(t, t) + np.diag(1 - a**2 - t**2)
    weights = np.linalg.solve(covariance, a)
    return weights, float(a @ weights)


def posterior(latents: np.ndarray, world: World) -> tuple[np.ndarray, float]:
    """Return mean, shape ``(n,)``, and variance of standard normal severity given the latents."""
    weights, explained = _regression(world)
    return latents @ weights, 1 - explained


def oracle_mean(latents: np.ndarray, world: World) -> np.ndarray:
    """Return ``E[BDI-II | latents]``, shape ``(n,)``: the least squared error.

    The mean of a whole number from 0 is the sum of its chances to reach 1, 2, 3 and so on.
    """
    mean, variance = posterior(latents, world)
    above = np.sqrt(RELIABILITY) * mean[:, None] - THRESHOLDS
    return stats.norm.cdf(above / _score_sd(variance)).sum(axis=1)


def oracle_median(latents: np.ndarray, world: World) -> np.ndarray:
    """Return the median of BDI-II given the latents, shape ``(n,)``: the least absolute error."""
    return to_bdi(np.sqrt(RELIABILITY) * posterior(latents, world)[0])


def oracle_error(world: World) -> OracleError:
    """Compute the oracle's error in a world by integrating over posterior means and scores."""
    _, explained = _regression(world)
    centre = np.sqrt(RELIABILITY * explained) * _NODES[:, None]
    bdi = to_bdi(centre + _score_sd(1 - explained) * _NODES)  # (posterior mean, score)
    mean, median = bdi.mean(axis=1, keepdims=True), to_bdi(centre)
    mse = float(np.mean((bdi - mean) ** 2))
    return OracleError(
        r2=1 - mse / float(bdi.var()),
        pcc=float(mean.std() / bdi.std()),  # the correlation of a conditional mean
        rmse=mse**0.5,
        mae=float(np.abs(bdi - median).mean()),
        constant_mae=float(np.abs(bdi - np.median(bdi)).mean()),
    )


def _score_sd(severity_variance: float) -> float:
    """Return the SD of a BDI-II's normal score when severity is known up to a variance."""
    return float(np.sqrt(RELIABILITY * severity_variance + 1 - RELIABILITY))
