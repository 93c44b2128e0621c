"""The runs of the report: from a cohort to keyed results, resumable, on all cores.

A *run* trains one model once. Its key is a hash of all that determines it: the protocol, the
model, the seed, the cohort, its split, the encoder, and the source code that makes numbers on the
way from frames to predictions. A result whose key no longer fits is refused, never shown.

Results live in two places. ``results/`` is versioned and is what the chapters print; the *live*
copy under :func:`deplib.paths.data_root` is computed on the reader's own machine, and the chapters
say whether the two agree.
"""

from deplib.results import RunSpec
from deplib.study.completion import available, complete, live_dir, published, results_dir
from deplib.study.features import LIMITS, MissLimits, load_windows, open_cohort, prepare_features
from deplib.study.grid import (
    BASELINES,
    DISJOINT_SEEDS,
    LOST,
    RIDGE,
    SEEDS,
    VARIED,
    WORLDS,
    disjoint_specs,
    fallback_specs,
    grid_specs,
    live_specs,
    permuted_specs,
    training_specs,
)
from deplib.study.inputs import Inputs
from deplib.study.keys import run_key
from deplib.study.pooled import pooled_features
from deplib.study.runs import run
from deplib.study.sweep import sweep_specs

__all__ = [
    "BASELINES",
    "DISJOINT_SEEDS",
    "LIMITS",
    "LOST",
    "RIDGE",
    "SEEDS",
    "VARIED",
    "WORLDS",
    "Inputs",
    "MissLimits",
    "RunSpec",
    "available",
    "complete",
    "disjoint_specs",
    "fallback_specs",
    "grid_specs",
    "live_dir",
    "live_specs",
    "load_windows",
    "open_cohort",
    "permuted_specs",
    "pooled_features",
    "prepare_features",
    "published",
    "results_dir",
    "run",
    "run_key",
    "sweep_specs",
    "training_specs",
]
