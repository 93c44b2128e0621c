"""The results chapter: every predictor on the same recordings, over seeds and over persons."""

from functools import cache
from itertools import combinations

import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import claims, evaluation, figures, report, seeds, study
from deplib.chapters import over_seeds
from deplib.chapters.known_persons import KnownPersons
from deplib.evaluation import CONSTANT, CONSTANT_MEAN, ORACLE
from deplib.models import MODELS

MEAN = "TemporalMeanMLP"
"""The model without any temporal modelling, which the others must beat."""
PERMUTED = ", permuted"
XLABEL = "Test MAE on the simulated cohort, BDI-II points"


class ResultsPage:
    """The versioned results of the default world, and the predictors that need no training."""

    def __init__(self) -> None:
        self.cohort = study.open_cohort()
        self.results = study.published(study.grid_specs())
        self.table = evaluation.predictors(self.cohort, self.results)
        control = study.published(study.permuted_specs())
        self.control = pd.concat(map(evaluation.recordings, control), ignore_index=True)
        self.known_persons = KnownPersons(self.cohort.recordings, self.table)
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
        return report.badge(self.cohort)

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

    def study_forest(self) -> pd.DataFrame:
        """Return the study's Test MAEs in the form that the forest figure takes."""
        reported = claims.REPORTED
        return pd.DataFrame(
            {
                "label": reported["model"],
                "model": reported["model"],
                "value": reported["test_mae"],
                "low": float("nan"),
                "high": float("nan"),
            }
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
        return figures.forest_of_seeds(
            {"": rows}, references={"": self.test.summary(CONSTANT).value}, xlabel=XLABEL
        )

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
        return report.say(over_seeds.spread_sentence(self.test, list(MODELS)))

    def pairs(self) -> pd.DataFrame:
        """Return the differences in Test MAE between the study's four, two at a time."""
        return over_seeds.differences(self.test, combinations(MODELS, 2))

    def against_mean(self) -> pd.DataFrame:
        """Return the differences in Test MAE of every other variant from the mean over frames."""
        others = [model for model in study.VARIED if model != MEAN]
        return over_seeds.differences(self.test, [(model, MEAN) for model in others])

    def paired_verdict(self) -> Markdown:
        """Return how many pairs can be told apart."""
        pairs, against = self.pairs(), self.against_mean()
        apart = int((pairs["interval excludes 0"] == "yes").sum())
        widest = ((pairs["high"] - pairs["low"]) / 2).max()
        below = int((against["high"] < 0).sum())
        return report.say(
            f"{apart} of {len(pairs)} pairs of the four have an interval that excludes zero, "
            f"without any correction for their number, and {below} of {len(against)} variants an "
            f"MAE below that of {MEAN} in this sense. The intervals of the pairs reach up to "
            f"{widest:.1f} points to either side, so smaller differences could not have been seen."
        )

    def rank_figure(self) -> Figure:
        """Return in how many seeds each of the four has each rank."""
        return figures.rank_counts(self.test.ranks(list(MODELS)))

    def rank_table(self) -> pd.DataFrame:
        """Return the rank of each of the four in each seed."""
        return self.test.ranks(list(MODELS)).reset_index()

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

    def seen_verdict(self) -> Markdown:
        """Return how far the four models are from the constant on known and on new persons."""
        return report.say(self.known_persons.sentence())

    def scatter(self) -> Figure:
        """Return predictions against labels on Test, one panel a model, all seeds."""
        test = self.table[self.table["split"] == "test"]
        return figures.scatter_of_seeds({m: test[test["model"] == m] for m in MODELS})

    def claims(self) -> pd.DataFrame:
        """Return statements of the study beside what the grid shows on the simulated cohort."""
        rows = claims.claims_table(claims.check_on_grid(self.test, self.scores("test", "permuted")))
        return rows.rename(columns={"found": "on the simulated cohort", "verdict": "on AVEC2014"})

    def agreement(self) -> pd.DataFrame:
        """Train the four at one seed on this machine, or load what it trained, and compare."""
        versioned = study.published(study.live_specs())
        live = study.complete(study.live_specs(), study.live_dir())
        compared = map(evaluation.compare, versioned, live)
        return evaluation.agreement_table(list(compared))
