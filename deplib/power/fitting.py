"""The error model of trained runs, and how alike two recordings of one person are."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from deplib.errors import ResultError
from deplib.metrics import pcc
from deplib.power.error_model import ErrorModel
from deplib.power.labels import score_mean


def fit(test: pd.DataFrame, models: tuple[str, ...]) -> ErrorModel:
    """Fit the error model to the Test predictions of trained runs.

    Every quantity is the mean over seeds of what single runs show, so that a draw stands for the
    predictions of one run each.

    Parameters
    ----------
    test
        ``recording``, ``person``, ``bdi``, ``bdi_hat``, ``model``, ``seed``: the recordings of one
        split, as ``deplib.evaluation.predictors`` returns them.
    models
        Names in ``test``; all with the same seeds.

    Raises
    ------
    ResultError
        If a model is missing or the models do not have the same recordings and seeds, if a
        prediction is constant, or if no person occurs twice.
    """
    rows = test[test["model"].isin(models)]
    keys = ["recording", "person", "bdi"]
    if rows.duplicated(["recording", "model", "seed"]).any():
        raise ResultError("a recording occurs twice in one run: fit to one split, each run once")
    if missing := set(models) - set(rows["model"]):
        raise ResultError(f"no run of {sorted(missing)}; run `make sweep`")
    wide = rows.pivot_table(index="recording", columns=["model", "seed"], values="bdi_hat")
    people = rows.drop_duplicates("recording").set_index("recording").loc[wide.index, keys[1:]]
    y, person = people["bdi"].to_numpy(), people["person"].to_numpy()
    seeds = sorted(rows["seed"].unique())
    wanted = pd.MultiIndex.from_product([models, seeds])
    if wide.reindex(columns=wanted).isna().any(axis=None):
        raise ResultError(
            "the models do not have the same recordings and seeds, so that their errors cannot be "
            "paired; run `make sweep`"
        )
    runs = wide[wanted].to_numpy().reshape(len(y), len(models), len(seeds))
    if (runs.std(axis=0) == 0).any():
        raise ResultError("a run predicts a constant: its correlation with the label is undefined")
    r = np.array([[pcc(y, run) for run in model.T] for model in runs.transpose(1, 0, 2)])
    a = (y - y.mean())[:, None, None]
    slope = (a * runs).sum(axis=0) / (a**2).sum()
    residual = runs - runs.mean(axis=0) - slope * a
    unit = residual / np.sqrt((residual**2).sum(axis=0))
    shared = np.mean(intraclass_correlation(residual.reshape(len(y), -1), person))
    return ErrorModel(
        names=tuple(models),
        mean=score_mean() + (runs - y[:, None, None]).mean(axis=(0, 2)),
        sd=runs.std(axis=0, ddof=1).mean(axis=1),
        pcc=r.mean(axis=1),
        residual_correlation=np.einsum("nas,nbs->ab", unit, unit) / len(seeds),
        person_share=max(0.0, float(shared)),  # an estimate below 0 stands for none
    )


def intraclass_correlation(values: np.ndarray, persons: ArrayLike) -> np.ndarray:
    """Return the correlation of two recordings of one person, by one-way analysis of variance.

    Parameters
    ----------
    values
        (n_recordings, k): k quantities.
    persons
        Who each recording shows, (n_recordings,).

    Returns
    -------
    ndarray, shape (k,)
        ICC(1) (Shrout & Fleiss 1979) for unequal group sizes; nan for a constant.

    Raises
    ------
    ResultError
        If no person occurs twice, or there is one person only.
    """
    code, names = pd.factorize(np.asarray(persons))
    size = np.bincount(code)
    n, k = len(code), len(names)
    if k < 2 or k == n:
        raise ResultError(
            f"{n} recordings of {k} persons: the correlation within persons needs two persons at "
            "least, and one of them twice"
        )
    means = np.stack([np.bincount(code, column) for column in values.T], axis=1) / size[:, None]
    between = (size[:, None] * (means - values.mean(axis=0)) ** 2).sum(axis=0) / (k - 1)
    within = ((values - means[code]) ** 2).sum(axis=0) / (n - k)
    typical = (n - (size**2).sum() / n) / (k - 1)
    with np.errstate(invalid="ignore"):
        return (between - within) / (between + (typical - 1) * within)
