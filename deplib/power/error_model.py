"""Predictors whose scores in the population are known exactly.

The prediction of model ``m`` for a recording with label ``y`` is normal given the label,

    y_hat_m = mean_m + pcc_m * sd_m * (y - E y) / SD y + sd_m * sqrt(1 - pcc_m^2) * e_m,

where the standard normal residuals ``e`` of the models are correlated with each other, and those of
two recordings of one person as well. So MAE, RMSE, PCC and the difference between two models have
a true value, a sum over the 64 possible scores, and whatever is estimated from a sample can be set
beside it.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from deplib.power.labels import (
    SCORES,
    draw_persons,
    draw_scores,
    score_mean,
    score_sd,
    score_shares,
    shared_and_own,
)

_NODES = np.linspace(-8, 8, 2_001)  # of the residual of one model, in integrals over two
_WEIGHTS = stats.norm.pdf(_NODES) / stats.norm.pdf(_NODES).sum()


@dataclass(frozen=True, eq=False)
class Samples:
    """Independent samples of one population, all of one size."""

    person: np.ndarray  # (n_samples, n_recordings), numbered from 0 within each sample
    y: np.ndarray  # (n_samples, n_recordings), BDI-II points
    y_hat: np.ndarray  # (n_samples, n_models, n_recordings), BDI-II points

    @property
    def errors(self) -> np.ndarray:
        """Absolute errors, (n_samples, n_models, n_recordings), BDI-II points."""
        return np.abs(self.y_hat - self.y[:, None])


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The joint distribution of the predictions of some models.

    Attributes
    ----------
    names
        Of the models, (n_models,).
    mean, sd, pcc
        Of each model's predictions over the population, and their correlation with the label,
        (n_models,) each; ``mean`` and ``sd`` in BDI-II points.
    residual_correlation
        Between the models' residuals, (n_models, n_models).
    person_share
        Correlation of a model's residuals on two recordings of one person.

    Raises
    ------
    ValueError
        If the shapes differ, a spread is negative, or a correlation is not within its bounds.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    sd: np.ndarray
    pcc: np.ndarray
    residual_correlation: np.ndarray
    person_share: float

    def __post_init__(self) -> None:
        n = len(self.names)
        shapes = [np.shape(v) for v in (self.mean, self.sd, self.pcc, self.residual_correlation)]
        if shapes != [(n,), (n,), (n,), (n, n)]:
            raise ValueError(f"{n} models need shapes ({n},) thrice and ({n}, {n}), not {shapes}")
        if not (np.all(self.sd >= 0) and np.all(np.abs(self.pcc) <= 1)):
            raise ValueError("sd must be at least 0, and pcc lie from -1 to 1")
        if not 0 <= self.person_share <= 1:
            raise ValueError(f"person_share is {self.person_share}; it lies from 0 to 1")
        lowest = np.linalg.eigvalsh(self.residual_correlation).min()
        if lowest < -1e-9 or not np.allclose(np.diag(self.residual_correlation), 1):
            raise ValueError("residual_correlation is no correlation matrix")

    def __len__(self) -> int:
        return len(self.names)

    def subset(self, *names: str) -> "ErrorModel":
        """Return the joint distribution of some of the models, in the order given."""
        unknown = set(names) - set(self.names)
        if unknown:
            raise ValueError(f"no model {sorted(unknown)}; there are {list(self.names)}")
        rows = [self.names.index(name) for name in names]
        return replace(
            self,
            names=names,
            mean=self.mean[rows],
            sd=self.sd[rows],
            pcc=self.pcc[rows],
            residual_correlation=self.residual_correlation[np.ix_(rows, rows)],
        )

    def draw(
        self,
        n_samples: int,
        n_recordings: int,
        *,
        rng: np.random.Generator,
        n_persons: int | None = None,
        balanced: bool = False,
    ) -> Samples:
        """Draw samples of persons, their scores and the predictions of all models.

        Parameters and errors are those of ``draw_persons`` and ``draw_scores`` in
        ``deplib.power.labels``.
        """
        person = draw_persons(n_samples, n_recordings, rng=rng, n_persons=n_persons)
        y = draw_scores(person, rng=rng, balanced=balanced)
        independent = shared_and_own(person, self.person_share, rng=rng, n_values=len(self))
        residual = independent @ self._factor.T
        y_hat = self._given(y[..., None]) + self.residual_sd * residual
        return Samples(person, y, np.moveaxis(y_hat, -1, 1))

    @property
    def residual_sd(self) -> np.ndarray:
        """SD of each model's predictions given the label, (n_models,)."""
        return self.sd * np.sqrt(1 - self.pcc**2)

    @cached_property
    def mae(self) -> np.ndarray:
        """True MAE of each model, (n_models,), BDI-II points."""
        return score_shares() @ folded_mean(self._shift, self.residual_sd)

    @cached_property
    def rmse(self) -> np.ndarray:
        """True RMSE of each model, (n_models,), BDI-II points."""
        return np.sqrt(score_shares() @ (self._shift**2 + self.residual_sd**2))

    @property
    def error_sd(self) -> np.ndarray:
        """True SD of each model's absolute errors, (n_models,), BDI-II points."""
        return np.sqrt(self.rmse**2 - self.mae**2)

    def difference_sd(self, a: int = 0, b: int = 1) -> float:
        """Return the true SD of the paired differences of two models' absolute errors."""
        z = _NODES
        r = float(np.clip(self.residual_correlation[a, b], -1, 1))
        shift, sd = self._shift, self.residual_sd
        # The error of b, given that of a and the label, is normal again: its mean is closed.
        error_a = np.abs(shift[:, [a]] + sd[a] * z)
        error_b = folded_mean(shift[:, [b]] + sd[b] * r * z, sd[b] * np.sqrt(1 - r * r))
        product = float(score_shares() @ (error_a * error_b) @ _WEIGHTS)
        covariance = product - self.mae[a] * self.mae[b]
        variance = self.error_sd[a] ** 2 + self.error_sd[b] ** 2 - 2 * covariance
        return float(np.sqrt(max(variance, 0.0)))

    @cached_property
    def _factor(self) -> np.ndarray:
        values, vectors = np.linalg.eigh(self.residual_correlation)
        root = vectors * np.sqrt(values.clip(min=0))
        return root @ vectors.T  # symmetric, so that no sign is arbitrary

    def _given(self, y: np.ndarray) -> np.ndarray:
        """Return the mean prediction of each model for a label, (..., n_models)."""
        return self.mean + self.pcc * self.sd * (y - score_mean()) / score_sd()

    @property
    def _shift(self) -> np.ndarray:
        """Mean error at each score, (64, n_models)."""
        return self._given(SCORES[:, None]) - SCORES[:, None]


