"""The same grid in worlds of different signal: none, the default, and as strong as published."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import evaluation, figures, report, seeds, study
from deplib.chapters import over_seeds
from deplib.chapters.comparisons import ALPHA, p_text, p_values
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT, ORACLE

MEAN = "TemporalMeanMLP"
REFERENCES = (CONSTANT, MEAN)
"""What every variant is compared with; each is a family of tests within a world."""
ROWS = (*study.VARIED, "MiniRocket", "RidgeMeanSD", ORACLE)
"""What the figure shows of each world."""


@dataclass(frozen=True, eq=False)
class World:
    """One simulated world: its cohort, and the Test scores of its grid if that is complete."""

    name: str
    cohort: SimulatedCohort
    n_missing: int  # runs of the grid without a versioned result
    scores: seeds.Scores  # of the constant and the oracle at least

    @property
    def complete(self) -> bool:
        """Whether every run of the grid is there."""
        return not self.n_missing

    @cached_property
    def corrected(self) -> dict[str, dict[str, float]]:
        """By reference, the p-value of each variant's difference from it, after Holm."""
        found = {}
        for reference in REFERENCES:
            others = [model for model in study.VARIED if model != reference]
            _, p = p_values(self.scores, [(model, reference) for model in others])
            found[reference] = dict(zip(others, map(float, p), strict=True))
        return found

    def better(self, reference: str) -> list[str]:
        """Return the variants with a lower MAE than a reference, by the corrected test."""
        return [
            model
            for model, p in self.corrected[reference].items()
            if p < ALPHA and self.scores.difference(model, reference).value < 0
        ]


def open_world(name: str) -> World:
    """Return a world; a grid that is partly there counts as not there."""
    cohort, specs = study.open_cohort(name), study.grid_specs(name)
    found = study.available(specs)
    n_missing = len(specs) - len(found)
    table = evaluation.predictors(cohort, [] if n_missing else found)
    return World(name, cohort, n_missing, seeds.score(table[table["split"] == "test"]))


