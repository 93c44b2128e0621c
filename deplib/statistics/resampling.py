"""Metrics of many resamples of persons at once, from sums over each person's recordings.

A resample of persons is a vector of counts; as every metric is a function of sums over recordings,
the sums of all resamples are one matrix product, and 10,000 resamples take milliseconds.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from deplib.metrics import is_constant

SUMS = ("n", "y", "yy", "h", "hh", "yh", "abs", "square", "error")
"""What is summed over the recordings of one person, for each model."""


def bootstrap_distribution(
    y: ArrayLike,
    predictions: ArrayLike,
    persons: ArrayLike,
    *,
    n_resamples: int = 10_000,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """All metrics of all models in the same resamples of persons.

    Parameters
    ----------
    y
        (n_recordings,).
    predictions
        (n_models, n_recordings).
    persons
        (n_recordings,).
    n_resamples
        Resamples of persons.
    rng
        Draws the resamples.

    Returns
    -------
    dict of str to ndarray, shape (n_resamples, n_models)
        Metric -> its values; nan where a resample leaves it undefined.

    Raises
    ------
    ValueError
        If the vectors are empty, unequal or not finite, or if there is one person only.
    """
    check_resamples(n_resamples)
    sums = person_sums(y, predictions, persons)
    share = np.full(len(sums), 1 / len(sums))
    counts = rng.multinomial(len(sums), share, size=n_resamples).astype(float)
    return _metrics_of(counts, sums)


def jackknife(y: ArrayLike, predictions: ArrayLike, persons: ArrayLike) -> dict[str, np.ndarray]:
    """All metrics of all models without one person at a time.

    Parameters and errors are those of ``bootstrap_distribution``.

    Returns
    -------
    dict of str to ndarray, shape (n_persons, n_models)
        Metric -> its values, persons in the order in which they come.
    """
    sums = person_sums(y, predictions, persons)
    return _metrics_of(1.0 - np.eye(len(sums)), sums)


def check_resamples(n_resamples: int) -> None:
    """Refuse less than one resample."""
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples}; it must be at least 1")


def person_sums(y: ArrayLike, predictions: ArrayLike, persons: ArrayLike) -> np.ndarray:
    """Sum over the recordings of each person: (n_persons, 9, n_models), in the order of ``SUMS``.

    Persons stand in the order in which they come.

    Raises
    ------
    ValueError
        If the shapes do not fit, a value is not finite, there are fewer than two persons, or a
        recording does not say whom it shows.
    """
    y, h = np.asarray(y, dtype=float), np.asarray(predictions, dtype=float)
    who = np.asarray(persons)
    if y.ndim != 1 or h.ndim != 2 or h.shape[1:] != y.shape or who.shape != y.shape:
        raise ValueError(
            f"y {y.shape}, predictions {h.shape} and persons {who.shape} must be "
            "(n,), (n_models, n) and (n,) over the same recordings"
        )
    if not (np.isfinite(y).all() and np.isfinite(h).all()):
        raise ValueError("a value is NaN or infinite")
    code, names = pd.factorize(who)
    if (code < 0).any():
        raise ValueError("a person is missing: every recording needs to say whom it shows")
    if len(names) < 2:
        raise ValueError(f"{len(names)} person: intervals and tests over persons need at least two")
    # Centred first, so that the differences of sums in _metrics_of do not cancel.
    a = np.broadcast_to(_centred(y), h.shape)
    b = np.stack([_centred(row) for row in h])
    error = h - y
    terms = [np.ones_like(h), a, a * a, b, b * b, a * b, np.abs(error), error**2, error]
    sums = np.zeros((len(names), len(SUMS), len(h)))
    np.add.at(sums, code, np.stack(terms).transpose(2, 0, 1))
    return sums


def _metrics_of(counts: np.ndarray, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of each resample, (k, n_models) each, from means over its recordings."""
    total = (counts @ sums.reshape(len(sums), -1)).reshape(-1, *sums.shape[1:])
    mean = {name: total[:, i] / total[:, 0] for i, name in enumerate(SUMS)}
    for name, first, second in (("yy", "y", "y"), ("hh", "h", "h"), ("yh", "y", "h")):
        mean[name] = mean[name] - mean[first] * mean[second]
    for name, first in (("yy", "y"), ("hh", "h")):  # exactly 0 where only rounding is left
        rounding = 1e-13 * (mean[name] + mean[first] ** 2)
        mean[name] = np.where(mean[name] > rounding, mean[name], 0.0)
    return {name: metric(mean) for name, metric in _FROM_MEANS.items()}


def _centred(vector: np.ndarray) -> np.ndarray:
    return vector - vector.mean() if not is_constant(vector) else np.zeros_like(vector)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1.0)
    return np.where(denominator > 0, numerator / safe, np.nan)


_FROM_MEANS: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
    "mae": lambda m: m["abs"],
    "rmse": lambda m: np.sqrt(m["square"]),
    "pcc": lambda m: _ratio(m["yh"], np.sqrt(m["yy"] * m["hh"])),
    "ccc": lambda m: _ratio(2 * m["yh"], m["yy"] + m["hh"] + m["error"] ** 2),
    "sigma_ratio": lambda m: np.sqrt(_ratio(m["hh"], m["yy"])),
    "bias": lambda m: m["error"],
}
"""The default conventions of ``deplib.metrics``; a test holds the two together."""
