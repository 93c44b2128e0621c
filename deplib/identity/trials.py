"""Errors of all predictors over many splits of the same recordings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib.errors import CohortError
from deplib.identity.predictors import Pooled, predict
from deplib.identity.rules import RULES, draw_replacement


@dataclass(frozen=True, eq=False)
class Trials:
    """Absolute errors over many splits of the same recordings.

    Attributes
    ----------
    recordings
        The recordings, in the order of the columns.
    errors
        Predictor -> (n_splits, n_recordings), BDI-II points; nan where not in Test.
    known
        (n_splits, n_recordings), whether Train has the person; False where not in Test.
    recognised
        (n_splits, n_recordings), whether the nearest recording of Train is of that person.
    n_train_persons
        (n_splits,), persons in Train.
    penalties
        Ridge baseline -> (n_splits,), what Dev chose.
    """

    recordings: pd.DataFrame
    errors: Mapping[str, np.ndarray]
    known: np.ndarray
    recognised: np.ndarray
    n_train_persons: np.ndarray
    penalties: Mapping[str, np.ndarray]

    def of_recordings(
        self, predictor: str, *, minus: str | None = None, known: bool | None = None
    ) -> pd.Series:
        """Return the mean error of each recording over the splits that have it in Test.

        Parameters
        ----------
        predictor
            Whose error.
        minus
            The predictor to take off, on the same splits.
        known
            Only splits in which the person is in Train, or is not.

        Returns
        -------
        Series
            Index ``recording``; only recordings that there is a value for.
        """
        errors = self.errors[predictor] - (self.errors[minus] if minus else 0.0)
        if known is not None:
            errors = np.where(self.known == known, errors, np.nan)
        there = np.isfinite(errors).any(axis=0)
        index = pd.Index(self.recordings["recording"].to_numpy()[there], name="recording")
        return pd.Series(np.nanmean(errors[:, there], axis=0), index=index)

    def mae(self, predictor: str) -> np.ndarray:
        """Return the Test MAE of each split, (n_splits,)."""
        return np.nanmean(self.errors[predictor], axis=1)


def repeat_splits(
    pooled: Pooled, rule: str, *, n_splits: int = 200, rng: np.random.Generator
) -> Trials:
    """Split the recordings many times by one rule, and score Test each time.

    Parameters
    ----------
    pooled
        The cohort.
    rule
        A key of ``RULES``. Train, Dev and Test have the sizes of the table's own splits, or under
        ``"person-disjoint"`` as nearly as whole persons allow.
    n_splits
        How often.
    rng
        Draws the splits.

    Raises
    ------
    CohortError
        If there is no such rule, or the recordings cannot be split by it.
    """
    if rule not in RULES:
        raise CohortError(f"unknown rule {rule!r}; there are {', '.join(RULES)}")
    tables = (RULES[rule](pooled.recordings, rng=rng) for _ in range(n_splits))
    return _score(pooled, [table["split"].to_numpy() for table in tables])


def replace_persons(
    pooled: Pooled, *, n_draws: int = 200, rng: np.random.Generator
) -> tuple[Trials, Trials]:
    """Score the same Test recordings with their persons in Train, and with others in their place.

    ``draw_replacement`` says how; other persons are drawn each time.

    Returns
    -------
    seen, replaced : Trials
        The same draws; row by row the same Test recordings.

    Raises
    ------
    CohortError
        If there are too few persons for that.
    """
    pairs = [draw_replacement(pooled.recordings, rng=rng) for _ in range(n_draws)]
    seen, replaced = zip(*pairs, strict=True)
    return _score(pooled, seen), _score(pooled, replaced)


def _score(pooled: Pooled, splits: Sequence[np.ndarray]) -> Trials:
    recordings = pooled.recordings
    y, similarity = recordings["bdi"].to_numpy(float), pooled.similarity
    shape = (len(splits), len(y))
    errors = {name: np.full(shape, np.nan) for name in pooled.predictors}
    is_known, is_recognised = np.zeros((2, *shape), dtype=bool)
    person = recordings["person"].to_numpy()
    n_persons = np.zeros(len(splits), dtype=int)
    penalties = {name: np.zeros(len(splits)) for name in pooled.features}
    for k, split in enumerate(splits):
        test = split == "test"
        predictions, chosen = predict(pooled, split, similarity)
        for name, y_hat in predictions.items():
            errors[name][k, test] = np.abs(y_hat - y)[test]
        for name, penalty in chosen.items():
            penalties[name][k] = penalty
        train = np.flatnonzero(split == "train")
        is_known[k] = test & np.isin(person, person[train])
        is_recognised[k] = test & (person[train[similarity[:, train].argmax(axis=1)]] == person)
        n_persons[k] = len(np.unique(person[train]))
    return Trials(recordings, errors, is_known, is_recognised, n_persons, penalties)
