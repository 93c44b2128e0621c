"""What the runs of one cohort see: its streams, each made ready once, and windows of them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.deployment.small_encoder import small_encoder
from deplib.errors import CohortError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.twins import open_encoder
from deplib.extraction.verification.report import DEFAULT_BOUNDS, Bounds
from deplib.protocol import Protocol
from deplib.recipes.unlabelled import unlabelled_cohort, unlabelled_windows
from deplib.results import RunSpec
from deplib.splits import split_as
from deplib.streams.join import join
from deplib.streams.missing import hiding, lacking
from deplib.streams.names import ENCODED, parse, width_of
from deplib.streams.source import open_stream
from deplib.study.features import LIMITS, MissLimits, prepare_features, windows_of
from deplib.windows import Read, WindowSet

BOUNDS = {"random": Bounds(coherence=0.0)}
"""What is sound for an encoder may look unsound by the bounds of a trained one.

A network that learnt nothing keeps the jitter of the alignment as well as the face: consecutive
frames of one clip have a cosine of .4, and some fall below the bound.
"""
PRETRAINED = "pretrained"
"""The recipe that also sees video without labels."""
SMALL_MODEL = "int8"
"""The precision of a run whose temporal model is in 8 bits."""
SMALL_ENCODER = "int8-encoder"
"""The precision of a run whose Dev and Test were embedded in 8 bits."""


def in_float(spec: RunSpec) -> RunSpec:
    """Return the run that a run in 8 bits is made from; any other is its own."""
    return replace(spec, precision=RunSpec.precision)


class Inputs:
    """The streams of one cohort.

    Parameters
    ----------
    cohort
        Whose recordings.
    encoder
        The one that the stream ``identity`` stands for.
    protocol, limits, jobs, progress
        As of ``deplib.study.complete``.
    stream_folder
        Where the files of streams lie that no encoder makes; the simulated cohort needs none.
    """

    def __init__(
        self,
        cohort: Cohort,
        encoder: OnnxEncoder,
        *,
        protocol: Protocol | None = None,
        limits: MissLimits = LIMITS,
        jobs: int = 2,
        progress: bool = False,
        stream_folder: Path | None = None,
    ) -> None:
        self.cohort, self.encoder = cohort, encoder
        self.protocol, self.limits = protocol or Protocol(), limits
        self.jobs, self.progress = jobs, progress
        self.stream_folder = stream_folder
        self._stores: dict[tuple[str, bool], tuple[FeatureStore, pd.DataFrame]] = {}

    def windows(self, spec: RunSpec) -> WindowSet:
        """Return the windows as a run sees them.

        Where its encoder is in 8 bits, Train stays as the model saw it when it was trained.

        Raises
        ------
        CohortError
            If a stream is unknown, or cannot be had of this cohort.
        VerificationError
            If the features of an encoder must not be used.
        """
        names = parse(spec.features)
        recordings = self.cohort.recordings
        readers: dict[str, Read] = {}
        small: dict[str, Read] = {}
        for name in names:
            if name in ENCODED:
                readers[name], usable = self._encoded(name)
                recordings = recordings[recordings["recording"].isin(usable["recording"])]
                if spec.precision == SMALL_ENCODER:
                    small[name], usable = self._encoded(name, small=True)
                    recordings = recordings[recordings["recording"].isin(usable["recording"])]
            else:
                readers[name] = open_stream(name, self.cohort, folder=self.stream_folder)
        if spec.missing:
            recordings, readers = _without(recordings, readers, spec.missing)
        recordings = split_as(recordings, spec.split)
        train = set(recordings["recording"][recordings["split"] == "train"])
        readers |= {name: _either(train, readers[name], read) for name, read in small.items()}
        limit = self.protocol.sequence_length
        read = join(spec.features, readers, recordings, frame_limit=limit)
        wide = replace(self.protocol, feature_dim=width_of(spec.features))
        return windows_of(recordings, read, spec, protocol=wide)

    def unlabelled(self, spec: RunSpec) -> WindowSet | None:
        """Return windows without labels to pretrain on, or None where a run needs none.

        For the simulated cohort other persons in other recordings; of a real one nothing but its
        Train part is used, and the recipe takes that by itself.

        Raises
        ------
        CohortError
            If the features of the run are more than one encoder's.
        """
        if spec.recipe != PRETRAINED or not isinstance(self.cohort, SimulatedCohort):
            return None
        if spec.features not in ENCODED:
            raise CohortError(
                f"there is no unlabelled video with the streams {spec.features!r}: pretrain on "
                f"one of {list(ENCODED)}"
            )
        cohort = unlabelled_cohort(self.cohort.world.name)
        store, recordings = self._prepare(cohort, spec.features, small=False)
        return unlabelled_windows(store.read, recordings, self.protocol)

    def _encoded(self, name: str, *, small: bool = False) -> tuple[Read, pd.DataFrame]:
        if (name, small) not in self._stores:
            self._stores[name, small] = self._prepare(self.cohort, name, small=small)
        store, recordings = self._stores[name, small]
        return store.read, recordings

    def _prepare(
        self, cohort: Cohort, name: str, *, small: bool
    ) -> tuple[FeatureStore, pd.DataFrame]:
        encoder = encoder_of(name, self.encoder)
        return prepare_features(
            cohort,
            small_encoder(encoder) if small else encoder,
            protocol=self.protocol,
            limits=self.limits,
            bounds=BOUNDS.get(name, DEFAULT_BOUNDS),
            jobs=self.jobs,
            progress=self.progress,
        )


def encoder_of(stream: str, given: OnnxEncoder) -> OnnxEncoder:
    """Return the encoder that a stream comes from; ``identity`` is the one given."""
    return given if stream == RunSpec.features else _twin(stream)


@cache
def _twin(name: str) -> OnnxEncoder:
    """Open an encoder once, however many keys name it."""
    return open_encoder(name)


def _without(
    recordings: pd.DataFrame, readers: Mapping[str, Read], share: float
) -> tuple[pd.DataFrame, dict[str, Read]]:
    """Hide the streams that no encoder makes in a share of the recordings, always the same."""
    hidden = lacking(recordings, share, rng=np.random.default_rng(0))
    kept = {n: read if n in ENCODED else hiding(read, hidden) for n, read in readers.items()}
    if not any(name in ENCODED for name in readers):
        recordings = recordings[~recordings["recording"].isin(hidden)]
    return recordings, kept


def _either(chosen: Collection[str], read: Read, otherwise: Read) -> Read:
    """Read some recordings by one reader, and all others by another."""
    return lambda recording: (read if recording in chosen else otherwise)(recording)
