"""How many recordings it takes to find a true difference, and what a test set of a size finds."""

from dataclasses import dataclass

import pandas as pd
from IPython.display import Markdown

from deplib import report
from deplib.chapters.finding import LEVEL, POWER
from deplib.chapters.population import Population
from deplib.chapters.shares import percent
from deplib.power import formulas, simulation, twins
from deplib.power.labels import persons_of, score_mean
from deplib.statistics import MCID_SHARE

WANTED = (0.1, 0.5, 1.0)
HALF = 0.5
"""BDI-II points: about what lies between the study's best and worst model."""
SIZES = (50, 100, 150, 300, 1000)


@dataclass(frozen=True, eq=False)
class SizesSection:
    """Sample sizes by formula, and one of them checked by simulation.

    Attributes
    ----------
    population
        Whose error model and spreads are used.
    repetitions
        Samples of each kind.
    """

    population: Population
    repetitions: int

    @property
    def mcid(self) -> float:
        """Minimal clinically important difference at the mean score, BDI-II points."""
        return MCID_SHARE * score_mean()

    def terms(self) -> Markdown:
        """Return what the table of sizes asks for."""
        return report.say(
            f"For a power of {100 * POWER:.0f} % at the {LEVEL} level, persons and recordings in "
            "the same proportion. MCID is the minimal clinically important difference of the "
            f"BDI-II, {100 * MCID_SHARE:g} % of a person's baseline, here at the mean score."
        )

    def needed(self) -> pd.DataFrame:
        """Return how many recordings a true difference needs for the wanted power."""
        rows = []
        for difference in (*WANTED, self.mcid):
            counts = {
                label: formulas.recordings_for_difference(
                    difference, sd, self.population.within["difference"], power=POWER
                )
                for label, sd in self.population.spreads.items()
            }
            middle = list(counts.values())[1]
            note = " (MCID)" if difference == self.mcid else ""
            rows.append(
                {
                    "true difference in MAE": f"{difference:.1f}{note}",
                    **{f"recordings, {label}": f"{n:,}" for label, n in counts.items()},
                    f"persons, {list(counts)[1]}": f"{persons_of(middle):,}",
                }
            )
        return pd.DataFrame(rows)

    def needed_checked(self) -> Markdown:
        """Return the number for half a point, and what a simulation at that size finds."""
        label, sd = self.population.middle
        within = self.population.within["difference"]
        n = formulas.recordings_for_difference(HALF, sd, within, power=POWER)
        pair = twins(self.population.model, sd)
        found = simulation.power_curve(
            pair,
            [HALF],
            n_recordings=n,
            n_samples=self.repetitions // 2,
            rng=self.population.rng(50),
        ).iloc[0]
        worth = self.population.effective("difference", n)
        expected = formulas.power_of_difference(HALF, simulation.reduced_sd(pair, HALF), worth)
        holds = found["low"] <= expected <= found["high"]
        return report.say(
            f"To find {HALF:g} points with a probability of {100 * POWER:.0f} %, **{n:,} "
            f"recordings** of about {persons_of(n):,} persons are needed at the {label}. Simulated "
            f"at that size, {percent(found, 'power')} % of the samples find it; by the formula, "
            f"with the spread that the simulated pair has at that difference, {100 * expected:.1f} "
            "%: the two " + ("agree." if holds else "DISAGREE.")
        )

    def detectable(self) -> pd.DataFrame:
        """Return what a test set of each size finds with the wanted power."""
        rows = []
        for n in SIZES:
            effective = self.population.effective("difference", n)
            rows.append(
                {
                    "recordings": f"{n:,}",
                    "persons": f"{persons_of(n):,}",
                    "worth, compared": f"{effective:.0f}",
                    **{
                        f"difference in MAE, {label}": formulas.detectable_difference(
                            sd, effective, power=POWER
                        )
                        for label, sd in self.population.spreads.items()
                    },
                    "PCC": formulas.detectable_correlation(
                        self.population.effective("pcc", n), power=POWER
                    ),
                }
            )
        return pd.DataFrame(rows)
