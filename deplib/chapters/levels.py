"""Whether the book's tests keep their level, on predictors for which nothing is to be found."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown

from deplib import report
from deplib.chapters.shares import percent, span
from deplib.power import ErrorModel, twins, uniformity


@dataclass(frozen=True, eq=False)
class LevelSection:
    """P-values in samples of 50 recordings whose null hypothesis is true.

    Attributes
    ----------
    model
        The fitted error model.
    first, second, unlike
        Predictions of the first are tested for a relation to the labels, after it was taken away.
        The MAE of the third is tested against that of the second, after both were made equal.
    difference_sd
        SD of the paired differences of the twins whose difference is tested.
    repetitions
        Samples of each kind.
    seed
        Of all draws.
    """

    model: ErrorModel
    first: str
    second: str
    unlike: str
    difference_sd: float
    repetitions: int
    seed: int

    @cached_property
    def found(self) -> pd.DataFrame:
        """Rejection rate and distance from uniform of each test, its null hypothesis true."""
        twin = twins(self.model, self.difference_sd)
        mae = float(self.model.subset(self.second).mae[0])
        unlike = uniformity.with_mae(self.model.subset(self.second, self.unlike), self.unlike, mae)
        unrelated = uniformity.unrelated(self.model.subset(self.first))
        signs, permutation = "sign flips, persons", "permutation, persons"
        cases = [
            ("two models alike in distribution", twin, signs, uniformity.by_signs()),
            (
                "the same",
                twin,
                "sign flips, recordings",
                uniformity.by_signs(persons=False),
            ),
            ("equal MAE, unequal spread", unlike, signs, uniformity.by_signs()),
            (
                "predictions unrelated to labels",
                unrelated,
                permutation,
                uniformity.by_permutation(),
            ),
            ("the same", unrelated, "t test of r, recordings", uniformity.by_formula),
        ]
        rows = []
        for k, (null, model, name, test) in enumerate(cases):
            first_of_pair = k - (null == "the same")  # the same samples for both tests
            samples = model.draw(
                self.repetitions, 50, rng=np.random.default_rng([self.seed, 10 + first_of_pair])
            )
            rng = np.random.default_rng([self.seed, 20 + k])
            found = uniformity.uniformity(uniformity.p_values(samples, test, rng=rng))
            rows.append({"null hypothesis": null, "test": name, **found})
        return pd.DataFrame(rows)

    def table(self) -> pd.DataFrame:
        """Return the levels in per cent, for print."""
        rows = self.found
        return pd.DataFrame(
            {
                "null hypothesis": rows["null hypothesis"],
                "test": rows["test"],
                "p at most .05, %": [percent(row, "rejected") for _, row in rows.iterrows()],
                "distance from uniform (KS)": [f"{value:.3f}" for value in rows["ks"]],
                "p of that distance": ["< .001" if p < 0.001 else f"{p:.3f}" for p in rows["ks_p"]],
            }
        )

    def verdict(self) -> Markdown:
        """Return which tests keep the level."""
        rows = self.found
        kept = (rows["low"] <= 0.05) & (rows["ks_p"] >= 0.05)
        over = rows["test"].str.endswith("persons")
        fails = [
            f"{row['test']} ({row['null hypothesis']})" for _, row in rows[over & ~kept].iterrows()
        ]
        wrong = rows[~over]
        return report.say(
            f"Over {self.repetitions:,} samples, {int((over & kept).sum())} of {int(over.sum())} "
            "tests over persons reject at most as often as they should and have p-values that "
            "cannot be told from uniform"
            + (f"; not {report.listed(fails)}. " if fails else ". ")
            + "Tests that take recordings for independent reject true null hypotheses in "
            f"{span(wrong['rejected'])}, "
            + ("too often." if (wrong["low"] > 0.05).all() else "not clearly too often.")
        )
