"""Intervals for the label of each Test recording, and how often the label is inside.

Three kinds, all around the same prediction: ``own SD`` takes the predictor at its word, prediction
+- z SD of a normal distribution; ``conformal`` has one width for all, from the residuals on Dev;
``scaled conformal`` multiplies the SD by what Dev asks for. Both ends are clipped to the scale of
the BDI-II, 0 to 63: that narrows intervals and loses no label, as none lies outside.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import beta

from deplib import evaluation
from deplib.cohorts.base import BANDS
from deplib.errors import ResultError
from deplib.evaluation import Difference
from deplib.uncertainty.conformal import half_width, scaled_factor
from deplib.uncertainty.tables import NO_SPREAD, part_of

OWN_SD, CONFORMAL, SCALED = "own SD", "conformal", "scaled conformal"
KINDS = (OWN_SD, CONFORMAL, SCALED)
LEVELS = (0.5, 0.8, 0.9)
"""Nominal coverages."""
SCALE = (float(BANDS[0][1]), float(BANDS[-1][-1]))
"""The lowest and the highest BDI-II score."""
ROUNDING = 1e-3  # BDI-II points: a label at an end of the interval is inside it
NO_SD = "the predictor gives no SD"
ZERO = "an SD on Dev or Test is 0"


def intervals(table: pd.DataFrame, level: float = 0.9) -> pd.DataFrame:
    """Return the three intervals of each Test recording, calibrated on Dev.

    Parameters
    ----------
    table
        One predictor: ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, and ``bdi_sd``
        where it has one; Dev and Test recordings, one row each.
    level
        Nominal coverage, between 0 and 1.

    Returns
    -------
    DataFrame
        One row a kind and Test recording: ``kind``, ``recording``, ``person``, ``bdi``, ``low``,
        ``high``, ``inside`` (1.0 or 0.0), ``width``, ``score`` and ``undefined``, the reason why an
        interval is nan. The score is width + 2 / (1 - level) times the distance of a label outside
        (Gneiting and Raftery 2007, Eq. 43), in BDI-II points: lower is better.

    Raises
    ------
    ResultError
        If a column or a split is missing, a recording occurs twice, or a value is not finite.
    ValueError
        If the level is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it must lie between 0 and 1")
    dev, test = part_of(table, "dev"), part_of(table, "test")
    parts = []
    for kind in KINDS:
        half, reason = _half_widths(kind, dev, test, level)
        low, high = (test["bdi_hat"] + sign * half for sign in (-1, 1))
        parts.append(_scored(test, low.clip(*SCALE), high.clip(*SCALE), level, kind, reason))
    return pd.concat(parts, ignore_index=True)


def coverage(table: pd.DataFrame, levels: Sequence[float] = LEVELS) -> pd.DataFrame:
    """Return how often the label of a Test recording is inside, by kind of interval and level.

    Parameters
    ----------
    table
        As of ``intervals``.
    levels
        Nominal coverages.

    Returns
    -------
    DataFrame
        One row a kind and level: ``kind``, ``level``, ``n`` (recordings), ``coverage`` with
        ``coverage_low`` and ``coverage_high``, its 95 % interval over persons, ``width`` and
        ``score``, means over recordings, and ``undefined``, the reason why a row is nan. Where all
        labels are inside or none is, a resample of persons has nothing to vary: there the exact
        interval (Clopper and Pearson 1934) stands, with each person as one trial.

    Raises
    ------
    ResultError, ValueError
        As ``intervals``; ValueError if there is one Test person only.
    """
    rows = []
    for level in levels:
        of_level = intervals(table, level)
        for kind in KINDS:
            part = of_level[of_level["kind"] == kind]
            share = _share(part["inside"], part["person"])
            rows.append(
                {
                    "kind": kind,
                    "level": level,
                    "n": len(part),
                    "coverage": share.value,
                    "coverage_low": share.low,
                    "coverage_high": share.high,
                    "width": part["width"].mean(),
                    "score": part["score"].mean(),
                    "undefined": part["undefined"].iloc[0],
                }
            )
    return pd.DataFrame(rows)


def difference_in_score(first: pd.DataFrame, second: pd.DataFrame) -> Difference:
    """Return the mean interval score of the first minus that of the second, same recordings.

    Parameters
    ----------
    first, second
        Rows of ``intervals``, of one kind, level and predictor each.

    Returns
    -------
    Difference
        In BDI-II points, with its 95 % interval over persons; negative if the first is better. nan
        if one of the two is undefined.

    Raises
    ------
    ResultError
        If a recording occurs twice or the two are not of the same recordings.
    """
    one, other = (rows.set_index("recording") for rows in (first, second))
    if not (one.index.is_unique and other.index.is_unique):
        raise ResultError("a recording occurs twice: compare one kind of interval at a time")
    if set(one.index) != set(other.index):
        raise ResultError("the two tables of intervals are not of the same recordings")
    apart = one["score"] - other["score"].reindex(one.index)
    if apart.isna().any():
        return Difference(float("nan"), float("nan"), float("nan"))
    return evaluation.mean_over_persons(apart, one["person"])


def _half_widths(
    kind: str, dev: pd.DataFrame, test: pd.DataFrame, level: float
) -> tuple[np.ndarray, str]:
    """Return (n_test,) half-widths, or nan and the reason."""
    undefined = np.full(len(test), np.nan)
    residuals = dev["bdi"] - dev["bdi_hat"]
    if kind != CONFORMAL:
        if "bdi_sd" not in test:
            return undefined, NO_SD
        sd = test["bdi_sd"].to_numpy(float)
        if min(sd.min(), dev["bdi_sd"].min()) <= NO_SPREAD:
            return undefined, ZERO
        if kind == OWN_SD:
            return float(ndtri((1 + level) / 2)) * sd, ""
    try:
        if kind == CONFORMAL:
            return np.full(len(test), half_width(residuals, level)), ""
        return scaled_factor(residuals, dev["bdi_sd"], level) * sd, ""
    except ValueError as error:  # too few Dev recordings for the level
        return undefined, str(error)


def _scored(
    test: pd.DataFrame, low: pd.Series, high: pd.Series, level: float, kind: str, reason: str
) -> pd.DataFrame:
    y = test["bdi"]
    outside = (low - y).clip(lower=0) + (y - high).clip(lower=0)
    return pd.DataFrame(
        {
            "kind": kind,
            "recording": test["recording"],
            "person": test["person"],
            "bdi": y,
            "low": low,
            "high": high,
            "inside": (outside <= ROUNDING).astype(float).where(outside.notna()),
            "width": high - low,
            "score": high - low + 2 / (1 - level) * outside,
            "undefined": reason,
        }
    )


def _share(inside: pd.Series, persons: pd.Series) -> Difference:
    if inside.isna().any():
        return Difference(float("nan"), float("nan"), float("nan"))
    share = float(inside.mean())
    n = persons.nunique()
    if share == 1.0:
        return Difference(share, float(beta.ppf(0.025, n, 1)), 1.0)
    if share == 0.0:
        return Difference(share, 0.0, float(beta.ppf(0.975, 1, n)))
    return evaluation.mean_over_persons(inside, persons)
