"""Rules that choose an epoch and a setting, applied to the courses of many cohorts.

Each returns what the chosen candidate scores on Dev and Test, one value a cohort. A rule is honest
where its Dev recordings had no part in the choice; ``RULES`` says which are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib.selection.courses import Courses

COLUMNS = ("dev_mae", "dev_pcc", "test_mae", "test_pcc", "test_sigma_ratio", "epoch")
LAST, FIXED, PROTOCOL, BEST = (
    "last epoch",
    "fixed epoch",
    "epoch on Dev",
    "epoch and setting on Dev",
)
FIXED_BOTH, HALVES, NESTED, LEAK = (
    "fixed epoch and setting",
    "Dev halved",
    "inner folds of Train",
    "epoch and setting on Test",
)


@dataclass(frozen=True)
class Rule:
    """What a rule looks at, in words."""

    name: str
    meaning: str
    dev_chooses: bool  # then its Dev score is no evidence


RULES = {
    rule.name: rule
    for rule in (
        Rule(LAST, "the protocol's setting after its last epoch; nothing is chosen", False),
        Rule(FIXED, "the protocol's setting at the epoch best on Dev of other cohorts", False),
        Rule(PROTOCOL, "the protocol: lowest Dev MAE, with its patience", True),
        Rule(BEST, "lowest Dev MAE over all candidates and epochs", True),
        Rule(FIXED_BOTH, "setting and epoch that are best on Dev of other cohorts", False),
        Rule(
            HALVES, "one half of Dev chooses setting and epoch, the other scores; both ways", False
        ),
        Rule(NESTED, "folds inside Train choose setting and epoch; Dev only scores", False),
        Rule(LEAK, "lowest Test MAE over all candidates and epochs: what a leak would give", False),
    )
}


class Many:
    """The courses of many cohorts as arrays, (n_cohorts, n_candidates, n_epochs).

    Parameters
    ----------
    cohorts
        One ``Courses`` a cohort, all of the same candidates.
    n_settings
        Candidate ``c`` has setting ``c % n_settings``.
    patience
        Epochs without a lower Dev MAE after which the protocol stops.

    Raises
    ------
    ValueError
        If there are fewer than two cohorts: the fixed rules learn from others.
    """

    def __init__(self, cohorts: Sequence[Courses], *, n_settings: int, patience: int) -> None:
        if len(cohorts) < 2:
            raise ValueError(
                f"{len(cohorts)} cohort: give two or more, for a fixed epoch comes from the others"
            )
        self.scores = {
            name: np.stack([one.scores[name] for one in cohorts]) for name in cohorts[0].scores
        }
        self.inner_mae = np.stack([one.inner_mae for one in cohorts])
        self.n_settings, self.patience = n_settings, patience
        self.n, self.n_candidates, self.n_epochs = self.scores["dev_mae"].shape

    def apply(self) -> dict[str, pd.DataFrame]:
        """Apply every rule: name -> one row a cohort with ``COLUMNS``."""
        dev = self.scores["dev_mae"]
        nothing = np.zeros(self.n, int)
        protocol = np.array([stopped(course, self.patience) for course in dev[:, 0]])
        out = {
            LAST: self._at(nothing, np.full(self.n, self.n_epochs - 1)),
            FIXED: self._at(*self._fixed(dev[:, :1])),
            PROTOCOL: self._at(nothing, protocol),
            BEST: self._at(*_lowest(dev)),
            FIXED_BOTH: self._at(*self._fixed(dev)),
            HALVES: self._halves(),
            NESTED: self._at(*_lowest(self.inner_mae)),
            LEAK: self._at(*_lowest(self.scores["test_mae"])),
        }
        return {name: out[name] for name in RULES}

    def growth(self, *, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return Dev and Test MAE of the best on Dev among the first 1, 2, ... candidates.

        The candidates come in an order of its own for each cohort, and each brings all its epochs.

        Returns
        -------
        dict
            ``dev_mae``, ``test_mae``: (n_cohorts, n_candidates).
        """
        dev, test = self.scores["dev_mae"], self.scores["test_mae"]
        epoch = dev.argmin(axis=2)[:, :, None]
        order = rng.permuted(np.tile(np.arange(self.n_candidates), (self.n, 1)), axis=1)
        best, there = (
            np.take_along_axis(np.take_along_axis(x, epoch, axis=2)[:, :, 0], order, axis=1)
            for x in (dev, test)
        )
        first = np.array([[row[: k + 1].argmin() for k in range(len(row))] for row in best])
        return {
            "dev_mae": np.take_along_axis(best, first, axis=1),
            "test_mae": np.take_along_axis(there, first, axis=1),
        }

    def mean_courses(self) -> dict[str, np.ndarray]:
        """Return MAE and PCC after each epoch, means over cohorts, of the first seed's settings.

        Returns
        -------
        dict
            ``dev_mae``, ``test_mae``, ``dev_pcc``, ``test_pcc``: (n_settings, n_epochs).
        """
        names = ("dev_mae", "test_mae", "dev_pcc", "test_pcc")
        return {name: np.nanmean(self.scores[name][:, : self.n_settings], axis=0) for name in names}

    def _at(
        self, candidate: np.ndarray, epoch: np.ndarray, parts: Mapping[str, str] | None = None
    ) -> pd.DataFrame:
        """Return the scores of one candidate and epoch a cohort; Dev may be a part of it."""
        dev = (parts or {}).get("dev", "dev")
        rows = np.arange(self.n)
        table = {
            column: self.scores[column.replace("dev", dev)][rows, candidate, epoch]
            for column in COLUMNS[:-1]
        }
        return pd.DataFrame({**table, "epoch": epoch + 1.0})

    def _fixed(self, dev_mae: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return candidate and epoch that have the lowest mean in the other half of the cohorts."""
        candidate, epoch = np.empty((2, self.n), int)
        half = np.arange(self.n) % 2
        for k in (0, 1):
            chosen = _lowest(dev_mae[half != k].mean(axis=0)[None])
            candidate[half == k], epoch[half == k] = chosen[0][0], chosen[1][0]
        return candidate, epoch

    def _halves(self) -> pd.DataFrame:
        """Return the mean of two choices, each scored on the half of Dev that did not make it."""
        tables = [
            self._at(*_lowest(self.scores[f"{chooser}_mae"]), {"dev": judge})
            for chooser, judge in (("dev_a", "dev_b"), ("dev_b", "dev_a"))
        ]
        return (tables[0] + tables[1]) / 2


def stopped(dev_mae: np.ndarray, patience: int) -> int:
    """Return the epoch, from 0, that the protocol keeps: the best until it runs out of patience."""
    best = 0
    for epoch, value in enumerate(dev_mae):
        if value < dev_mae[best]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best


def _lowest(mae: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return candidate and epoch of the lowest MAE of each cohort, the earliest of equals."""
    flat = mae.reshape(len(mae), -1).argmin(axis=1)
    candidate, epoch = np.unravel_index(flat, mae.shape[1:])
    return candidate, epoch
