"""Parts of the page on choosing: the study's pattern, curves, and trainings of this report."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, figures, report, study
from deplib.chapters.over_seeds import interval
from deplib.evaluation import CONSTANT, MAE_TOLERANCE
from deplib.metrics import METRICS
from deplib.models import MODELS
from deplib.selection import findings, record
from deplib.selection.completion import cohort_courses, summary
from deplib.selection.findings import Estimate, mean_of, optimism
from deplib.selection.record import Selection
from deplib.selection.rules import BEST, FIXED, HALVES, LAST, LEAK, NESTED, PROTOCOL

APART, NULL = "null-apart", "null"
RERUN = 2
"""Cohorts that are drawn and trained again wherever the page is executed."""
ALONE = (LAST, PROTOCOL, BEST, HALVES, NESTED, LEAK)
"""Rules that need no other cohort."""


def spread(values: pd.Series, digits: int = 2) -> str:
    """Return the mean over cohorts ± the SD between them."""
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}"


def signed(estimate: Estimate) -> str:
    """Return a difference with its interval as text."""
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} to {estimate.high:+.2f})"


def _stated(figure: Figure, selections: Mapping[str, Selection], *others: str) -> Figure:
    """Return a figure with its origin: the scenarios, and cohorts or figures beside them."""
    cohorts = f"simulated cohorts, feature level ({', '.join(selections)})"
    files = [f"selection/{name}.json" for name in selections]
    return figures.stated(figure, cohorts, *others, files=files)


def plain(estimate: Estimate) -> str:
    """Return a mean with its interval as text."""
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def share(estimate: Estimate) -> str:
    """Return a share with its interval as text."""
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f} to {100 * estimate.high:.0f} %)"


def number(value: float) -> str:
    """Return a score as text; nan is undefined."""
    return f"{value:.2f}" if np.isfinite(value) else "undefined"


class StudyPattern:
    """How often the study's pattern appears among cohorts."""

    def __init__(self, selections: Mapping[str, Selection]) -> None:
        self.selections = selections
        self.constant_test = claims.constant_test_mae()
        self.bounds = findings.pattern_of(claims.REPORTED, self.constant_test)

    def table(self) -> pd.DataFrame:
        """Return in which share of the cohorts each part of the study's pattern appears."""
        rows = []
        for name, selection in self.selections.items():
            for rule in (FIXED, PROTOCOL, BEST):
                parts = findings.flags(selection, rule, self.bounds)
                rows.append(
                    {"world": name, "rule": rule}
                    | {str(part): f"{100 * hits.mean():.0f} %" for part, hits in parts.items()}
                )
        return pd.DataFrame(rows)

    def verdict(self) -> Markdown:
        """Return how often the study's pattern appears, and in which world most."""
        bounds = self.bounds
        found = {
            name: findings.share_of(findings.flags(selection, BEST, bounds)["both MAE"])
            for name, selection in self.selections.items()
        }
        gaps = {
            name: findings.share_of(findings.flags(selection, BEST, bounds)["gap"])
            for name, selection in self.selections.items()
        }
        most = max(found, key=lambda name: found[name].value)
        return report.say(
            f"A Dev MAE of at most {bounds.dev_mae:.2f} with a Test MAE of at least "
            f"{bounds.test_mae:.2f}, as all four models of the study have them, appears under "
            f"“{BEST}” in {share(found[NULL])} of the cohorts of the `{NULL}` world, in "
            f"{share(found[APART])} with persons apart, in {share(found['default'])} of the "
            f"`default` and {share(found['published'])} of the `published` world; most often in "
            f"`{most}`. A gap of {bounds.gap:.2f} or more, the study's smallest, is "
            f"there in {share(gaps[NULL])}, {share(gaps[APART])}, {share(gaps['default'])} and "
            f"{share(gaps['published'])}. The absolute bounds ask for a harder Test than the "
            f"simulated one: the best constant has {self.constant_test:.2f} on AVEC2014 and "
            f"{self.selections[NULL].constant['test_mae'].mean():.2f} here, on average."
        )

    def scatter(self) -> Figure:
        """Return Dev against Test MAE of every cohort, with the study's four."""
        panels = {
            name: selection.rules[BEST][["dev_mae", "test_mae"]]
            for name, selection in self.selections.items()
        }
        study_rows = claims.REPORTED[["model", "dev_mae", "test_mae"]]
        shown = figures.dev_and_test(panels, study=study_rows)
        return _stated(shown, self.selections, figures.PUBLISHED)

    def scatter_data(self) -> pd.DataFrame:
        """Return quantiles of what the scatter shows."""
        rows = []
        for name, selection in self.selections.items():
            for split in ("Dev", "Test"):
                values = selection.rules[BEST][f"{split.lower()}_mae"]
                low, quarter, half, three, high = np.percentile(values, [2.5, 25, 50, 75, 97.5])
                rows.append(
                    {
                        "world": name,
                        "split": split,
                        "2.5 %": low,
                        "25 %": quarter,
                        "median": half,
                        "75 %": three,
                        "97.5 %": high,
                    }
                )
        return pd.DataFrame(rows)


