"""How precise a reported error is at n recordings, from nothing but its MAE and RMSE.

With e_i the errors, ``mean |e|`` is the MAE and ``mean e^2`` the squared RMSE. The variance of
``|e|`` over the recordings is therefore ``RMSE^2 - MAE^2``, exactly and for any distribution; its
root over ``sqrt(n)`` is the standard error of the MAE when recordings are taken as independent.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import gammaln
from scipy.stats import norm

from deplib.claims import N_TEST

LEVEL = 0.95


def sd_of_absolute_error(mae: ArrayLike, rmse: ArrayLike) -> np.ndarray:
    """Return the SD of the absolute errors, ``sqrt(RMSE^2 - MAE^2)``; nan where one is missing.

    Raises
    ------
    ValueError
        If an RMSE is below its MAE, which no set of errors can have.

    Examples
    --------
    >>> sd_of_absolute_error(3.0, 5.0).item()
    4.0
    """
    absolute, square = np.asarray(mae, float), np.asarray(rmse, float)
    if np.any(square < absolute) or np.any(absolute < 0):
        raise ValueError(
            "an RMSE is below its MAE, or an MAE below 0: no set of errors has such a pair. "
            "Check for swapped figures, or for an RMSE averaged over batches."
        )
    return np.sqrt(square**2 - absolute**2)


def half_width(mae: ArrayLike, rmse: ArrayLike, n: int = N_TEST) -> np.ndarray:
    """Return half the width of an approximate 95 % interval of an MAE over ``n`` recordings.

    ``1.96 sqrt(RMSE^2 - MAE^2) / sqrt(n)``. Too narrow when persons recur.

    Raises
    ------
    ValueError
        If ``n`` is below 2, or as ``sd_of_absolute_error``.
    """
    if n < 2:
        raise ValueError(f"{n} recordings have no interval: give at least 2.")
    return norm.ppf(0.5 + LEVEL / 2) * sd_of_absolute_error(mae, rmse) / np.sqrt(n)


def half_width_of_difference(first: pd.Series, second: pd.Series, n: int = N_TEST) -> float:
    """Return half the width of the 95 % interval of a difference of two MAEs, unpaired.

    Parameters
    ----------
    first, second
        Rows with ``mae`` and ``rmse``. Their errors are taken as uncorrelated; on the same
        recordings they rarely are, and a paired comparison, which needs predictions, is narrower.
    """
    widths = [half_width(row["mae"], row["rmse"], n) for row in (first, second)]
    return float(np.hypot(*widths))


def with_intervals(table: pd.DataFrame, n: int = N_TEST) -> pd.DataFrame:
    """Return the table with columns ``sd``, ``low``, ``high`` and ``ratio`` (RMSE / MAE)."""
    width = half_width(table["mae"], table["rmse"], n)
    return table.assign(
        sd=sd_of_absolute_error(table["mae"], table["rmse"]),
        low=table["mae"] - width,
        high=table["mae"] + width,
        ratio=table["rmse"] / table["mae"],
    )


def pairs(table: pd.DataFrame, n: int = N_TEST) -> pd.DataFrame:
    """Return every pair of results with its difference in MAE, unpaired.

    Returns
    -------
    DataFrame
        Columns ``first``, ``second`` (names), ``difference`` (absolute), ``half_width`` and
        ``told_apart`` (the interval excludes zero, without correction for the number of pairs).
    """
    rows = []
    for (_, first), (_, second) in combinations(table.iterrows(), 2):
        difference = abs(first["mae"] - second["mae"])
        width = half_width_of_difference(first, second, n)
        rows.append((first["name"], second["name"], difference, width, difference > width))
    columns = ["first", "second", "difference", "half_width", "told_apart"]
    return pd.DataFrame(rows, columns=columns)


def reruns(table: pd.DataFrame, n: int = N_TEST) -> pd.DataFrame:
    """Return the results that try to reproduce another one, beside what that one reported.

    Returns
    -------
    DataFrame
        Columns ``result``, ``re_run`` (names), ``mae_reported``, ``mae_rerun``, ``gap`` (MAE of
        the re-run minus reported), ``half_width`` of the unpaired difference, ``gap_in_widths``.
    """
    by_name = table.set_index("name")
    rows = []
    for name, again in by_name[by_name["rerun_of"] != ""].iterrows():
        reported = by_name.loc[again["rerun_of"]]
        gap, width = again["mae"] - reported["mae"], half_width_of_difference(reported, again, n)
        rows.append(
            {
                "result": again["rerun_of"],
                "re_run": name,
                "mae_reported": reported["mae"],
                "mae_rerun": again["mae"],
                "gap": gap,
                "half_width": width,
                "gap_in_widths": gap / width,
            }
        )
    return pd.DataFrame(rows).sort_values("gap", ascending=False, ignore_index=True)


def batch_averaged_ratio(batch: int) -> float:
    """Return RMSE / MAE to expect of normal errors when RMSE is averaged over batches.

    The mean of ``sqrt(mean of b squared errors)`` is that of a chi variable with b degrees of
    freedom over ``sqrt(b)``; at b = 1 it is the MAE itself, and for large b it nears
    ``sqrt(pi / 2)`` = 1.25 times the MAE.

    Raises
    ------
    ValueError
        If the batch holds no recording.
    """
    if batch < 1:
        raise ValueError(f"a batch of {batch} holds no recording: give 1 or more.")
    chi = np.sqrt(2) * np.exp(gammaln((batch + 1) / 2) - gammaln(batch / 2))
    return float(chi / np.sqrt(batch) / np.sqrt(2 / np.pi))


def ratio_spread(
    *, rng: np.random.Generator, n: int = N_TEST, n_samples: int = 20_000
) -> tuple[float, float]:
    """Return where RMSE / MAE of ``n`` independent normal errors lies in 95 % of samples."""
    errors = np.abs(rng.standard_normal((n_samples, n)))
    ratios = np.sqrt((errors**2).mean(axis=1)) / errors.mean(axis=1)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
