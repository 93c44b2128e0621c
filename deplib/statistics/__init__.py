"""Intervals, tests and equivalence over persons and seeds; correlations; power by simulation.

Recordings of one person are not independent, so persons are resampled or flipped, never
recordings. ``score_runs`` and ``stacked_errors`` take tables, all else vectors.
"""

from deplib.statistics.correlation import compare_correlations, critical_r, fisher_interval
from deplib.statistics.intervals import Interval, interval_of, mean_over_persons
from deplib.statistics.population import persons_of, population_like
from deplib.statistics.power import ErrorModel, fit
from deplib.statistics.resampling import bootstrap_distribution, jackknife
from deplib.statistics.scores import (
    Components,
    Equivalence,
    Scores,
    Summary,
    score_runs,
    stacked_errors,
)
from deplib.statistics.significance import TestResult, holm, sign_flip_test
