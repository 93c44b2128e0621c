"""The runs of the report: from a cohort to keyed results, resumable, on all cores.

A *run* trains one model once. Its key is a hash of all that determines it: settings, protocol, the
source of its model and of training, and the features. A row of ``results/`` whose key no longer
fits is refused, never shown.
"""

from deplib.results import RunSpec
from deplib.study.completion import complete, prepare
from deplib.study.grid import BASELINES, RIDGE, SEEDS, VARIED, WORLDS, sweep_specs, training_specs
from deplib.study.inputs import Inputs, MissLimits, open_cohort, small_windows
from deplib.study.pairs import card_of, export_run, first_kept, half_width
from deplib.study.runs import run
from deplib.study.sharing import FEWEST, aggregate

__all__ = [
    "BASELINES", "FEWEST", "RIDGE", "SEEDS", "VARIED", "WORLDS",
    "Inputs", "MissLimits", "RunSpec", "aggregate",
    "card_of", "complete", "export_run", "first_kept", "half_width", "open_cohort",
    "prepare", "run", "small_windows", "sweep_specs", "training_specs",
]  # fmt: skip
