"""What a sample of persons can show: predictors of known truth, and samples of them.

The prediction of model ``m`` for a recording with label ``y`` is normal given the label,

    y_hat_m = mean_m + pcc_m * sd_m * (y - E y) / SD y + sd_m * sqrt(1 - pcc_m^2) * e_m,

where the standard normal residuals ``e`` of the models are correlated with each other, and those of
two recordings of one person as well. So MAE, RMSE, PCC and the difference between two models have
a true value, a sum over the possible scores, and whatever is estimated from a sample can be set
beside it. Persons and scores are those of ``population``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from deplib.errors import ResultError
from deplib.metrics import pcc
from deplib.statistics.population import (
    AVEC2014,
    Population,
    draw_persons,
    draw_scores,
    persons_of,
    shared_and_own,
)

_NODES = np.linspace(-8, 8, 2_001)  # of the residual of one model, in integrals over two
_WEIGHTS = stats.norm.pdf(_NODES) / stats.norm.pdf(_NODES).sum()


@dataclass(frozen=True, eq=False)
class Samples:
    """Independent samples of one population, all of one size."""

    person: np.ndarray  # (n_samples, n_recordings), numbered from 0 within each sample
    y: np.ndarray  # (n_samples, n_recordings), points
    y_hat: np.ndarray  # (n_samples, n_models, n_recordings), points

    @property
    def errors(self) -> np.ndarray:
        """Absolute errors, (n_samples, n_models, n_recordings), points."""
        return np.abs(self.y_hat - self.y[:, None])


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The joint distribution of the predictions of some models; see ``fit``."""

    names: tuple[str, ...]
    mean: np.ndarray  # (n_models,), of the predictions over the population
    sd: np.ndarray  # (n_models,)
    pcc: np.ndarray  # (n_models,), correlation with the label
    residual_correlation: np.ndarray  # (n_models, n_models)
    person_share: float  # correlation of a model's residuals on two recordings of one person
    population: Population = AVEC2014

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

        Parameters and errors are those of ``draw_persons`` and ``draw_scores``.
        """
        n_persons = n_persons or persons_of(n_recordings, self.population)
        person = draw_persons(n_samples, n_recordings, rng=rng, n_persons=n_persons)
        y = draw_scores(person, rng=rng, balanced=balanced, population=self.population)
        values, vectors = np.linalg.eigh(self.residual_correlation)
        factor = vectors * np.sqrt(values.clip(min=0)) @ vectors.T  # symmetric: no arbitrary sign
        own = shared_and_own(person, self.person_share, rng=rng, n_values=len(self.names))
        y_hat = self._given(y[..., None]) + self.residual_sd * (own @ factor.T)
        return Samples(person, y, np.moveaxis(y_hat, -1, 1))

    @property
    def residual_sd(self) -> np.ndarray:
        """SD of each model's predictions given the label, (n_models,)."""
        return self.sd * np.sqrt(1 - self.pcc**2)

    @cached_property
    def mae(self) -> np.ndarray:
        """True MAE of each model, (n_models,), points."""
        return self.population.shares @ folded_mean(self._shift, self.residual_sd)

    @cached_property
    def rmse(self) -> np.ndarray:
        """True RMSE of each model, (n_models,), points."""
        return np.sqrt(self.population.shares @ (self._shift**2 + self.residual_sd**2))

    @property
    def error_sd(self) -> np.ndarray:
        """True SD of each model's absolute errors, (n_models,), points."""
        return np.sqrt(self.rmse**2 - self.mae**2)

    def difference_sd(self, a: int = 0, b: int = 1) -> float:
        """Return the true SD of the paired differences of two models' absolute errors."""
        r = float(np.clip(self.residual_correlation[a, b], -1, 1))
        shift, sd = self._shift, self.residual_sd
        # The error of b, given that of a and the label, is normal again: its mean is closed.
        error_a = np.abs(shift[:, [a]] + sd[a] * _NODES)
        error_b = folded_mean(shift[:, [b]] + sd[b] * r * _NODES, sd[b] * np.sqrt(1 - r * r))
        product = float(self.population.shares @ (error_a * error_b) @ _WEIGHTS)
        covariance = product - self.mae[a] * self.mae[b]
        variance = self.error_sd[a] ** 2 + self.error_sd[b] ** 2 - 2 * covariance
        return float(np.sqrt(max(variance, 0.0)))

    def _given(self, y: np.ndarray) -> np.ndarray:
        """Return the mean prediction of each model for a label, (..., n_models)."""
        away = (y - self.population.mean) / self.population.sd
        return self.mean + self.pcc * self.sd * away

    @property
    def _shift(self) -> np.ndarray:
        """Mean error at each score, (n_values, n_models)."""
        scores = self.population.values[:, None]
        return self._given(scores) - scores


