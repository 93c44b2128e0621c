"""An exported model on the windows of many recordings, one recording a call as in deployment.

Of windows that run together in 8 bits, one changes another: a layer's activations share one scale.
So a recording's windows run together and with no other, as in ``deplib.deployment.prediction``, and
its numbers are the same whoever else is predicted.
"""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from deplib.deployment.model_file import open_model, read_model
from deplib.errors import ModelError
from deplib.windows import WindowSet


def predict_windows(path: Path, windows: WindowSet) -> np.ndarray:
    """Predict every window by an exported file, in one thread.

    Parameters
    ----------
    path
        A file that ``export_model`` or ``quantise_dynamic`` wrote.
    windows
        Windows of the features that the model was exported for.

    Returns
    -------
    ndarray of float64, shape (n_windows,)
        z-units, in the order of ``windows.index``; rounded to 1e-6 as
        ``deplib.training.predict`` does.

    Raises
    ------
    ModelError
        If the file is no exported model, takes other features, or gives NaN or infinity.
    """
    session, card = open_model(read_model(path), path, threads=1)
    if card.channels != windows.features.shape[2]:
        raise ModelError(
            f"{path} takes {card.channels} values a frame, and these windows have "
            f"{windows.features.shape[2]}: give the features {card.features!r}"
        )
    y = np.empty(len(windows))
    for rows in windows.index.groupby("recording", sort=False).indices.values():
        y[rows] = _recording(session, windows, np.asarray(rows))
    if not np.isfinite(y).all():
        raise ModelError(f"{path} gives NaN or infinity: its weights are damaged")
    return y.round(6)


def _recording(session: ort.InferenceSession, windows: WindowSet, rows: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(windows.features[rows].transpose(0, 2, 1))  # (B, C, T)
    y: np.ndarray = session.run(None, {"x": x, "mask": windows.mask[rows]})[0]
    return y
