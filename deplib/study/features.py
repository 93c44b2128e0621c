"""From a cohort to the windows of a run: extraction, verification, and what the run changes."""

import json
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from deplib import baselines
from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import EncoderError, ResultError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.fallback import losing
from deplib.extraction.pipeline import extract, plan, store_folder, store_header
from deplib.extraction.storage.atomic import write_atomically
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification.report import Bounds
from deplib.extraction.verification.verify import verify
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.splits import split_as
from deplib.windows import WindowSet, build_windows, permute_labels

SIGNATURE = "features.json"
"""Beside the results of a world: what the features are that they were computed from."""
SIGNATURE_WIDTH = 4
SIGNATURE_TOLERANCE = 2e-3
"""Another processor's rounding stays below; another frame, crop or preprocessing does not."""


class MissLimits(NamedTuple):
    """How many frames may lack an embedding."""

    overall: float = 0.05  # share of all frames above which nothing may be used
    recording: float = 0.5  # share of one recording's frames above which it is left out


LIMITS = MissLimits()


def open_cohort(world: str = "default") -> SimulatedCohort:
    """Return the simulated cohort of the report in one of its worlds."""
    return SimulatedCohort(world)


def prepare_features(
    cohort: Cohort,
    encoder: OnnxEncoder,
    *,
    protocol: Protocol | None = None,
    limits: MissLimits = LIMITS,
    jobs: int = 2,
    progress: bool = False,
) -> tuple[FeatureStore, pd.DataFrame]:
    """Extract what is missing, verify all of it, and return it.

    Returns
    -------
    store : FeatureStore
    recordings : DataFrame
        The cohort's table without the recordings that cannot be used; a warning names each.

    Raises
    ------
    EncoderError
        If its embeddings have another width than the protocol's.
    VerificationError
        If the features must not be used, for instance because all of them are zero.
    """
    protocol = protocol or Protocol()
    if encoder.dim != protocol.feature_dim:
        raise EncoderError(
            f"{encoder!r} gives {encoder.dim} numbers a frame and the protocol compares models on "
            f"{protocol.feature_dim}: choose an encoder of that width"
        )
    limit = protocol.sequence_length
    header = store_header(cohort, encoder, frame_limit=limit)
    store = FeatureStore(store_folder(header), header=header)
    todo = sum(plan(cohort, store, frame_limit=limit).values())
    with tqdm(total=todo, unit="frame", desc="features", disable=not (progress and todo)) as bar:
        report = extract(
            cohort,
            encoder,
            store,
            frame_limit=limit,
            jobs=jobs,
            max_miss_rate=limits.overall,
            max_recording_miss_rate=limits.recording,
            progress=lambda entry: bar.update(entry.n_frames),
        )
    left_out = dict(report.refused)
    for entry in map(store.entry, store.done()):
        if entry.n_invalid == entry.n_frames:
            left_out[entry.recording] = "none of its frames has an embedding"
    for recording, why in left_out.items():
        warnings.warn(f"left out {recording}: {why}", stacklevel=2)
    recordings = cohort.recordings[~cohort.recordings["recording"].isin(list(left_out))]
    bounds = Bounds(invalid_rate=limits.overall, recording_invalid_rate=limits.recording)
    verify(store, recordings, bounds=bounds).raise_for_faults()
    return store, recordings


def load_windows(
    recordings: pd.DataFrame,
    store: FeatureStore,
    spec: RunSpec,
    *,
    protocol: Protocol | None = None,
) -> WindowSet:
    """Return the windows of a verified store as a run sees them.

    Its split, the scaling of the labels by the Train of that split, its labels, its lost frames.
    """
    recordings = split_as(recordings, spec.split)
    read = losing(store.read, spec.lost, spec.fill) if spec.lost else store.read
    windows = build_windows(recordings, read, protocol or Protocol())
    if spec.labels == "permuted":
        return permute_labels(windows, rng=np.random.default_rng(0))
    return windows


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


def same_features(windows: WindowSet, folder: Path) -> bool | None:
    """Tell whether the results in a folder were computed from features like these.

    Parameters
    ----------
    windows
        Windows of all recordings, nothing lost.
    folder
        That of one world's results.

    Returns
    -------
    bool or None
        None where the folder has no signature.

    Raises
    ------
    ResultError
        If the signature cannot be read.
    """
    path = folder / SIGNATURE
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


def write_signature(windows: WindowSet, folder: Path) -> None:
    """Put the signature of the features beside the results of a world."""
    columns = signature(windows).reset_index().to_dict(orient="list")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(
            folder / SIGNATURE, (json.dumps(columns, separators=(",", ":")) + "\n").encode()
        )
    except OSError as error:
        raise ResultError(
            f"cannot write {folder / SIGNATURE}: {error.strerror or error}; make room and run again"
        ) from error
