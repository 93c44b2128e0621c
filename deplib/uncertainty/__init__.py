"""How far a prediction can be trusted: spread of a predictor, intervals, and whether they hold.

A predictor says how sure it is by an SD a recording: between seeds (``ensemble``), or between
stochastic passes of one run (``dropout``). From it, or without it, come intervals for the label
(``conformal``), which are calibrated on Dev and measured on Test (``coverage``). ``ranking`` asks
whether a larger SD goes with a larger error.

Everything takes and returns tables with one row a recording: ``recording``, ``person``, ``split``,
``bdi``, ``bdi_hat``, and ``bdi_sd`` where there is one, in BDI-II points.
"""

from deplib.uncertainty.conformal import half_width, scaled_factor
from deplib.uncertainty.coverage import (
    CONFORMAL,
    KINDS,
    LEVELS,
    OWN_SD,
    SCALED,
    coverage,
    difference_in_score,
    intervals,
)
from deplib.uncertainty.dropout import dropout
from deplib.uncertainty.ensemble import ensemble, gain
from deplib.uncertainty.ranking import Ranking, ranking, risk_coverage, spearman

__all__ = [
    "CONFORMAL",
    "KINDS",
    "LEVELS",
    "OWN_SD",
    "SCALED",
    "Ranking",
    "coverage",
    "difference_in_score",
    "dropout",
    "ensemble",
    "gain",
    "half_width",
    "intervals",
    "ranking",
    "risk_coverage",
    "scaled_factor",
    "spearman",
]
