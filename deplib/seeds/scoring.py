"""From a table of predictions to ``Scores``: what does not fit together is refused."""

import numpy as np
import pandas as pd

from deplib.errors import ResultError
from deplib.evaluation import RESAMPLES, SEED
from deplib.metrics import METRICS
from deplib.seeds.scores import Scores
from deplib.statistics import bootstrap_distribution

LABEL_TOLERANCE = 1e-3  # BDI-II points: results keep six digits of the z-scored labels
COLUMNS = ["recording", "person", "bdi", "model", "seed"]  # and bdi_hat


def score(table: pd.DataFrame, *, n_resamples: int = RESAMPLES, seed: int = SEED) -> Scores:
    """Score every run of a table on the same recordings and the same resamples of persons.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``bdi``, ``bdi_hat``, ``model``, ``seed``; one row a recording
        and run, as ``deplib.evaluation.recordings`` returns them, of one split.
    n_resamples, seed
        Resamples of persons, and the state that draws them.

    Raises
    ------
    ResultError
        If the table is empty or lacks a label, a person or a name, a recording occurs twice in a
        run, a run lacks one that another has, or two runs give it different labels or persons.
    ValueError
        If a value is infinite, or there is one person only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = pd.DataFrame({"recording": [*"abcd"], "person": [*"ppqr"], "bdi": [3., 9., 20., 31.]})
    >>> runs = [one.assign(bdi_hat=rng.normal(15, 5, 4), model="m", seed=k) for k in range(3)]
    >>> scores = score(pd.concat(runs))
    >>> scores.summary("m").n_runs, scores.n_persons
    (3, 3)
    """
    if table.empty:
        raise ResultError("there is no run to score: the table is empty")
    missing = table[COLUMNS].isna().any()
    if missing.any():
        raise ResultError(
            f"some rows have no {missing.idxmax()}: every prediction needs all of {COLUMNS}"
        )
    if table.duplicated(["recording", "model", "seed"]).any():
        raise ResultError("a recording occurs twice in one run: score one split, each run once")
    runs = {
        key: run.set_index("recording")["bdi_hat"]
        for key, run in table.groupby(["model", "seed"], sort=False)
    }
    wide = pd.DataFrame(runs).sort_index()
    if wide.isna().any(axis=None):
        model, k = list(runs)[int(wide.isna().any().argmax())]
        raise ResultError(
            f"{model} at seed {k} does not have the recordings of the other runs, or predicts nan "
            "for one; models are compared on the same recordings only"
        )
    recordings = table.groupby("recording").agg(
        person=("person", "first"),
        n_persons=("person", "nunique"),
        bdi=("bdi", "first"),
        lowest=("bdi", "min"),
        highest=("bdi", "max"),
    )
    if (recordings["highest"] - recordings["lowest"] > LABEL_TOLERANCE).any():
        raise ResultError("two runs give different labels to the same recording")
    if (recordings["n_persons"] > 1).any():
        raise ResultError("two runs name different persons for the same recording")
    y, persons = recordings["bdi"].to_numpy(), recordings["person"].to_numpy()
    predictions, rng = wide.to_numpy().T, np.random.default_rng(seed)
    exact = {name: [metric(y, y_hat) for y_hat in predictions] for name, metric in METRICS.items()}
    return Scores(
        runs=pd.DataFrame(list(runs), columns=["model", "seed"]).assign(**exact),
        resampled=bootstrap_distribution(y, predictions, persons, n_resamples=n_resamples, rng=rng),
        y=y,
        predictions=predictions,
        persons=persons,
        seed=seed,
    )
