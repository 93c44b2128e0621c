"""What adaptation gains: five predictors on the same later recordings of Test.

Somebody who knows the labels of earlier sessions needs no model to predict a later one: the label
may just be repeated. So the adapted model has three rivals beside itself without adaptation: the
mean of the person's earlier labels (a copy), the same shrunk towards the Train mean, which is the
adaptation of that constant and has its penalty chosen in the same way, and the constant.
"""

from collections.abc import Collection, Sequence

import pandas as pd

from deplib import evaluation
from deplib.adaptation.head import COLUMNS, HELD_OUT, LAMBDAS, adapt
from deplib.errors import ResultError
from deplib.evaluation import Difference

UNADAPTED, ADAPTED = "unadapted", "adapted"
COPY, SHRUNK = "earlier label", "earlier label, shrunk"
CONSTANT = evaluation.CONSTANT
"""The median of the Train labels, which MAE asks for."""


def predictors(
    table: pd.DataFrame,
    *,
    support: Collection[str] = HELD_OUT,
    grid: Sequence[float] = LAMBDAS,
) -> pd.DataFrame:
    """Return the predictions of all runs and their rivals on Test recordings with earlier ones.

    Parameters
    ----------
    table
        As ``adapt`` takes it, with the Train recordings; all runs on one split of one cohort.
    support, grid
        As of ``adapt``.

    Returns
    -------
    DataFrame
        As ``adapt`` returns it, with a column ``predictor``: ``"unadapted"`` and ``"adapted"`` of
        each run; ``"earlier label"``, ``"earlier label, shrunk"`` and ``"constant"`` once, with
        that name as model and seed 0. Every predictor has the same recordings.

    Raises
    ------
    ResultError
        As ``adapt``; and if there is no Train recording, or the runs differ in their recordings.
    """
    adapted = adapt(table, support=support, grid=grid)
    n_runs = adapted.groupby(["model", "seed"]).ngroups
    if (adapted.groupby("recording").size() != n_runs).any():
        raise ResultError(
            "the runs were not scored on the same recordings: join those of one split"
        )
    model, seed = table[["model", "seed"]].iloc[0]
    one = table.loc[(table["model"] == model) & (table["seed"] == seed), list(COLUMNS)]
    if "session" in table:
        one = one.assign(session=table.loc[one.index, "session"])
    train = one.loc[one["split"] == "train", "bdi"]
    if train.empty:
        raise ResultError("the table has no Train recording, so it says nothing of a constant")
    mean = one.assign(bdi_hat=train.mean(), seed=0)
    copied = adapt(mean, support=support, grid=(0.0,))
    shrunk = adapt(mean, support=support, grid=grid)
    constant = copied.assign(
        bdi_hat=train.median(), bdi_hat_before=train.median(), earlier=0, lam=float("nan")
    )
    parts = [
        adapted.assign(bdi_hat=adapted["bdi_hat_before"], predictor=UNADAPTED),
        adapted.assign(predictor=ADAPTED),
        *(
            rows.assign(predictor=name, model=name)
            for name, rows in ((COPY, copied), (SHRUNK, shrunk), (CONSTANT, constant))
        ),
    ]
    return pd.concat(parts, ignore_index=True)


def differences(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the MAE of each adapted model minus that of each rival, means over its seeds.

    Parameters
    ----------
    predictions
        What ``predictors`` returns.

    Returns
    -------
    DataFrame
        One row a model and rival: ``model``, ``rival``, ``mae`` (adapted), ``mae_rival``,
        ``difference`` with ``low`` and ``high``, its 95 % interval over persons. Last come the
        adapted models together, as ``"all"``, if there are several.
    """
    adapted = predictions[predictions["predictor"] == ADAPTED]
    groups = {str(model): rows for model, rows in adapted.groupby("model", sort=False)}
    if len(groups) > 1:
        groups["all"] = adapted
    rows = []
    for name, own in groups.items():
        for rival in (UNADAPTED, SHRUNK, COPY, CONSTANT):
            other = predictions[predictions["predictor"] == rival]
            if rival == UNADAPTED and name != "all":
                other = other[other["model"] == name]
            found = difference(own, other)
            rows.append(
                {
                    "model": name,
                    "rival": rival,
                    "mae": _errors(own).mean(),
                    "mae_rival": _errors(other).mean(),
                    "difference": found.value,
                    "low": found.low,
                    "high": found.high,
                }
            )
    return pd.DataFrame(rows)


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Return MAE(first) - MAE(second) on the same recordings, each the mean over its runs.

    Parameters
    ----------
    first, second
        ``recording``, ``person``, ``bdi``, ``bdi_hat``, of one or several runs each.

    Returns
    -------
    Difference
        In BDI-II points, with its 95 % interval over persons.

    Raises
    ------
    ResultError
        If the two are not of the same recordings.
    """
    one, other = _errors(first), _errors(second)
    if set(one.index) != set(other.index):
        raise ResultError(
            f"the tables hold {len(one)} and {len(other)} recordings, and not the same ones: a "
            "paired difference needs that"
        )
    persons = first.drop_duplicates("recording").set_index("recording")["person"]
    return evaluation.mean_over_persons(one - other.reindex(one.index), persons[one.index])


def residuals(table: pd.DataFrame) -> pd.DataFrame:
    """Return how large the residuals are in each split: why Train sessions calibrate nothing.

    A model that is fitted to a label has a smaller residual there than on a recording it never
    saw; an offset learnt from it would be too small.

    Parameters
    ----------
    table
        As ``adapt`` takes it.

    Returns
    -------
    DataFrame
        One row a model and split: ``model``, ``split``, ``n`` (recordings), ``mae``, and ``sd`` of
        the residuals (1/(n - 1)), means over seeds, BDI-II points.
    """
    rows = table.assign(residual=table["bdi"] - table["bdi_hat"], size=1)
    rows["error"] = rows["residual"].abs()
    runs = rows.groupby(["model", "split", "seed"], sort=False).agg(
        n=("size", "sum"), mae=("error", "mean"), sd=("residual", "std")
    )
    found = runs.groupby(level=["model", "split"], sort=False).mean().reset_index()
    return found.assign(n=found["n"].astype(int))


def _errors(table: pd.DataFrame) -> pd.Series:
    """Return the absolute error of each recording, mean over runs."""
    return (table["bdi_hat"] - table["bdi"]).abs().groupby(table["recording"], sort=False).mean()
