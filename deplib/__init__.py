"""Frames to features to windows to predictions to metrics: the library behind the report."""

__version__ = "0.1.0"

REPOSITORY = "https://github.com/deplib--report/depression-temporal-ablation"
"""Where the report lives; the book's buttons and the chapters' set-up cell point there."""
