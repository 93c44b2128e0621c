"""Every metric of every run on one split, and what can be said of models with several runs."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from deplib.errors import ResultError
from deplib.evaluation import RESAMPLES, SEED, Difference
from deplib.seeds.components import Components, components_of
from deplib.seeds.crossed import improvement_of, iqm_of
from deplib.seeds.lottery import Lottery, lottery_of
from deplib.statistics import (
    Equivalence,
    TestResult,
    equivalence_of,
    interval_of,
    jackknife,
    sign_flip_test,
)
from deplib.statistics.moments import check_metric

HIGHER_IS_BETTER = {"mae": False, "rmse": False, "pcc": True, "ccc": True}
"""The metrics that say which of two runs is the better one."""


@dataclass(frozen=True)
class Summary:
    """One metric of one predictor: its mean over seeds and both kinds of spread."""

    value: float  # mean over the runs in which the metric is defined
    low: float  # 95 % interval of that mean over persons
    high: float
    seed_sd: float  # between runs on these persons (1/(n-1)); nan where there is one run
    person_sd: float  # of the mean over seeds, between resamples of persons
    n_runs: int
    n_defined: int


@dataclass(frozen=True, eq=False)
class Scores:
    """Every metric of every run on one split, as it is and in the same resamples of persons.

    Attributes
    ----------
    runs
        One row a run: ``model``, ``seed`` and the metrics of ``deplib.metrics.METRICS``.
    resampled
        Metric -> (n_resamples, n_runs), the columns in the order of ``runs``.
    y, predictions, persons
        What was scored: (n_recordings,), (n_runs, n_recordings), (n_recordings,).
    seed
        State of what the methods draw themselves; the resamples of persons are drawn already.
    """

    runs: pd.DataFrame
    resampled: dict[str, np.ndarray]
    y: np.ndarray
    predictions: np.ndarray
    persons: np.ndarray
    seed: int = SEED

    @property
    def n_recordings(self) -> int:
        """Number of recordings."""
        return len(self.y)

    @property
    def n_persons(self) -> int:
        """Number of persons on them."""
        return len(pd.unique(self.persons))

    @property
    def models(self) -> list[str]:
        """Names of the predictors, in the order of the table."""
        return list(self.runs["model"].unique())

    def values(self, model: str, metric: str = "mae") -> np.ndarray:
        """Return one metric of one predictor, (n_runs of it,), in the order of its seeds."""
        check_metric(metric)
        return self.runs.loc[self._rows(model), metric].to_numpy()

    def summary(self, model: str, metric: str = "mae") -> Summary:
        """Return the mean of a metric over seeds, its interval over persons, and both spreads."""
        values = self.values(model, metric)
        defined = values[np.isfinite(values)]
        value = float(defined.mean()) if len(defined) else float("nan")
        resampled, left_out = self._over_seeds(model, metric)
        low, high = interval_of(resampled[np.isfinite(resampled)], value, left_out)
        return Summary(
            value=value,
            low=low,
            high=high,
            seed_sd=float(defined.std(ddof=1)) if len(defined) > 1 else float("nan"),
            person_sd=float(np.nanstd(resampled)) if len(defined) else float("nan"),
            n_runs=len(values),
            n_defined=len(defined),
        )

    def difference(self, first: str, second: str, metric: str = "mae") -> Difference:
        """Return mean over seeds of the first minus that of the second, same persons."""
        resampled, value, left_out = self._difference(first, second, metric)
        defined = resampled[np.isfinite(resampled)]
        return Difference(value, *interval_of(defined, value, left_out))

    def seed_error(self, first: str, second: str, metric: str = "mae") -> float:
        """Return the standard error of that difference from seeds: what others would move it.

        The interval over persons keeps these seeds. nan where one of the two has a single run.
        """
        parts = [self.summary(model, metric) for model in (first, second)]
        return float(np.sqrt(sum(part.seed_sd**2 / part.n_defined for part in parts)))

    def against_the_mean(self, first: str, second: str, metric: str = "mae") -> tuple[int, int]:
        """Return in how many pairs of one run each the order is not that of the means, of all.

        All in which both runs have a value.
        """
        pairs = self.values(first, metric)[:, None] - self.values(second, metric)[None, :]
        pairs = pairs[np.isfinite(pairs)]
        order = np.sign(self.difference(first, second, metric).value)
        return int((np.sign(pairs) == -order).sum()), pairs.size

    def ranks(self, models: Sequence[str], metric: str = "mae") -> pd.DataFrame:
        """Return the rank of each model in each seed: index ``seed``, 1 is the lowest value.

        Raises
        ------
        ResultError
            If the models do not have the same seeds.
        """
        check_metric(metric)
        by_seed = self.runs.set_index("seed")[metric]
        table = pd.DataFrame({model: by_seed.iloc[self._rows(model)] for model in models})
        if table.isna().any(axis=None):
            raise ResultError(
                f"{', '.join(models)} cannot be ranked seed by seed: some have no {metric} at "
                "some seed; run `make sweep`"
            )
        return table.rank(axis=1, method="min").astype(int)

    def lottery(self, models: Sequence[str], metric: str = "mae") -> Lottery:
        """Return what a table of one run a model can say, over all choices of one run each."""
        runs = {model: self.values(model, metric) for model in models}
        if not all(np.isfinite(values).all() for values in runs.values()):
            raise ResultError(
                f"{', '.join(models)} cannot be ranked: {metric} is undefined for some run of them"
            )
        return lottery_of(runs, {model: self.summary(model, metric).value for model in models})

    def first_over_persons(self, models: Sequence[str], metric: str = "mae") -> dict[str, float]:
        """Return in which share of the resamples of persons each mean over seeds is the lowest.

        Of the resamples in which every model has a mean; nan where there is none.
        """
        means = np.stack([self._over_seeds(model, metric)[0] for model in models], axis=1)
        means = means[np.isfinite(means).all(axis=1)]
        if not len(means):
            return dict.fromkeys(models, float("nan"))
        first = np.argmin(means, axis=1)
        return {model: float((first == k).mean()) for k, model in enumerate(models)}

    def interquartile_mean(self, model: str, metric: str = "mae") -> Difference:
        """Return the interquartile mean over seeds, its 95 % interval over persons and seeds.

        See ``deplib.seeds.crossed``; nan where a run leaves the metric undefined.
        """
        values, rows = self.values(model, metric), self._rows(model)
        resampled, left_out = self.resampled[metric][:, rows], self._left_out[metric][:, rows]
        return iqm_of(values, resampled, left_out, np.random.default_rng(self.seed))

    def improvement(self, first: str, second: str, metric: str = "mae") -> Difference:
        """Return the probability that a run of the first beats one of the second, both drawn.

        Over all pairs of runs, ties at one half (Agarwal et al. 2021), with a 95 % interval over
        persons and seeds, see ``deplib.seeds.crossed``. nan where a run of either leaves the
        metric undefined.

        Raises
        ------
        ValueError
            If the metric does not say which of two runs is better, as bias and sigma_ratio.
        """
        if metric not in HIGHER_IS_BETTER:
            raise ValueError(
                f"{metric!r} does not say which run is better; choose from {list(HIGHER_IS_BETTER)}"
            )
        higher, lower = (first, second) if HIGHER_IS_BETTER[metric] else (second, first)
        resampled = self.resampled[metric]
        return improvement_of(
            (self.values(higher, metric), self.values(lower, metric)),
            (resampled[:, self._rows(higher)], resampled[:, self._rows(lower)]),
            np.random.default_rng(self.seed),
        )

    def components(self, model: str, metric: str = "mae") -> Components:
        """Return the parts of the variance of a metric that seeds and persons have.

        See ``deplib.seeds.components.components_of`` for the method; all nan for a single run.
        """
        values = self.values(model, metric)
        return components_of(values, self._left_out[metric][:, self._rows(model)])

    def test(self, first: str, second: str) -> TestResult:
        """Test the difference in MAE of two predictors by sign flips over persons.

        Of the absolute errors, each the mean over the seeds of its model: about these runs, on
        other persons.
        """
        errors = [
            np.abs(self.predictions[self._rows(model)] - self.y).mean(axis=0)
            for model in (first, second)
        ]
        return sign_flip_test(
            errors[0] - errors[1],
            self.persons,
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(self.seed),
        )

    def equivalence(self, first: str, second: str, margin: float) -> Equivalence:
        """Test whether two predictors' mean MAE over seeds differ by less than a margin.

        Two one-sided tests at 5 % by the 90 % interval of ``difference``; ``margin`` in BDI-II
        points. About these runs, on other persons.
        """
        return equivalence_of(*self._difference(first, second, "mae"), margin)

    def _rows(self, model: str) -> np.ndarray:
        rows = np.flatnonzero(self.runs["model"] == model)
        if not len(rows):
            raise ResultError(f"no run of {model!r} was scored; there are {self.models}")
        return rows

    def _difference(
        self, first: str, second: str, metric: str
    ) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the difference of two means over seeds: resampled, itself, without each person."""
        value = self.summary(first, metric).value - self.summary(second, metric).value
        of_first, of_second = (self._over_seeds(model, metric) for model in (first, second))
        return of_first[0] - of_second[0], value, of_first[1] - of_second[1]

    def _over_seeds(self, model: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean over seeds, (n_resamples,), and without each person, (n_persons,)."""
        rows = self._rows(model)
        with warnings.catch_warnings():  # of resamples in which no run has a value: nan says so
            warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
            resampled = np.nanmean(self.resampled[metric][:, rows], axis=1)
            return resampled, np.nanmean(self._left_out[metric][:, rows], axis=1)

    @cached_property
    def _left_out(self) -> dict[str, np.ndarray]:
        """Metric -> (n_persons, n_runs), without one person at a time."""
        return jackknife(self.y, self.predictions, self.persons)
