"""What a Test split finds: power against true differences and true correlations."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import claims, figures, report
from deplib.chapters.population import N, Population
from deplib.chapters.shares import percent, percents
from deplib.chapters.study_table import reported_differences
from deplib.power import formulas, simulation, twins
from deplib.power.coverage import share
from deplib.power.labels import persons_of
from deplib.statistics import critical_r

DIFFERENCES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
RHO = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
POWER = 0.8
"""The probability with which a true effect is to be found."""
LEVEL = f"{100 * simulation.ALPHA:.0f} %"
"""Of the tests."""


@dataclass(frozen=True, eq=False)
class FindingSection:
    """Power, simulated and by formula.

    Attributes
    ----------
    population
        Whose error model and spreads are used.
    repetitions
        Samples of each kind.
    """

    population: Population
    repetitions: int

    @cached_property
    def curves(self) -> dict[str, pd.DataFrame]:
        """Power against the true difference, and wrong order, a table a spread."""
        n, tables = self.population.effective("difference"), {}
        for k, (label, sd) in enumerate(self.population.spreads.items()):
            pair, rng = twins(self.population.model, sd), self.population.rng(31 + k)
            found = simulation.power_curve(pair, DIFFERENCES, n_samples=self.repetitions, rng=rng)
            each = [(d, simulation.reduced_sd(pair, d), n) for d in DIFFERENCES]
            tables[label] = found.assign(
                formula=[formulas.power_of_difference(*of) for of in each],
                wrong_formula=[formulas.wrong_order(*of) for of in each],
            )
        return tables

    def power_table(self) -> pd.DataFrame:
        """Return simulated and computed power in per cent."""
        columns: dict[str, object] = {"true difference": [f"{d:g}" for d in DIFFERENCES]}
        for label, rows in self.curves.items():
            columns[f"{label}: simulated"] = [percent(row, "power") for _, row in rows.iterrows()]
            columns[f"{label}: formula"] = [f"{100 * value:.1f}" for value in rows["formula"]]
        return pd.DataFrame(columns)

    @cached_property
    def honest_r(self) -> float:
        """The bound that unrelated predictions pass in 5 % of the samples of persons."""
        return float(np.quantile(self._sample_r[RHO.index(0.0)], 0.95))

    @cached_property
    def _sample_r(self) -> np.ndarray:
        """Absolute PCC of the samples with persons, (n_rho, n_samples)."""
        return self._absolute_r(None, 40)

    def _absolute_r(self, n_persons: int | None, stream: int) -> np.ndarray:
        r = simulation.correlations(
            RHO,
            self.population.model.person_share,
            n_persons=n_persons,
            n_samples=2 * self.repetitions,
            rng=self.population.rng(stream),
        )
        return np.abs(r)

    @cached_property
    def correlations(self) -> pd.DataFrame:
        """Power against the true PCC, by the textbook bound and by one that keeps the level."""
        r, alone = self._sample_r, self._absolute_r(N, 41)
        n = self.population.effective("pcc")
        rows = []
        for k, rho in enumerate(RHO):
            found = int((r[k] > self.honest_r).sum())
            rows.append(
                {
                    "rho": rho,
                    **share(found, r.shape[1], "power"),
                    "formula": formulas.power_of_correlation(rho, n),
                    "textbook": float((r[k] > critical_r(N)).mean()),
                    "independent": float((alone[k] > critical_r(N)).mean()),
                    "independent_formula": formulas.power_of_correlation(rho, N),
                }
            )
        return pd.DataFrame(rows)

    def correlation_table(self) -> pd.DataFrame:
        """Return the power for correlations in per cent."""
        rows, bound = self.correlations, critical_r(N)
        return pd.DataFrame(
            {
                "true PCC": [f"{rho:.1f}" for rho in rows["rho"]],
                f"persons, |r| > {self.honest_r:.2f}": [
                    percent(row, "power") for _, row in rows.iterrows()
                ],
                f"formula, n = {self.population.effective('pcc'):.1f}": percents(rows["formula"]),
                f"persons, |r| > {bound:.3f}": percents(rows["textbook"]),
                f"{N} independent recordings, |r| > {bound:.3f}": percents(rows["independent"]),
                f"formula, n = {N}": percents(rows["independent_formula"]),
            }
        )

    def correlation_verdict(self) -> Markdown:
        """Return critical r and the PCC that is found, with and without persons."""
        rows, n = self.correlations, self.population.effective("pcc")
        false = rows.loc[rows["rho"] == 0, "textbook"].item()
        return report.say(
            f"To differ from zero at the {LEVEL} level, the PCC of {N} independent recordings must "
            f"exceed **{critical_r(N):.3f}** in size. With {persons_of(N)} persons that bound is "
            f"passed by chance in {100 * false:.1f} % of the samples; one that keeps the level is "
            f"**{self.honest_r:.2f}**. A true PCC of "
            f"{formulas.detectable_correlation(n, power=POWER):.2f} is found with a "
            f"probability of {100 * POWER:.0f} % (of "
            f"{formulas.detectable_correlation(N, power=POWER):.2f}, were all "
            "recordings of different persons)."
        )

    def figure(self) -> Figure:
        """Return power for differences in MAE and for correlations."""
        pcc = claims.REPORTED["test_pcc"]
        mae = reported_differences()
        kinds = ["mae"] * len(mae) + ["pcc"] * len(pcc)
        reported = pd.DataFrame({"kind": kinds, "value": [*mae, *pcc]})
        shown = figures.power_curves(self.curves, self.correlations, reported=reported)
        return self.population.stated(shown, figures.PUBLISHED)

    def power_verdict(self) -> Markdown:
        """Return what 50 recordings find, and how the study's differences compare."""
        n, largest = self.population.effective("difference"), reported_differences()[-1]
        least = [
            formulas.detectable_difference(sd, n, power=POWER)
            for sd in self.population.spreads.values()
        ]
        power = [
            formulas.power_of_difference(largest, sd, n) for sd in self.population.spreads.values()
        ]
        return report.say(
            f"With {N} recordings, a true difference of **{least[0]:.1f} to {least[-1]:.1f} "
            f"points** is found with a probability of {100 * POWER:.0f} %, by the spread of the "
            f"pair. The largest difference in the study's table is {largest:.2f} points: were it "
            f"true, it would be found with a probability of {100 * power[-1]:.0f} to "
            f"{100 * power[0]:.0f} %. "
            + (
                "No difference in that table is within reach of its sample."
                if largest < least[0]
                else "Some differences in that table are within reach of its sample."
            )
        )
