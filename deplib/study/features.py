"""From a cohort to the windows of a run: extraction, verification, and what the run changes."""

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import EncoderError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.fallback import losing
from deplib.extraction.pipeline import extract, plan, store_folder, store_header
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification.report import DEFAULT_BOUNDS, Bounds
from deplib.extraction.verification.verify import verify
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.sizes import FULL, size_named
from deplib.splits import split_as
from deplib.windows import Read, WindowSet, build_windows, permute_labels


class MissLimits(NamedTuple):
    """How many frames may lack an embedding."""

    overall: float = 0.05  # share of all frames above which nothing may be used
    recording: float = 0.5  # share of one recording's frames above which it is left out


LIMITS = MissLimits()


def open_cohort(world: str = "default", size: str = FULL.name) -> SimulatedCohort:
    """Return the simulated cohort of the report in one of its worlds.

    Parameters
    ----------
    world
        Name of the world.
    size
        A name in ``deplib.sizes.SIZES``. A cohort that is not of full size is *another* cohort, of
        other persons, and its name says so.

    Raises
    ------
    CohortError
        If the world or the size is unknown.
    """
    chosen = size_named(size)
    if chosen == FULL:
        return SimulatedCohort(world)
    cohort = SimulatedCohort(world, n_recordings=chosen.n_recordings, max_frames=chosen.max_frames)
    cohort.name = f"{cohort.name}-{chosen.name}"
    return cohort


def prepare_features(
    cohort: Cohort,
    encoder: OnnxEncoder,
    *,
    protocol: Protocol | None = None,
    limits: MissLimits = LIMITS,
    bounds: Bounds = DEFAULT_BOUNDS,
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
    missed = {"invalid_rate": limits.overall, "recording_invalid_rate": limits.recording}
    verify(store, recordings, bounds=replace(bounds, **missed)).raise_for_faults()
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
    return windows_of(split_as(recordings, spec.split), store.read, spec, protocol=protocol)


def windows_of(
    recordings: pd.DataFrame, read: Read, spec: RunSpec, *, protocol: Protocol | None = None
) -> WindowSet:
    """Return windows with the labels and the lost frames of a run.

    Parameters
    ----------
    recordings
        Split as the run asks for.
    read
        Gives the features of a recording.
    spec, protocol
        What the run is; the protocol's ``feature_dim`` is the width of what is read.
    """
    read = losing(read, spec.lost, spec.fill) if spec.lost else read
    windows = build_windows(recordings, read, protocol or Protocol())
    if spec.labels == "permuted":
        return permute_labels(windows, rng=np.random.default_rng(0))
    return windows
