"""Intervals, tests and equivalence over persons and seeds; correlations; power by simulation.

Recordings of one person are not independent, so persons are resampled or flipped, never
recordings. ``score_runs`` takes a table of runs, all else vectors.
"""

from deplib.statistics.correlation import (
    compare_correlations,
    correlation_p_value,
    critical_r,
    fisher_interval,
)
from deplib.statistics.intervals import (
    RESAMPLES,
    SEED,
    Interval,
    Method,
    cluster_bootstrap,
    interval_of,
    mean_over_persons,
    paired_difference,
)
from deplib.statistics.resampling import bootstrap_distribution, jackknife
from deplib.statistics.runs import (
    Components,
    interquartile_mean,
    probability_of_improvement,
)
from deplib.statistics.scores import Scores, Summary, score_runs
from deplib.statistics.significance import (
    MCID_SHARE,
    Equivalence,
    TestResult,
    equivalence_of,
    equivalence_test,
    holm,
    sign_flip_test,
)

__all__ = [
    "MCID_SHARE",
    "RESAMPLES",
    "SEED",
    "Components",
    "Equivalence",
    "Interval",
    "Method",
    "Scores",
    "Summary",
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
    "mean_over_persons",
    "paired_difference",
    "probability_of_improvement",
    "score_runs",
    "sign_flip_test",
]
