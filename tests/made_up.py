"""Results that nobody trained: for pages whose sentences must follow whatever the results are."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from deplib import study
from deplib.cohorts.base import Cohort
from deplib.results import PREDICTION_COLUMNS, Result, RunSpec
from deplib.streams import ENCODED, parse
from deplib.streams.join import lacking
from deplib.windows import split_as

EPOCHS = 6
PLAIN = (RunSpec.features, RunSpec.recipe)

Predict = Callable[[RunSpec, pd.DataFrame, np.random.Generator], np.ndarray]
"""(run, its windows with y, rng) -> z-scored predictions of the windows."""


def guess(spec: RunSpec, windows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Predict noise around the mean: nothing is known."""
    return rng.normal(0, 0.4, len(windows))


def made_up(spec: RunSpec, cohort: Cohort, predict: Predict = guess) -> Result:
    """Return a result of the right form, two windows a recording."""
    table = split_as(cohort.recordings, spec.split_rule)
    if spec.missing and not set(parse(spec.features)) & set(ENCODED):
        hidden = lacking(table, spec.missing, rng=np.random.default_rng(0))
        table = table[~table["recording"].isin(hidden)]
    train = table.loc[table["split"] == "train", "bdi"]
    mean, sd = float(train.mean()), float(train.std(ddof=0))
    options = "".join(str(v) for v in (spec.features, spec.recipe) if v not in PLAIN)
    seed = [ord(c) for c in f"{spec.model}{spec.world}{spec.labels}{options}"]
    rng = np.random.default_rng([*seed, spec.seed])
    bdi = table["bdi"]
    if spec.labels == "permuted":
        shuffle = np.random.default_rng(0)
        bdi = bdi.groupby(table["split"]).transform(lambda part: shuffle.permutation(part))
    windows = table[["recording", "person", "split"]].assign(window=0, y=(bdi - mean) / sd)
    windows = pd.concat([windows, windows.assign(window=1)], ignore_index=True)
    history = pd.DataFrame({"epoch": range(1, EPOCHS + 1), "dev_mae": 9.0, "collapsed": False})
    history["dev_sigma_ratio"] = np.linspace(0.02, 0.5, EPOCHS) + 0.01 * spec.seed
    predictions = windows.assign(y_hat=predict(spec, windows, rng))[PREDICTION_COLUMNS]
    if spec.recipe == "dropout":
        spread = pd.Series(rng.uniform(0.1, 0.9, len(table)), index=table["recording"].to_numpy())
        predictions = predictions.assign(y_sd=predictions["recording"].map(spread))
    return Result(
        spec=spec,
        key="0" * 64,
        predictions=predictions,
        history=history if spec.model not in study.RIDGE else pd.DataFrame(),
        epoch=1 + spec.seed % EPOCHS,
        chosen_by="dev_mae",
        label_mean=mean,
        label_std=sd,
        n_parameters=1000,
    )


def publishing(predict: Predict = guess) -> Callable[[list[RunSpec]], list[Result]]:
    """Return what stands in for ``study.published``."""
    cohorts: dict[str, Cohort] = {}

    def published(specs: list[RunSpec]) -> list[Result]:
        for world in {spec.world for spec in specs} - set(cohorts):
            cohorts[world] = study.open_cohort(world)
        return [made_up(spec, cohorts[spec.world], predict) for spec in specs]

    return published
