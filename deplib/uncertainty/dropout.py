"""Monte Carlo dropout: the spread of one run over stochastic passes, as an SD a recording.

Dropout that stays on at prediction draws from an approximate posterior over the weights (Gal and
Ghahramani 2016). Their predictive variance adds the noise of the label, 1/tau; the
spread alone, as here, is what the model does not know of itself.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from deplib import evaluation
from deplib.errors import ResultError
from deplib.results import SPREAD_COLUMN as COLUMN
from deplib.results import Result

TOLERANCE = 1e-5  # relative, between windows of a recording: rounding of what was written


def dropout(results: Sequence[Result]) -> pd.DataFrame:
    """Return the predictions and SDs of runs that were predicted with dropout on.

    Parameters
    ----------
    results
        Runs whose ``predictions`` have a column ``y_sd``.

    Returns
    -------
    DataFrame
        One row a recording and run, as ``deplib.evaluation.recordings`` has them, and ``bdi_sd`` in
        BDI-II points.

    Raises
    ------
    ResultError
        If there is no run, or in one the column is missing, differs between the windows of a
        recording, is negative or not finite.
    """
    if not results:
        raise ResultError("there is no run to take SDs from")
    return pd.concat([_of_run(result) for result in results], ignore_index=True)


def _of_run(result: Result) -> pd.DataFrame:
    run = f"{result.spec.model}, seed {result.spec.seed}"
    if COLUMN not in result.predictions:
        raise ResultError(
            f"{run}: its predictions have no column {COLUMN}; train it with the recipe `dropout`"
        )
    windows = result.predictions
    values = windows[COLUMN].to_numpy(float)
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        row = windows[bad].iloc[0]
        raise ResultError(f"{run}: recording {row['recording']} has {COLUMN} {row[COLUMN]}")
    of_recording = windows.groupby("recording", sort=False)[COLUMN].agg(["min", "max"])
    apart = of_recording["max"] - of_recording["min"] > TOLERANCE * of_recording["max"]
    if apart.any():
        raise ResultError(
            f"{run}: recording {of_recording.index[apart][0]} has another {COLUMN} in each window; "
            "it must be the SD of the recording's prediction, not of a window's"
        )
    table = evaluation.recordings(result)
    return table.assign(bdi_sd=table["recording"].map(of_recording["max"]) * result.label_std)
