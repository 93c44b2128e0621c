"""The bias of the output layer, fitted anew for a person by ridge regression.

With all weights but the bias b of the last layer frozen, the residuals r_1 .. r_k of k earlier
sessions give b by least squares with a penalty, sum_i (r_i - b)^2 + lam b^2 (Hoerl and Kennard
1970), so b = sum_i r_i / (k + lam) = k / (k + lam) times their mean. That is also the best linear
prediction of a person's offset if lam is the ratio of the variance within persons to that between
(Robinson 1991). lam = 0 takes the mean as it is, lam = inf leaves the model alone. It is chosen on
Dev persons, by MAE over a fixed grid; Test never chooses.

Leakage is ruled out in three ways. A prediction uses sessions with a smaller number only, so never
its own label. Sessions in Train are refused: the model was fitted to their labels, so its
residuals there say little of what it gets wrong elsewhere. And nothing is clipped or rescaled by
what Test holds. Sessions in Dev may be used, although Dev chose the epoch.
"""

from collections.abc import Collection, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from deplib.adaptation.sessions import earlier_sessions
from deplib.errors import ResultError
from deplib.metrics import mae

LAMBDAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, float("inf"))
"""Penalties to choose from: with lam earlier sessions, half of their mean residual is added."""
HELD_OUT = ("dev", "test")
"""Splits whose earlier sessions may be used: the model was fitted to none of their labels."""
Without = Literal["drop", "keep"]
"""A recording without an earlier session is left out, or keeps its prediction."""
COLUMNS = ("recording", "person", "split", "bdi", "bdi_hat", "model", "seed")


def adapt(
    table: pd.DataFrame,
    *,
    support: Collection[str] = HELD_OUT,
    grid: Sequence[float] = LAMBDAS,
    without: Without = "drop",
) -> pd.DataFrame:
    """Return the Test predictions of each run, shifted by the person's earlier residuals.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, ``model``, ``seed``: runs below
        each other, as ``deplib.evaluation.predictors`` returns them. Sessions are read from the
        recordings' names, or from a column ``session``.
    support
        Splits whose earlier sessions calibrate the Test predictions.
    grid
        Penalties to choose from on Dev; a single one is taken without looking at Dev.
    without
        What becomes of a Test recording without an earlier session in ``support``.

    Returns
    -------
    DataFrame
        The Test rows with ``bdi_hat`` adapted, the prediction before as ``bdi_hat_before``,
        ``earlier`` (how many sessions were used) and ``lam`` of the run. Not clipped to 0-63.

    Raises
    ------
    ResultError
        If a column is missing, a recording occurs twice in a run, a value is not finite, Train is
        in ``support``, the grid has no penalty or a negative one, a name has no session, Dev has no
        recording with an earlier one in Dev to choose by, or no Test recording is left.
    """
    _check(table, support, grid, without)
    parts = []
    for (model, seed), run in table.groupby(["model", "seed"], sort=False):
        twice = run["recording"][run["recording"].duplicated()]
        if len(twice):
            raise ResultError(f"{model}, seed {seed}: recording {twice.iloc[0]} occurs twice")
        try:
            lam = choose(run[run["split"] == "dev"], grid)
        except ResultError as error:
            raise ResultError(f"{model}, seed {seed}: {error}") from error
        test = run[run["split"] == "test"]
        before = earlier_sessions(test, run[run["split"].isin(list(support))])
        shifted = test.assign(
            bdi_hat=test["bdi_hat"] + _weight(before.n, lam) * before.residual,
            bdi_hat_before=test["bdi_hat"],
            earlier=before.n,
            lam=lam,
        )
        shifted = shifted if without == "keep" else shifted[before.n > 0]
        if shifted.empty:
            raise ResultError(
                f"{model}, seed {seed}: of {len(test)} Test recordings none has an earlier session "
                f"in {', '.join(support)}: there is nothing to adapt to"
            )
        parts.append(shifted)
    return pd.concat(parts, ignore_index=True)


def choose(dev: pd.DataFrame, grid: Sequence[float] = LAMBDAS) -> float:
    """Return the penalty with the lowest MAE on Dev recordings with an earlier session in Dev.

    Parameters
    ----------
    dev
        The Dev rows of one run, as ``adapt`` takes them.
    grid
        Penalties; of equals the largest, so that nothing is adapted without a reason. A single one
        is returned as it is.

    Raises
    ------
    ResultError
        If no Dev recording has an earlier session in Dev, or a name has no session.
    """
    penalties = sorted(set(grid), reverse=True)
    if len(penalties) == 1:
        return float(penalties[0])
    before = earlier_sessions(dev, dev)
    later = before.n > 0
    if not later.any():
        raise ResultError(
            f"of {len(dev)} Dev recordings none has an earlier session in Dev, so no penalty can "
            "be chosen: give a single one as grid, or a split whose Dev persons recur"
        )
    y, y_hat = dev["bdi"].to_numpy(float)[later], dev["bdi_hat"].to_numpy(float)[later]
    n, residual = before.n[later], before.residual[later]
    errors = [mae(y, y_hat + _weight(n, lam) * residual) for lam in penalties]
    return float(penalties[int(np.argmin(errors))])  # the first of equals


def _weight(n: np.ndarray, lam: float) -> np.ndarray:
    """Return k / (k + lam), 0 where there is no session."""
    k = n.astype(float)
    return np.where(k > 0, k / np.where(k > 0, k + lam, 1.0), 0.0)


def _check(
    table: pd.DataFrame, support: Collection[str], grid: Sequence[float], without: str
) -> None:
    missing = [name for name in COLUMNS if name not in table]
    if missing or table.empty:
        raise ResultError(
            f"the table of runs lacks {missing or 'rows'}; join `deplib.evaluation.recordings` of "
            "some results"
        )
    unfit = sorted(set(support) - set(HELD_OUT))
    if unfit or not support:
        raise ResultError(
            f"earlier sessions cannot come from {', '.join(unfit) or 'no split'}: the model was "
            f"fitted to the labels of Train, so only {', '.join(HELD_OUT)} can be used"
        )
    if not len(grid) or not all(lam >= 0 for lam in grid):
        raise ResultError(f"the penalties {list(grid)} must be one or more numbers from 0 to inf")
    if without not in get_args(Without):
        raise ResultError(f"without is {without!r}; choose from {', '.join(get_args(Without))}")
    values = table[["bdi", "bdi_hat"]].to_numpy(float)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise ResultError(
            f"recording {table.loc[bad, 'recording'].iloc[0]} has a label or prediction that is "
            "not finite: leave it out of the table"
        )
