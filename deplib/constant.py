"""What predicting one constant scores on AVEC2014's Test split, from published statistics alone.

A README states share and mean of each severity band among the Test labels, to two decimals
(``claims.TEST_BANDS``). Labels are whole numbers, so at n = 50 the number of labels and their sum
are known exactly in each band, and with them the MAE of any constant that has whole bands on
either side. For other constants the sums and the limits of the bands leave sharp bounds. No single
label is known here or needed.
"""

from fractions import Fraction

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from deplib.claims import N_TEST, TEST_BANDS
from deplib.cohorts.base import BANDS

TEST_SD = 11.48
"""SD of the AVEC2014 Test labels as published (umayrah-mm/Depression-Severity-Estimation); whether
with 1/n or 1/(n - 1) is not said."""
HALF_A_DIGIT = 0.005
"""How far a figure of two decimals can be from what was rounded."""


def band_sums(bands: pd.DataFrame = TEST_BANDS, n: int = N_TEST) -> pd.DataFrame:
    """Return how many of ``n`` labels each band holds, and their sum: both are whole numbers.

    Parameters
    ----------
    bands
        Columns ``band``, ``share``, ``mean_bdi``, rounded to two decimals.

    Returns
    -------
    DataFrame
        Columns ``band``, ``lowest``, ``highest`` (limits of the band), ``count`` and ``total``.

    Raises
    ------
    ValueError
        If a share is no whole number of labels, or if no whole sum, or more than one, rounds to
        the mean stated.
    """
    limits = {name: (low, high) for name, low, high in BANDS}
    rows = []
    for band, share, mean in bands[["band", "share", "mean_bdi"]].itertuples(index=False):
        count = round(share * n)
        if abs(share * n - count) > 1e-6:
            raise ValueError(
                f"{band}: a share of {share} is no whole number of {n} labels. Check n and shares."
            )
        width = HALF_A_DIGIT + 1e-9
        first, last = np.ceil((mean - width) * count), np.floor((mean + width) * count)
        if first != last:
            raise ValueError(
                f"{band}: {int(last - first + 1)} whole sums of {count} labels round to a mean of "
                f"{mean}, not one. Check the mean, or give it to more decimals."
            )
        rows.append((band, *limits[band], count, int(first)))
    return pd.DataFrame(rows, columns=["band", "lowest", "highest", "count", "total"])


def exact_mae(constant: int | Fraction) -> Fraction:
    """Return the Test MAE of a constant from 13 to 14 as a fraction: nothing is rounded.

    Raises
    ------
    ValueError
        If the constant lies within a band, where only ``mae_bounds`` can be given.
    """
    c = Fraction(constant)
    total = Fraction(0)
    for _, lowest, highest, count, summed in band_sums().itertuples(index=False):
        if lowest < c < highest:
            raise ValueError(
                f"constant {float(c):g} lies within a band ({lowest} to {highest}): its labels can "
                "be on both sides. Use mae_bounds."
            )
        total += abs(summed - count * c)
    return total / N_TEST


def mae_bounds(constant: float) -> tuple[float, float]:
    """Return the smallest and the largest Test MAE that a constant can have, both attained.

    The sum of ``|y - c|`` over the labels of a band, whose number, sum and limits are given, is
    smallest when the labels are as equal as whole numbers can be, and largest when all but one lie
    at a limit, since the first arrangement is majorised by every other and the second majorises it.

    Raises
    ------
    ValueError
        If the constant is not finite.
    """
    if not np.isfinite(constant):
        raise ValueError(f"constant {constant} is not finite: give BDI-II points.")
    low = high = 0.0
    for _, lowest, highest, count, total in band_sums().itertuples(index=False):
        low += np.abs(_equal(count, total) - constant).sum()
        high += np.abs(_extreme(lowest, highest, count, total) - constant).sum()
    return float(low / N_TEST), float(high / N_TEST)


