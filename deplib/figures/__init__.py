"""The book's figures in one visual language.

Every function takes plain data, draws, and returns the figure; none of them computes a result.
"""

from deplib.figures.cohort import clip_lengths, contact_sheet, labels_by_band, trajectories
from deplib.figures.cost import cost_against_length, exponents_against_length
from deplib.figures.detection import detections, outgrown
from deplib.figures.diagrams import diagram
from deplib.figures.errors import (
    PairedRow,
    Residuals,
    paired_differences,
    residuals_by_severity,
    spread_by_epoch,
)
from deplib.figures.literature import constant_curve, literature_forest
from deplib.figures.options import effects, error_and_uncertainty, readability
from deplib.figures.origin import MADE_UP, PUBLISHED, Origin, simulated, stated
from deplib.figures.persons import forest_of_groups
from deplib.figures.power import coverage_dots, power_curves, wrong_orders
from deplib.figures.scores import forest
from deplib.figures.seeds import forest_of_seeds, scatter_of_seeds
from deplib.figures.selection import courses_of_choosing, dev_and_test, optimism_by_candidates
from deplib.figures.style import COLOURS
from deplib.figures.training import (
    courses,
    forgetting,
    predictions_over_seeds,
    scores_over_seeds,
)

__all__ = [
    "COLOURS",
    "MADE_UP",
    "PUBLISHED",
    "Origin",
    "PairedRow",
    "Residuals",
    "clip_lengths",
    "constant_curve",
    "contact_sheet",
    "cost_against_length",
    "courses",
    "courses_of_choosing",
    "coverage_dots",
    "detections",
    "dev_and_test",
    "diagram",
    "effects",
    "error_and_uncertainty",
    "exponents_against_length",
    "forest",
    "forest_of_groups",
    "forest_of_seeds",
    "forgetting",
    "labels_by_band",
    "literature_forest",
    "optimism_by_candidates",
    "outgrown",
    "paired_differences",
    "power_curves",
    "predictions_over_seeds",
    "readability",
    "residuals_by_severity",
    "scatter_of_seeds",
    "scores_over_seeds",
    "simulated",
    "spread_by_epoch",
    "stated",
    "trajectories",
    "wrong_orders",
]
