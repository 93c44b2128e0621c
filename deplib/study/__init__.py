"""The runs of the report: from a cohort to keyed results, resumable, on all cores.

A *run* trains one model once. Its key is a hash of all that determines it: settings, protocol, the
source of its model and of training, and the features. A row of ``results/`` whose key no longer
fits is refused, never shown.
"""

from deplib.results import RunSpec
from deplib.study.completion import complete, prepare
from deplib.study.grid import (
    BASELINES,
    GRID,
    LOST,
    RIDGE,
    SEEDS,
    VARIED,
    WORLDS,
    sweep_specs,
    training_specs,
)
from deplib.study.inputs import (
    LIMITS,
    SMALL_ENCODER,
    SMALL_MODEL,
    Inputs,
    MissLimits,
    encoder_of,
    full_windows,
    in_float,
    open_cohort,
    small_windows,
)
from deplib.study.pairs import Exported, card_of, export_run, first_kept, half_width
from deplib.study.runs import kept, run, trained
from deplib.study.signature import pooled_features, same_features

__all__ = [
    "BASELINES",
    "GRID",
    "LIMITS",
    "LOST",
    "RIDGE",
    "SEEDS",
    "SMALL_ENCODER",
    "SMALL_MODEL",
    "VARIED",
    "WORLDS",
    "Exported",
    "Inputs",
    "MissLimits",
    "RunSpec",
    "card_of",
    "complete",
    "encoder_of",
    "export_run",
    "first_kept",
    "full_windows",
    "half_width",
    "in_float",
    "kept",
    "open_cohort",
    "pooled_features",
    "prepare",
    "run",
    "same_features",
    "small_windows",
    "sweep_specs",
    "trained",
    "training_specs",
]
