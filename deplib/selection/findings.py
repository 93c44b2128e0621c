"""What the choices on many cohorts say: optimism, the study's pattern, costs and savings.

Cohorts are independent draws, so an interval of a mean is Student's over cohorts, and that of a
share is Wilson's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from deplib.cohorts.simulated import draw_sessions
from deplib.selection.cohorts import N_RECORDINGS
from deplib.selection.record import Selection


@dataclass(frozen=True)
class Estimate:
    """A mean or share over cohorts with its 95 % interval, and the SD of a single cohort."""

    value: float
    low: float
    high: float
    sd: float


@dataclass(frozen=True)
class Pattern:
    """Bounds that a table of results keeps; each is the mildest of the study's four models."""

    dev_mae: float  # at most
    test_mae: float  # at least
    gap: float  # Test minus Dev, at least
    above_constant: float  # Test minus the constant's Test MAE, at least
    dev_pcc: float  # at least
    test_pcc: tuple[float, float]  # between


def pattern_of(reported: pd.DataFrame, constant_test_mae: float) -> Pattern:
    """Return the pattern of a table of results.

    Parameters
    ----------
    reported
        ``dev_mae``, ``test_mae``, ``dev_pcc``, ``test_pcc``; one row a model.
    constant_test_mae
        MAE of the best constant on the same Test recordings.
    """
    return Pattern(
        dev_mae=float(reported["dev_mae"].max()),
        test_mae=float(reported["test_mae"].min()),
        gap=float((reported["test_mae"] - reported["dev_mae"]).min()),
        above_constant=float(reported["test_mae"].min() - constant_test_mae),
        dev_pcc=float(reported["dev_pcc"].min()),
        test_pcc=(float(reported["test_pcc"].min()), float(reported["test_pcc"].max())),
    )


def mean_of(values: np.ndarray | pd.Series) -> Estimate:
    """Return the mean over cohorts with Student's interval; cohorts without a value are left out.

    Raises
    ------
    ValueError
        If fewer than two cohorts have a value.
    """
    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    if len(x) < 2:
        raise ValueError(f"{len(x)} cohorts have a value: an interval of their mean takes two")
    half = float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    centre = float(x.mean())
    return Estimate(centre, centre - half, centre + half, float(x.std(ddof=1)))


def share_of(flags: np.ndarray | pd.Series) -> Estimate:
    """Return the share of cohorts for which something holds, with Wilson's interval.

    Raises
    ------
    ValueError
        If there is no cohort.
    """
    hit = np.asarray(flags, dtype=bool)
    if not len(hit):
        raise ValueError("a share of no cohorts is undefined: give one or more")
    low, high = proportion_confint(int(hit.sum()), len(hit), method="wilson")
    value = float(hit.mean())
    return Estimate(value, float(low), float(high), float(hit.std()))


def known_shares(n_cohorts: int = 200) -> dict[str, float]:
    """Return the share of Dev and of Test recordings whose person is in Train, mean over draws.

    The persons are drawn as in the scenarios, by the simulator's own function.
    """
    rng = np.random.default_rng(0)
    shares: dict[str, list[float]] = {"dev": [], "test": []}
    for _ in range(n_cohorts):
        table = draw_sessions(N_RECORDINGS, rng=rng)
        train = table.loc[table["split"] == "train", "person"]
        for split, values in shares.items():
            persons = table.loc[table["split"] == split, "person"]
            values.append(float(persons.isin(train).mean()))
    return {split: float(np.mean(values)) for split, values in shares.items()}


def gap(selection: Selection, rule: str) -> np.ndarray:
    """Return Test MAE minus Dev MAE of each cohort, (n_cohorts,)."""
    chosen = selection.rules[rule]
    return (chosen["test_mae"] - chosen["dev_mae"]).to_numpy()


def optimism(selection: Selection, rule: str) -> np.ndarray:
    """Return how much better Dev looks than Test, beyond what the constant shows, (n_cohorts,).

    What Dev and Test differ in difficulty cancels: (Test - Dev) less the same of the constant.
    """
    return gap(selection, rule) - constant_gap(selection)


def constant_gap(selection: Selection) -> np.ndarray:
    """Return the constant's Test MAE minus its Dev MAE on each cohort, (n_cohorts,)."""
    return (selection.constant["test_mae"] - selection.constant["dev_mae"]).to_numpy()


def flags(selection: Selection, rule: str, pattern: Pattern) -> pd.DataFrame:
    """Return which cohorts show which part of a pattern: one bool column a part, and ``all MAE``.

    An undefined PCC shows no pattern.
    """
    chosen = selection.rules[rule]
    low, high = pattern.test_pcc
    table = pd.DataFrame(
        {
            "Dev MAE": chosen["dev_mae"] <= pattern.dev_mae,
            "Test MAE": chosen["test_mae"] >= pattern.test_mae,
            "gap": gap(selection, rule) >= pattern.gap,
            "Test above constant": chosen["test_mae"] - selection.constant["test_mae"]
            >= pattern.above_constant,
            "Dev PCC": chosen["dev_pcc"] >= pattern.dev_pcc,
            "Test PCC": chosen["test_pcc"].between(low, high),
        }
    )
    both = table["Dev MAE"] & table["Test MAE"]
    return table.assign(
        **{"both MAE": both, "both MAE and PCC": both & table[["Dev PCC", "Test PCC"]].all(axis=1)}
    )


def against(selection: Selection, rule: str, reference: str) -> dict[str, Estimate]:
    """Return what a rule costs and saves against another, paired over cohorts.

    Returns
    -------
    dict
        ``test_mae``: Test MAE minus the reference's (positive: it costs); ``optimism``: its
        optimism minus the reference's (negative: it saves).
    """
    cost = selection.rules[rule]["test_mae"] - selection.rules[reference]["test_mae"]
    saved = optimism(selection, rule) - optimism(selection, reference)
    return {"test_mae": mean_of(cost), "optimism": mean_of(saved)}


def growth(selection: Selection) -> pd.DataFrame:
    """Return the means over cohorts for the best of 1, 2, ... candidates.

    Returns
    -------
    DataFrame
        ``candidates``, ``dev_mae``, ``test_mae``, and ``optimism``, ``low``, ``high``.
    """
    dev, test = (np.asarray(selection.growth[name]) for name in ("dev_mae", "test_mae"))
    beyond = test - dev - constant_gap(selection)[:, None]
    rows: list[Mapping[str, float]] = []
    for k in range(dev.shape[1]):
        estimate = mean_of(beyond[:, k])
        rows.append(
            {
                "candidates": k + 1,
                "dev_mae": dev[:, k].mean(),
                "test_mae": test[:, k].mean(),
                "optimism": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
            }
        )
    return pd.DataFrame(rows)
