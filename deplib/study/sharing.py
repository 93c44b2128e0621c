"""What of the runs on one's own corpus may leave the house: scores of many persons, no more."""

from functools import partial
from itertools import product
from typing import Any

import pandas as pd

from deplib.baselines import references
from deplib.statistics import score_runs
from deplib.study.grid import MEAN

FEWEST = 10
"""Persons of Test below which its scores say too much of one of them."""
MEASURES = ("mae", "rmse", "pcc", "ccc")


def aggregate(runs: pd.DataFrame) -> pd.DataFrame:
    """Return what may be shared of the plan's runs: scores of Test, no label, prediction or name.

    Parameters
    ----------
    runs
        As `deplib.results.load` returns them.

    Returns
    -------
    DataFrame
        A row for each split rule, kind of labels, predictor, metric, and what is taken away from
        the score (nothing, or that of TemporalMeanMLP): mean over runs, 95 % intervals over
        persons and over persons and seeds, and how many of each there are.
    """
    rows = []
    for (rule, labels), group in runs.groupby(["split_rule", "labels"], sort=False):
        table = pd.concat([group, references(group.drop_duplicates("recording"))])
        scores = score_runs(table[table["split"] == "test"])
        about = {"split_rule": rule, "labels": labels, "n_recordings": len(scores.y)}
        about["n_persons"] = len(set(scores.persons))
        for model, minus, name in product(scores.models, ("", MEAN), MEASURES):
            if model != minus:
                of = (model, minus, name) if minus else (model, name)
                found: Any = partial(scores.difference if minus else scores.summary, *of)
                one, both = found(), found(draw_seeds=True)
                row = {"model": model, "minus": minus, "metric": name, "value": one.estimate}
                row |= {"low": one.low, "high": one.high, "n_runs": scores.summary(model).n_runs}
                rows.append(about | row | {"low_seeds": both.low, "high_seeds": both.high})
    return pd.DataFrame(rows).dropna(subset="value").round(3)
