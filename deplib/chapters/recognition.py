"""One world at feature level: many splits, replaced persons, and recognition alone."""

from functools import cached_property

import numpy as np
import pandas as pd

from deplib import identity, study
from deplib.cohorts.base import Cohort
from deplib.evaluation import SEED, Difference, mean_over_persons
from deplib.identity import CONSTANT, Pooled, Trials

N_SPLITS = 200


def open_pooled(world: str) -> Pooled:
    """Return a world's recordings with their versioned pooled features.

    Raises
    ------
    ResultError
        If the features are missing or stale.
    """
    cohort: Cohort = study.open_cohort(world)
    both = study.pooled_features(cohort, study.results_dir() / world)
    mean = both[:, : both.shape[1] // 2]
    features = {name: mean if kind == "mean" else both for name, kind in study.RIDGE.items()}
    return Pooled(cohort.recordings, features, mean)


class Recognition:
    """What persons in Train do to the predictors that are fitted in milliseconds.

    Parameters
    ----------
    pooled
        The world.
    n_splits
        Splits by each rule, and draws of replaced persons. All worlds get the same.
    """

    def __init__(self, pooled: Pooled, *, n_splits: int = N_SPLITS) -> None:
        self.pooled, self.n_splits = pooled, n_splits
        self.persons = pooled.recordings.set_index("recording")["person"]

    @cached_property
    def trials(self) -> dict[str, Trials]:
        """The trials of each rule."""
        return {
            rule: identity.repeat_splits(
                self.pooled, rule, n_splits=self.n_splits, rng=np.random.default_rng([SEED, k])
            )
            for k, rule in enumerate(identity.RULES)
        }

    @cached_property
    def replaced(self) -> tuple[Trials, Trials]:
        """The same Test recordings with their persons in Train, and with others instead."""
        rng = np.random.default_rng([SEED, len(identity.RULES)])
        return identity.replace_persons(self.pooled, n_draws=self.n_splits, rng=rng)

    def over_persons(self, values: pd.Series) -> Difference:
        """Return the mean over recordings with its interval over persons."""
        return mean_over_persons(values, self.persons[values.index])

    def excess(self, rule: str, predictor: str, known: bool | None = None) -> Difference:
        """Return error minus the constant's in the splits of a rule."""
        return self.over_persons(
            self.trials[rule].of_recordings(predictor, minus=CONSTANT, known=known)
        )

    def change(self, predictor: str, first: str, second: str) -> Difference:
        """Return that by the first rule minus that by the second, on the recordings of both."""
        values = [
            self.trials[rule].of_recordings(predictor, minus=CONSTANT) for rule in (first, second)
        ]
        return self.over_persons((values[0] - values[1]).dropna())

    def gain(self, predictor: str, *, minus: str | None = None) -> pd.Series:
        """Return by how much replacing its person raises the error of each Test recording."""
        seen, replaced = (trials.of_recordings(predictor, minus=minus) for trials in self.replaced)
        return replaced - seen

    def recognised(self) -> tuple[int, int]:
        """Return how often the nearest recording of Train is of the person, of all known."""
        trials = self.trials["by recording"]
        return int(trials.recognised[trials.known].sum()), int(trials.known.sum())
