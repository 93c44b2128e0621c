"""What tells one set of features from another, kept beside the results computed from them.

``features.json`` (and ``features-STREAM.json``) has the first numbers of every recording's mean;
``pooled.safetensors`` the whole mean and SD over time, in the order of the recordings' names, from
which a chapter at feature level starts without any extraction.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save

from deplib import baselines, results
from deplib.errors import ResultError
from deplib.results import RunSpec
from deplib.windows import WindowSet

WIDTH = 4
TOLERANCE = 2e-3
"""Another processor's rounding stays below; another frame, crop or preprocessing does not."""
POOLED = "pooled.safetensors"


def signature(windows: WindowSet) -> pd.DataFrame:
    """Return what tells one set of features from another: numbers of a recording, no more.

    Returns
    -------
    DataFrame
        Index ``recording``; ``n_frames``, the valid ones in the windows, and the first ``WIDTH``
        components of their mean.
    """
    mean, table = baselines.pool(windows, "mean")
    n_frames = pd.Series(windows.mask.sum(axis=1)).groupby(windows.index["recording"]).sum()
    columns = {f"mean_{k}": mean[:, k].round(6) for k in range(WIDTH)}
    frame = pd.DataFrame(columns, index=pd.Index(table["recording"], name="recording"))
    frame.insert(0, "n_frames", n_frames.reindex(frame.index).astype(int))
    return frame.sort_index()


def same_features(windows: WindowSet, world: str, stream: str = RunSpec.features) -> bool | None:
    """Tell whether the versioned results of a world were computed from features like these.

    Parameters
    ----------
    windows
        Windows of all recordings, nothing lost.
    world, stream
        Whose signature.

    Returns
    -------
    bool or None
        None where there is no signature.

    Raises
    ------
    ResultError
        If the signature cannot be read.
    """
    return _fits(signature(windows), results.signature_path(world, stream))


def _fits(ours: pd.DataFrame, path: Path) -> bool | None:
    """Compare a signature with the file of another, within ``TOLERANCE``."""
    if not path.exists():
        return None
    try:
        theirs = pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))).set_index("recording")
        theirs = theirs.sort_index()[list(ours.columns)]
    except (OSError, ValueError, KeyError) as error:
        raise ResultError(f"{path} cannot be read ({error}); delete it and run again") from error
    alike = list(ours.index) == list(theirs.index)
    return alike and bool(np.allclose(ours, theirs, rtol=0, atol=TOLERANCE))


def write_signature(windows: WindowSet, world: str, stream: str = RunSpec.features) -> None:
    """Put the signature of a stream, and the pooled embeddings, beside the results of a world.

    Raises
    ------
    ResultError
        If a file cannot be written.
    """
    columns = signature(windows).reset_index().to_dict(orient="list")
    text = json.dumps(columns, separators=(",", ":")) + "\n"
    results.write_whole(results.signature_path(world, stream), text.encode())
    if stream != RunSpec.features:
        return
    features, table = baselines.pool(windows, "mean+sd")
    order = np.argsort(table["recording"].to_numpy(str))
    # One entry of metadata: safetensors writes several in no fixed order.
    about = {"pooled": json.dumps({"recordings": table["recording"].iloc[order].tolist()})}
    content = save({"features": features[order].astype(np.float16)}, metadata=about)
    results.write_whole(results.folder() / world / POOLED, content)
