"""BDI-II's own measurement error, and the accuracy that it allows."""

from itertools import starmap

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from deplib.constant import TEST_SD

MEAN_OF_ABSOLUTE_NORMAL = float(np.sqrt(2 / np.pi))
"""Mean absolute value of a standard normal variable, about 0.798."""

RELIABILITIES = (
    (0.73, "lowest of the studies reviewed"),
    (0.93, "retest after one week"),
    (0.96, "highest of the studies reviewed"),
)
"""Published retest reliabilities of BDI-II (Wang and Gorenstein 2013)."""

CLINICIAN_R = 0.71
"""Published correlation of BDI-II with the Hamilton interview (Wang and Gorenstein 2013)."""


def standard_error_of_measurement(reliability: float, sd: float = TEST_SD) -> float:
    """Return ``SD sqrt(1 - r)``, the SD of a score around the person's true score.

    Raises
    ------
    ValueError
        If the reliability is outside [0, 1] or the SD not positive.

    Examples
    --------
    >>> round(standard_error_of_measurement(0.93), 2)
    3.04
    """
    if not 0 <= reliability <= 1 or not sd > 0:
        raise ValueError(
            f"reliability {reliability} or SD {sd} is out of range: give 0 to 1, and a positive SD."
        )
    return float(sd * np.sqrt(1 - reliability))


def smallest_rmse(correlation: ArrayLike, sd: float = TEST_SD) -> np.ndarray:
    """Return ``SD sqrt(1 - r^2)``: no predictor that correlates r with the labels has less.

    It is the RMSE of the best linear function of the predictor, on the very recordings that ``sd``
    (with 1/n) and ``correlation`` were computed on.

    Raises
    ------
    ValueError
        If a correlation is outside [-1, 1].
    """
    r = np.asarray(correlation, float)
    if np.any(np.abs(r) > 1):
        raise ValueError("a correlation is outside [-1, 1]: check the figures.")
    return sd * np.sqrt(1 - r**2)


def best_mae(correlation: float, sd: float = TEST_SD) -> float:
    """Return the MAE of the best predictor that correlates r with the labels, normal errors."""
    return float(MEAN_OF_ABSOLUTE_NORMAL * smallest_rmse(correlation, sd))


def implied_correlation(rmse: ArrayLike, sd: float = TEST_SD) -> np.ndarray:
    """Return the least ``|r|`` with the labels that an RMSE implies, ``sqrt(1 - (RMSE / SD)^2)``.

    An RMSE at or above the SD implies nothing, and 0 is returned.
    """
    explained = 1 - (np.asarray(rmse, float) / sd) ** 2
    return np.sqrt(np.clip(explained, 0, None))


def label_floor(sd: float = TEST_SD) -> pd.DataFrame:
    """Return the standard error of a BDI-II score and the MAE that it alone causes.

    Returns
    -------
    DataFrame
        Columns ``reliability``, ``where_from``, ``standard_error`` and ``mae``, in points; the
        mean absolute value of a normal error is ``sqrt(2 / pi)`` of its SD.
    """
    columns = ["reliability", "where_from", "standard_error", "mae"]

    def row(reliability: float, source: str) -> tuple[float, str, float, float]:
        error = standard_error_of_measurement(reliability, sd)
        return reliability, source, error, MEAN_OF_ABSOLUTE_NORMAL * error

    return pd.DataFrame(list(starmap(row, RELIABILITIES)), columns=columns)