class Curves:
    """MAE over epochs, and optimism over the number of candidates."""

    def __init__(self, selections: Mapping[str, Selection]) -> None:
        self.selections = selections

    def over_epochs(self) -> Figure:
        """Return the mean course of the protocol's setting in each scenario."""
        panels, chosen, constant = {}, {}, {}
        for name, selection in self.selections.items():
            panels[name] = self._course(selection)
            chosen[name] = float(selection.rules[PROTOCOL]["epoch"].mean())
            constant[name] = float(selection.constant["test_mae"].mean())
        shown = figures.courses_of_choosing(panels, chosen=chosen, constant=constant)
        return _stated(shown, self.selections)

    def epochs_table(self) -> pd.DataFrame:
        """Return some epochs of those courses, and the epoch that Dev chose."""
        rows = []
        for name, selection in self.selections.items():
            course, epoch = self._course(selection), selection.rules[PROTOCOL]["epoch"]
            row: dict[str, object] = {"world": name, "chosen epoch": f"{spread(epoch, 1)}"}
            for at in (1, 10, 20, len(course)):
                one = course.iloc[at - 1]
                row[f"epoch {at}, Dev / Test"] = f"{one['dev_mae']:.2f} / {one['test_mae']:.2f}"
            rows.append(row)
        return pd.DataFrame(rows)

    @staticmethod
    def _course(selection: Selection) -> pd.DataFrame:
        course = {name: selection.courses[name][0] for name in ("dev_mae", "test_mae")}
        return pd.DataFrame({"epoch": np.arange(1, len(course["dev_mae"]) + 1), **course})

    def over_candidates(self) -> Figure:
        """Return optimism against the number of candidates."""
        return _stated(figures.optimism_by_candidates(self._growth), self.selections)

    def candidates_table(self) -> pd.DataFrame:
        """Return optimism for some numbers of candidates."""
        n = len(next(iter(self._growth.values())))
        shown = [k for k in (1, 2, 5, n) if k <= n]
        return pd.DataFrame(
            {
                "world": name,
                **{
                    f"best of {k}": interval(*curve.loc[k - 1, ["optimism", "low", "high"]])
                    for k in shown
                },
            }
            for name, curve in self._growth.items()
        )

    def verdict(self) -> Markdown:
        """Return how fast optimism grows where nothing can be learnt."""
        selection = self.selections[APART]
        curve = self._growth[APART]
        dev, test = (np.asarray(selection.growth[name]) for name in ("dev_mae", "test_mae"))
        more = mean_of((test - dev)[:, -1] - (test - dev)[:, 0])
        grows = "grows" if more.low > 0 else "does not grow measurably"
        return report.say(
            f"With persons apart in the null world, optimism {grows} from "
            f"{curve['optimism'].iloc[0]:.2f} with one candidate and its epochs to "
            f"{curve['optimism'].iloc[-1]:.2f} with the best of {len(curve)} (paired: "
            f"{signed(more)}). These candidates are variants of one small network on the same "
            "features; architectures that differ more have more to choose from."
        )

    @cached_property
    def _growth(self) -> dict[str, pd.DataFrame]:
        return {name: findings.growth(selection) for name, selection in self.selections.items()}