def fit(test: pd.DataFrame, models: Sequence[str], population: Population = AVEC2014) -> ErrorModel:
    """Fit the error model to the Test predictions of trained runs.

    Every quantity is the mean over seeds of what single runs show, so that a draw stands for the
    predictions of one run each.

    Parameters
    ----------
    test
        ``recording``, ``person``, ``bdi``, ``bdi_hat``, ``model``, ``seed``: the recordings of one
        split, as ``deplib.results.load`` returns them.
    models
        Names in ``test``; all with the same seeds.
    population
        Whose labels and persons samples have.

    Raises
    ------
    ResultError
        If the models do not have the same recordings and seeds, each once, if a prediction is
        constant.
    """
    rows = test[test["model"].isin(models)]
    people = rows.drop_duplicates("recording").set_index("recording").sort_index()
    wanted = pd.MultiIndex.from_product([models, sorted(rows["seed"].unique())])
    wide = rows.pivot_table(index="recording", columns=["model", "seed"], values="bdi_hat")
    if len(rows) != wide.size or wide.reindex(columns=wanted).isna().any(axis=None):
        raise ResultError(
            f"{', '.join(models)} do not have the same recordings and seeds, each once, so that "
            "their errors cannot be paired: select one split, or run `make sweep`"
        )
    y, person = people["bdi"].to_numpy(), people["person"].to_numpy()
    runs = wide[wanted].to_numpy().reshape(len(y), len(models), -1)
    if (runs.std(axis=0) == 0).any():
        raise ResultError("a run predicts a constant: its correlation with the label is undefined")
    a = (y - y.mean())[:, None, None]
    slope = (a * runs).sum(axis=0) / (a**2).sum()
    residual = runs - runs.mean(axis=0) - slope * a
    unit = residual / np.sqrt((residual**2).sum(axis=0))
    again = len(set(person)) < len(person)  # some person occurs twice
    shared = np.mean(intraclass_correlation(residual.reshape(len(y), -1), person)) if again else 0
    return ErrorModel(
        names=tuple(models),
        mean=population.mean + (runs - y[:, None, None]).mean(axis=(0, 2)),
        sd=runs.std(axis=0, ddof=1).mean(axis=1),
        pcc=np.array([np.mean([pcc(y, run) for run in one]) for one in runs.transpose(1, 2, 0)]),
        residual_correlation=np.einsum("nas,nbs->ab", unit, unit) / runs.shape[2],
        person_share=max(0.0, float(shared)),  # an estimate below 0 stands for none
        population=population,
    )


def intraclass_correlation(values: np.ndarray, persons: ArrayLike) -> np.ndarray:
    """Return how k quantities, (n_recordings, k), of two recordings of one person correlate: (k,).

    ICC(1) by one-way analysis of variance (Shrout & Fleiss 1979) for unequal group sizes; nan for
    a constant.

    Raises
    ------
    ResultError
        If no person occurs twice, or there is one person only.
    """
    groups = pd.DataFrame(values).groupby(np.asarray(persons))
    size, n = groups.size().to_numpy()[:, None], len(values)
    k = len(size)
    if k < 2 or k == n:
        raise ResultError(
            f"{n} recordings of {k} persons: the correlation within persons needs two persons at "
            "least, and one of them twice"
        )
    between = (size * (groups.mean() - values.mean(axis=0)) ** 2).sum() / (k - 1)
    within = ((values - groups.transform("mean")) ** 2).sum() / (n - k)
    typical = (n - (size**2).sum() / n) / (k - 1)
    return ((between - within) / (between + (typical - 1) * within)).to_numpy()


def folded_mean(mean: ArrayLike, sd: ArrayLike) -> np.ndarray:
    """Return ``E|mean + sd * z|`` for a standard normal ``z``: the mean of a folded normal.

    >>> float(folded_mean(3.0, 0.0)), round(float(folded_mean(0.0, 1.0)), 4)
    (3.0, 0.7979)
    """
    ratio = np.abs(mean) / np.maximum(sd, 1e-100)
    spread = np.asarray(sd) * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2)
    return np.asarray(spread + np.abs(mean) * (1 - 2 * stats.norm.cdf(-ratio)))
