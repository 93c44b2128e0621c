"""The oracle: the best that anyone who knew a recording's latents could say about its BDI-II.

Severity and latents are jointly normal, so severity given the latents is normal with a known mean
and variance, and BDI-II given the latents follows by the label model. Nothing is fitted, and no
label of the cohort is used. The oracle knows behaviour only: a model that recognises a recurring
person may know more about that person than the oracle does.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from deplib.cohorts.simulated.behaviour import World, severity_loadings, trait_loadings
from deplib.cohorts.simulated.labels import RELIABILITY, THRESHOLDS, to_bdi

_NODES = stats.norm.ppf((np.arange(400) + 0.5) / 400)


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
