"""Intervals and tests over persons, and what a correlation of n recordings can show.

Recordings of one person are not independent, so persons are resampled, flipped or permuted, never
recordings. All functions take vectors, in which a recording that comes twice does not show:
``deplib.seeds.score`` takes tables and refuses it.
"""

from deplib.statistics.correlation import (
    compare_correlations,
    correlation_p_value,
    critical_r,
    fisher_interval,
)
from deplib.statistics.equivalence import (
    MCID_SHARE,
    Equivalence,
    equivalence_of,
    equivalence_test,
)
from deplib.statistics.intervals import (
    Interval,
    Method,
    cluster_bootstrap,
    interval_of,
    paired_difference,
)
from deplib.statistics.moments import bootstrap_distribution, jackknife
from deplib.statistics.permutation import permutation_test
from deplib.statistics.runs import interquartile_mean, probability_of_improvement
from deplib.statistics.significance import TestResult, holm, sign_flip_test

__all__ = [
    "MCID_SHARE",
    "Equivalence",
    "Interval",
    "Method",
    "TestResult",
    "bootstrap_distribution",
    "cluster_bootstrap",
    "compare_correlations",
    "correlation_p_value",
    "critical_r",
    "equivalence_of",
    "equivalence_test",
    "fisher_interval",
    "holm",
    "interquartile_mean",
    "interval_of",
    "jackknife",
    "paired_difference",
    "permutation_test",
    "probability_of_improvement",
    "sign_flip_test",
]
