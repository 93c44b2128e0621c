"""Split conformal intervals: how far from the prediction the label lies, as Dev shows it.

The absolute residuals of n calibration recordings and that of a new one are n + 1 numbers in which
the new one has any rank with the same chance, if all are exchangeable. So it is at most the
ceil((n + 1) level)-th smallest of the n with probability ``level`` at least, whatever the model and
the distribution (Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World; Lei,
G'Sell, Rinaldo, Tibshirani and Wasserman 2018, JASA 113, Theorem 2.2).

Two things weaken that guarantee here. The calibration recordings are those of Dev, and Dev also
chose the epoch, so its residuals may be smaller than those on new recordings. And recordings of
one person resemble each other more than those of two, so recordings are not exchangeable. Hence
``deplib.uncertainty.coverage`` measures on Test what the intervals hold.
"""

import math

import numpy as np
from numpy.typing import ArrayLike


def half_width(residuals: ArrayLike, level: float = 0.9) -> float:
    """Return the half-width of an interval that has the same width for every recording.

    Parameters
    ----------
    residuals
        (n_recordings,), label minus prediction on the calibration recordings, BDI-II points;
        their signs do not matter.
    level
        Nominal coverage, between 0 and 1.

    Returns
    -------
    float
        The ceil((n + 1) level)-th smallest absolute residual, BDI-II points.

    Raises
    ------
    ValueError
        If there is no residual or one is not finite, the level is none, or there are too few
        residuals for it: with fewer than level / (1 - level) the interval would be infinite.

    Examples
    --------
    >>> half_width([1, -2, 3, -4, 5, -6, 7, -8, 9], level=0.8)
    8.0
    """
    return _quantile(np.abs(_checked(residuals, "residuals")), level)


def scaled_factor(residuals: ArrayLike, sd: ArrayLike, level: float = 0.9) -> float:
    """Return by how much to multiply an SD a recording, so that the interval holds its level.

    The locally scaled split conformal interval: the quantile is taken of ``|residual| / sd``, and
    the interval is ``prediction +- factor * sd`` (Papadopoulos, Gammerman and Vovk 2008; Lei et
    al. 2018, Section 5.2). An SD that says nothing of the error makes it wide for no reason.

    Parameters
    ----------
    residuals
        As of ``half_width``.
    sd
        (n_recordings,), the predictor's SD on the same recordings; above 0.
    level
        As of ``half_width``.

    Returns
    -------
    float
        The factor, without unit.

    Raises
    ------
    ValueError
        As ``half_width``; and if the vectors are unequal or an SD is 0 or below.

    Examples
    --------
    >>> scaled_factor([1, -2, 3], [1, 1, 3], level=0.75)
    2.0
    """
    r, s = _checked(residuals, "residuals"), _checked(sd, "sd")
    if r.shape != s.shape:
        raise ValueError(f"residuals {r.shape} and sd {s.shape} must be of the same recordings")
    bad = np.flatnonzero(s <= 0)
    if len(bad):
        raise ValueError(
            f"sd[{bad[0]}] is {s[bad[0]]:g}: an SD to divide by must be above 0; use half_width "
            "where a predictor gives no SD"
        )
    return _quantile(np.abs(r) / s, level)


def _quantile(scores: np.ndarray, level: float) -> float:
    """Return the ceil((n + 1) level)-th smallest score."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it must lie between 0 and 1")
    n = len(scores)
    rank = math.ceil(round((n + 1) * level, 9))  # 100 * 0.55 is 55.00000000000001
    if rank > n:
        least = math.ceil(round(level / (1 - level), 9))
        raise ValueError(
            f"{n} residuals are too few for a level of {level:g}: at least {least} are needed; "
            "calibrate on more recordings or lower the level"
        )
    return float(np.sort(scores)[rank - 1])


def _checked(values: ArrayLike, name: str) -> np.ndarray:
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} {vector.shape} must be one vector with a recording at least")
    bad = np.flatnonzero(~np.isfinite(vector))
    if len(bad):
        raise ValueError(f"{name}[{bad[0]}] is {vector[bad[0]]}: leave such recordings out")
    return vector
