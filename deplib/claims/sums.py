"""Means, standard deviations, ranges and gaps, recomputed from the study's own rows."""

import numpy as np

from deplib.claims.arithmetic import possible_sds
from deplib.claims.entry import Finding, claim
from deplib.claims.evidence import Evidence
from deplib.claims.reported import DECIMALS, Summary

DIGITS = 3
"""Decimals of the study's errors and correlations."""
NAMES = {"mae": "MAE", "pcc": "PCC"}


def _values(evidence: Evidence, column: str) -> np.ndarray:
    return evidence.study.column(column).to_numpy(dtype=float)


def _mean(values: np.ndarray, stated: Summary) -> Finding:
    mean, unit = float(values.mean()), 10.0**-DIGITS
    # Rounding may go either way at half a unit, as in 10.5725.
    return Finding(f"{mean:.4f}", abs(mean - stated.mean) <= 0.501 * unit)


def _sd(values: np.ndarray, stated: Summary) -> Finding:
    unit = 0.5 * 10.0**-DIGITS
    possible = possible_sds(values, DIGITS)
    fits = [n for n, (low, high) in possible.items() if low - unit <= stated.sd <= high + unit]
    sds = f"{values.std():.3f} (population) or {values.std(ddof=1):.3f} (sample)"
    which = f"it is the {fits[0]} SD" if len(fits) == 1 else f"{stated.sd} is neither"
    return Finding(f"{sds}: {which}" if len(fits) < 2 else sds, bool(fits))


def _range(values: np.ndarray, low: float, high: float, digits: int) -> Finding:
    ends = float(values.min()), float(values.max())
    as_printed = [f"{end:.{digits}f}" for end in ends]
    return Finding(
        f"{ends[0]:.{DIGITS}f} to {ends[1]:.{DIGITS}f}"
        + (f", rounded {as_printed[0]} to {as_printed[1]}" if digits < DIGITS else ""),
        as_printed == [f"{low:.{digits}f}", f"{high:.{digits}f}"],
    )


@claim(line=86, says="Mean Test MAE 10.573")
def mean_of_test_mae(evidence: Evidence) -> Finding:
    """Average the four."""
    return _mean(_values(evidence, "test_mae"), evidence.study.test_mae)


@claim(line=86, says="Standard deviation of Test MAE 0.195")
def sd_of_test_mae(evidence: Evidence) -> Finding:
    """Take both conventions, and what rounding of the rows allows."""
    return _sd(_values(evidence, "test_mae"), evidence.study.test_mae)


@claim(line=86, says="Test MAE from 10.426 to 10.907")
def range_of_test_mae(evidence: Evidence) -> Finding:
    """Take the least and the greatest."""
    stated = evidence.study.test_mae
    return _range(_values(evidence, "test_mae"), stated.low, stated.high, DIGITS)


@claim(line=87, says="Mean Test PCC 0.184")
def mean_of_test_pcc(evidence: Evidence) -> Finding:
    """Average the four."""
    return _mean(_values(evidence, "test_pcc"), evidence.study.test_pcc)


@claim(line=87, says="Standard deviation of Test PCC 0.068")
def sd_of_test_pcc(evidence: Evidence) -> Finding:
    """Take both conventions, and what rounding of the rows allows."""
    return _sd(_values(evidence, "test_pcc"), evidence.study.test_pcc)


@claim(line=87, says="Test PCC from 0.101 to 0.267")
def range_of_test_pcc(evidence: Evidence) -> Finding:
    """Take the least and the greatest."""
    stated = evidence.study.test_pcc
    return _range(_values(evidence, "test_pcc"), stated.low, stated.high, DIGITS)


def _stated_range(evidence: Evidence, column: str) -> Finding:
    digits = DECIMALS[column.split("_")[1]]
    return _range(_values(evidence, column), *evidence.study.ranges[column], digits)


@claim(line=93, says="Dev MAE 8.3 to 9.1")
def range_of_dev_mae(evidence: Evidence) -> Finding:
    """Round the least and the greatest."""
    return _stated_range(evidence, "dev_mae")


