"""From a trained model to two checked ONNX files, and from those to predictions.

``bundle`` and ``predict`` open and run the files and need no torch; ``export`` writes a model;
``quantise`` makes both smaller. ``deplib.study.export_run`` does all of it for a run of the study.
"""

from deplib.deploy.bundle import Bundle, Card, open_bundle, write_bundle
from deplib.deploy.predict import Prediction, predict_folder, predict_windows

__all__ = ["Bundle", "Card", "Prediction", "open_bundle", "predict_folder", "predict_windows",
           "write_bundle"]  # fmt: skip
