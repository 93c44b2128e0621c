"""The chapter on implications: where the information gets lost, and what the targets mean."""

from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from deplib import baselines, claims, evaluation, report, seeds, study
from deplib.cohorts.simulated import LATENTS
from deplib.models import MODELS, build, n_parameters
from deplib.protocol import Protocol

CONSTANT = "constant (Train median)"
BEHAVIOUR = "ridge on true behaviour, mean and SD"


class ImplicationsPage:
    """A ladder of predictors from nothing to the truth, and the study's targets beside it."""

    def __init__(self, world: str = "default") -> None:
        self.cohort = study.open_cohort(world)
        self.table = self.cohort.recordings[["recording", "person", "split", "bdi"]]
        wanted = (*MODELS, *study.RIDGE)
        specs = [spec for spec in study.grid_specs(world) if spec.model in wanted]
        runs = pd.concat(map(evaluation.recordings, study.published(specs)), ignore_index=True)
        self.ridge = {name: runs[runs["model"] == name] for name in study.RIDGE}
        four = runs[runs["model"].isin(MODELS)]
        self.scores = {s: seeds.score(four[four["split"] == s]) for s in ("dev", "test")}

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort)

    def _behaviour(self) -> np.ndarray:
        """Return mean and SD over time of the true motion, (n_recordings, 2 * channels)."""
        limit = Protocol().sequence_length
        tracks = [self.cohort.trajectories(r)[:limit] for r in self.table["recording"]]
        return np.array([np.concatenate([t.mean(axis=0), t.std(axis=0)]) for t in tracks], float)

    @cached_property
    def rungs(self) -> dict[str, pd.DataFrame]:
        """Predictions on every rung of the ladder, by its name."""
        latents = self.cohort.truth[[latent.name for latent in LATENTS]].to_numpy()
        behaviour = self._behaviour()
        varying = behaviour.std(axis=0) > 0
        return {
            CONSTANT: baselines.constant(self.table).predictions,
            "ridge on embeddings, mean": self.ridge["RidgeMean"],
            "ridge on embeddings, mean and SD": self.ridge["RidgeMeanSD"],
            BEHAVIOUR: baselines.ridge(behaviour[:, varying], self.table).predictions,
            "ridge on the true latents": baselines.ridge(latents, self.table).predictions,
            "oracle": evaluation.oracle(self.cohort),
        }

    def ladder(self) -> pd.DataFrame:
        """Return the Test scores of each rung, with intervals."""
        rows = [
            {"predictor": name, **evaluation.with_intervals(table[table["split"] == "test"])}
            for name, table in self.rungs.items()
        ]
        return evaluation.printable(pd.DataFrame(rows))

    def ladder_verdict(self) -> Markdown:
        """Return what the step from embeddings to true behaviour is worth."""
        test = {name: table[table["split"] == "test"] for name, table in self.rungs.items()}
        step = evaluation.paired_mae(test[BEHAVIOUR], test["ridge on embeddings, mean and SD"])
        oracle = evaluation.paired_mae(test["oracle"], test[CONSTANT])
        return report.say(
            "From the mean and SD of the embeddings to the mean and SD of the true behaviour the "
            f"Test MAE changes by {evaluation.signed(step)} points; from the constant to the "
            f"oracle by {evaluation.signed(oracle)}."
        )

    def identity_verdict(self) -> Markdown:
        """Return how well the same person's other score predicts, where there is one."""
        earlier = self.table[self.table["split"] != "test"].groupby("person")["bdi"].mean()
        test = self.table[self.table["split"] == "test"]
        seen = test[test["person"].isin(earlier.index)]
        lookup = seen.assign(bdi_hat=seen["person"].map(earlier))
        constant = baselines.constant(self.table).predictions
        constant = constant[constant["recording"].isin(seen["recording"])]
        difference = evaluation.paired_mae(lookup, constant)
        return report.say(
            f"For the {len(seen)} Test recordings whose person appears in Train or Dev, the "
            f"person's mean score there has a Test MAE of {evaluation.mae_of(lookup):.1f}, the "
            f"constant {evaluation.mae_of(constant):.1f}: a difference of "
            f"{evaluation.signed(difference)}. A model that recognises persons can use it, "
            "without seeing any depression."
        )

    def _gap(self, name: str) -> float:
        """Return Test MAE minus Dev MAE of a rung."""
        table = self.rungs[name]
        dev, test = (evaluation.mae_of(table[table["split"] == s]) for s in ("dev", "test"))
        return test - dev

    def _of_models(self, split: str, metric: str) -> dict[str, float]:
        """Return one metric of each of the four, mean over seeds."""
        return {model: self.scores[split].summary(model, metric).value for model in MODELS}

    def targets(self) -> pd.DataFrame:
        """Return the study's targets beside what constant, models and oracle reach."""
        test = {
            name: evaluation.with_intervals(self.rungs[name].query("split == 'test'"))
            for name in (CONSTANT, "oracle")
        }
        dev_mae, test_mae = self._of_models("dev", "mae"), self._of_models("test", "mae")
        best_pcc = max(self._of_models("test", "pcc").values())
        least_gap = min(test_mae[model] - dev_mae[model] for model in MODELS)
        largest = max(n_parameters(build(name, seed=0)) for name in MODELS)
        reported = claims.REPORTED
        simulated_constant = test[CONSTANT]["mae"]
        rows = [
            (
                "Test MAE below 9.5",
                f"{reported['test_mae'].min():.2f}",
                f"{claims.constant_test_mae():.2f}",
                f"{min(test_mae.values()):.2f}",
                f"{simulated_constant:.2f}",
                f"{test['oracle']['mae']:.2f}",
            ),
            (
                "Test PCC above 0.30",
                f"{reported['test_pcc'].max():.2f}",
                "undefined",
                f"{best_pcc:.2f}",
                "undefined",
                f"{test['oracle']['pcc']:.2f}",
            ),
            (
                "gap from Dev to Test below 1.0 MAE",
                f"{(reported['test_mae'] - reported['dev_mae']).min():.2f}",
                "not published",
                f"{least_gap:.2f}",
                f"{self._gap(CONSTANT):.2f}",
                f"{self._gap('oracle'):.2f}",
            ),
            ("fewer than 5 M parameters", "1.35 M", "1", f"{largest / 1e6:.2f} M", "1", "none"),
        ]
        return pd.DataFrame(
            rows,
            columns=[
                "target",
                "best of the study (AVEC2014)",
                "constant (AVEC2014, derived)",
                "best of the four, mean over seeds (simulated)",
                "constant (simulated)",
                "oracle (simulated)",
            ],
        )

    def targets_verdict(self) -> Markdown:
        """Return which of the targets a constant meets on the simulated cohort."""
        constant = self.rungs[CONSTANT]
        mae = evaluation.mae_of(constant[constant["split"] == "test"])
        met = [
            name
            for name, reached in (
                ("the MAE", mae < 9.5),
                ("the gap", self._gap(CONSTANT) < 1.0),
                ("the number of parameters", True),
            )
            if reached
        ]
        return report.say(
            f"On the simulated cohort a constant, which learns nothing, meets {len(met)} of these "
            f"four targets: {', '.join(met)}. A target that a constant meets asks for nothing."
        )
