"""The results chapter: every predictor on the same recordings, over seeds and over persons."""

from functools import cache, cached_property
from itertools import combinations

import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, figures, report, seeds, study
from deplib.chapters import again, over_seeds
from deplib.chapters.comparisons import (
    Comparison,
    compare,
    comparison_table,
    margins,
    person_differences,
    resampled_difference,
)
from deplib.chapters.errors import Errors
from deplib.chapters.monitor import Monitor
from deplib.evaluation import CONSTANT, CONSTANT_MEAN, ORACLE
from deplib.models import MODELS
from deplib.results import RunSpec
from deplib.sizes import FULL, size_named
from deplib.statistics import MCID_SHARE

MEAN = "TemporalMeanMLP"
"""The model without any temporal modelling, which the others must beat."""
PERMUTED = ", permuted"
XLABEL = "Test MAE on the simulated cohort, BDI-II points"


class ResultsPage:
    """The versioned results of the default world, and the predictors that need no training.

    Parameters
    ----------
    size
        Of the cohort on which the four are trained again: a name in ``deplib.sizes.SIZES``.
    """

    def __init__(self, size: str = FULL.name) -> None:
        self.size = size_named(size).name
        self.cohort = study.open_cohort()
        self.results = study.published(study.grid_specs())
        self.table = evaluation.predictors(self.cohort, self.results)
        self.permuted = study.published(study.permuted_specs())
        self.control = pd.concat(map(evaluation.recordings, self.permuted), ignore_index=True)
        self.scores = cache(self._scores)

    def _scores(self, split: str, labels: str = "true") -> seeds.Scores:
        """Score all runs on one split; the permuted control has labels of its own."""
        table = self.table if labels == "true" else self.control
        return seeds.score(table[table["split"] == split])

    @property
    def test(self) -> seeds.Scores:
        """Scores on Test."""
        return self.scores("test")

    @property
    def n_seeds(self) -> int:
        """How many seeds each of the four models was trained at."""
        return min(len(self.test.values(model)) for model in MODELS)

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort, self.size)

    def what_is_scored(self) -> Markdown:
        """Return how many runs of what are behind the table."""
        test = self.test
        runs = test.runs[~test.runs["model"].isin([CONSTANT, CONSTANT_MEAN, ORACLE])]
        return report.say(
            f"{len(runs)} runs with true labels, {self.n_seeds} seeds of each model that has a "
            f"random part, are scored on the {test.n_recordings} Test recordings of "
            f"{test.n_persons} persons."
        )

    def scoreboard(self) -> pd.DataFrame:
        """Return the Test scores of all predictors and of the permuted control, for print."""
        return pd.concat(
            [
                over_seeds.score_table(self.test),
                over_seeds.score_table(self.scores("test", "permuted"), labels="permuted"),
            ]
        )

    def reported(self) -> pd.DataFrame:
        """Return the study's table, with the derived MAE of a constant subtracted."""
        constant = claims.constant_test_mae()
        return claims.REPORTED.assign(
            test_mae_minus_constant=claims.REPORTED["test_mae"] - constant
        )

    def forest(self, *, control: bool = True) -> Figure:
        """Return Test MAE of all predictors, the constant as reference."""
        models = [model for model in self.test.models if model not in (CONSTANT, CONSTANT_MEAN)]
        rows = over_seeds.forest_rows(self.test, models)
        if control:
            permuted = self.scores("test", "permuted")
            extra = over_seeds.forest_rows(permuted, permuted.models)
            extra = extra.assign(label=extra["label"] + PERMUTED, model="permuted labels")
            rows = pd.concat([rows, extra], ignore_index=True)
        shown = figures.forest_of_seeds(
            {"": rows}, references={"": self.test.summary(CONSTANT).value}, xlabel=XLABEL
        )
        runs = [result.spec for result in (*self.results, *(self.permuted if control else ()))]
        return figures.stated(shown, self.cohort, runs=runs)

    @property
    def of_the_four(self) -> list[RunSpec]:
        """The runs of the study's four."""
        return [result.spec for result in self.results if result.spec.model in MODELS]

    def verdict(self) -> Markdown:
        """Return how many of the trained variants are told from the constant."""
        against = {m: self.test.difference(m, CONSTANT) for m in study.VARIED}
        lower = [name for name, d in against.items() if d.high < 0]
        higher = [name for name, d in against.items() if d.low > 0]
        oracle = self.test.difference(ORACLE, CONSTANT)
        return report.say(
            f"Of {len(against)} variants, {len(lower)} have a Test MAE below that of the constant "
            f"by an interval that excludes zero, and {len(higher)} above it. The constant has "
            f"{self.test.summary(CONSTANT).value:.2f} points, the oracle "
            f"{self.test.summary(ORACLE).value:.2f}: a difference of "
            f"{evaluation.signed(oracle)}."
        )

    def spread(self) -> Markdown:
        """Return what seeds and what persons contribute to the spread."""
        four = list(MODELS)
        return report.say(
            f"{over_seeds.spread_sentence(self.test, four)} "
            f"{over_seeds.components_sentence(self.test, four)}"
        )

    @cached_property
    def family(self) -> list[Comparison]:
        """The differences in Test MAE between the study's four, two at a time."""
        return compare(self.test, combinations(MODELS, 2))

    def spread_table(self) -> pd.DataFrame:
        """Return what seeds and persons contribute to the MAE of each variant, and its ranks."""
        table = over_seeds.spread_table(self.test, study.VARIED)
        ranks = self.test.ranks(list(MODELS))
        counts = {m: [int((ranks[m] == place).sum()) for place in range(1, 5)] for m in ranks}
        said = {m: ", ".join(map(str, count)) for m, count in counts.items()}
        return table.assign(**{"seeds at rank 1, 2, 3, 4": table["variant"].map(said).fillna("")})

    def pairs(self) -> pd.DataFrame:
        """Return that family for print."""
        return comparison_table(self.family)

    def margins(self) -> Markdown:
        """Return the two margins of equivalence in points."""
        named = [f"{name} ({half:.2f} points)" for name, half in margins(self.test).items()]
        return report.say(
            f"The margins here: {report.listed(named)}. The MCID is {100 * MCID_SHARE:g} % of the "
            f"score, and the mean Test label is {self.test.y.mean():.2f}."
        )

    def differences_figure(self) -> Figure:
        """Return the bootstrap distributions of the pairs' differences, and the persons' own."""
        rows = [
            figures.PairedRow(
                label=f"{one.first}\nminus {one.second}",
                resampled=resampled_difference(self.test, one.first, one.second),
                persons=person_differences(self.test, one.first, one.second),
                value=one.difference.value,
                low=one.difference.low,
                high=one.difference.high,
            )
            for one in self.family
        ]
        shown = figures.paired_differences(
            rows, margins=margins(self.test), xlabel="difference in Test MAE, BDI-II points"
        )
        return figures.stated(shown, self.cohort, runs=self.of_the_four)

    @cached_property
    def against(self) -> dict[str, list[Comparison]]:
        """Every variant against the mean over frames and against the constant: a family each."""
        return {
            reference: compare(self.test, [(m, reference) for m in study.VARIED if m != reference])
            for reference in (MEAN, CONSTANT)
        }

    def paired_verdict(self) -> Markdown:
        """Return how many pairs can be told apart, and how many can be called equivalent."""
        different = [one for one in self.family if one.different]
        uncorrected = sum(over_seeds.excludes_zero(one.difference) for one in self.family)
        widest = max((one.difference.high - one.difference.low) / 2 for one in self.family)
        named = report.listed([one.name for one in different])
        equivalent = {
            margin: [one for one in self.family if one.equivalent[margin]]
            for margin in margins(self.test)
        }
        within = report.listed(
            [f"{len(found)} within {margin}" for margin, found in equivalent.items()]
        )
        n = len(self.family)
        undecided = sum(not one.different and one.verdict == "undecided" for one in self.family)
        return report.say(
            f"{uncorrected} of {n} intervals exclude zero. Corrected for the {n} tests, "
            f"{len(different)} of {n} pairs differ{f' ({named})' if different else ''}. Shown to "
            f"be equivalent: {within}. {undecided} of {n} are neither. The intervals reach up to "
            f"{widest:.1f} points to either side."
        )

    def against_verdict(self) -> Markdown:
        """Return which variants differ from the mean over frames and from the constant."""
        parts = []
        for reference, family in self.against.items():
            lower = [c.first for c in family if c.different and c.difference.value < 0]
            higher = [c.first for c in family if c.different and c.difference.value > 0]
            parts.append(
                f"{len(lower)} of {len(family)} have a lower MAE than {over_seeds.said(reference)}"
                f"{over_seeds.named(lower)} and {len(higher)} a higher one"
                f"{over_seeds.named(higher)}"
            )
        return report.say(f"{'; '.join(parts)}. Each family is corrected for its size.")

    def ranking(self) -> Markdown:
        """Return how stable a ranking from one seed would have been."""
        return report.say(over_seeds.ranking_sentence(self.test, list(MODELS)))

    def dev_against_test(self) -> pd.DataFrame:
        """Return Dev and Test MAE and PCC, means over seeds, and the gaps."""
        epochs = {m: [r.epoch for r in self.results if r.spec.model == m] for m in study.VARIED}
        rows = []
        for labels in ("true", "permuted"):
            dev, test = self.scores("dev", labels), self.scores("test", labels)
            for model in dev.models:
                gaps = test.values(model) - dev.values(model)
                chosen = epochs.get(model) if labels == "true" else None
                rows.append(
                    {
                        "predictor": model,
                        "labels": labels,
                        "epochs": f"{min(chosen)} to {max(chosen)}" if chosen else "",
                        "Dev MAE": dev.summary(model).value,
                        "Test MAE": test.summary(model).value,
                        "gap": gaps.mean(),
                        "gap, SD between seeds": f"{gaps.std(ddof=1):.2f}" if len(gaps) > 1 else "",
                        "Dev PCC": dev.summary(model, "pcc").value,
                        "Test PCC": test.summary(model, "pcc").value,
                    }
                )
        return pd.DataFrame(rows)

    def dev_verdict(self) -> Markdown:
        """Return the mean gap of the four with true and permuted labels, beside the constant's."""
        table = self.dev_against_test()
        constant = table[table["predictor"] == CONSTANT]["gap"].item()
        means = (
            table[table["predictor"].isin(MODELS)]
            .groupby("labels")[["gap", "Dev PCC", "Test PCC"]]
            .mean()
        )
        true, permuted = means.loc["true"], means.loc["permuted"]
        return report.say(
            f"From Dev to Test the MAE of the four changes by {true['gap']:+.2f} points on average "
            f"with true labels and by {permuted['gap']:+.2f} with permuted ones (one seed). That "
            "of the constant, for which nothing was chosen, changes by "
            f"{constant:+.2f}: so much is the difference between the two splits. The mean Dev PCC "
            "is "
            f"{true['Dev PCC']:.2f} and {permuted['Dev PCC']:.2f}, the mean Test PCC "
            f"{true['Test PCC']:.2f} and {permuted['Test PCC']:.2f}."
        )

    def scatter(self) -> Figure:
        """Return predictions against labels on Test, one panel a model, all seeds."""
        test = self.table[self.table["split"] == "test"]
        shown = figures.scatter_of_seeds({m: test[test["model"] == m] for m in MODELS})
        return figures.stated(shown, self.cohort, runs=self.of_the_four)

    @cached_property
    def errors(self) -> Errors:
        """Where the predictions are off on Test."""
        return Errors(self.test, self.table, self.results)

    @cached_property
    def monitor(self) -> Monitor:
        """The spread of the predictions by epoch."""
        return Monitor(self.results, self.permuted)

    def agreement(self) -> pd.DataFrame:
        """Train the four at one seed on this machine, or load what it trained, and compare."""
        return again.table(study.published(study.live_specs()), self.size)
