"""The bootstrap of ``deplib.statistics`` for thousands of samples at once.

A resample of persons is a vector of counts and every metric a function of sums over recordings, so
one matrix product scores a block of samples in all resamples. The samples of a block share their
resamples; blocks do not. A test holds the intervals to those of ``cluster_bootstrap``.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from deplib.power.error_model import ErrorModel, Samples
from deplib.statistics.intervals import METHODS, widening

BLOCK = 100
"""Samples that share their resamples."""


@dataclass(frozen=True)
class Quantity:
    """What an interval is of: a metric of one model, or the first's minus the second's."""

    metric: str  # "mae", "rmse" or "pcc"
    first: int = 0  # index of a model
    second: int | None = None

    def __post_init__(self) -> None:
        if self.metric not in ("mae", "rmse", "pcc"):
            raise ValueError(f"metric {self.metric!r} has no known truth; use mae, rmse or pcc")

    def truth(self, model: ErrorModel) -> float:
        """Return the value in the population that the samples come from."""
        values = getattr(model, self.metric)
        minus = 0.0 if self.second is None else values[self.second]
        return float(values[self.first] - minus)


def intervals(
    samples: Samples,
    quantities: list[Quantity],
    *,
    methods: tuple[str, ...],
    n_resamples: int = 2_000,
    confidence: float = 0.95,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return an interval of every quantity in every sample, persons resampled.

    Parameters
    ----------
    samples
        Of one size and number of persons.
    quantities
        What the intervals are of.
    methods
        Of ``deplib.statistics.cluster_bootstrap``.
    n_resamples, confidence
        Of each interval.
    rng
        Draws the resamples.

    Returns
    -------
    dict of str to ndarray, shape (n_quantities, n_samples, 2)
        Method -> lower and upper ends.

    Raises
    ------
    ValueError
        If a method is unknown, or a quantity is undefined in some sample or resample.
    """
    if unknown := set(methods) - set(METHODS):
        raise ValueError(f"unknown methods {sorted(unknown)}; choose from {', '.join(METHODS)}")
    found = {m: np.empty((len(quantities), len(samples.y), 2)) for m in methods}
    for start in range(0, len(samples.y), BLOCK):
        rows = slice(start, start + BLOCK)
        block = Samples(samples.person[rows], samples.y[rows], samples.y_hat[rows])
        sums = person_sums(block)  # (n_samples, n_persons, ...)
        n_persons = sums.shape[1]
        share = np.full(n_persons, 1 / n_persons)
        counts = rng.multinomial(n_persons, share, size=n_resamples).astype(float)
        resampled, exact = _weighted(counts, sums), sums.sum(axis=1)[:, None]
        left_out = exact - sums
        for k, quantity in enumerate(quantities):
            ends = _ends(
                np.sort(_score(resampled, quantity), axis=1),
                _score(exact, quantity)[:, 0],
                _score(left_out, quantity),
                methods,
                np.array([(1 - confidence) / 2, (1 + confidence) / 2]),
            )
            for method in methods:
                found[method][k, rows] = ends[method]
    return found


def person_sums(samples: Samples) -> np.ndarray:
    """Return sums over the recordings of each person, (n_samples, n_persons, 8, n_models).

    The eight are those of ``_TERMS``; what has no model is the same for all.
    """
    y, h = samples.y[:, None], samples.y_hat
    a, b = y - samples.y.mean(), h - samples.y.mean()  # so that differences of sums do not cancel
    error = h - y
    a = np.broadcast_to(a, h.shape)
    terms = [np.ones_like(h), a, a * a, b, b * b, a * b, np.abs(error), error**2]
    n_samples, n_persons = len(samples.y), samples.person.max() + 1
    sums = np.zeros((n_samples, n_persons, len(terms), h.shape[1]))
    rows = np.arange(n_samples)[:, None]
    np.add.at(sums, (rows, samples.person), np.stack(terms).transpose(1, 3, 0, 2))
    return sums


_TERMS = {name: i for i, name in enumerate(("n", "y", "yy", "h", "hh", "yh", "abs", "square"))}


def _weighted(counts: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Sum over persons with weights (n_resamples, n_persons): -> (n_samples, n_resamples, ...)."""
    flat = np.moveaxis(sums, 1, 0).reshape(counts.shape[1], -1)
    total = (counts @ flat).reshape(len(counts), len(sums), *sums.shape[2:])
    return np.moveaxis(total, 0, 1)


def _score(sums: np.ndarray, quantity: Quantity) -> np.ndarray:
    """Return a quantity from sums over recordings, (..., 8, n_models) -> (...)."""
    first = _metric(sums, quantity.metric, quantity.first)
    if quantity.second is None:
        return first
    return first - _metric(sums, quantity.metric, quantity.second)


def _metric(sums: np.ndarray, metric: str, model: int) -> np.ndarray:
    def mean(name: str) -> np.ndarray:
        return sums[..., _TERMS[name], model] / sums[..., _TERMS["n"], model]

    if metric == "mae":
        return mean("abs")
    if metric == "rmse":
        return np.sqrt(mean("square"))
    y, h = mean("y"), mean("h")
    spread = (mean("yy") - y * y) * (mean("hh") - h * h)
    if not (spread > 1e-12).all():
        raise ValueError(
            "labels or predictions are constant in a sample or resample: PCC is undefined there; "
            "draw larger samples"
        )
    return (mean("yh") - y * h) / np.sqrt(spread)


def _ends(
    ordered: np.ndarray,
    estimate: np.ndarray,
    left_out: np.ndarray,
    methods: tuple[str, ...],
    tails: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the ends, (n_samples, 2) a method, from sorted values (n_samples, n_resamples)."""
    n_samples, n_persons = left_out.shape
    levels = {"percentile": np.tile(tails, (n_samples, 1))}
    if "expanded" in methods:
        t = stats.t.ppf(tails, n_persons - 1) * widening(n_persons)
        levels["expanded"] = np.tile(stats.norm.cdf(t), (n_samples, 1))
    if "bca" in methods:
        below = (ordered < estimate[:, None]).mean(axis=1)
        below += (ordered == estimate[:, None]).mean(axis=1) / 2
        influence = left_out.mean(axis=1, keepdims=True) - left_out
        with np.errstate(invalid="ignore"):  # refused below
            a = (influence**3).sum(axis=1) / (6 * (influence**2).sum(axis=1) ** 1.5)
        z0 = stats.norm.ppf(below)[:, None]
        z = z0 + stats.norm.ppf(tails)
        levels["bca"] = stats.norm.cdf(z0 + z / (1 - a[:, None] * z))
        if not np.isfinite(levels["bca"]).all():
            raise ValueError("an estimate lies outside all its resamples: BCa needs more of them")
    return {method: _quantiles(ordered, levels[method]) for method in methods}


def _quantiles(ordered: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Interpolate between order statistics as ``np.quantile`` does, each row at its own levels."""
    at = levels * (ordered.shape[1] - 1)
    below = np.floor(at).astype(int).clip(max=ordered.shape[1] - 2)
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, below + 1, axis=1)
    return low + (at - below) * (high - low)
