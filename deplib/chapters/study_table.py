"""The study's own table in the light of its 50 recordings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import claims, figures, report
from deplib.chapters.population import N, Population
from deplib.chapters.shares import percents
from deplib.power import formulas, simulation
from deplib.statistics import fisher_interval

LARGEST = 2.0
"""BDI-II points; beyond, a wrong order is too rare to show."""


def reported_differences() -> list[float]:
    """Return the absolute differences in Test MAE between the study's models, in order."""
    return sorted(abs(a - b) for a, b in combinations(claims.REPORTED["test_mae"], 2))


@dataclass(frozen=True, eq=False)
class StudyTable:
    """Intervals of the study's scores, and how far its order can be trusted.

    Attributes
    ----------
    population
        Whose error model stands for the study's models.
    curves
        By spread: ``difference``, ``wrong`` and ``wrong_formula``.
    repetitions
        Samples.
    """

    population: Population
    curves: Mapping[str, pd.DataFrame]
    repetitions: int

    def correlations(self) -> pd.DataFrame:
        """Return the intervals of the study's Test PCCs, recordings alone and with persons."""
        rows = []
        effective = int(self.population.effective("pcc"))
        reported = claims.REPORTED
        for model, r in zip(reported["model"], reported["test_pcc"], strict=True):
            low, high = fisher_interval(r, N)
            wide = fisher_interval(r, effective)
            rows.append(
                {
                    "model": model,
                    "Test PCC, reported": f"{r:.3f}",
                    f"95 % interval, n = {N}": f"{low:.2f} to {high:.2f}",
                    f"with persons, n = {effective}": f"{wide[0]:.2f} to {wide[1]:.2f}",
                    "includes 0": "yes" if low <= 0 <= high else "no",
                }
            )
        return pd.DataFrame(rows)

    def verdict(self) -> Markdown:
        """Return the half width of a Test MAE, and how likely the study's order is the true one."""
        n = self.population.effective("error")
        halves = [formulas.half_width(sd, n) for sd in self.population.model.error_sd]
        mae = claims.REPORTED["test_mae"]
        span = float(mae.max() - mae.min())
        ranks = self.ranking
        best = ranks.sort_values("mae").iloc[0]
        return report.say(
            f"The 95 % interval of one Test MAE reaches {min(halves):.1f} to {max(halves):.1f} "
            f"points to either side; the study's four lie within {span:.2f}. Suppose its four "
            "figures were the exact truth of four such models. The best of them would have the "
            f"lowest MAE in {100 * best['first']:.0f} % of the samples of {N} recordings, and the "
            f"order of all four would come out right in {100 * best['same_order']:.0f} %; by pure "
            f"chance that is {100 / len(ranks):.0f} % and {100 / 24:.0f} %."
        )

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """How often each model wins a sample, were the study's Test MAEs the truth."""
        maes = claims.REPORTED.set_index("model").loc[list(self.population.model.names), "test_mae"]
        return simulation.ranking(
            self.population.model,
            maes.tolist(),
            n_samples=2 * self.repetitions,
            rng=self.population.rng(60),
        )

    def wrong_table(self) -> pd.DataFrame:
        """Return how often the better model looks worse, in per cent."""
        columns: dict[str, object] = {}
        for label, rows in self._shown.items():
            columns["true difference"] = [f"{d:g}" for d in rows["difference"]]
            columns[f"{label}: simulated"] = percents(rows["wrong"])
            columns[f"{label}: formula"] = percents(rows["wrong_formula"])
        return pd.DataFrame(columns)

    def wrong_figure(self) -> Figure:
        """Return how often the better model looks worse, with the study's differences."""
        curves = {k: rows.assign(formula=rows["wrong_formula"]) for k, rows in self._shown.items()}
        shown = figures.wrong_orders(curves, reported=reported_differences())
        return self.population.stated(shown, figures.PUBLISHED)

    @property
    def _shown(self) -> dict[str, pd.DataFrame]:
        return {k: rows[rows["difference"] <= LARGEST] for k, rows in self.curves.items()}
