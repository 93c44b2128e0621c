"""Whether a predictor's SD tells how far it is off: does a larger SD go with a larger error."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from deplib.evaluation import RESAMPLES, SEED, Difference
from deplib.identity import difference_of_means
from deplib.metrics import is_constant
from deplib.statistics import interval_of
from deplib.statistics.resampling import person_codes, resample
from deplib.uncertainty.tables import NO_SPREAD, part_of

NAN = float("nan")
UNDEFINED = Difference(NAN, NAN, NAN)
SAME_SD = "the SD is the same for all recordings"
SAME_ERROR = "the error is the same for all recordings"
NO_HALVES = "half of the recordings or more share the largest SD"


@dataclass(frozen=True)
class Ranking:
    """What the order of SDs says of the order of errors on one split; nan where undefined."""

    rho: Difference  # Spearman's correlation of SD and absolute error, interval over persons
    certain: float  # MAE of the half with the smaller SDs, BDI-II points
    uncertain: float  # MAE of the other half
    halves: Difference  # certain - uncertain, interval over persons: below 0 if the SD tells
    n: int  # recordings
    n_certain: int  # recordings with an SD up to the median
    undefined: str  # the reason why rho or the halves are nan


def ranking(table: pd.DataFrame, *, split: str = "test") -> Ranking:
    """Return whether the recordings a predictor is less sure of have the larger errors.

    Parameters
    ----------
    table
        One predictor: ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, ``bdi_sd``.
    split
        Whose recordings are measured.

    Returns
    -------
    Ranking
        The halves are cut at the median SD; of an odd number the middle one is among the certain.
        Intervals are over persons, each with all recordings, in both halves.

    Raises
    ------
    ResultError
        If a column is missing, a recording occurs twice, or a value is not finite.
    ValueError
        If there is one person only.
    """
    part = part_of(table, split, with_sd=True).set_index("recording")
    sd, error = part["bdi_sd"], (part["bdi_hat"] - part["bdi"]).abs()
    certain = sd <= sd.median()
    same = sd.max() <= NO_SPREAD or is_constant(sd.to_numpy())
    rho, halves = UNDEFINED, UNDEFINED
    if same:
        reason = SAME_SD
    else:
        rho = spearman(sd, error, part["person"], rng=np.random.default_rng(SEED))
        reason = SAME_ERROR if np.isnan(rho.value) else ""
    if not same and certain.all():
        reason = reason or NO_HALVES
    elif not same:
        halves = difference_of_means(
            error[certain], error[~certain], part["person"], rng=np.random.default_rng(SEED)
        )
    split_up = not np.isnan(halves.value)
    return Ranking(
        rho=rho,
        certain=float(error[certain].mean()) if split_up else NAN,
        uncertain=float(error[~certain].mean()) if split_up else NAN,
        halves=halves,
        n=len(part),
        n_certain=int(certain.sum()),
        undefined=reason,
    )


def risk_coverage(table: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """Return the MAE of the recordings that are left if the least certain are not predicted.

    The risk-coverage curve of selective prediction (El-Yaniv and Wiener 2010, JMLR 11).

    Parameters
    ----------
    table, split
        As of ``ranking``.

    Returns
    -------
    DataFrame
        One row a distinct SD, smallest first: ``sd`` (the largest that is accepted), ``n`` and
        ``share`` of recordings, ``mae`` of these. Equal SDs enter together, so an SD that is the
        same for all gives one row.

    Raises
    ------
    ResultError
        As ``ranking``.
    """
    part = part_of(table, split, with_sd=True)
    error = (part["bdi_hat"] - part["bdi"]).abs()
    sums = error.groupby(part["bdi_sd"]).agg(["sum", "size"]).cumsum()
    return pd.DataFrame(
        {
            "sd": sums.index.to_numpy(),
            "n": sums["size"].to_numpy(),
            "share": sums["size"].to_numpy() / len(part),
            "mae": (sums["sum"] / sums["size"]).to_numpy(),
        }
    )


def spearman(
    a: ArrayLike,
    b: ArrayLike,
    persons: ArrayLike,
    *,
    n_resamples: int = RESAMPLES,
    rng: np.random.Generator,
) -> Difference:
    """Return Spearman's rank correlation with its 95 % interval over persons.

    Ranks are taken anew in each resample, ties at their mean rank; resamples in which a side is
    constant are left out.

    Parameters
    ----------
    a, b
        (n_recordings,) each.
    persons
        Who each recording shows, (n_recordings,).
    n_resamples, rng
        Resamples of persons.

    Returns
    -------
    Difference
        nan if a side is constant.

    Raises
    ------
    ValueError
        If the vectors are unequal, empty or not finite, or there is one person only.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    who = np.asarray(persons)
    if x.ndim != 1 or not len(x) or y.shape != x.shape or who.shape != x.shape:
        raise ValueError(
            f"a {x.shape}, b {y.shape} and persons {who.shape} must be vectors over the same "
            "recordings"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a value to rank is NaN or infinite: leave such recordings out")
    code, n_persons = person_codes(who)
    if is_constant(x) or is_constant(y):
        return UNDEFINED
    value = float(_weighted(np.ones((1, len(x))), x, y)[0])
    resampled = _weighted(resample(n_persons, n_resamples, rng)[:, code], x, y)
    left_out = _weighted((1.0 - np.eye(n_persons))[:, code], x, y)
    return Difference(value, *interval_of(resampled[np.isfinite(resampled)], value, left_out))


def _weighted(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the rank correlation where each recording counts so often, (k, n) -> (k,)."""
    total = weights.sum(axis=1, keepdims=True)

    def centred(values: np.ndarray) -> np.ndarray:  # mean ranks about their mean, (k, n)
        below = (values[:, None] < values) + 0.5 * (values[:, None] == values)
        ranks = weights @ below + 0.5
        return ranks - (weights * ranks).sum(axis=1, keepdims=True) / total

    a, b = centred(x), centred(y)
    aa, bb, ab = ((weights * product).sum(axis=1) for product in (a * a, b * b, a * b))
    scale = np.sqrt(aa * bb)
    known = scale > 1e-9  # ranks are halves of whole numbers, so 0 but for rounding where constant
    return np.where(known, ab / np.where(known, scale, 1.0), np.nan)
