"""From severity to the ten latents of behaviour, in three worlds.

Every number here is an assumption taken from published directions and sizes of effect, one row of
``LATENTS`` each. Nothing that a model finds in this cohort is evidence about patients.

A recording's latent is

    ``latent = gain * r / rho * severity + t * trait + residual``

with ``r`` the correlation with BDI-II, ``rho`` the correlation of severity itself with BDI-II,
``trait`` a person's habitual expressivity that is not depression, and a residual of person and
session that fills the variance up to 1. ``gain`` alone tells one world from another.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from deplib.cohorts.simulated.labels import (
    RELIABILITY,
    THRESHOLDS,
    severity_correlation,
    to_bdi,
)
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

RESIDUAL_PERSON_SHARE = 0.6
"""Share of a residual's variance that belongs to the person and not to the session."""

_NODES = stats.norm.ppf((np.arange(400) + 0.5) / 400)


@dataclass(frozen=True)
class World:
    """A strength of the link between severity and behaviour."""

    name: str
    gain: float
    meaning: str


WORLDS = {
    world.name: world
    for world in (
        World("null", 0.0, "behaviour tells nothing about severity"),
        World("default", 1.25, "published single correlations, joint R2 about .35"),
        World("published", 2.1, "what the best published errors would need, joint R2 about .65"),
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

points of BDI-II, and the best constant 9.07.
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
    if np.any(loading**2 + trait_loadings() ** 2 >= 1):
        raise CohortError(
            f"a gain of {gain} leaves a latent no variance of its own: choose a smaller gain"
        )
    return loading


def trait_loadings() -> np.ndarray:
    """Return the loading of each latent on the trait, shape ``(len(LATENTS),)``."""
    return np.array([x.trait for x in LATENTS])


def draw_latents(
    severity: np.ndarray, person: np.ndarray, *, gain: float, rng: np.random.Generator
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
    _, code = np.unique(person, return_inverse=True)
    n_persons, n_latents = code.max() + 1, len(LATENTS)
    trait = rng.standard_normal((n_persons, 1))[code]
    own = rng.standard_normal((n_persons, n_latents))[code]
    session = rng.standard_normal((len(code), n_latents))
    residual = np.sqrt(RESIDUAL_PERSON_SHARE) * own + np.sqrt(1 - RESIDUAL_PERSON_SHARE) * session
    a, t = severity_loadings(gain), trait_loadings()
    return a * severity[:, None] + t * trait + np.sqrt(1 - a**2 - t**2) * residual


@dataclass(frozen=True)
class OracleError:
    """What the oracle reaches over an endless population, beside the best constant."""

    r2: float  # share of BDI-II's variance that the latents explain: 1 - MSE / variance
    pcc: float  # of the posterior mean
    rmse: float  # of the posterior mean
    mae: float  # of the posterior median
    constant_mae: float  # of the population's median


def posterior(latents: np.ndarray, gain: float) -> tuple[np.ndarray, float]:
    """Return mean, shape ``(n,)``, and variance of standard normal severity given the latents.

    With ``latents = a * severity + noise`` and ``noise ~ N(0, t t' + D)``, this is the usual
    formula of a Gaussian linear model, solved as ``cov(latents)^-1 a``.
    """
    a, t = severity_loadings(gain), trait_loadings()
    covariance = np.outer(a, a) + np.outer(t, t) + np.diag(1 - a**2 - t**2)
    weights = np.linalg.solve(covariance, a)
    return latents @ weights, float(1 - a @ weights)


def oracle_mean(latents: np.ndarray, gain: float) -> np.ndarray:
    """Return ``E[BDI-II | latents]``, shape ``(n,)``: the least squared error.

    The mean of a whole number from 0 is the sum of its chances to reach 1, 2, 3 and so on.
    """
    mean, variance = posterior(latents, gain)
    above = np.sqrt(RELIABILITY) * mean[:, None] - THRESHOLDS
    return stats.norm.cdf(above / _score_sd(variance)).sum(axis=1)


def oracle_median(latents: np.ndarray, gain: float) -> np.ndarray:
    """Return the median of BDI-II given the latents, shape ``(n,)``: the least absolute error."""
    mean, _ = posterior(latents, gain)
    return to_bdi(np.sqrt(RELIABILITY) * mean)


def oracle_error(world: World) -> OracleError:
    """Compute the oracle's error in a world by integrating over posterior means and scores."""
    a, t = severity_loadings(world.gain), trait_loadings()
    covariance = np.outer(a, a) + np.outer(t, t) + np.diag(1 - a**2 - t**2)
    explained = float(a @ np.linalg.solve(covariance, a))
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
