"""Rules that choose an epoch and a setting, applied to the courses of many cohorts.

A rule is honest where its Dev recordings had no part in the choice: ``epoch on Dev`` and ``epoch
and setting on Dev`` are not, and ``epoch and setting on Test`` shows what a leak would give.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from candidates import SETTINGS, Courses

SCORES = ["dev_mae", "dev_pcc", "test_mae", "test_pcc", "test_sigma_ratio"]
RULES = (
    "last epoch",
    "fixed epoch",
    "epoch on Dev",
    "epoch and setting on Dev",
    "fixed epoch and setting",
    "Dev halved",
    "inner folds of Train",
    "epoch and setting on Test",
)
"""What each does, the chapter *Looking good on Dev* says."""

Choice = tuple[np.ndarray, np.ndarray]
"""Candidate and epoch that were chosen, one of each a cohort."""


def choices(cohorts: Sequence[Courses], *, patience: int) -> pd.DataFrame:
    """Apply every rule to the courses of many cohorts.

    Returns
    -------
    DataFrame
        A row a rule and cohort: ``rule``, ``cohort``, `SCORES` of the chosen candidate, ``epoch``
        from 1, and MAE of the Train median: ``constant_dev_mae``, ``constant_test_mae``.

    Raises
    ------
    ValueError
        If there are fewer than two cohorts: the fixed rules learn from others.
    """
    if len(cohorts) < 2:
        raise ValueError(f"{len(cohorts)} cohort: give two or more; fixed rules need others")
    scores = _stacked(cohorts)
    dev, n = scores["dev_mae"], len(cohorts)
    first = np.zeros(n, int)

    def at(choice: Choice, dev_part: str = "dev") -> pd.DataFrame:
        rows = (np.arange(n), *choice)
        table = {name: scores[name.replace("dev", dev_part)][rows] for name in SCORES}
        return pd.DataFrame({**table, "epoch": choice[1] + 1.0})

    ways = (("dev_a", "dev_b"), ("dev_b", "dev_a"))
    halves = [at(_lowest(scores[f"{chooser}_mae"]), judge) for chooser, judge in ways]
    tables = [
        at((first, np.full(n, dev.shape[2] - 1))),
        at(_fixed(dev[:, :1])),
        at((first, np.array([stopped(course, patience) for course in dev[:, 0]]))),
        at(_lowest(dev)),
        at(_fixed(dev)),
        (halves[0] + halves[1]) / 2,
        at(_lowest(scores["inner_mae"])),
        at(_lowest(scores["test_mae"])),
    ]
    table = pd.concat(dict(zip(RULES, tables, strict=True)), names=["rule", "cohort"])
    names = ["constant_dev_mae", "constant_test_mae"]
    constant = pd.DataFrame(scores["constant"][:, :2], columns=names).rename_axis("cohort")
    return table.join(constant).reset_index()


def growth(cohorts: Sequence[Courses], *, rng: np.random.Generator) -> pd.DataFrame:
    """Return Dev and Test MAE of the best on Dev among the first 1, 2, ... candidates.

    Candidates come in an order of its own for each cohort, and each brings all its epochs.
    Columns: ``cohort``, ``candidates``, ``dev_mae``, ``test_mae``.
    """
    scores = _stacked(cohorts)
    dev, test = scores["dev_mae"], scores["test_mae"]
    n, n_candidates, _ = dev.shape
    epoch = dev.argmin(axis=2)[:, :, None]
    order = rng.permuted(np.tile(np.arange(n_candidates), (n, 1)), axis=1)
    at_best = (np.take_along_axis(x, epoch, axis=2)[:, :, 0] for x in (dev, test))
    best, there = (np.take_along_axis(x, order, axis=1) for x in at_best)
    first = np.array([[row[: k + 1].argmin() for k in range(n_candidates)] for row in best])
    chosen = [np.take_along_axis(x, first, axis=1).ravel() for x in (best, there)]
    index = _grid(cohort=range(n), candidates=range(1, n_candidates + 1))
    return pd.DataFrame(dict(zip(SCORES[::2], chosen, strict=False)), index=index).reset_index()


def mean_courses(cohorts: Sequence[Courses]) -> pd.DataFrame:
    """Return scores after each epoch, means over cohorts, of the first seed's settings.

    Columns: ``setting``, ``epoch`` from 1, and MAE and PCC on Dev and Test.
    """
    scores = _stacked(cohorts)
    means = {name: np.nanmean(scores[name][:, : len(SETTINGS)], axis=0) for name in SCORES[:4]}
    n_settings, n_epochs = means["dev_mae"].shape
    index = _grid(setting=range(n_settings), epoch=range(1, n_epochs + 1))
    table = {name: array.ravel() for name, array in means.items()}
    return pd.DataFrame(table, index=index).reset_index()


def stopped(dev_mae: np.ndarray, patience: int) -> int:
    """Return the epoch, from 0, that the protocol keeps: the best until it runs out of patience."""
    best = 0
    for epoch, value in enumerate(dev_mae):
        if value < dev_mae[best]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best


def _grid(**levels: range) -> pd.MultiIndex:
    return pd.MultiIndex.from_product(list(levels.values()), names=[*levels])


def _stacked(cohorts: Sequence[Courses]) -> dict[str, np.ndarray]:
    """Return each score as (n_cohorts, n_candidates, n_epochs)."""
    return {name: np.stack([one[name] for one in cohorts]) for name in cohorts[0]}


def _fixed(dev_mae: np.ndarray) -> Choice:
    """Return what has the lowest mean in the other half of the cohorts."""
    half = np.arange(len(dev_mae)) % 2
    candidate, epoch = np.empty((2, len(dev_mae)), int)
    for k in (0, 1):
        chosen = _lowest(dev_mae[half != k].mean(axis=0)[None])
        candidate[half == k], epoch[half == k] = chosen[0][0], chosen[1][0]
    return candidate, epoch


def _lowest(mae: np.ndarray) -> Choice:
    """Return what has the lowest MAE of each cohort, the earliest of equals."""
    candidate, epoch = np.unravel_index(mae.reshape(len(mae), -1).argmin(axis=1), mae.shape[1:])
    return candidate, epoch
