"""What others reported on AVEC2014, how sure each figure is, and what the figures can carry."""

from deplib.literature.entries import CERTAINTY, entries, papers, public_code
from deplib.literature.measurement import (
    CLINICIAN_R,
    RELIABILITIES,
    best_mae,
    implied_correlation,
    label_floor,
    smallest_rmse,
    standard_error_of_measurement,
)
from deplib.literature.precision import (
    batch_averaged_ratio,
    half_width,
    half_width_of_difference,
    pairs,
    ratio_spread,
    reruns,
    sd_of_absolute_error,
    with_intervals,
)

__all__ = [
    "CERTAINTY",
    "CLINICIAN_R",
    "RELIABILITIES",
    "batch_averaged_ratio",
    "best_mae",
    "entries",
    "half_width",
    "half_width_of_difference",
    "implied_correlation",
    "label_floor",
    "pairs",
    "papers",
    "public_code",
    "ratio_spread",
    "reruns",
    "sd_of_absolute_error",
    "smallest_rmse",
    "standard_error_of_measurement",
    "with_intervals",
]
