"""Power by formula, recordings of one person counted for what they are worth.

``n`` recordings of which some show the same person carry as much about a mean as ``n / design``
independent ones (Kish 1965): the effective number, from which everything else follows.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.power import TTestPower

from deplib.cohorts.simulated import MAX_SESSIONS
from deplib.power.labels import persons_of

_Z_CRITICAL = float(stats.norm.isf(0.025))


def sessions_beside(n_recordings: int, n_persons: int | None = None) -> float:
    """Return how many recordings a recording's person has, on average over recordings.

    ``E m^2 / E m`` for the draw of ``deplib.power.labels.draw_persons``, m sessions a person.

    >>> round(sessions_beside(50, 40), 3), sessions_beside(50, 50)
    (1.43, 1.0)
    """
    n_persons = persons_of(n_recordings) if n_persons is None else n_persons
    if not 2 <= n_persons <= n_recordings <= MAX_SESSIONS * n_persons:
        raise ValueError(
            f"{n_recordings} recordings of {n_persons} persons: at least 2 persons are needed, "
            f"with 1 to {MAX_SESSIONS} recordings each"
        )
    # Further sessions are hypergeometric: drawn from tickets of which a person holds three.
    share, tickets = 1 / n_persons, (MAX_SESSIONS - 1) * n_persons
    drawn = n_recordings - n_persons
    mean = drawn * share
    variance = mean * (1 - share) * (tickets - drawn) / (tickets - 1)
    return ((1 + mean) ** 2 + variance) * n_persons / n_recordings


def effective_n(n_recordings: int, within_person: float, n_persons: int | None = None) -> float:
    """Return how many independent recordings carry as much about a mean.

    Parameters
    ----------
    n_recordings
        Of ``n_persons`` persons; by default as many as ``deplib.power.labels.persons_of`` says.
    within_person
        Correlation of the averaged quantity between two recordings of a person. For a Pearson
        correlation near 0 it is the product of those of label and prediction.

    >>> effective_n(50, 0.0), round(effective_n(50, 1.0), 1)
    (50.0, 35.0)
    """
    if not 0 <= within_person <= 1:
        raise ValueError(f"within_person is {within_person}; it lies from 0 to 1")
    return n_recordings / (1 + (sessions_beside(n_recordings, n_persons) - 1) * within_person)


def power_of_difference(difference: float, sd: float, n: float) -> float:
    """Return the power of a two-sided paired t test at 5 %.

    Parameters
    ----------
    difference, sd
        True mean of the paired differences and their SD, in one unit.
    n
        Effective number of recordings.
    """
    if difference == 0:
        return 0.05
    effect = abs(difference) / _positive(sd)
    power = float(TTestPower().power(effect, n, 0.05))
    # scipy's noncentral t ends at some 37 standard errors, where the power is 1 to all digits.
    return 1.0 if np.isnan(power) and n >= 4 and effect * np.sqrt(n) > 30 else power


def detectable_difference(sd: float, n: float, *, power: float = 0.8) -> float:
    """Return the true difference that the paired t test at 5 % finds with that power.

    >>> round(detectable_difference(3.0, 50), 2)
    1.21
    """
    _check_power(power)

    def short(effect: float) -> float:
        return power_of_difference(effect, 1.0, n) - power

    return _positive(sd) * _root(short, 1e-3 / np.sqrt(n))


def recordings_for_difference(
    difference: float, sd: float, within_person: float, *, power: float = 0.8
) -> int:
    """Return how many recordings the paired t test at 5 % needs, persons as in the Test split.

    At least four, whatever the difference.

    >>> recordings_for_difference(1.21, 3.0, 0.0)
    51
    """
    _check_power(power)
    if not difference > 0:
        raise ValueError(f"difference is {difference}; a number of recordings needs one above 0")
    effect = difference / _positive(sd)

    def short(n: float) -> float:
        return power_of_difference(effect, 1.0, n) - power

    return _recordings(_root(short, 4.0), within_person)


def wrong_order(difference: float, sd: float, n: float) -> float:
    """Return the probability that the truly better model has the larger mean error in a sample.

    Normal approximation; parameters as in ``power_of_difference``.

    >>> wrong_order(0.0, 3.0, 50), round(wrong_order(0.5, 3.0, 50), 3)
    (0.5, 0.119)
    """
    return float(stats.norm.cdf(-abs(difference) * np.sqrt(n) / _positive(sd)))


def half_width(sd: float, n: float) -> float:
    """Return half of the 95 % interval of a mean, by Student's t.

    >>> round(half_width(6.5, 50), 2)
    1.85
    """
    return float(stats.t.isf(0.025, n - 1) * _positive(sd) / np.sqrt(n))


def power_of_correlation(rho: float, n: float) -> float:
    """Return the power of the two-sided test of a Pearson correlation at 5 %, by Fisher's z.

    >>> round(power_of_correlation(0.0, 50), 3), round(power_of_correlation(0.4, 50), 2)
    (0.05, 0.83)
    """
    if not -1 < rho < 1:
        raise ValueError(f"rho is {rho}; it must lie between -1 and 1")
    z = np.arctanh(rho) * np.sqrt(_fisher(n))
    return float(stats.norm.cdf(z - _Z_CRITICAL) + stats.norm.cdf(-z - _Z_CRITICAL))


def detectable_correlation(n: float, *, power: float = 0.8) -> float:
    """Return the true correlation that this test finds with that power.

    >>> round(detectable_correlation(50), 3)
    0.387
    """
    _check_power(power)
    _fisher(n)
    return float(optimize.brentq(lambda r: power_of_correlation(r, n) - power, 0, 1 - 1e-12))


def recordings_for_correlation(rho: float, within_person: float, *, power: float = 0.8) -> int:
    """Return how many recordings this test needs, persons as in the Test split.

    >>> recordings_for_correlation(0.387, 0.0)
    51
    """
    _check_power(power)
    if not 0 < rho < 1:
        raise ValueError(f"rho is {rho}; a number of recordings needs one between 0 and 1")

    def short(n: float) -> float:
        return power_of_correlation(rho, n) - power

    return _recordings(_root(short, 4.0), within_person)


def _root(short: Callable[[float], float], low: float) -> float:
    """Return where an increasing function passes 0, or ``low`` if it is not below 0 there.

    statsmodels' own solver finds no root for some sizes.
    """
    if short(low) >= 0:
        return low
    high = 2 * low
    while short(high) < 0:
        high *= 2
    return float(optimize.brentq(short, low, high))


def _recordings(n: float, within_person: float) -> int:
    """Return the smallest number of recordings with that effective number."""
    count = max(3, math.ceil(n))
    for _ in range(3):  # the design effect hardly depends on the number: it settles at once
        count = max(3, math.ceil(n * count / effective_n(count, within_person)))
    return count


def _positive(sd: float) -> float:
    if not sd > 0:
        raise ValueError(f"sd is {sd}; it must be above 0")
    return sd


def _check_power(power: float) -> None:
    if not 0.05 < power < 1:
        raise ValueError(f"power is {power}; it must lie between the level, 0.05, and 1")


def _fisher(n: float) -> float:
    if not n > 3:
        raise ValueError(f"n is {n}; Fisher's z needs more than 3")
    return n - 3
