"""Whether p-values are uniform where the null hypothesis is true."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import optimize, stats

from deplib.power.coverage import share
from deplib.power.error_model import ErrorModel, Samples
from deplib.statistics import correlation_p_value, sign_flip_test

OneSample = Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], float]
"""(y (n,), y_hat (n_models, n), person (n,), rng) -> p-value."""


def by_signs(*, persons: bool = True, n_resamples: int = 999) -> OneSample:
    """Return the paired test of the first model's MAE against the second's, by sign flips.

    Parameters
    ----------
    persons
        Flip whole persons, as the book does; otherwise recordings, as if each were a person.
    n_resamples
        Flips to draw.
    """

    def p_value(
        y: np.ndarray, y_hat: np.ndarray, person: np.ndarray, rng: np.random.Generator
    ) -> float:
        error = np.abs(y_hat - y)
        who = person if persons else np.arange(len(y))
        test = sign_flip_test(error[0] - error[1], who, n_resamples=n_resamples, rng=rng)
        return test.p_value

    return p_value


def by_permutation(*, n_resamples: int = 999) -> OneSample:
    """Return the test of the first model's PCC by permuting labels between persons."""

    def p_value(
        y: np.ndarray, y_hat: np.ndarray, person: np.ndarray, rng: np.random.Generator
    ) -> float:
        return permutation_test(y, y_hat[0], person, n_resamples=n_resamples, rng=rng).p_value

    return p_value


def by_formula(
    y: np.ndarray, y_hat: np.ndarray, person: np.ndarray, rng: np.random.Generator
) -> float:
    """Return the textbook p-value of the first model's PCC, recordings taken for independent."""
    return correlation_p_value(float(np.corrcoef(y, y_hat[0])[0, 1]), len(y))


def p_values(samples: Samples, test: OneSample, *, rng: np.random.Generator) -> np.ndarray:
    """Return the p-value of every sample, (n_samples,)."""
    together = zip(samples.y, samples.y_hat, samples.person, strict=True)
    return np.array([test(y, y_hat, person, rng) for y, y_hat, person in together])


def uniformity(p: np.ndarray, *, alpha: float = 0.05) -> dict[str, float]:
    """Return how often p-values reject, and how far they are from uniform.

    Parameters
    ----------
    p
        (n_samples,), from samples in which the null hypothesis is true.
    alpha
        The level whose rejections are counted.

    Returns
    -------
    dict
        ``rejected``, ``low`` and ``high`` (its 95 % interval, Wilson); ``ks`` and ``ks_p``, the
        Kolmogorov-Smirnov distance from uniform and its p-value.
    """
    ks = stats.kstest(p, "uniform")
    rejected = share(int((p <= alpha).sum()), len(p), "rejected")
    return {**rejected, "ks": float(ks.statistic), "ks_p": float(ks.pvalue)}


def unrelated(model: ErrorModel) -> ErrorModel:
    """Return the same predictors without any relation to the labels."""
    return replace(model, pcc=np.zeros(len(model)))


def with_mae(model: ErrorModel, name: str, mae: float) -> ErrorModel:
    """Return the models with the PCC of one changed so that its true MAE is the one asked for.

    Raises
    ------
    ValueError
        If no PCC gives that MAE at the predictions' mean and spread.
    """
    row = model.names.index(name)

    def changed(r: float) -> ErrorModel:
        pcc = model.pcc.copy()
        pcc[row] = r
        return replace(model, pcc=pcc)

    reach = [float(changed(r).mae[row]) for r in (1.0, -1.0)]
    if not reach[0] <= mae <= reach[1]:
        raise ValueError(
            f"{name} can have a true MAE from {reach[0]:.2f} to {reach[1]:.2f} at its mean and "
            f"spread, not {mae:g}"
        )
    return changed(float(optimize.brentq(lambda r: changed(r).mae[row] - mae, -1, 1)))
