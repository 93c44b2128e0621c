"""Deep ensembles: the runs of one model at several seeds as one predictor with an SD.

The members differ in their initial weights and in the order of what they were shown, nothing else
(Lakshminarayanan, Pritzel and Blundell 2017, Section 2.4). Theirs also predict a variance each,
which the mixture adds; members that predict a number only leave the spread between them. It is
what the model does not know of itself, and contains no noise of the label: read as an SD of the
error it is too small.
"""

import numpy as np
import pandas as pd

from deplib import evaluation
from deplib.errors import ResultError
from deplib.evaluation import Difference
from deplib.uncertainty.tables import NEEDED, check_columns

LABEL_TOLERANCE = 1e-3
"""BDI-II points by which a label, scaled to z and back, may differ between two results."""


def ensemble(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and SD of the predictions over the seeds of each model.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, ``model``, ``seed``: runs of one
        or several models below each other, as ``deplib.evaluation.recordings`` gives each.

    Returns
    -------
    DataFrame
        One row a recording and model: ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``
        (the mean), ``bdi_sd`` (between seeds, 1/(n - 1)), ``model``, ``members`` (how many).

    Raises
    ------
    ResultError
        If a column is missing, a model has one seed only, or its seeds differ in their recordings,
        splits or labels.
    """
    check_columns(table, (*NEEDED, "model", "seed"))
    if table.empty:
        raise ResultError("the table holds no run: an ensemble needs two seeds of a model at least")
    return pd.concat(
        [_of_model(str(model), runs) for model, runs in table.groupby("model", sort=False)],
        ignore_index=True,
    )


def gain(table: pd.DataFrame, *, split: str = "test") -> Difference:
    """Return the MAE of one model's ensemble minus the mean MAE of its members.

    Never above 0, by convexity: the error of a mean is at most the mean of the errors.

    Parameters
    ----------
    table
        As of ``ensemble``, of one model.
    split
        Whose recordings are scored.

    Returns
    -------
    Difference
        In BDI-II points, with its 95 % interval over persons.

    Raises
    ------
    ResultError
        As ``ensemble``; and if there are several models, or no recording in the split.
    """
    joined = ensemble(table)
    models = joined["model"].unique()
    if len(models) > 1:
        raise ResultError(f"the table holds {len(models)} models: give one at a time")
    joined = joined[joined["split"] == split].set_index("recording")
    if joined.empty:
        raise ResultError(f"the runs have no {split} recording: nothing to score there")
    here = table[table["split"] == split]
    of_members = (here["bdi_hat"] - here["bdi"]).abs().groupby(here["recording"]).mean()
    apart = (joined["bdi_hat"] - joined["bdi"]).abs() - of_members.reindex(joined.index)
    return evaluation.mean_over_persons(apart, joined["person"])


def _of_model(model: str, runs: pd.DataFrame) -> pd.DataFrame:
    twice = runs.duplicated(["recording", "seed"])
    if twice.any():
        raise ResultError(
            f"{model}: recording {runs.loc[twice, 'recording'].iloc[0]} occurs twice at one seed; "
            "join runs of one world and one split only"
        )
    seeds = runs["seed"].unique()
    if len(seeds) < 2:
        raise ResultError(f"{model} has {len(seeds)} seed: an SD between seeds needs two at least")
    wide = runs.pivot_table(index="recording", columns="seed", values="bdi_hat", sort=False)
    first = runs.drop_duplicates("recording").set_index("recording").loc[wide.index]
    if not np.isfinite(wide.to_numpy()).all():
        raise ResultError(f"{model}: its seeds were not all run on the same recordings")
    own = first.loc[runs["recording"]]
    apart = np.abs(runs["bdi"].to_numpy(float) - own["bdi"].to_numpy(float))
    if (apart > LABEL_TOLERANCE).any() or (runs["split"].to_numpy() != own["split"]).any():
        raise ResultError(f"{model}: its seeds differ in the label or the split of a recording")
    return pd.DataFrame(
        {
            "recording": wide.index,
            "person": first["person"].to_numpy(),
            "split": first["split"].to_numpy(),
            "bdi": first["bdi"].to_numpy(),
            "bdi_hat": wide.mean(axis=1).to_numpy(),
            "bdi_sd": wide.std(axis=1, ddof=1).to_numpy(),
            "model": model,
            "members": len(seeds),
        }
    )
