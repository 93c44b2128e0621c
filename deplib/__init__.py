"""Frames to features to windows to predictions to metrics: the library behind the report."""

__version__ = "0.1.0"
