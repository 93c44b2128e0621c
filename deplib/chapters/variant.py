"""One trained variant at every seed: courses, predictions and scores, for the model chapters.

Two spreads meet here and are never mixed (see ``deplib.seeds``): the SD *between seeds* is between
runs that differ in initial weights and order of batches only, an interval *over persons* resamples
the persons of a split and keeps all runs.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from deplib import baselines, evaluation, seeds, study
from deplib.chapters.over_seeds import TITLES
from deplib.cohorts.base import Cohort
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.training.course import COLLAPSE_EPOCHS, COLLAPSE_RATIO

DEV, TEST = "dev", "test"


class Variant:
    """The versioned results of one variant at every seed of the grid.

    Parameters
    ----------
    model
        One of ``deplib.study.VARIED``.

    Raises
    ------
    ResultError
        If the result of a seed is missing or stale: a page never shows fewer.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.results: list[Result] = study.published(
            [study.RunSpec(model, seed=seed) for seed in study.SEEDS]
        )
        self.recordings = pd.concat(map(evaluation.recordings, self.results), ignore_index=True)

    @cached_property
    def scores(self) -> dict[str, seeds.Scores]:
        """The scores of every run on Dev and on Test."""
        return {split: seeds.score(self.split(split)) for split in (DEV, TEST)}

    @property
    def specs(self) -> list[RunSpec]:
        """The runs."""
        return [result.spec for result in self.results]

    @property
    def histories(self) -> list[pd.DataFrame]:
        """The learning curve of each seed."""
        return [result.history for result in self.results]

    @property
    def epochs(self) -> list[int]:
        """The epoch that Dev chose, of each seed."""
        return [result.epoch for result in self.results]

    def split(self, split: str) -> pd.DataFrame:
        """Return the recordings of one split, a row a recording and seed."""
        return self.recordings[self.recordings["split"] == split]

    def averaged(self, split: str) -> pd.DataFrame:
        """Return the mean prediction over seeds of each recording, and its extremes.

        Returns
        -------
        DataFrame
            ``recording``, ``person``, ``bdi``, ``bdi_hat``, ``low``, ``high``.
        """
        return (
            self.split(split)
            .groupby("recording", sort=False, as_index=False)
            .agg(
                person=("person", "first"),
                bdi=("bdi", "first"),
                bdi_hat=("bdi_hat", "mean"),
                low=("bdi_hat", "min"),
                high=("bdi_hat", "max"),
            )
        )

    def score_table(self) -> pd.DataFrame:
        """Return each metric: mean over seeds with its interval over persons, spread over seeds."""
        rows = []
        for split, scores in self.scores.items():
            for metric, title in TITLES.items():
                values = scores.values(self.model, metric)
                summary = scores.summary(self.model, metric)
                rows.append(
                    {
                        "split": split,
                        "score": title,
                        "mean over seeds": _number(summary.value),
                        "95 % interval over persons": _range(summary.low, summary.high),
                        "SD between seeds": _number(summary.seed_sd),
                        "lowest to highest seed": _range(values.min(), values.max()),
                    }
                )
        return pd.DataFrame(rows)

    def strip_row(self, label: str, split: str, constant: float) -> dict[str, object]:
        """Return the MAEs of one split in the form that ``figures.scores_over_seeds`` takes."""
        summary = self.scores[split].summary(self.model)
        return {
            "label": label,
            "model": self.model,
            "values": self.scores[split].values(self.model).tolist(),
            "value": summary.value,
            "low": summary.low,
            "high": summary.high,
            "reference": constant,
        }

    def course_sentence(self) -> str:
        """Return how training went at the seeds: chosen epochs, why it ended, collapse."""
        protocol = Protocol()
        epochs = pd.Series(self.epochs)
        n = len(epochs)
        waited = [len(h) - epoch for h, epoch in zip(self.histories, epochs, strict=True)]
        patient = sum(more >= protocol.patience for more in waited)
        last = int((epochs == protocol.epochs).sum())
        flat = sum(bool(h["collapsed"].any()) for h in self.histories)
        collapsed = sum(bool(h["collapsed"].iloc[-1]) for h in self.histories)
        more = "" if last == 0 else ", where longer training might have gone lower"
        return (
            f"Dev chose epochs {epochs.min()} to {epochs.max()} (median {epochs.median():g}). "
            f"Training stopped after {protocol.patience} epochs without a lower Dev MAE in "
            f"{patient} of {n} runs; the last epoch, {protocol.epochs}, was the best in {last} "
            f"of {n}{more}. Collapse: {flat} of {n} runs had a Dev sigma_ratio below "
            f"{COLLAPSE_RATIO:g} for {COLLAPSE_EPOCHS} epochs in a row at some time, and "
            f"{collapsed} of {n} at their end."
        )


def constant_tables(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Return the predictions of the Train median on Dev and on Test."""
    table = baselines.constant(cohort.recordings).predictions
    return {split: table[table["split"] == split] for split in (DEV, TEST)}


def together(variants: Sequence[Variant], *others: pd.DataFrame) -> seeds.Scores:
    """Return the Test scores of several variants in the same resamples of persons."""
    tables = [variant.split(TEST) for variant in variants]
    return seeds.score(pd.concat([*tables, *(other.assign(seed=0) for other in others)]))


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"


def _range(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}" if np.isfinite([low, high]).all() else "undefined"
