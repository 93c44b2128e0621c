"""What trained models gain from persons they know: within one split, and between two."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from deplib import evaluation
from deplib.errors import ResultError
from deplib.evaluation import CONSTANT, Difference
from deplib.identity import difference_of_means
from deplib.models import MODELS
from deplib.splits import known
from deplib.study import RIDGE


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
        self.known = known(recordings)
        self.held_out = recordings.set_index("recording").loc[self.known.index]
        chosen = table[(table["split"] != "train") & table["model"].isin([*MODELS, CONSTANT])]
        errors = chosen.assign(error=(chosen["bdi_hat"] - chosen["bdi"]).abs())
        over_seeds = errors.pivot_table(index="recording", columns="model", values="error")  # mean
        self.errors = over_seeds.loc[self.held_out.index, [*MODELS, CONSTANT]]

    def table(self) -> pd.DataFrame:
        """Return the MAE of each model, mean over seeds, by split and by known or new."""
        rows = []
        for split in ("dev", "test"):
            for is_known in (True, False):
                part = self.errors[(self.held_out["split"] == split) & (self.known == is_known)]
                row: dict[str, object] = {
                    "split": split,
                    "person in Train": "yes" if is_known else "no",
                }
                row |= {"recordings": len(part)} | {
                    str(m): value for m, value in part.mean().items()
                }
                rows.append(row)
        return pd.DataFrame(rows)

    def differences(self) -> tuple[Difference, Difference, Difference]:
        """Return absolute error minus the constant's, mean over the four models and their seeds.

        The first is of Dev and Test recordings whose person appears in Train, the second of all
        others, the third the first minus the second.
        """
        excess = self.errors[list(MODELS)].mean(axis=1) - self.errors[CONSTANT]
        persons = self.held_out["person"]
        first, second = excess[self.known], excess[~self.known]
        on_known, on_new = (
            evaluation.mean_over_persons(part, persons[part.index]) for part in (first, second)
        )
        rng = np.random.default_rng(evaluation.SEED)
        return on_known, on_new, difference_of_means(first, second, persons, rng=rng)

    def sentence(self) -> str:
        """Return how far the four models are from the constant on known and on new persons."""
        shares = self.known.groupby(self.held_out["split"]).mean()
        on_known, on_new, between = self.differences()
        return (
            "Averaged over the four models, their seeds, Dev and Test, the absolute error differs "
            f"from the constant's by {evaluation.signed(on_known)} points where the person appears "
            f"in Train, and by {evaluation.signed(on_new)} where not. The first minus the "
            f"second is {evaluation.signed(between)}: "
            f"{evaluation.reading(between, 'below', 'above')} zero. Of the Dev recordings "
            f"{100 * shares['dev']:.0f} % are of persons in Train, of the Test recordings "
            f"{100 * shares['test']:.0f} %."
        )


class TwoSplits:
    """The same models on the official and on a person-disjoint split, each against its constant.

    Parameters
    ----------
    tables
        ``official`` and ``disjoint`` -> what ``deplib.evaluation.predictors`` returns for it.

    Raises
    ------
    ResultError
        If the two were not trained at the same seeds.
    """

    models = (*MODELS, *RIDGE)

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self.errors: dict[str, pd.DataFrame] = {}
        persons: dict[str, str] = {}
        seeds = {}
        for split, table in tables.items():
            test = table[table["split"] == "test"]
            runs = test[test["model"].isin(self.models)]
            seeds[split] = set(zip(runs["model"], runs["seed"], strict=True))
            errors = test.assign(error=(test["bdi_hat"] - test["bdi"]).abs())
            self.errors[split] = errors.pivot_table(
                index="recording", columns="model", values="error"
            )
            persons |= dict(zip(test["recording"], test["person"], strict=True))
        if seeds["official"] != seeds["disjoint"]:
            raise ResultError(
                "the runs on the official and on the person-disjoint split differ in models or "
                "seeds; compare the same ones, or run `make sweep`"
            )
        self.persons = pd.Series(persons)

    def excess(self, split: str, *models: str) -> pd.Series:
        """Return absolute error minus the constant's a Test recording, mean over models, seeds."""
        errors = self.errors[split]
        return errors[list(models)].mean(axis=1) - errors[CONSTANT]

    def against_constant(self, split: str, *models: str) -> Difference:
        """Return the mean of that, with its interval over persons."""
        excess = self.excess(split, *models)
        return evaluation.mean_over_persons(excess, self.persons[excess.index])

    def change(self, *models: str) -> Difference:
        """Return that on the person-disjoint split minus that on the official one."""
        return difference_of_means(
            self.excess("disjoint", *models),
            self.excess("official", *models),
            self.persons,
            rng=np.random.default_rng(evaluation.SEED),
        )

    def table(self) -> pd.DataFrame:
        """Return both splits and the change, a model, then the four together."""
        chosen = {model: (model,) for model in self.models} | {"the four, mean": tuple(MODELS)}
        return pd.DataFrame(
            {
                "model": name,
                **{
                    f"{split}: {title}": value
                    for split in ("official", "disjoint")
                    for title, value in (
                        ("Test MAE", self.errors[split][list(models)].mean(axis=None)),
                        (
                            "minus the constant's",
                            evaluation.signed(self.against_constant(split, *models)),
                        ),
                    )
                },
                "change": evaluation.signed(self.change(*models)),
            }
            for name, models in chosen.items()
        )

    def sentence(self) -> str:
        """Return what a person-disjoint split changes for the four, against their constants."""
        change = self.change(*MODELS)
        n = {split: len(errors) for split, errors in self.errors.items()}
        return (
            f"From the official split ({n['official']} Test recordings) to the person-disjoint one "
            f"({n['disjoint']}), the four models change against their constants by "
            f"{evaluation.signed(change)} points on average: "
            f"{evaluation.reading(change, 'below', 'above')} zero. Above zero means worse where "
            "nobody is known."
        )