def _equal(count: int, total: int) -> np.ndarray:
    """Return ``count`` whole numbers of the given sum that differ by one at most."""
    small, more = divmod(total, count)
    return np.full(count, small) + (np.arange(count) < more)


def _extreme(lowest: int, highest: int, count: int, total: int) -> np.ndarray:
    """Return ``count`` whole numbers of the given sum, all but one of them at a limit."""
    at_top, rest = divmod(total - count * lowest, highest - lowest)
    labels = np.full(count, lowest)
    labels[:at_top] = highest
    if at_top < count:
        labels[at_top] += rest
    return labels


def surely_below(mae: float) -> tuple[float, float]:
    """Return the range of constants whose Test MAE is below ``mae`` whatever the single labels.

    Raises
    ------
    ValueError
        If no constant is: ``mae`` must exceed the smallest MAE of a constant.
    """
    best = float(exact_mae(13))
    if not mae > best:
        raise ValueError(f"no constant has a Test MAE below {mae}: the smallest is {best:.2f}.")

    def excess(constant: float) -> float:
        return mae_bounds(constant)[1] - mae

    return brentq(excess, -100, 13), brentq(excess, 14, 163)


def label_sd() -> tuple[float, float]:
    """Return the smallest and largest SD (with 1/n) of the Test labels that ``TEST_SD`` allows."""
    smaller = (TEST_SD - HALF_A_DIGIT) * np.sqrt((N_TEST - 1) / N_TEST)
    return float(smaller), TEST_SD + HALF_A_DIGIT


def rmse_bounds(constant: float) -> tuple[float, float]:
    """Return the range of the Test RMSE of a constant, ``sqrt(SD^2 + (mean - c)^2)``.

    The mean is known exactly; the SD is rounded, and with 1/n or 1/(n - 1).
    """
    mean = band_sums()["total"].sum() / N_TEST
    low, high = (float(np.hypot(sd, mean - constant)) for sd in label_sd())
    return low, high


def label_distribution() -> pd.DataFrame:
    """Return a distribution of labels with the published shares, band means and band limits.

    Of all such distributions it is the one of largest entropy: within a band, probabilities are
    ``exp(t y)`` with t set by the band's mean. It stands in for labels that are not known.

    Returns
    -------
    DataFrame
        Columns ``bdi`` (0 to 63) and ``probability``.
    """
    parts = []
    for _, lowest, highest, count, total in band_sums().itertuples(index=False):
        labels = np.arange(lowest, highest + 1)
        offset = labels - total / count

        def pull(tilt: float, offset: np.ndarray = offset) -> float:
            return float((np.exp(tilt * offset) * offset).sum())

        weight = np.exp(brentq(pull, -5, 5) * offset)
        probability = weight / weight.sum() * count / N_TEST
        parts.append(pd.DataFrame({"bdi": labels, "probability": probability}))
    return pd.concat(parts, ignore_index=True)


def sampled_mae(
    constant: float, n_persons: int = N_TEST, *, rng: np.random.Generator, n_samples: int = 20_000
) -> np.ndarray:
    """Return the MAE of a constant on each of ``n_samples`` random test sets of 50 recordings.

    Labels are drawn from ``label_distribution``. With fewer persons than recordings the first
    persons have two recordings with the same label: the strongest dependence there can be.

    Raises
    ------
    ValueError
        If ``n_persons`` is not between half the recordings and all of them.
    """
    if not N_TEST / 2 <= n_persons <= N_TEST:
        raise ValueError(
            f"{n_persons} persons cannot have {N_TEST} recordings, one or two each: give "
            f"{N_TEST // 2} to {N_TEST}."
        )
    labels = label_distribution()
    drawn = rng.choice(
        labels["bdi"].to_numpy(), size=(n_samples, n_persons), p=labels["probability"].to_numpy()
    )
    recordings = 1 + (np.arange(n_persons) < N_TEST - n_persons)
    return np.abs(drawn - constant) @ recordings / N_TEST
