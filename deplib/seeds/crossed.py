"""Intervals in which persons and seeds are both drawn: two crossed factors, each by itself.

Every resample of persons, in which all runs are scored already, draws as many runs as there are:
the pigeonhole bootstrap (Owen 2007). It counts what a seed does to some persons only more than
once, so the interval is too wide where that is most of the spread. A single run is drawn every
time: then the interval is over persons only.
"""

import numpy as np

from deplib.evaluation import Difference
from deplib.statistics import interquartile_mean, interval_of, probability_of_improvement
from deplib.statistics.runs import draw_runs, superiority, trimmed

Pair = tuple[np.ndarray, np.ndarray]
UNDEFINED = Difference(float("nan"), float("nan"), float("nan"))


def iqm_of(
    values: np.ndarray, resampled: np.ndarray, left_out: np.ndarray, rng: np.random.Generator
) -> Difference:
    """Return the interquartile mean of runs with its 95 % interval.

    Parameters
    ----------
    values
        (n_runs,), a metric of each run; if one is nan, all of the result is.
    resampled
        (n_resamples, n_runs), the same in resamples of persons; a resample in which a run that is
        drawn has no value is left out.
    left_out
        (n_persons, n_runs), the same without one person at a time.
    rng
        Draws the runs.
    """
    if not np.isfinite(values).all():
        return UNDEFINED
    value, drawn = interquartile_mean(values), trimmed(draw_runs(resampled, rng))
    return Difference(value, *interval_of(drawn[np.isfinite(drawn)], value, trimmed(left_out)))


def improvement_of(values: Pair, resampled: Pair, rng: np.random.Generator) -> Difference:
    """Return how often a run of the first is higher than one of the second, with its 95 % interval.

    Arguments as of ``iqm_of``, of two models in the same resamples of persons; the runs of each
    are drawn by themselves. By percentiles: a share is often 0 or 1.
    """
    if not all(np.isfinite(runs).all() for runs in values):
        return UNDEFINED
    value = probability_of_improvement(*values)
    shares = superiority(*(draw_runs(runs, rng) for runs in resampled))
    shares = shares[np.isfinite(shares)]
    return Difference(value, *interval_of(shares, value, np.empty(0), 0.95, "percentile"))
