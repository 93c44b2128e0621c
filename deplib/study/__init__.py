"""The runs of the report: from a cohort to keyed results, resumable, on all cores.

A *run* trains one model once. Its key is a hash of all that determines it: settings, protocol, the
source of its model and of training, and the features. A row of ``results/`` whose key no longer
fits is refused, never shown.
"""

from deplib.results import RunSpec
from deplib.study.inputs import (
    LIMITS,
    Inputs,
    MissLimits,
    full_windows,
    open_cohort,
    prepare_features,
    small_windows,
)

__all__ = [
    "LIMITS",
    "Inputs",
    "MissLimits",
    "RunSpec",
    "full_windows",
    "open_cohort",
    "prepare_features",
    "small_windows",
]