class WorldsPage:
    """All worlds side by side.

    Raises
    ------
    ResultError
        If no world is complete, or a result is stale.
    """

    def __init__(self, names: Sequence[str] = study.WORLDS) -> None:
        self.worlds = [open_world(name) for name in names]
        if not self.complete:
            raise ResultError(
                f"the grid of none of the worlds {', '.join(names)} is complete: run `make sweep`"
            )

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.worlds[0].cohort)

    @cached_property
    def complete(self) -> list[World]:
        """The worlds whose whole grid is there."""
        return [world for world in self.worlds if world.complete]

    def coverage(self) -> Markdown:
        """Return which worlds have been computed and which have not."""
        missing = [world for world in self.worlds if not world.complete]
        done = report.listed([f"`{world.name}`" for world in self.complete])
        text = f"Complete in this edition: {done}."
        if missing:
            names = report.listed([f"`{world.name}`" for world in missing])
            text += (
                f" **Not computed yet: {names}.** Of such a world only the constant and the oracle "
                "are shown, which need no training; a part of a grid is never shown. `make sweep` "
                "computes the rest."
            )
        return report.say(text)

    def ceilings(self) -> pd.DataFrame:
        """Return the constant and the oracle of every world: what there is to be learnt."""
        rows = []
        for world in self.worlds:
            scores = world.scores
            rows.append(
                {
                    "world": world.name,
                    "what it is": world.cohort.world.meaning,
                    "Test MAE, constant": over_seeds.cell(scores.summary(CONSTANT)),
                    "Test MAE, oracle": over_seeds.cell(scores.summary(ORACLE)),
                    "oracle - constant": evaluation.signed(scores.difference(ORACLE, CONSTANT)),
                    "Test PCC, oracle": over_seeds.cell(scores.summary(ORACLE, "pcc")),
                }
            )
        return pd.DataFrame(rows)

    def comparison(self) -> pd.DataFrame:
        """Return, a variant and complete world, the differences from constant and mean.

        With p-values of sign flips over persons, corrected by Holm's method for the variants of a
        world that are compared with the same reference.
        """
        rows = []
        for world in self.complete:
            for model in study.VARIED:
                scores = world.scores
                row = {
                    "world": world.name,
                    "model": model,
                    "Test MAE": over_seeds.cell(scores.summary(model)),
                }
                for reference, p in world.corrected.items():
                    told = model in p
                    row[f"minus {reference}"] = (
                        evaluation.signed(scores.difference(model, reference)) if told else ""
                    )
                    row[f"p, {reference}"] = p_text(p[model]) if told else ""
                row |= {
                    "Test PCC": over_seeds.cell(scores.summary(model, "pcc")),
                    "sigma_ratio": over_seeds.cell(scores.summary(model, "sigma_ratio")),
                }
                rows.append(row)
        return pd.DataFrame(rows)

    def baselines(self) -> pd.DataFrame:
        """Return, a baseline and complete world, its scores and its difference from the mean."""
        return pd.DataFrame(
            {
                "world": world.name,
                "baseline": name,
                "Test MAE": over_seeds.cell(world.scores.summary(name)),
                f"minus that of {MEAN}": evaluation.signed(world.scores.difference(name, MEAN)),
                "Test PCC": over_seeds.cell(world.scores.summary(name, "pcc")),
            }
            for world in self.complete
            for name in study.BASELINES
        )

    def strongest(self) -> Markdown:
        """Return which trained predictor has the highest mean Test PCC in each world."""
        parts = []
        for world in self.complete:
            pcc = {
                name: world.scores.summary(name, "pcc")
                for name in (*study.VARIED, *study.BASELINES)
            }
            top = max(pcc, key=lambda name: pcc[name].value)
            told = "excludes" if pcc[top].low > 0 or pcc[top].high < 0 else "includes"
            of_top = over_seeds.interval(pcc[top].value, pcc[top].low, pcc[top].high)
            parts.append(f"{top} in `{world.name}`, {of_top}, which {told} zero")
        return report.say(
            f"The highest mean Test PCC of all that was trained is that of {report.listed(parts)}. "
            "It was picked as the highest, so the interval flatters it."
        )

    def verdict(self) -> Markdown:
        """Return in which worlds an architecture beats the mean or the constant."""
        return Markdown("\n".join(f"- {self._sentence(world)}" for world in self.complete))

    def _sentence(self, world: World) -> str:
        parts = []
        for reference in REFERENCES:
            better, n = world.better(reference), len(world.corrected[reference])
            parts.append(
                f"{len(better)} of {n} variants have a lower Test MAE than "
                f"{over_seeds.said(reference)}{over_seeds.named(better)}"
            )
        oracle = world.scores.difference(ORACLE, CONSTANT)
        told = "can" if over_seeds.excludes_zero(oracle) else "cannot"
        return (
            f"`{world.name}`: {report.listed(parts)}, at a corrected p below {ALPHA:g}. The oracle "
            f"differs from the constant by {evaluation.signed(oracle)} points: it {told} be told "
            "from it."
        )

    def correction(self) -> Markdown:
        """Return what the correction for the number of comparisons changes."""
        before: set[tuple[str, ...]] = set()
        after: set[tuple[str, ...]] = set()
        n = 0
        for world in self.complete:
            for reference in REFERENCES:
                tested = world.corrected[reference]
                n += len(tested)
                alone = over_seeds.better(world.scores, tested, reference)
                before |= {(world.name, reference, model) for model in alone}
                after |= {(world.name, reference, model) for model in world.better(reference)}
        change = (
            "Intervals without any correction would have counted the same"
            if before == after
            else f"Intervals without any correction would have counted {len(before)}"
        )
        return report.say(
            f"Of all {n} comparisons, {len(after)} count as a lower MAE. {change}. Holm's method "
            f"holds the chance of any false one at {100 * ALPHA:.0f} % within one world and "
            "reference, not over all of them."
        )

    def figure(self) -> Figure:
        """Return Test MAE of the variants, one panel a complete world."""
        shown = figures.forest_of_seeds(
            {w.name: over_seeds.forest_rows(w.scores, ROWS) for w in self.complete},
            references={w.name: w.scores.summary(CONSTANT).value for w in self.complete},
            xlabel="Test MAE, BDI-II points",
        )
        runs = [
            spec for w in self.complete for spec in study.grid_specs(w.name) if spec.model in ROWS
        ]
        return figures.stated(shown, *(w.cohort for w in self.complete), runs=runs)
