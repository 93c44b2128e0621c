"""The book's figures in one visual language.

Every function takes plain data, draws, and returns the figure; none of them computes a result.
"""

from deplib.figures.cohort import clip_lengths, contact_sheet, labels_by_band, trajectories
from deplib.figures.detection import detections, outgrown
from deplib.figures.scores import forest, learning_curve, prediction_scatter
from deplib.figures.seeds import forest_of_seeds, rank_counts, scatter_of_seeds
from deplib.figures.style import COLOURS

__all__ = [
    "COLOURS",
    "clip_lengths",
    "contact_sheet",
    "detections",
    "forest",
    "forest_of_seeds",
    "labels_by_band",
    "learning_curve",
    "outgrown",
    "prediction_scatter",
    "rank_counts",
    "scatter_of_seeds",
    "trajectories",
]
