"""A ladder of predictors from nothing to the truth: where the information gets lost."""

from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown

from deplib import baselines, evaluation, report, study
from deplib.cohorts.simulated import LATENTS
from deplib.protocol import Protocol

CONSTANT = "constant (Train median)"
BEHAVIOUR = "ridge on true behaviour, mean and SD"
EMBEDDINGS = {
    "RidgeMean": "ridge on embeddings, mean",
    "RidgeMeanSD": "ridge on embeddings, mean and SD",
}


class Ladder:
    """Ridge on ever more of the truth, in one world.

    Parameters
    ----------
    world
        One of ``study.WORLDS``.
    """

    def __init__(self, world: str = "default") -> None:
        self.cohort = study.open_cohort(world)
        self.recordings = self.cohort.recordings[["recording", "person", "split", "bdi"]]
        specs = study.training_specs(world, models=list(study.RIDGE))
        self.ridge = {
            result.spec.model: evaluation.recordings(result) for result in study.published(specs)
        }

    def _behaviour(self) -> np.ndarray:
        """Return mean and SD over time of the true motion, (n_recordings, 2 * channels)."""
        limit = Protocol().sequence_length
        tracks = [self.cohort.trajectories(r)[:limit] for r in self.recordings["recording"]]
        return np.array([np.concatenate([t.mean(axis=0), t.std(axis=0)]) for t in tracks], float)

    @cached_property
    def rungs(self) -> dict[str, pd.DataFrame]:
        """Predictions on every rung of the ladder, by its name."""
        latents = self.cohort.truth[[latent.name for latent in LATENTS]].to_numpy()
        behaviour = self._behaviour()
        varying = behaviour.std(axis=0) > 0
        return {
            CONSTANT: baselines.constant(self.recordings).predictions,
            **{name: self.ridge[model] for model, name in EMBEDDINGS.items()},
            BEHAVIOUR: baselines.ridge(behaviour[:, varying], self.recordings).predictions,
            "ridge on the true latents": baselines.ridge(latents, self.recordings).predictions,
            "oracle": evaluation.oracle(self.cohort),
        }

    @cached_property
    def test(self) -> dict[str, pd.DataFrame]:
        """The Test recordings of every rung."""
        return {name: table[table["split"] == "test"] for name, table in self.rungs.items()}

    def table(self) -> pd.DataFrame:
        """Return the Test scores of each rung, with intervals."""
        rows = [
            {"predictor": name, **evaluation.with_intervals(table)}
            for name, table in self.test.items()
        ]
        return evaluation.printable(pd.DataFrame(rows))

    def verdict(self) -> Markdown:
        """Return what the step from embeddings to true behaviour is worth."""
        step = evaluation.paired_mae(self.test[BEHAVIOUR], self.test[EMBEDDINGS["RidgeMeanSD"]])
        oracle = evaluation.paired_mae(self.test["oracle"], self.test[CONSTANT])
        return report.say(
            f"In `{self.cohort.world.name}`, from the mean and SD of the embeddings to the mean "
            "and SD of the true behaviour the Test MAE changes by "
            f"{evaluation.signed(step)} points; from the constant to the oracle by "
            f"{evaluation.signed(oracle)}."
        )
