"""The results chapter: every predictor on the same recordings, with intervals over persons."""

from itertools import combinations

import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.figure import Figure

from deplib import baselines, claims, evaluation, figures, report, study
from deplib.models import MODELS

ORACLE, CONSTANT = "oracle", "constant"


class ResultsPage:
    """The versioned results of one world, and the predictors that need no training."""

    def __init__(self, world: str = "default") -> None:
        self.cohort = study.open_cohort(world)
        results = study.published(study.sweep_specs(world))
        self.results = {(r.spec.model, r.spec.labels): r for r in results}
        self.tables = {key: evaluation.recordings(result) for key, result in self.results.items()}
        self.tables[CONSTANT, "true"] = baselines.constant(self.cohort.recordings).predictions
        self.tables[ORACLE, "true"] = evaluation.oracle(self.cohort)

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort)

    @property
    def n_test(self) -> int:
        """Number of Test recordings."""
        return int((self.cohort.recordings["split"] == "test").sum())

    def split(self, model: str, split: str, labels: str = "true") -> pd.DataFrame:
        """Return one predictor's rows of one split."""
        table = self.tables[model, labels]
        return table[table["split"] == split]

    def rows(self, split: str) -> pd.DataFrame:
        """Return one row a predictor with every metric and its interval, as numbers."""
        rows = []
        for model, labels in self.tables:
            scores = evaluation.with_intervals(self.split(model, split, labels))
            rows.append({"predictor": model, "labels": labels, **scores})
        return pd.DataFrame(rows)

    def table(self, split: str) -> pd.DataFrame:
        """Return the same rows for print, intervals in brackets."""
        return evaluation.printable(self.rows(split))

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

    def forest(
        self, metric: str, *, labels: tuple[str, ...] = ("true", "permuted")
    ) -> pd.DataFrame:
        """Return Test scores in the form that the forest figure takes."""
        rows = self.rows("test")
        rows = rows[rows["labels"].isin(labels) & (rows["predictor"] != CONSTANT)]
        permuted = rows["labels"] == "permuted"
        return pd.DataFrame(
            {
                "label": rows["predictor"] + permuted.map({True: ", permuted labels", False: ""}),
                "model": rows["predictor"].mask(permuted, "permuted labels"),
                "value": rows[metric],
                "low": rows[f"{metric}_low"],
                "high": rows[f"{metric}_high"],
            }
        ).reset_index(drop=True)

    def constant_mae(self) -> float:
        """Return the Test MAE of the Train median."""
        return evaluation.mae_of(self.split(CONSTANT, "test"))

    def paired_differences(self) -> pd.DataFrame:
        """Return the difference in Test MAE of each pair of models, with its interval."""
        rows = []
        for first, second in combinations(MODELS, 2):
            d = evaluation.paired_mae(self.split(first, "test"), self.split(second, "test"))
            rows.append(
                {
                    "pair": f"{first} - {second}",
                    "difference in MAE": d.value,
                    "low": d.low,
                    "high": d.high,
                    "interval excludes 0": "yes" if d.low > 0 or d.high < 0 else "no",
                }
            )
        return pd.DataFrame(rows)

    def against_constant(self) -> dict[str, evaluation.Difference]:
        """Return each model's difference in Test MAE from the constant."""
        constant = self.split(CONSTANT, "test")
        return {
            model: evaluation.paired_mae(self.split(model, "test"), constant) for model in MODELS
        }

    def verdict(self) -> Markdown:
        """Return how many of the models are told from the constant."""
        differences = self.against_constant()
        better = [name for name, d in differences.items() if d.high < 0]
        worse = [name for name, d in differences.items() if d.low > 0]
        return report.say(
            f"Of {len(differences)} models, {len(better)} have a Test MAE that is lower than that "
            f"of the constant by more than chance over persons explains, and {len(worse)} a higher "
            f"one. The oracle reaches {evaluation.mae_of(self.split(ORACLE, 'test')):.2f}, the "
            f"constant {self.constant_mae():.2f}."
        )

    def paired_verdict(self) -> Markdown:
        """Return how many pairs can be told apart."""
        pairs = self.paired_differences()
        apart = int((pairs["interval excludes 0"] == "yes").sum())
        widest = (pairs["high"] - pairs["low"]).max() / 2
        return report.say(
            f"{apart} of {len(pairs)} pairs have an interval that excludes zero, without any "
            f"correction for their number. The intervals reach up to {widest:.1f} points to "
            "either side, so smaller differences could not have been seen."
        )

    def dev_against_test(self) -> pd.DataFrame:
        """Return Dev and Test MAE and PCC of every trained run, and the gaps."""
        rows = []
        for (model, labels), _ in self.results.items():
            dev, test = (
                evaluation.with_intervals(self.split(model, s, labels)) for s in ("dev", "test")
            )
            rows.append(
                {
                    "model": model,
                    "labels": labels,
                    "epoch": self.results[model, labels].epoch,
                    "Dev MAE": dev["mae"],
                    "Test MAE": test["mae"],
                    "gap": test["mae"] - dev["mae"],
                    "Dev PCC": dev["pcc"],
                    "Test PCC": test["pcc"],
                }
            )
        return pd.DataFrame(rows)

    def dev_verdict(self) -> Markdown:
        """Return the mean gap with true and with permuted labels."""
        gaps = self.dev_against_test().groupby("labels")[["gap", "Dev PCC", "Test PCC"]].mean()
        true, permuted = gaps.loc["true"], gaps.loc["permuted"]
        return report.say(
            f"From Dev to Test the MAE changes by {true['gap']:+.2f} points on average with true "
            f"labels and by {permuted['gap']:+.2f} with permuted ones; the mean Dev PCC is "
            f"{true['Dev PCC']:.2f} and {permuted['Dev PCC']:.2f}. A few runs on one split are "
            "examples of what choosing can do, not estimates of it."
        )

    def seen_and_unseen(self) -> pd.DataFrame:
        """Return each trained model's MAE by whether the person appears in Train, and n."""
        _, known = self._held_out()
        rows = []
        for split in ("dev", "test"):
            for seen in (True, False):
                row: dict[str, object] = {
                    "split": split,
                    "person in Train": "yes" if seen else "no",
                }
                for model in (*MODELS, CONSTANT):
                    part = self.split(model, split)
                    part = part[part["recording"].map(known) == seen]
                    row |= {"recordings": len(part), model: evaluation.mae_of(part)}
                rows.append(row)
        return pd.DataFrame(rows)

    def known_and_new(self) -> tuple[evaluation.Difference, evaluation.Difference]:
        """Return absolute error minus the constant's on Dev and Test, mean over the four models.

        The first is of recordings whose person appears in Train, the second of all others.
        """
        held_out, known = self._held_out()
        excess = self._excess_error()[held_out.index]
        on_known, on_new = (
            evaluation.mean_over_persons(excess[part], held_out.loc[part, "person"])
            for part in (known, ~known)
        )
        return on_known, on_new

    def seen_verdict(self) -> Markdown:
        """Return how far the four models are from the constant on known and on new persons."""
        held_out, known = self._held_out()
        shares = known.groupby(held_out["split"]).mean()
        on_known, on_new = self.known_and_new()
        return report.say(
            "Averaged over the four models and over Dev and Test, the absolute error differs from "
            f"the constant's by {evaluation.signed(on_known)} points where the person appears in "
            f"Train, and by {evaluation.signed(on_new)} where not. Of the Dev recordings "
            f"{100 * shares['dev']:.0f} % are of persons in Train, of the Test recordings "
            f"{100 * shares['test']:.0f} %."
        )

    def _held_out(self) -> tuple[pd.DataFrame, pd.Series]:
        """Return the Dev and Test recordings, and whether the person of each is in Train."""
        table = self.cohort.recordings.set_index("recording")
        held_out = table[table["split"] != "train"]
        return held_out, held_out["person"].isin(table.loc[table["split"] == "train", "person"])

    def _excess_error(self) -> pd.Series:
        """Return absolute error minus the constant's a recording, mean over the four models."""
        errors = {
            name: (table["bdi_hat"] - table["bdi"]).abs().set_axis(table["recording"])
            for name, table in ((name, self.tables[name, "true"]) for name in (*MODELS, CONSTANT))
        }
        return pd.DataFrame({name: errors[name] - errors[CONSTANT] for name in MODELS}).mean(axis=1)

    def scatter(self) -> Figure:
        """Return predictions against labels on Test, one panel a model."""
        return figures.prediction_scatter({model: self.split(model, "test") for model in MODELS})
