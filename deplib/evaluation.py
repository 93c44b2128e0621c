"""From prediction tables to score tables: recording level, window level, intervals over persons.

The unit of a result is the recording (BDI-II points); the unit of resampling is the person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib import baselines
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import ResultError
from deplib.metrics import MAE_TOLERANCE, PREDICTION_TOLERANCE, describe, mae
from deplib.results import Result
from deplib.statistics import cluster_bootstrap, paired_difference
from deplib.training import recording_table

SEED = 2014
"""Of every bootstrap in the book: the same tables give the same intervals."""
RESAMPLES = 10_000
CONSTANT, CONSTANT_MEAN, ORACLE = "constant", "constant (mean)", "oracle"
"""The predictors that no run is needed for: the Train median, and the known truth."""


@dataclass(frozen=True)
class Difference:
    """A difference between two predictors and its 95 % interval over persons."""

    value: float
    low: float
    high: float


def recordings(result: Result) -> pd.DataFrame:
    """Return a run's predictions a recording: recording, person, split, bdi, bdi_hat.

    Window predictions are averaged and scaled back to BDI-II points.
    """
    named = result.predictions.assign(model=result.spec.model, seed=result.spec.seed)
    return recording_table(named, result.label_mean, result.label_std)


def predictors(cohort: SimulatedCohort, results: Sequence[Result]) -> pd.DataFrame:
    """Return the recordings of all runs, then those of the two constants and the oracle.

    Returns
    -------
    DataFrame
        As ``recordings`` gives them, one run below the other; the last three stand as seed 0.
        The constant without more is the median of the Train labels, which MAE asks for.
    """
    median, mean = (
        baselines.constant(cohort.recordings, kind).predictions for kind in ("median", "mean")
    )
    tables = [
        *map(recordings, results),
        median.assign(model=CONSTANT, seed=0),
        mean.assign(model=CONSTANT_MEAN, seed=0),
        oracle(cohort).assign(model=ORACLE, seed=0),
    ]
    return pd.concat(tables, ignore_index=True)


def oracle(cohort: SimulatedCohort) -> pd.DataFrame:
    """Return the predictions of the oracle: the median of BDI-II given the true latents."""
    truth = cohort.truth.set_index("recording")["oracle_median"]
    table = cohort.recordings[["recording", "person", "split", "bdi"]]
    return table.assign(bdi_hat=table["recording"].map(truth))


def with_intervals(table: pd.DataFrame) -> dict[str, float]:
    """Return every metric of a recording table, and 95 % intervals of MAE and PCC over persons.

    Returns
    -------
    dict
        ``mae``, ``mae_low``, ``mae_high``, ``pcc``, ``pcc_low``, ``pcc_high``, ``rmse``, ``ccc``,
        ``sigma_ratio``, ``bias``; nan where undefined.

    Raises
    ------
    ResultError
        If a recording occurs twice.
    """
    twice = table["recording"].duplicated()
    if twice.any():
        raise ResultError(
            f"recording {table.loc[twice, 'recording'].iloc[0]} occurs twice: score one run and "
            "one split at a time"
        )
    y, y_hat = table["bdi"].to_numpy(), table["bdi_hat"].to_numpy()
    scores = describe(y, y_hat)
    row = {name: scores[name] for name in ("rmse", "ccc", "sigma_ratio", "bias")}
    for metric in ("mae", "pcc"):
        interval = cluster_bootstrap(
            y,
            y_hat,
            table["person"],
            metric=metric,
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(SEED),
        )
        row |= {
            metric: interval.estimate,
            f"{metric}_low": interval.low,
            f"{metric}_high": interval.high,
        }
    return row


def paired_mae(first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Return MAE(first) - MAE(second) on the same recordings, persons resampled.

    Raises
    ------
    ValueError
        If the tables do not hold the same recordings with the same labels.
    """
    both = first.merge(second, on="recording", suffixes=("", "_second"), validate="one_to_one")
    if len(both) != len(first) or len(both) != len(second):
        raise ValueError(
            f"the tables share {len(both)} of {len(first)} and {len(second)} recordings; a paired "
            "difference needs the same recordings on both sides"
        )
    if not np.allclose(both["bdi"], both["bdi_second"], atol=1e-3):
        raise ValueError("the tables give different labels to the same recordings")
    interval = paired_difference(
        both["bdi"],
        both["bdi_hat"],
        both["bdi_hat_second"],
        both["person"],
        metric="mae",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return Difference(interval.estimate, interval.low, interval.high)


def mean_over_persons(values: pd.Series, persons: pd.Series) -> Difference:
    """Return the mean of one value a recording, with its 95 % interval over persons."""
    interval = cluster_bootstrap(
        np.zeros(len(values)),
        values.to_numpy(),
        persons.to_numpy(),
        metric="bias",  # the mean of value minus zero
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return Difference(interval.estimate, interval.low, interval.high)


def mae_of(table: pd.DataFrame) -> float:
    """Return the MAE of a recording table, in BDI-II points."""
    return mae(table["bdi"], table["bdi_hat"])


def both_levels(result: Result) -> pd.DataFrame:
    """Return window-level (z-units) and recording-level (BDI-II) scores on Dev and Test."""
    rows = []
    by_recording = recordings(result)
    for split in ("dev", "test"):
        windows = result.predictions[result.predictions["split"] == split]
        scores = describe(windows["y"], windows["y_hat"])
        rows.append(
            {
                "split": split,
                "level": "window, z-units",
                "n": len(windows),
                "MAE": f"{scores.mae:.3f}",
                "RMSE": f"{scores.rmse:.3f}",
                "PCC": f"{scores.pcc:.3f}",
                "CCC": f"{scores.ccc:.3f}",
                "sigma_ratio": f"{scores.sigma_ratio:.3f}",
            }
        )
        table = by_recording[by_recording["split"] == split]
        (cells,) = printable(pd.DataFrame([with_intervals(table)])).to_dict("records")
        rows.append(
            {
                "split": split,
                "level": "recording, BDI-II points",
                "n": len(table),
                **{str(k): v for k, v in cells.items()},
            }
        )
    return pd.DataFrame(rows)


def printable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of ``with_intervals`` for print: intervals in brackets, nan as undefined."""

    def cell(row: pd.Series, name: str) -> str:
        if np.isnan(row[name]):
            return "undefined"
        if f"{name}_low" not in row:
            return f"{row[name]:.2f}"
        return f"{row[name]:.2f} ({row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"

    names = {"mae": "MAE", "rmse": "RMSE", "pcc": "PCC", "ccc": "CCC", "sigma_ratio": "sigma_ratio"}
    kept = [name for name in ("predictor", "labels") if name in rows]
    printed = rows[kept].copy()
    for name, title in names.items():
        printed[title] = [cell(row, name) for _, row in rows.iterrows()]
    return printed


def signed(difference: Difference) -> str:
    """Return a difference with its interval as text."""
    return f"{difference.value:+.2f} ({difference.low:+.2f} to {difference.high:+.2f})"


def reading(difference: Difference, negative: str, positive: str) -> str:
    """Return what a difference allows to say: one of two words, or that it cannot be told."""
    if difference.high < 0:
        return f"it is {negative}"
    if difference.low > 0:
        return f"it is {positive}"
    return "it cannot be told from"


@dataclass(frozen=True)
class Agreement:
    """How two results of one run, made on two machines, compare on the Test recordings."""

    model: str
    mae_difference: float  # BDI-II points
    tolerance: float
    prediction_difference: float  # BDI-II points, of the window that differs most

    @property
    def ok(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.mae_difference) <= self.tolerance

    def sentence(self) -> str:
        """Return the comparison as prose that is the same wherever it holds."""
        return (
            f"{self.model} was trained again on this machine: its Test MAE "
            f"{'agrees with' if self.ok else 'DIFFERS from'} the versioned result within "
            f"{self.tolerance:g} BDI-II point{'' if self.tolerance == 1 else 's'}."
        )


def compare(versioned: Result, live: Result, *, tolerance: float = MAE_TOLERANCE) -> Agreement:
    """Compare the recording-level Test MAE of two results of the same run.

    Raises
    ------
    ResultError
        If the two are not results of the same run, by their key.
    """
    if versioned.key != live.key:
        raise ResultError(
            f"the two results of {versioned.spec.model} have different keys "
            f"({versioned.key[:12]} and {live.key[:12]}): run `make sweep`"
        )
    before, after = (
        mae_of(table[table["split"] == "test"]) for table in map(recordings, (versioned, live))
    )
    windows = versioned.predictions.merge(
        live.predictions, on=["recording", "window"], validate="one_to_one"
    )
    windows = windows[windows["split_x"] == "test"]
    apart = versioned.label_std * (windows["y_hat_x"] - windows["y_hat_y"]).abs().max()
    return Agreement(versioned.spec.model, after - before, tolerance, float(apart))


def agreement_table(agreements: Sequence[Agreement]) -> pd.DataFrame:
    """Return comparisons with their tolerances, in words that are the same wherever they hold."""

    def within(difference: float, tolerance: float) -> str:
        word = "within" if abs(difference) <= tolerance else "NOT within"
        return f"{word} {tolerance:g} points"

    return pd.DataFrame(
        {
            "model": one.model,
            "Test MAE": within(one.mae_difference, one.tolerance),
            "prediction of the window that differs most": within(
                one.prediction_difference, PREDICTION_TOLERANCE
            ),
        }
        for one in agreements
    )
