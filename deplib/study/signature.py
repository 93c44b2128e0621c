"""What tells one set of features from another, kept beside the results computed from them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from deplib import baselines
from deplib.errors import ResultError
from deplib.extraction.storage.atomic import write_atomically
from deplib.results import RunSpec
from deplib.windows import WindowSet

SIGNATURE = "features.json"
"""Beside the results of a world: what the features are that they were computed from.

Those of another encoder than the study's have a file of their own; see ``signature_of``.
"""
SIGNATURE_WIDTH = 4
SIGNATURE_TOLERANCE = 2e-3
"""Another processor's rounding stays below; another frame, crop or preprocessing does not."""


def signature(windows: WindowSet) -> pd.DataFrame:
    """Return what tells one set of features from another: numbers of a recording, no more.

    Returns
    -------
    DataFrame
        Index ``recording``; ``n_frames``, the valid ones in the windows, and the first
        ``SIGNATURE_WIDTH`` components of their mean embedding.
    """
    mean, table = baselines.pool(windows, "mean")
    n_frames = pd.Series(windows.mask.sum(axis=1)).groupby(windows.index["recording"]).sum()
    columns = {f"mean_{k}": mean[:, k].round(6) for k in range(SIGNATURE_WIDTH)}
    frame = pd.DataFrame(columns, index=pd.Index(table["recording"], name="recording"))
    frame.insert(0, "n_frames", n_frames.reindex(frame.index).astype(int))
    return frame.sort_index()


def signature_of(stream: str) -> str:
    """Return the name of the file that has the signature of one encoder's features."""
    return SIGNATURE if stream == RunSpec.features else f"features-{stream}.json"


def same_features(windows: WindowSet, folder: Path, name: str = SIGNATURE) -> bool | None:
    """Tell whether the results in a folder were computed from features like these.

    Parameters
    ----------
    windows
        Windows of all recordings, nothing lost.
    folder
        That of one world's results.
    name
        Of the signature's file.

    Returns
    -------
    bool or None
        None where the folder has no signature.

    Raises
    ------
    ResultError
        If the signature cannot be read.
    """
    path = folder / name
    if not path.exists():
        return None
    ours = signature(windows)
    try:
        theirs = pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))).set_index("recording")
        theirs = theirs.sort_index()[list(ours.columns)]
    except (OSError, ValueError, KeyError) as error:
        raise ResultError(f"{path} cannot be read ({error}); delete it and run again") from error
    if list(ours.index) != list(theirs.index) or not ours["n_frames"].equals(theirs["n_frames"]):
        return False
    return bool(np.allclose(ours, theirs, rtol=0, atol=SIGNATURE_TOLERANCE))


def write_signature(windows: WindowSet, folder: Path, name: str = SIGNATURE) -> None:
    """Put the signature of the features beside the results of a world."""
    columns = signature(windows).reset_index().to_dict(orient="list")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(
            folder / name, (json.dumps(columns, separators=(",", ":")) + "\n").encode()
        )
    except OSError as error:
        raise ResultError(
            f"cannot write {folder / name}: {error.strerror or error}; make room and run again"
        ) from error
