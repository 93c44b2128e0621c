"""What a reported correlation, spread and error determine about predictions that nobody published.

For labels of SD ``S``, predictions of SD ``s S``, correlation ``r`` and mean error ``b``::

    RMSE^2 = S^2 (1 + s^2 - 2 s r) + b^2

which is the variance of a difference and holds for any distribution.
"""

import numpy as np
from scipy import stats
from scipy.optimize import brentq

LARGEST_ERROR = 63.0
"""BDI-II points, the length of the scale."""
GAUSSIAN = float(np.sqrt(2 / np.pi))
"""MAE over RMSE of errors that are Gaussian without bias, 0.80."""


def rmse_without_bias(r: float, s: float, sd: float) -> float:
    """Return the RMSE that remains if the mean error is 0: the least that r and s allow.

    >>> round(rmse_without_bias(0.0, 0.0, 11.48), 2), rmse_without_bias(1.0, 1.0, 11.48)
    (11.48, 0.0)
    """
    return float(sd * np.sqrt(max(1 + s * s - 2 * s * r, 0.0)))


def rmse_rescaled(r: float, sd: float) -> float:
    """Return the least RMSE of any linear rescaling of the predictions: ``S sqrt(1 - r^2)``.

    It is reached where they have the right mean and ``s = |r|``.
    """
    return float(sd * np.sqrt(1 - r * r))


def least_error_sd(mae: float, r: float, sd: float, s: float | None = None) -> float:
    """Return the least SD of the absolute errors: ``sqrt(RMSE^2 - MAE^2)`` without bias.

    A bias only raises the RMSE, and with it this SD; 0 where the MAE shows that there is one.
    Without ``s`` it is the least for predictions of any spread.
    """
    rmse = rmse_rescaled(r, sd) if s is None else rmse_without_bias(r, s, sd)
    return float(np.sqrt(max(rmse**2 - mae**2, 0.0)))


def can_be(mae: float, r: float, s: float, sd: float) -> bool:
    """Return whether an MAE can go with r and s, if no error exceeds the scale.

    As ``e^2 <= 63 |e|``, the MAE is at least ``RMSE^2 / 63``. It has no upper bound but the scale
    itself, for the bias is not known.
    """
    return rmse_without_bias(r, s, sd) ** 2 / LARGEST_ERROR <= mae <= LARGEST_ERROR


def candidates_by_chance(r: float, n: int, chance: float = 0.5) -> int:
    """Return of how many independent candidates without any signal the best reaches r.

    Parameters
    ----------
    r
        The correlation with n labels that the best of them is to reach.
    n
        Independent recordings.
    chance
        With what probability.

    >>> candidates_by_chance(0.0, 50)
    1
    """
    t = r * np.sqrt((n - 2) / (1 - r * r))
    single = stats.t.sf(t, n - 2)
    return int(np.ceil(np.log1p(-chance) / np.log1p(-single)))


def williams_t(r_a: float, r_b: float, r_ab: float, n: int) -> float:
    """Return Williams's t of two correlations with the same labels (Steiger 1980, equation 7).

    Parameters
    ----------
    r_a, r_b
        Of each model's predictions with the labels.
    r_ab
        Between the predictions of the two models.
    n
        Independent recordings; the t has n - 3 degrees of freedom.
    """
    determinant = 1 - r_a**2 - r_b**2 - r_ab**2 + 2 * r_a * r_b * r_ab
    middle = (r_a + r_b) / 2
    scale = 2 * (n - 1) / (n - 3) * determinant + middle**2 * (1 - r_ab) ** 3
    return float((r_a - r_b) * np.sqrt((n - 1) * (1 + r_ab) / scale))


def agreement_needed(r_a: float, r_b: float, n: int, *, alpha: float = 0.05) -> float | None:
    """Return from which correlation between two models' predictions on r_a differs from r_b.

    Two-sided at level alpha; None if it does at none that is possible.

    >>> agreement_needed(0.2, 0.2, 50) is None
    True
    """
    room = np.sqrt((1 - r_a**2) * (1 - r_b**2))
    low, high = r_a * r_b - room + 1e-9, r_a * r_b + room - 1e-9
    bound = stats.t.isf(alpha / 2, n - 3)

    def beyond(r_ab: float) -> float:
        return abs(williams_t(r_a, r_b, r_ab, n)) - bound

    if beyond(high) < 0:
        return None
    return float(low if beyond(low) > 0 else brentq(beyond, low, high))


def detectable(sd: float, n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the mean of paired differences that a test of n finds with the stated power.

    >>> round(detectable(3.0, 50), 2), round(detectable(6.0, 50), 2)
    (1.19, 2.38)
    """
    return float((stats.norm.isf(alpha / 2) + stats.norm.ppf(power)) * sd / np.sqrt(n))


def possible_sds(values: np.ndarray, decimals: int) -> dict[str, tuple[float, float]]:
    """Return the least and greatest SD of numbers that round to these, by convention.

    A rounded value is off by at most half a unit of its last digit, and by the triangle inequality
    the SD of n numbers moves by at most ``half`` (1/n) or ``half sqrt(n / (n - 1))`` (1/(n-1)).
    """
    half, n = 0.5 * 10.0**-decimals, len(values)
    bounds = {}
    for name, ddof in (("population", 0), ("sample", 1)):
        sd, slack = float(np.std(values, ddof=ddof)), half * np.sqrt(n / (n - ddof))
        bounds[name] = (sd - slack, sd + slack)
    return bounds
