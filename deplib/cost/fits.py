"""Exponents of cost against length, with intervals, beside those that an order would show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "O(1)": np.ones_like,
    "O(N)": lambda n: n,
    "O(N log N)": lambda n: n * np.log(n),
    "O(N^2)": lambda n: n**2,
}
"""Order as the study writes it -> its growth with N, the frames of a window."""

DIGITS = 2
"""Exponents are printed and compared with so many decimals."""


@dataclass(frozen=True)
class Estimate:
    """A value between two bounds; which ones, the function that returns it says."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it as the chapter prints it, ``1.02 [0.97, 1.07]``."""
        value, low, high = (f"{x + 0.0:.{DIGITS}f}" for x in self.rounded())
        return f"{value} [{low}, {high}]"

    def rounded(self) -> tuple[float, float, float]:
        """Return value and bounds as they are printed."""
        return tuple(round(x, DIGITS) + 0.0 for x in (self.value, self.low, self.high))  # type: ignore[return-value]

    def holds(self, value: float) -> bool:
        """Tell whether a value lies within the bounds, compared as printed."""
        _, low, high = self.rounded()
        return low <= round(value, DIGITS) <= high


def exponent(lengths: Sequence[int], cost: Sequence[float]) -> Estimate:
    """Fit cost = c N^a by least squares of the logarithms; return a with its 95 % interval.

    The interval is that of a straight line through few points (Student's t, two degrees of freedom
    fewer than lengths). It holds the noise of the points and also their curvature: where a curve
    is no power of N, the interval is wide.

    Raises
    ------
    ValueError
        If there are fewer than three lengths.

    Examples
    --------
    >>> str(exponent([1, 2, 4], [3, 12, 48]))
    '2.00 [2.00, 2.00]'
    """
    if len(lengths) < 3:
        raise ValueError(f"{len(lengths)} lengths leave no degree of freedom: measure at least 3")
    if np.ptp(cost) == 0:  # scipy has no error for a line without any spread
        return Estimate(0.0, 0.0, 0.0)
    fit = stats.linregress(np.log(lengths), np.log(cost))
    half = float(stats.t.ppf(0.975, len(lengths) - 2) * fit.stderr)
    return Estimate(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half)


def shown_by(order: str, lengths: Sequence[int]) -> float:
    """Return the exponent that the same fit would find if cost grew exactly by an order."""
    return exponent(lengths, ORDERS[order](np.asarray(lengths, dtype=float)).tolist()).value


def local_exponents(lengths: Sequence[int], rounds: Sequence[Sequence[float]]) -> list[Estimate]:
    """Return the slope between each length and the next: log(cost ratio) / log(length ratio).

    Parameters
    ----------
    lengths
        Rising.
    rounds
        One sequence a length: its cost in each round.

    Returns
    -------
    list of Estimate
        From the smallest rounds; the bounds are the lowest and highest slope of a single round,
        between which the value always lies.
    """
    steps = np.diff(np.log(lengths))
    costs = np.log(np.asarray(rounds, dtype=float))  # (lengths, rounds)
    values = np.diff(costs.min(axis=1)) / steps
    single = np.diff(costs, axis=0) / steps[:, None]
    return [
        Estimate(float(value), float(slopes.min()), float(slopes.max()))
        for value, slopes in zip(values, single, strict=True)
    ]


def ratio(rounds: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Return the ratio of the smallest rounds; bounds are the ratios of single rounds."""
    single = np.divide(rounds, reference)
    return Estimate(min(rounds) / min(reference), float(single.min()), float(single.max()))
