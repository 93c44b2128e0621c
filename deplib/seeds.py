"""Scores of models that were trained at several seeds: two sources of spread, told apart.

*Seeds*: the same model, trained again, scores the same persons differently. The SD between runs
measures that, and says nothing about other persons. *Persons*: other persons would have given
every run another score. For that, persons are resampled and all runs are kept: an interval here is
of the mean over seeds of a metric, taken anew in each resample. All predictors are scored in the
same resamples, so a difference between two is a difference within each of them.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from deplib.errors import ResultError
from deplib.evaluation import RESAMPLES, SEED, Difference
from deplib.metrics import METRICS
from deplib.statistics import bootstrap_distribution, interval_of

LABEL_TOLERANCE = 1e-3  # BDI-II points: results keep six digits of the z-scored labels


@dataclass(frozen=True)
class Summary:
    """One metric of one predictor: its mean over seeds and both kinds of spread."""

    value: float  # mean over the runs in which the metric is defined
    low: float  # 95 % interval of that mean over persons (BCa)
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
    """

    runs: pd.DataFrame
    resampled: dict[str, np.ndarray]
    y: np.ndarray
    predictions: np.ndarray
    persons: np.ndarray
    _jackknife: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

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
        return self.runs.loc[self._rows(model), metric].to_numpy()

    def summary(self, model: str, metric: str = "mae") -> Summary:
        """Return the mean of a metric over seeds, its interval over persons, and both spreads."""
        values = self.values(model, metric)
        defined = values[np.isfinite(values)]
        value = float(defined.mean()) if len(defined) else float("nan")
        resampled, left_out = self._over_seeds(model, metric)
        low, high = interval_of(resampled[np.isfinite(resampled)], value, left_out, 0.95, "bca")
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
        value = self.summary(first, metric).value - self.summary(second, metric).value
        resampled, left_out = (
            a - b
            for a, b in zip(
                self._over_seeds(first, metric), self._over_seeds(second, metric), strict=True
            )
        )
        resampled = resampled[np.isfinite(resampled)]
        return Difference(value, *interval_of(resampled, value, left_out, 0.95, "bca"))

    def seed_error(self, first: str, second: str, metric: str = "mae") -> float:
        """Return the standard error of that difference from seeds: what others would move it.

        The interval over persons keeps these seeds. nan where one of the two has a single run.
        """
        parts = [self.summary(model, metric) for model in (first, second)]
        return float(np.sqrt(sum(part.seed_sd**2 / part.n_defined for part in parts)))

    def against_the_mean(self, first: str, second: str, metric: str = "mae") -> tuple[int, int]:
        """Return in how many pairs of one run each the order is not that of the means, of all."""
        pairs = self.values(first, metric)[:, None] - self.values(second, metric)[None, :]
        order = np.sign(self.difference(first, second, metric).value)
        return int((np.sign(pairs) == -order).sum()), pairs.size

    def ranks(self, models: Sequence[str], metric: str = "mae") -> pd.DataFrame:
        """Return the rank of each model in each seed: index ``seed``, 1 is the lowest value.

        Raises
        ------
        ResultError
            If the models do not have the same seeds.
        """
        by_seed = self.runs.set_index(["model", "seed"])[metric]
        table = pd.DataFrame({model: by_seed.xs(model) for model in models})
        if table.isna().any(axis=None):
            raise ResultError(
                f"{', '.join(models)} cannot be ranked seed by seed: some have no {metric} at "
                "some seed; run `make sweep`"
            )
        return table.rank(axis=1, method="min").astype(int)

    def lottery(self, models: Sequence[str], metric: str = "mae") -> "Lottery":
        """Return what a table of one run a model can say, over all choices of one run each."""
        grid = np.meshgrid(*(self.values(model, metric) for model in models), indexing="ij")
        tables = np.stack([axis.ravel() for axis in grid], axis=1)  # (n_tables, n_models)
        ranks = rankdata(tables, axis=1)
        of_means = rankdata([self.summary(model, metric).value for model in models])
        return Lottery(
            n_tables=len(tables),
            n_orders=len(np.unique(ranks, axis=0)),
            first={m: float((ranks[:, k] == 1).mean()) for k, m in enumerate(models)},
            same_order=float((ranks == of_means).all(axis=1).mean()),
        )

    def first_over_persons(self, models: Sequence[str], metric: str = "mae") -> dict[str, float]:
        """Return in which share of the resamples of persons each mean over seeds is the lowest."""
        means = np.stack([self._over_seeds(model, metric)[0] for model in models], axis=1)
        first = np.argmin(means, axis=1)
        return {model: float((first == k).mean()) for k, model in enumerate(models)}

    def _rows(self, model: str) -> np.ndarray:
        rows = np.flatnonzero(self.runs["model"] == model)
        if not len(rows):
            raise ResultError(f"no run of {model!r} was scored; there are {self.models}")
        return rows

    def _over_seeds(self, model: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean over seeds, (n_resamples,), and without each person, (n_persons,)."""
        rows = self._rows(model)
        with warnings.catch_warnings():  # of resamples in which no run has a value: nan says so
            warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
            resampled = np.nanmean(self.resampled[metric][:, rows], axis=1)
            return resampled, np.nanmean(self._left_out(metric)[:, rows], axis=1)

    def _left_out(self, metric: str) -> np.ndarray:
        """Return a metric without one person at a time, (n_persons, n_runs), as BCa needs it."""
        if metric not in self._jackknife:
            rows = []
            for person in pd.unique(self.persons):
                kept = self.persons != person
                rows.append(_exact(metric, self.y[kept], self.predictions[:, kept]))
            self._jackknife[metric] = np.stack(rows)
        return self._jackknife[metric]


@dataclass(frozen=True)
class Lottery:
    """All tables of results with one run a model, as a study of one seed draws one of them."""

    n_tables: int
    n_orders: int  # different rankings among them
    first: dict[str, float]  # model -> share of tables in which its value is the lowest
    same_order: float  # share of tables that rank as the means over seeds do


def score(table: pd.DataFrame, *, n_resamples: int = RESAMPLES, seed: int = SEED) -> Scores:
    """Score every run of a table on the same recordings and the same resamples of persons.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``bdi``, ``bdi_hat``, ``model``, ``seed``; one row a recording
        and run, as ``deplib.evaluation.recordings`` returns them, of one split.
    n_resamples, seed
        Resamples of persons, and the state that draws them.

    Raises
    ------
    ResultError
        If a recording occurs twice in a run, a run lacks one that another has, or two runs give it
        different labels or persons.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = pd.DataFrame({"recording": [*"abcd"], "person": [*"ppqr"], "bdi": [3., 9., 20., 31.]})
    >>> runs = [one.assign(bdi_hat=rng.normal(15, 5, 4), model="m", seed=k) for k in range(3)]
    >>> scores = score(pd.concat(runs))
    >>> scores.summary("m").n_runs, scores.n_persons
    (3, 3)
    """
    if table.duplicated(["recording", "model", "seed"]).any():
        raise ResultError("a recording occurs twice in one run: score one split, each run once")
    runs = {
        key: run.set_index("recording")["bdi_hat"]
        for key, run in table.groupby(["model", "seed"], sort=False)
    }
    wide = pd.DataFrame(runs).sort_index()
    if wide.isna().any(axis=None):
        model, k = list(runs)[int(wide.isna().any().argmax())]
        raise ResultError(
            f"{model} at seed {k} does not have the recordings of the other runs, or predicts nan "
            "for one; models are compared on the same recordings only"
        )
    recordings = table.groupby("recording").agg(
        person=("person", "first"),
        n_persons=("person", "nunique"),
        bdi=("bdi", "first"),
        lowest=("bdi", "min"),
        highest=("bdi", "max"),
    )
    if (recordings["highest"] - recordings["lowest"] > LABEL_TOLERANCE).any():
        raise ResultError("two runs give different labels to the same recording")
    if (recordings["n_persons"] > 1).any():
        raise ResultError("two runs name different persons for the same recording")
    y, persons = recordings["bdi"].to_numpy(), recordings["person"].to_numpy()
    predictions, rng = wide.to_numpy().T, np.random.default_rng(seed)
    exact = {metric: _exact(metric, y, predictions) for metric in METRICS}
    return Scores(
        runs=pd.DataFrame(list(runs), columns=["model", "seed"]).assign(**exact),
        resampled=bootstrap_distribution(y, predictions, persons, n_resamples=n_resamples, rng=rng),
        y=y,
        predictions=predictions,
        persons=persons,
    )


def _exact(metric: str, y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return one metric of each run, (n_runs,)."""
    return np.array([METRICS[metric](y, y_hat) for y_hat in predictions])