class OwnRuns:
    """The trainings of this report: the rendered cohort's grid, and some cohorts drawn again."""

    def __init__(self, selections: Mapping[str, Selection]) -> None:
        self.selections = selections

    def table(self) -> pd.DataFrame:
        """Return the same gap for the study's four models as they were really trained."""
        rows = []
        for world in study.WORLDS:
            table = self._runs_of(world)
            if table is None:
                rows.append({"world": world, "model": "not computed yet"})
                continue
            gaps = table.assign(gap=table["test_mae"] - table["dev_mae"])
            base = float(gaps.loc[gaps["model"] == CONSTANT, "gap"].iloc[0])
            for model in (*MODELS, CONSTANT):
                means = gaps[gaps["model"] == model].drop(columns=["model", "seed"]).mean()
                rows.append(
                    {
                        "world": world,
                        "model": model,
                        "Dev MAE": f"{means['dev_mae']:.2f}",
                        "Test MAE": f"{means['test_mae']:.2f}",
                        "gap": f"{means['gap']:+.2f}",
                        "gap beyond the constant's": f"{means['gap'] - base:+.2f}",
                        "Dev PCC": number(means["dev_pcc"]),
                        "Test PCC": number(means["test_pcc"]),
                    }
                )
        return pd.DataFrame(rows).fillna("")

    def verdict(self) -> Markdown:
        """Return whether the one rendered cohort is an ordinary one among those drawn here."""
        parts, null = [], ""
        for world in study.WORLDS:
            table = self._runs_of(world)
            if table is None:
                continue
            runs = table[table["model"] == "TemporalMeanMLP"]
            constant = table[table["model"] == CONSTANT].iloc[0]
            value = float(
                (runs["test_mae"] - runs["dev_mae"]).mean()
                - (constant["test_mae"] - constant["dev_mae"])
            )
            below = float((optimism(self.selections[world], PROTOCOL) < value).mean())
            parts.append(
                f"in `{world}` {value:+.2f}, above that of {100 * below:.0f} % of the cohorts drawn"
            )
            if world == NULL:
                null = self._beside_the_study(table)
        if not parts:
            return report.say("No world's grid has been computed: run `make sweep`.")
        return report.say(
            f"{null} One cohort was rendered, and it is a single draw. The gap of TemporalMeanMLP "
            f"beyond the constant's is there, averaged over seeds: {'; '.join(parts)}."
        )

    @staticmethod
    def _beside_the_study(table: pd.DataFrame) -> str:
        """Return the ranges of four models in the null world beside those that are reported."""
        means = table[table["model"] != CONSTANT].groupby("model").mean(numeric_only=True)
        titles = {"dev_mae": "Dev MAE", "test_mae": "Test MAE", "dev_pcc": "Dev PCC"}
        titles |= {"test_pcc": "Test PCC"}
        ranges = [
            f"{title} {means[name].min():.2f} to {means[name].max():.2f} (reported "
            f"{claims.REPORTED[name].min():.2f} to {claims.REPORTED[name].max():.2f})"
            for name, title in titles.items()
        ]
        return (
            f"In the `{NULL}` world, where behaviour tells nothing, the four models reach "
            f"{report.listed(ranges)}."
        )

    def _runs_of(self, world: str) -> pd.DataFrame | None:
        """Return Dev and Test scores of the four models' runs and the constant, or None."""
        specs = [spec for spec in study.grid_specs(world) if spec.model in MODELS]
        results = study.available(specs)
        if len(results) < len(specs):
            return None
        table = evaluation.predictors(study.open_cohort(world), results)
        rows = []
        for (model, seed), run in table[table["model"].isin([*MODELS, CONSTANT])].groupby(
            ["model", "seed"], sort=False
        ):
            row: dict[str, object] = {"model": model, "seed": seed}
            for split in ("dev", "test"):
                part = run[run["split"] == split]
                for metric in ("mae", "pcc"):
                    row[f"{split}_{metric}"] = METRICS[metric](part["bdi"], part["bdi_hat"])
            rows.append(row)
        return pd.DataFrame(rows)

    def again(self) -> pd.DataFrame:
        """Draw and train some cohorts of the null world again, and compare with the file."""
        surrogate = record.load_surrogate()
        again = summary(NULL, [cohort_courses(NULL, k, surrogate) for k in range(RERUN)])
        rows = []
        for rule in ALONE:
            row: dict[str, object] = {"rule": rule}
            for split in ("dev", "test"):
                column = f"{split}_mae"
                before = self.selections[NULL].rules[rule][column].iloc[:RERUN].mean()
                apart = abs(float(again.rules[rule][column].mean() - before))
                within = "within" if apart <= MAE_TOLERANCE else "NOT within"
                row[f"{split.title()} MAE"] = f"{within} {MAE_TOLERANCE:g} points"
            rows.append(row)
        return pd.DataFrame(rows)
