"""Pooled features beside the results of a world: what a chapter at feature level starts from.

The mean and the SD over time of every recording's embeddings fit in a small file. A chapter that
reads it needs no extraction, and has the same numbers on every machine.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from deplib import baselines
from deplib.cohorts.base import Cohort
from deplib.errors import ResultError
from deplib.extraction.encoders.encoder import OnnxEncoder, embedded_encoder
from deplib.extraction.storage.atomic import write_atomically
from deplib.protocol import Protocol
from deplib.provenance import NO_NUMBERS, digest, source_digest
from deplib.windows import WindowSet

POOLED = "pooled.safetensors"
"""Beside the results of a world: ``features``, float16, (n_recordings, 2 * width), by name."""


def pooled_key(cohort: Cohort, encoder: OnnxEncoder, protocol: Protocol | None = None) -> str:
    """Return the hash of all that determines the pooled features of a cohort."""
    modules = ("deplib.extraction.encoders.encoder", "deplib.windows", "deplib.baselines")
    return digest(
        {
            "sequence_length": (protocol or Protocol()).sequence_length,
            "cohort": cohort.fingerprint,
            "encoder": encoder.id,
            "source": source_digest(*modules, without=NO_NUMBERS),
        }
    )


def write_pooled(windows: WindowSet, folder: Path, key: str) -> None:
    """Put the pooled features beside the results of a world, sorted by recording.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    features, table = baselines.pool(windows, "mean+sd")
    order = np.argsort(table["recording"].to_numpy(str))
    names = table["recording"].iloc[order].tolist()
    # One entry of metadata: safetensors writes several in no fixed order.
    about = json.dumps({"key": key, "recordings": names})
    content = save({"features": features[order].astype(np.float16)}, metadata={"pooled": about})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / POOLED, content)
    except OSError as error:
        raise ResultError(
            f"cannot write {folder / POOLED}: {error.strerror or error}; make room and run again"
        ) from error


def has_pooled(folder: Path, key: str) -> bool:
    """Tell whether a folder has whole pooled features of that key."""
    try:
        _read(folder / POOLED, key)
    except ResultError:
        return False
    return True


def pooled_features(cohort: Cohort, folder: Path) -> np.ndarray:
    """Return the versioned mean and SD over time of each recording's embeddings.

    Parameters
    ----------
    cohort
        Whose recordings; gives their order.
    folder
        That of its results, such as ``study.results_dir() / "default"``.

    Returns
    -------
    ndarray of float64, shape (n_recordings, 2 * width)
        The means, then the SDs, as ``baselines.pool`` returns them but for rounding to float16.

    Raises
    ------
    ResultError
        If the file is missing, damaged or stale, or lacks a recording of the cohort.
    """
    names, features = _read(folder / POOLED, pooled_key(cohort, embedded_encoder()))
    row = pd.Series(range(len(names)), index=names).reindex(cohort.recordings["recording"])
    if row.isna().any():
        raise ResultError(
            f"{folder / POOLED} lacks recording {row.index[row.isna()][0]!r}: run `make sweep`"
        )
    return features[row.to_numpy(int)].astype(float)


def _read(path: Path, key: str) -> tuple[list[str], np.ndarray]:
    if not path.exists():
        raise ResultError(f"{path} does not exist; make it with `make sweep`")
    try:
        with safe_open(path, framework="numpy") as file:
            found = json.loads(file.metadata()["pooled"])
            names, made_with = found["recordings"], found["key"]
            features = file.get_tensor("features")
        if features.ndim != 2 or len(features) != len(names) or not np.isfinite(features).all():
            raise ValueError("its features are not one finite row a recording")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ResultError(
            f"{path} is no whole file of pooled features ({error}); delete it and run `make sweep`"
        ) from error
    if made_with != key:
        raise ResultError(
            f"{path} is stale: the present code, cohort and encoder give other features; run "
            "`make sweep`"
        )
    return names, features