def folded_mean(mean: ArrayLike, sd: ArrayLike) -> np.ndarray:
    """Return ``E|mean + sd * z|`` for a standard normal ``z``: the mean of a folded normal.

    >>> float(folded_mean(3.0, 0.0)), round(float(folded_mean(0.0, 1.0)), 4)
    (3.0, 0.7979)
    """
    mean, sd = np.asarray(mean, dtype=float), np.asarray(sd, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(sd > 0, mean / sd, np.inf)
    spread = sd * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2)
    return spread + np.abs(mean) * (1 - 2 * stats.norm.cdf(-np.abs(ratio)))


def twins(model: ErrorModel, difference_sd: float) -> ErrorModel:
    """Return two models of equal truth whose paired differences have a given spread.

    Mean, SD and PCC are the averages over ``model``; the correlation of the residuals is solved
    for.

    Parameters
    ----------
    model
        What the twins look like on average.
    difference_sd
        SD of the paired differences of absolute errors, BDI-II points.

    Raises
    ------
    ValueError
        If two such models cannot differ as much, or by nothing at all.
    """

    def pair(r: float) -> ErrorModel:
        return ErrorModel(
            names=("first", "second"),
            mean=np.full(2, model.mean.mean()),
            sd=np.full(2, model.sd.mean()),
            pcc=np.full(2, model.pcc.mean()),
            residual_correlation=np.array([[1, r], [r, 1]]),
            person_share=model.person_share,
        )

    widest = pair(-1.0).difference_sd()
    if not 0 < difference_sd < widest:
        raise ValueError(
            f"difference_sd is {difference_sd:g}; it must lie between 0 and {widest:.2f}, that of "
            "two such models with opposite residuals"
        )
    r = optimize.brentq(lambda r: pair(r).difference_sd() - difference_sd, -1, 1, xtol=1e-10)
    return pair(float(r))