@claim(line=93, says="Test MAE 10.4 to 10.9")
def rounded_range_of_test_mae(evidence: Evidence) -> Finding:
    """Round the least and the greatest."""
    return _stated_range(evidence, "test_mae")


@claim(line=94, says="Dev PCC 0.42 to 0.51")
def range_of_dev_pcc(evidence: Evidence) -> Finding:
    """Round the least and the greatest."""
    return _stated_range(evidence, "dev_pcc")


@claim(line=94, says="Test PCC 0.10 to 0.27")
def rounded_range_of_test_pcc(evidence: Evidence) -> Finding:
    """Round the least and the greatest."""
    return _stated_range(evidence, "test_pcc")


def _gap(evidence: Evidence, metric: str, stated: float) -> Finding:
    gaps, digits = evidence.study.gaps(metric), DECIMALS[metric]
    return Finding(
        f"{gaps.mean():+.2f} on average, {gaps.min():+.2f} to {gaps.max():+.2f}",
        round(float(gaps.mean()), digits) == stated,
    )


@claim(line=88, says="From Dev to Test the MAE rises by 2.0")
def gap_in_mae(evidence: Evidence) -> Finding:
    """Average the differences of the four rows."""
    return _gap(evidence, "mae", evidence.study.gap_mae)


@claim(line=88, says="From Dev to Test the PCC falls by 0.25")
def gap_in_pcc(evidence: Evidence) -> Finding:
    """Average the differences of the four rows."""
    return _gap(evidence, "pcc", evidence.study.gap_pcc)


def _delta(evidence: Evidence, metric: str, stated: float) -> Finding:
    """Ask whether a delta follows from the two printed ranges beside it: ends or middles."""
    digits = DECIMALS[metric]
    dev, test = (np.array(evidence.study.ranges[f"{s}_{metric}"]) for s in ("dev", "test"))
    ends, middle = test - dev, float(test.mean() - dev.mean())
    slack = 0.5 * 10.0**-digits + 1e-9
    return Finding(
        f"lower ends {ends[0]:+.{digits}f}, upper ends {ends[1]:+.{digits}f}, middles "
        f"{middle:+.{digits + 1}f}",
        bool(abs(middle - stated) <= slack or (np.abs(ends - stated) <= slack).all()),
    )


@claim(line=93, says="Delta of +2.0 MAE between the two printed ranges")
def delta_of_mae(evidence: Evidence) -> Finding:
    """Take the ends and the middles of the ranges."""
    return _delta(evidence, "mae", evidence.study.gap_mae)


@claim(line=94, says="Delta of -0.25 PCC between the two printed ranges")
def delta_of_pcc(evidence: Evidence) -> Finding:
    """Take the ends and the middles of the ranges."""
    return _delta(evidence, "pcc", evidence.study.gap_pcc)


@claim(line=105, says="All architectures show the identical gap from Dev to Test")
def identical_gap(evidence: Evidence) -> Finding:
    """Compare the spread of the gaps with that of the Test MAEs, which is called negligible."""
    gaps, test = evidence.study.gaps("mae"), evidence.study.column("test_mae")
    low, high = float(gaps.min()), float(gaps.max())
    return Finding(
        f"{low:+.2f} ({gaps.idxmin()}) to {high:+.2f} ({gaps.idxmax()}): they differ by "
        f"{high - low:.2f}, the Test MAEs by {np.ptp(test):.2f}",
        round(low, 1) == round(high, 1),
    )


@claim(line=88, says="The gap is consistent across architectures: it has one sign in all four")
def gap_has_one_sign(evidence: Evidence) -> Finding:
    """Look at the signs."""
    mae, pcc = evidence.study.gaps("mae"), evidence.study.gaps("pcc")
    return Finding(
        f"MAE rises in {(mae > 0).sum()} of {len(mae)}, PCC falls in {(pcc < 0).sum()}",
        bool((mae > 0).all() and (pcc < 0).all()),
    )
