"""Recordings whose person appears in Train, and those of new persons: two different tasks."""

import pandas as pd

from deplib import evaluation
from deplib.evaluation import CONSTANT
from deplib.models import MODELS


class KnownPersons:
    """The Dev and Test recordings by whether Train has the same person.

    Parameters
    ----------
    recordings
        The cohort's table.
    table
        What ``deplib.evaluation.predictors`` returns.
    """

    def __init__(self, recordings: pd.DataFrame, table: pd.DataFrame) -> None:
        by_recording = recordings.set_index("recording")
        in_train = by_recording.loc[by_recording["split"] == "train", "person"]
        self.held_out = by_recording[by_recording["split"] != "train"]
        self.known = self.held_out["person"].isin(in_train)
        chosen = table[(table["split"] != "train") & table["model"].isin([*MODELS, CONSTANT])]
        errors = chosen.assign(error=(chosen["bdi_hat"] - chosen["bdi"]).abs())
        over_seeds = errors.pivot_table(index="recording", columns="model", values="error")  # mean
        self.errors = over_seeds.loc[self.held_out.index, [*MODELS, CONSTANT]]

    def table(self) -> pd.DataFrame:
        """Return the MAE of each model, mean over seeds, by split and by known or new."""
        rows = []
        for split in ("dev", "test"):
            for known in (True, False):
                part = self.errors[(self.held_out["split"] == split) & (self.known == known)]
                row: dict[str, object] = {
                    "split": split,
                    "person in Train": "yes" if known else "no",
                }
                row |= {"recordings": len(part)} | {
                    str(m): value for m, value in part.mean().items()
                }
                rows.append(row)
        return pd.DataFrame(rows)

    def differences(self) -> tuple[evaluation.Difference, evaluation.Difference]:
        """Return absolute error minus the constant's, mean over the four models and their seeds.

        The first is of Dev and Test recordings whose person appears in Train, the second of all
        others.
        """
        excess = self.errors[list(MODELS)].mean(axis=1) - self.errors[CONSTANT]
        on_known, on_new = (
            evaluation.mean_over_persons(excess[part], self.held_out.loc[part, "person"])
            for part in (self.known, ~self.known)
        )
        return on_known, on_new

    def sentence(self) -> str:
        """Return how far the four models are from the constant on known and on new persons."""
        shares = self.known.groupby(self.held_out["split"]).mean()
        on_known, on_new = self.differences()
        return (
            "Averaged over the four models, their seeds, Dev and Test, the absolute error differs "
            f"from the constant's by {evaluation.signed(on_known)} points where the person appears "
            f"in Train, and by {evaluation.signed(on_new)} where not. Of the Dev recordings "
            f"{100 * shares['dev']:.0f} % are of persons in Train, of the Test recordings "
            f"{100 * shares['test']:.0f} %."
        )
