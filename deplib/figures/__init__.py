"""The book's figures in one visual language.

Every function takes plain data, draws, and returns the figure; none of them computes a result.
"""

from deplib.figures.cohort import clip_lengths, contact_sheet, labels_by_band, trajectories
from deplib.figures.cost import cost_against_length, exponents_against_length
from deplib.figures.detection import detections, outgrown
from deplib.figures.diagrams import diagram
from deplib.figures.scores import forest
from deplib.figures.seeds import forest_of_seeds, rank_counts, scatter_of_seeds
from deplib.figures.style import COLOURS
from deplib.figures.training import (
    courses,
    forgetting,
    predictions_over_seeds,
    scores_over_seeds,
)

__all__ = [
    "COLOURS",
    "clip_lengths",
    "contact_sheet",
    "cost_against_length",
    "courses",
    "detections",
    "diagram",
    "exponents_against_length",
    "forest",
    "forest_of_seeds",
    "forgetting",
    "labels_by_band",
    "outgrown",
    "predictions_over_seeds",
    "rank_counts",
    "scatter_of_seeds",
    "scores_over_seeds",
    "trajectories",
]
