"""The plan for a corpus: which runs there are, and the table of them that may leave the house."""

from functools import partial
from itertools import product
from typing import Any

import pandas as pd

from deplib.baselines import references
from deplib.models import MODELS
from deplib.results import RunSpec
from deplib.statistics import score_runs
from deplib.study.controls import PLANTED
from deplib.study.grid import MEAN, RIDGE, SEEDS, Block

FEWEST = 10
"""Persons of Test below which its scores say too much of one of them."""
_INDEX = ("split_rule", "labels", "model", "minus", "metric")
_COLUMNS = (
    "value",
    "low",
    "high",
    "low_seeds",
    "high_seeds",
    "n_runs",
    "n_recordings",
    "n_persons",
)


def planned(world: str, n_seeds: int = len(SEEDS)) -> list[RunSpec]:
    """Return the runs of the plan: all models under both split rules, and with dealt-out labels."""
    models, seeds = (*MODELS, "MiniRocket", *RIDGE), SEEDS[:n_seeds]
    settings = [{}, {"split_rule": "disjoint"}, *({"labels": labels} for labels in PLANTED)]
    blocks = [Block("ablation", (world,), models, seeds, other) for other in settings]
    blocks.append(Block("ablation", (world,), models, seeds[:1], {"labels": "permuted"}))
    return [spec for block in blocks for spec in block.specs()]


def aggregate(runs: pd.DataFrame) -> pd.DataFrame:
    """Return what may be shared of the plan's runs: scores of Test, no label, prediction or name.

    Parameters
    ----------
    runs
        As `deplib.results.load` returns them.

    Returns
    -------
    DataFrame
        Index: split rule, kind of labels, predictor, what is taken away from its score (nothing,
        or that of TemporalMeanMLP), metric. Columns: mean over runs, 95 % intervals over persons
        and over persons and seeds, and how many of each there are.
    """
    rows: dict[tuple, list] = {}
    for (rule, labels), group in runs.groupby(["split_rule", "labels"], sort=False):
        table = pd.concat([group, references(group.drop_duplicates("recording"))])
        test = table[table["split"] == "test"]
        scores, counted = score_runs(test), test[["recording", "person"]].nunique()
        for model, minus, metric in product(
            scores.models, ("", MEAN), ("mae", "rmse", "pcc", "ccc")
        ):
            if model == minus:
                continue
            of = (model, minus) if minus else (model,)
            found: Any = partial(scores.difference if minus else scores.summary, *of)
            one, both = found(metric), found(metric, draw_seeds=True)
            ends = [one.estimate, one.low, one.high, both.low, both.high]
            rows[rule, labels, model, minus, metric] = [
                *ends,
                scores.summary(model).n_runs,
                *counted,
            ]
    index = pd.MultiIndex.from_tuples(rows, names=_INDEX)
    return pd.DataFrame(rows.values(), index, _COLUMNS).dropna(subset="value").round(3)
