"""Models that were trained at several seeds: two sources of spread, told apart.

*Seeds*: the same model, trained again, scores the same persons differently. *Persons*: other
persons would have given every run another score. An interval of a mean over seeds resamples
persons and keeps the runs: it is about these trained networks. With ``draw_seeds=True`` each
resample of persons also draws as many runs as there are, two crossed factors each by itself (Owen
2007, the pigeonhole bootstrap, which is rather too wide): that is about the architectures. What is
trained on stays the same throughout: nothing here says what other Train and Dev recordings would
have given.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from deplib.errors import ResultError
from deplib.metrics import METRICS
from deplib.statistics.intervals import RESAMPLES, SEED, Interval, interval_of
from deplib.statistics.resampling import bootstrap_distribution, jackknife
from deplib.statistics.significance import TestResult, sign_flip_test

LABEL_TOLERANCE = 1e-3  # BDI-II points: results keep six digits of the z-scored labels
COLUMNS = ["recording", "person", "bdi", "model", "seed"]  # and bdi_hat


@dataclass(frozen=True)
class Summary(Interval):
    """A metric of one model: its mean over seeds, with an interval, and their spread."""

    seed_sd: float = float("nan")  # between runs on these persons (1/(n-1)); nan for one run
    n_runs: int = 0  # in which the metric is defined: the mean is over these


@dataclass(frozen=True)
class Equivalence:
    """A difference, its 90 % interval, and whether that lies within the margin."""

    difference: float
    low: float
    high: float
    margin: float
    equivalent: bool


@dataclass(frozen=True)
class Components:
    """Parts of the variance of one metric of one model, as SDs of the score.

    A variance is estimated by what is left when another is taken away, so a small one can come out
    below 0: it is set to 0.
    """

    seed_sd: float  # from the seed alone: what it does to the score on any persons
    person_sd: float  # from the draw of persons alone: what they do to the score at any seed
    interaction_sd: float  # from both at once: a seed that suits some persons, and all the rest


@dataclass(frozen=True, eq=False)
class Scores:
    """Every metric of every run on one split, as it is and in the same resamples of persons.

    Attributes
    ----------
    runs
        One row a run: ``model``, ``seed`` and the metrics of ``deplib.metrics.METRICS``.
    resampled
        Metric -> (n_resamples, n_runs), the columns in the order of ``runs``.
    left_out
        Metric -> (n_persons, n_runs), without one person at a time.
    y, predictions, persons
        What was scored: (n_recordings,), (n_runs, n_recordings), (n_recordings,).
    seed
        State of what the methods draw themselves; the resamples of persons are drawn already.
    """

    runs: pd.DataFrame
    resampled: dict[str, np.ndarray]
    left_out: dict[str, np.ndarray]
    y: np.ndarray
    predictions: np.ndarray
    persons: np.ndarray
    seed: int = SEED

    @property
    def models(self) -> list[str]:
        """Names of the predictors, in the order of the table."""
        return list(self.runs["model"].unique())

    def values(self, model: str, metric: str = "mae") -> np.ndarray:
        """Return one metric of one predictor, (n_runs of it,), in the order of its seeds."""
        if metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}; choose from {list(METRICS)}")
        return self.runs.loc[self._rows(model), metric].to_numpy()

    def draws(
        self, model: str, metric: str = "mae", *, draw_seeds: bool = False
    ) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the mean over seeds: (n_resamples,) resampled, itself, and without each person.

        Runs in which the metric is undefined play no part.
        """
        rows, values = self._rows(model), self.values(model, metric)
        runs, left_out = self.resampled[metric][:, rows], self.left_out[metric][:, rows]
        if draw_seeds:
            # A generator a model, so that no two share their draws of seeds.
            rng = np.random.default_rng([self.seed, int(rows[0])])
            drawn = rng.integers(0, len(rows), size=runs.shape)
            runs = np.take_along_axis(runs, drawn, axis=1)
        with warnings.catch_warnings():  # of resamples in which no run has a value: nan says so
            warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
            estimate = float(np.nanmean(values))
            return np.nanmean(runs, axis=1), estimate, np.nanmean(left_out, axis=1)

    def summary(self, model: str, metric: str = "mae", *, draw_seeds: bool = False) -> Summary:
        """Return the mean of a metric over seeds, its 95 % interval, and the spread of seeds."""
        resampled, estimate, left_out = self.draws(model, metric, draw_seeds=draw_seeds)
        ends = interval_of(resampled, estimate, left_out)
        values = pd.Series(self.values(model, metric))  # nan, where undefined, plays no part
        return Summary(estimate, *ends, len(left_out), float(values.std()), int(values.count()))

    def difference(
        self, first: str, second: str, metric: str = "mae", *, draw_seeds: bool = False
    ) -> Interval:
        """Return mean over seeds of the first minus that of the second, same persons."""
        resampled, value, left_out = self._apart(first, second, metric, draw_seeds)
        return Interval(value, *interval_of(resampled, value, left_out), n_persons=len(left_out))

    def equivalence(
        self, first: str, second: str, margin: float, *, draw_seeds: bool = False
    ) -> Equivalence:
        """Test whether two predictors' mean MAE over seeds differ by less than a margin.

        Two one-sided tests (TOST) at 5 %: the null hypothesis is a difference of at least
        ``margin`` BDI-II points, stated before the data are seen, in either direction. Both reject
        it where the 90 % interval lies within the margin. No significance is no equivalence.

        Raises
        ------
        ValueError
            If the margin is not above 0, or the resamples are too few.
        """
        if not 0.0 < margin < np.inf:
            raise ValueError(f"margin is {margin}; it must be above 0, in points of the MAE")
        values, difference, left_out = self._apart(first, second, "mae", draw_seeds)
        if len(values) < 20:
            raise ValueError(f"{len(values)} resamples cannot tell a test at 5 %; draw more")
        low, high = interval_of(values, difference, left_out, 0.9)
        return Equivalence(difference, low, high, margin, -margin < low and high < margin)

    def test(self, first: str, second: str) -> TestResult:
        """Test the difference in MAE of two predictors by sign flips over persons.

        Of the absolute errors, each the mean over the seeds of its model: about these runs, on
        other persons.
        """
        apart = np.abs(self.predictions - self.y)
        errors = [apart[self._rows(model)].mean(axis=0) for model in (first, second)]
        rng = np.random.default_rng(self.seed)
        return sign_flip_test(errors[0] - errors[1], self.persons, n_resamples=RESAMPLES, rng=rng)

    def components(self, model: str, metric: str = "mae") -> Components:
        """Tell the parts of a metric's variance apart, by a two-way analysis of variance.

        Persons and seeds are crossed: each run scores each person. What person p adds to the score
        of run s is taken from the jackknife, theta_s + (P - 1) (mean of theta_s without one -
        theta_s without p): for MAE just the error of the person, for the other metrics its linear
        part. The mean squares of persons, seeds and residual of that table, with both factors
        random, give the three variances (Cornfield and Tukey 1956). There is one value a cell, so
        the residual holds the interaction and all else. All nan for a single run, and where the
        metric is undefined for a run.
        """
        values = self.values(model, metric)
        left_out = self.left_out[metric][:, self._rows(model)]
        n_persons, n_runs = left_out.shape
        if n_runs < 2 or not np.isfinite([*values, *left_out.ravel()]).all():
            return Components(float("nan"), float("nan"), float("nan"))
        cells = (n_persons - 1) * (left_out.mean(axis=0) - left_out) + values
        of_person, of_run = cells.mean(axis=1, keepdims=True), cells.mean(axis=0, keepdims=True)
        residual = cells - of_person - of_run + cells.mean()
        interaction = (residual**2).sum() / (n_persons - 1) / (n_runs - 1) / n_persons
        seed = max(of_run.var(ddof=1) - interaction, 0.0)
        person = max(of_person.var(ddof=1) / n_persons - interaction / n_runs, 0.0)
        return Components(*np.sqrt([seed, person, interaction]).tolist())

    def _rows(self, model: str) -> np.ndarray:
        rows = np.flatnonzero(self.runs["model"] == model)
        if not len(rows):
            raise ResultError(f"no run of {model!r} was scored; there are {self.models}")
        return rows

    def _apart(
        self, first: str, second: str, metric: str, draw_seeds: bool
    ) -> tuple[np.ndarray, float, np.ndarray]:
        """Return ``draws`` of the first minus those of the second."""
        a, b = (self.draws(model, metric, draw_seeds=draw_seeds) for model in (first, second))
        return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def score_runs(table: pd.DataFrame, *, n_resamples: int = RESAMPLES, seed: int = SEED) -> Scores:
    """Score every run of a table on the same recordings and the same resamples of persons.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``bdi``, ``bdi_hat``, ``model``, ``seed``; one row a recording
        and run, as ``deplib.results.load`` returns them, of one split and one setting.
    n_resamples, seed
        Resamples of persons, and the state that draws them.

    Raises
    ------
    ResultError
        If the table is empty or lacks a label, a person or a name, a recording occurs twice in a
        run, a run lacks one that another has, or two runs give it different labels or persons.
    ValueError
        If a value is infinite, or there is one person only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = pd.DataFrame({"recording": [*"abcd"], "person": [*"ppqr"], "bdi": [3., 9., 20., 31.]})
    >>> runs = [one.assign(bdi_hat=rng.normal(15, 5, 4), model="m", seed=k) for k in range(3)]
    >>> score_runs(pd.concat(runs)).summary("m").n_runs
    3
    """
    if table.empty:
        raise ResultError("there is no run to score: the table is empty")
    missing = table[COLUMNS].isna().any()
    if missing.any():
        raise ResultError(
            f"some rows have no {missing.idxmax()}: every prediction needs all of {COLUMNS}"
        )
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
    by_recording = table.groupby("recording")
    if (np.ptp(by_recording["bdi"].agg(["min", "max"]), axis=1) > LABEL_TOLERANCE).any():
        raise ResultError("two runs give different labels to the same recording")
    if table[["recording", "person"]].drop_duplicates()["recording"].duplicated().any():
        raise ResultError("two runs name different persons for the same recording")
    y, persons = (by_recording[name].first().to_numpy() for name in ("bdi", "person"))
    predictions, rng = wide.to_numpy().T, np.random.default_rng(seed)
    exact = {name: [metric(y, y_hat) for y_hat in predictions] for name, metric in METRICS.items()}
    return Scores(
        runs=pd.DataFrame(list(runs), columns=["model", "seed"]).assign(**exact),
        resampled=bootstrap_distribution(y, predictions, persons, n_resamples=n_resamples, rng=rng),
        left_out=jackknife(y, predictions, persons),
        y=y,
        predictions=predictions,
        persons=persons,
        seed=seed,
    )


def stacked_errors(wide: pd.DataFrame, *predictors: Any) -> np.ndarray:
    """Return the absolute errors on Test of predictors that are put together on Dev.

    Linear stacking (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1) by least squares.

    Parameters
    ----------
    wide
        A column a predictor; index ``split``, ``recording``, ``bdi``.
    *predictors
        Names of columns.

    Returns
    -------
    ndarray of float, shape (n_test,)
        In the order of the rows.
    """
    parts = [wide.loc[split, list(predictors)] for split in ("dev", "test")]
    x_dev, x_test = (part.to_numpy() for part in parts)
    y_dev, y_test = (np.asarray(part.index.get_level_values("bdi")) for part in parts)
    return np.abs(y_test - LinearRegression().fit(x_dev, y_dev).predict(x_test))
