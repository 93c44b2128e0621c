"""The part of the results chapter that asks where predictions are off, and by how much."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import evaluation, figures, report
from deplib.calibration import Calibration, by_band, calibration, recalibrate
from deplib.chapters.over_seeds import TITLES, named
from deplib.cohorts.base import BANDS
from deplib.evaluation import CONSTANT, CONSTANT_MEAN, ORACLE, RESAMPLES, SEED
from deplib.metrics import describe
from deplib.models import MODELS
from deplib.results import Result
from deplib.seeds import Scores
from deplib.statistics import Interval


class Errors:
    """Errors of every predictor on Test: by severity, against calibration, at both levels.

    Parameters
    ----------
    test
        Scores of all runs on Test.
    table
        What ``deplib.evaluation.predictors`` returns, for what is fitted on Dev.
    results
        The runs, for their windows.
    """

    def __init__(self, test: Scores, table: pd.DataFrame, results: Sequence[Result]) -> None:
        self.test, self.table, self.results = test, table, results
        self.models = [model for model in test.models if model != CONSTANT_MEAN]

    def runs(self, model: str) -> np.ndarray:
        """Return the predictions of one predictor on Test, (n_runs, n_recordings)."""
        return self.test.predictions[(self.test.runs["model"] == model).to_numpy()]

    def averaged(self, model: str) -> pd.DataFrame:
        """Return the mean over runs of each Test recording's error and absolute error.

        Returns
        -------
        DataFrame
            ``person``, ``bdi``, ``error`` (prediction minus label), ``absolute``.
        """
        error = self.runs(model) - self.test.y
        return pd.DataFrame(
            {
                "person": self.test.persons,
                "bdi": self.test.y,
                "error": error.mean(axis=0),
                "absolute": np.abs(error).mean(axis=0),
            }
        )

    def scores_by_band(self, model: str) -> pd.DataFrame:
        """Return ``deplib.calibration.by_band`` of each run, one below the other."""
        return pd.concat([by_band(self.test.y, run) for run in self.runs(model)])

    def bands(self) -> pd.DataFrame:
        """Return MAE and bias with its interval over persons, a predictor and severity band."""
        rows = []
        for model in self.models:
            averaged = self.averaged(model)
            row = {"predictor": model}
            for name, low, high in BANDS:
                part = _within(averaged, low, high)
                title = f"{name}, {low} to {high} ({len(part)} recordings)"
                row[title] = _error_cell(part)
            rows.append(row)
        return pd.DataFrame(rows)

    def bands_sentence(self) -> Markdown:
        """Return who is over- and who underestimated, and what is left of the PCC in a band."""
        four, constant = self.averaged(CONSTANT), self.averaged(CONSTANT)
        four["error"] = np.mean([self.averaged(model)["error"] for model in MODELS], axis=0)
        ends = {}
        for name, low, high in (BANDS[0], BANDS[-1]):
            part, same = (_within(errors, low, high) for errors in (four, constant))
            off = evaluation.mean_over_persons(part["error"], part["person"])
            ends[name] = (
                f"the {len(part)} {name} recordings are {_off(off)} (the constant's error is "
                f"{same['error'].mean():+.2f})"
            )
        inside = pd.concat([self.scores_by_band(m).assign(model=m) for m in MODELS])
        within = inside.groupby(["model", "band"])["pcc"].mean()  # over the runs that have one
        flat = self.scores_by_band(CONSTANT)
        return report.say(
            f"Averaged over the four and their seeds, {report.listed(list(ends.values()))}. "
            f"Within one band, of {inside['n'].min()} to {inside['n'].max()} recordings, the mean "
            f"PCC over seeds of the four lies between {within.min():.2f} and {within.max():.2f}. "
            f"That of the constant is undefined in {int(flat['pcc'].isna().sum())} of {len(flat)} "
            f"bands ({report.listed(sorted(set(flat['undefined'])))})."
        )

    @cached_property
    def calibrations(self) -> dict[str, Calibration]:
        """Calibration on Test of each predictor, over its runs."""
        return {
            model: calibration(
                self.test.y,
                self.runs(model),
                self.test.persons,
                n_resamples=RESAMPLES,
                rng=np.random.default_rng(SEED),
            )
            for model in self.models
        }

    def calibration_table(self) -> pd.DataFrame:
        """Return the line of the label on the prediction, and slopes of the error."""
        rows = []
        for model, fit in self.calibrations.items():
            on_dev = self.dev_slopes(model)
            rows.append(
                {
                    "predictor": model,
                    "bias": _cell(fit.bias, "+"),
                    "slope on Dev": _over_seeds(on_dev),
                    "slope on Test": _cell(fit.slope),
                    "intercept on Test": _cell(fit.intercept, "+"),
                    "change of Test MAE by the Dev line": evaluation.signed(
                        self.recalibration_change(model)
                    )
                    if len(on_dev)
                    else "undefined",
                    "slope of the error": _cell(fit.error_slope, "+"),
                    "forced by its PCC": _number(fit.forced_slope, "+"),
                    "excess": _cell(fit.excess, "+"),
                }
            )
        return pd.DataFrame(rows)

    def dev_slopes(self, model: str) -> np.ndarray:
        """Return the slope that Dev gives for each run, (n_runs,); empty for a constant."""
        rows = self.recalibrated[self.recalibrated["model"] == model]
        return rows.drop_duplicates("seed")["slope"].to_numpy()

    def calibration_sentence(self) -> Markdown:
        """Return how many of the four are told from calibrated, and what their PCC forces."""
        four = {model: self.calibrations[model] for model in MODELS}
        slopes = [fit.slope.estimate for fit in four.values()]
        below = [m for m, fit in four.items() if fit.slope.high < 1]
        above = [m for m, fit in four.items() if fit.slope.low > 1]
        errors = [fit.error_slope.estimate for fit in four.values()]
        forced = [fit.forced_slope.estimate for fit in four.values()]
        flat = [m for m, fit in four.items() if -1 in fit.error_slope]
        return report.say(
            f"The slope of the label on the prediction is {min(slopes):.2f} to {max(slopes):.2f} "
            f"for the four. Its interval lies below 1 for {len(below)} of {len(four)}"
            f"{named(below)} and above 1 for {len(above)}{named(above)}. Per point of severity "
            f"their error changes by {min(errors):+.2f} to {max(errors):+.2f} points, where "
            f"calibrated predictors of the same PCC would have {min(forced):+.2f} to "
            f"{max(forced):+.2f}. For {len(flat)} of {len(four)}{named(flat)} the interval of "
            "this slope includes -1, the constant's."
        )

    def residuals(self) -> Figure:
        """Return error against label, a panel a model, with the fitted and the forced line."""
        panels = {}
        for model in (*MODELS, CONSTANT, ORACLE):
            fit = self.calibrations[model]
            panels[model] = figures.Residuals(
                table=self.averaged(model),
                slope=fit.error_slope.estimate,
                forced=fit.forced_slope.estimate,
            )
        runs = [result.spec for result in self.results if result.spec.model in MODELS]
        cohorts = [figures.simulated(run.world) for run in runs]
        return figures.stated(figures.residuals_by_severity(panels), *cohorts, runs=runs)

    @cached_property
    def recalibrated(self) -> pd.DataFrame:
        """The Test recordings of every predictor that is not constant, after a line from Dev."""
        return recalibrate(self.table[~self.table["model"].isin([CONSTANT, CONSTANT_MEAN])])

    def recalibration_change(self, model: str) -> evaluation.Difference:
        """Return the change of the mean Test MAE over seeds, with its interval over persons."""
        rows = self.recalibrated[self.recalibrated["model"] == model]
        after, before = ((rows[c] - rows["bdi"]).abs() for c in ("bdi_hat", "bdi_hat_before"))
        change = rows.assign(change=after - before).groupby("recording")
        by_recording = change.agg(person=("person", "first"), change=("change", "mean"))
        return evaluation.mean_over_persons(by_recording["change"], by_recording["person"])

    def recalibration_sentence(self) -> Markdown:
        """Return whether the line from Dev helps the four, and how near the constant it leads."""
        changes = {model: self.recalibration_change(model) for model in MODELS}
        lower = [model for model, change in changes.items() if change.high < 0]
        higher = [model for model, change in changes.items() if change.low > 0]
        of_four = self.recalibrated[self.recalibrated["model"].isin(MODELS)]
        after = (of_four["bdi_hat"] - of_four["bdi"]).abs().groupby(of_four["model"]).mean()
        on_dev = [self.dev_slopes(model).mean() for model in MODELS]
        on_test = [self.calibrations[model].slope.estimate for model in MODELS]
        constant = self.averaged(CONSTANT)["absolute"].mean()
        return report.say(
            f"On Dev, which chose the epoch, the slope of the four is {min(on_dev):.2f} to "
            f"{max(on_dev):.2f} on average; on Test it is {min(on_test):.2f} to "
            f"{max(on_test):.2f}. The line from Dev lowers the Test MAE of {len(lower)} of the "
            f"four by an interval that excludes zero{named(lower)}, and raises that of "
            f"{len(higher)}{named(higher)}. With it they have {after.min():.2f} to "
            f"{after.max():.2f} points, the constant {constant:.2f}."
        )

    def levels(self) -> pd.DataFrame:
        """Return Test scores of windows (z-scored) and of recordings (BDI-II), means over seeds.

        Each cell is the mean over seeds and their SD; windows of a recording share its label.
        """
        rows = []
        for model in MODELS:
            runs = [result for result in self.results if result.spec.model == model]
            for level in ("window, z-units", "recording, z-units", "recording, BDI-II points"):
                tables = [_at_level(run, level) for run in runs]
                scores = [describe(table["y"], table["y_hat"]) for table in tables]
                row: dict[str, object] = {"model": model, "level": level, "n": len(tables[0])}
                for name, title in TITLES.items():
                    values = np.array([getattr(one, name) for one in scores])
                    row[title] = _over_seeds(values)
                rows.append(row)
        return pd.DataFrame(rows)


def _within(errors: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    return errors[errors["bdi"].between(low - 0.5, high + 0.5, inclusive="left")]


def _at_level(result: Result, level: str) -> pd.DataFrame:
    test = result.predictions[result.predictions["split"] == "test"]
    if level.startswith("window"):
        return test
    means = test.groupby("recording")[["y", "y_hat"]].mean()
    if level.endswith("z-units"):
        return means
    return means * result.label_std + result.label_mean


def _over_seeds(values: np.ndarray) -> str:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return "undefined"
    spread = f" ± {defined.std(ddof=1):.2f}" if len(defined) > 1 else ""
    return f"{defined.mean():.2f}{spread}"


def _error_cell(part: pd.DataFrame) -> str:
    """Return MAE, and bias with its interval where there are two persons or more."""
    if part.empty:
        return "undefined"
    if part["person"].nunique() < 2:
        return f"{part['absolute'].mean():.1f}; {part['error'].mean():+.1f}"
    off = evaluation.mean_over_persons(part["error"], part["person"])
    return f"{part['absolute'].mean():.1f}; {off.value:+.1f} ({off.low:+.1f} to {off.high:+.1f})"


def _off(off: evaluation.Difference) -> str:
    """Return which way a mean error goes, in words, if its interval excludes zero."""
    size = f"{abs(off.value):.2f} points"
    if off.low > 0:
        return f"overestimated by {size} ({off.low:.2f} to {off.high:.2f})"
    if off.high < 0:
        return f"underestimated by {size} ({-off.high:.2f} to {-off.low:.2f})"
    return f"off by {evaluation.signed(off)} points, in no certain direction"


def _number(part: Interval, sign: str = "") -> str:
    return f"{part.estimate:{sign}.2f}" if np.isfinite(part.estimate) else "undefined"


def _cell(part: Interval, sign: str = "") -> str:
    if not np.isfinite(part.low):
        return _number(part, sign)
    return f"{_number(part, sign)} ({part.low:{sign}.2f} to {part.high:{sign}.2f})"
