"""From a cohort to what its runs see: extraction, verification, streams, and what a run changes."""

import hashlib
import json
import warnings
from collections.abc import Collection
from dataclasses import KW_ONLY, asdict, dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from deplib import extraction, results
from deplib.cohorts.base import Cohort, scale_of
from deplib.cohorts.simulated import SimulatedCohort
from deplib.deploy.quantise import small_encoder
from deplib.errors import CohortError
from deplib.extraction import Bounds, FeatureStore, OnnxEncoder, StoreHeader, embedded_encoder
from deplib.extraction.embedding import source_of
from deplib.keys import run_key
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.streams import ENCODED, parse, width_of
from deplib.streams.files import open_stream
from deplib.streams.join import hiding, join, lacking
from deplib.study.controls import PLANTED, plant_labels
from deplib.study.signature import same_features
from deplib.windows import Read, WindowSet, build_windows, losing, permute_labels, split_as

SMALL = "small"
"""The world on which chapters train before a reader's eyes."""
BOUNDS = {"random": Bounds(coherence=0.0)}
"""What is sound for an encoder may look unsound by the bounds of a trained one.

A network that learnt nothing keeps the jitter of the alignment as well as the face: consecutive
frames of one clip have a cosine of .4, and some fall below the bound.
"""
SMALL_MODEL = "int8"
"""The precision of a run whose temporal model is in 8 bits."""
SMALL_ENCODER = "int8-encoder"
"""The precision of a run whose Dev and Test were embedded in 8 bits."""


class MissLimits(NamedTuple):
    """How many frames may lack an embedding."""

    invalid_rate: float = 0.05  # share of all frames above which nothing may be used
    recording_invalid_rate: float = 0.5  # share of one recording's frames: it is left out
    max_template_distance: float = extraction.MAX_TEMPLATE_DISTANCE  # of faces, median, pixels


LIMITS = MissLimits()


def open_cohort(world: str = "default") -> SimulatedCohort:
    """Return the simulated cohort of the report in one of its worlds.

    Parameters
    ----------
    world
        ``"default"``, ``"null"`` or ``"published"``, 150 recordings as long as AVEC2014's; or
        ``"small"``, 30 recordings of 512 frames: *another* cohort of other persons, on which no
        score means anything.

    Raises
    ------
    CohortError
        If the world is unknown.
    """
    if world != SMALL:
        return SimulatedCohort(world)
    cohort = SimulatedCohort("default", n_recordings=30, max_frames=512)
    cohort.name = f"{cohort.name}-{SMALL}"
    return cohort


def small_windows() -> WindowSet:
    """Return the windows of the small cohort; the first call takes 20 s."""
    return Inputs(open_cohort(SMALL), embedded_encoder()).windows(RunSpec("", world=SMALL))


@dataclass(eq=False)
class Inputs:
    """The streams of one cohort, each made ready once.

    Parameters
    ----------
    cohort
        Whose recordings.
    encoder
        The one that the stream ``identity`` stands for.
    protocol
        Other controlled variables than those of the report; ``feature_dim`` is the encoder's.
    limits
        How many frames may lack an embedding.
    jobs, progress
        Processes of one thread each; show bars.
    stream_folder
        Where the files of streams lie that no encoder makes; the simulated cohort needs none.
    store_folder
        The store of the given encoder's features; one in the data folder by default. What is in
        it is compared with the frames.

    Attributes
    ----------
    left_out
        Recordings that cannot be used, and why; those that extraction refuses once it was done.
    """

    cohort: Cohort
    encoder: OnnxEncoder
    _: KW_ONLY
    protocol: Protocol = field(default_factory=Protocol)
    limits: MissLimits = LIMITS
    jobs: int = 2
    progress: bool = False
    stream_folder: Path | None = None
    store_folder: Path | None = None

    def __post_init__(self) -> None:
        """Make each stream ready once; labels outside their scale are refused."""
        scale, bdi = scale_of(self.cohort), self.cohort.recordings["bdi"]
        if not bdi.between(scale.low, scale.high).all():
            wanted = f"from {scale.low:g} to {scale.high:g}"
            raise CohortError(f"a label of {self.cohort.name} is no {scale.name} {wanted}: mend it")
        self.protocol = replace(self.protocol, feature_dim=self.encoder.dim)
        self.left_out = dict(getattr(self.cohort, "left_out", {}))
        # Of this cohort: the verified features of an encoder's stream, and the usable recordings.
        self.store = cache(self._prepare)
        self._digest = cache(self._digest_of)

    def windows(self, spec: RunSpec) -> WindowSet:
        """Return the windows as a run sees them: streams, split, labels, lost frames.

        Where its encoder is in 8 bits, Train stays as the model saw it when it was trained.

        Raises
        ------
        CohortError
            If a stream is unknown, or cannot be had of this cohort.
        VerificationError
            If the features of an encoder must not be used.
        """
        recordings = self.cohort.recordings
        readers: dict[str, Read] = {}
        small: dict[str, Read] = {}
        for name in parse(spec.features):
            if name not in ENCODED:
                readers[name] = open_stream(name, self.cohort, folder=self.stream_folder)
                continue
            stores = {False: readers} | ({True: small} if spec.precision == SMALL_ENCODER else {})
            for in_8_bits, into in stores.items():
                store, usable = self.store(name, in_8_bits)
                into[name] = store.read
                recordings = recordings[recordings["recording"].isin(usable["recording"])]
        if spec.missing:  # always the same recordings
            hidden = lacking(recordings, spec.missing, rng=np.random.default_rng(0))
            others = readers.keys() - ENCODED
            readers |= {name: hiding(readers[name], hidden) for name in others}
            if len(others) == len(readers):
                recordings = recordings[~recordings["recording"].isin(hidden)]
        recordings = split_as(recordings, spec.split_rule)
        train = set(recordings["recording"][recordings["split"] == "train"])
        readers |= {name: _either(train, readers[name], read) for name, read in small.items()}
        width, limit = self.protocol.feature_dim, self.protocol.sequence_length
        read = join(spec.features, readers, recordings, frame_limit=limit, identity=width)
        read = losing(read, spec.lost, spec.fill) if spec.lost else read
        wide = replace(self.protocol, feature_dim=width_of(spec.features, width))
        windows = build_windows(recordings, read, wide)
        if spec.labels == "permuted":
            return permute_labels(windows, rng=np.random.default_rng(0))
        if spec.labels in PLANTED:
            return plant_labels(windows, spec.labels)
        return windows

    @cached_property
    def world(self) -> str:
        """What results on these inputs are called: by the cohort, and a hash of all of `about`."""
        content = json.dumps(self.about) + self.cohort.recordings.to_json()
        return f"{self.cohort.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    @cached_property
    def about(self) -> dict[str, Any]:
        """What tells these inputs from others, beside the labels."""
        names = self.cohort.recordings["recording"]
        return {
            "encoder": self.encoder.id,
            "frames": {name: source_of(self.cohort, name) for name in names},
            "limits": self.limits._asdict(),
            "protocol": asdict(self.protocol),
        }

    def key(self, spec: RunSpec) -> str:
        """Return the key of a run on these streams.

        Features that are those of the versioned results count by their signature, so that the key
        is that of the sweep; others by what the stores and files hold.
        """
        digests = {} if self.limits == LIMITS else {"limits": str(self.limits)}
        digests |= {name: self._digest(name, spec.world) for name in parse(spec.features)}
        if not isinstance(self.cohort, SimulatedCohort):  # whose features tell its labels
            labelled = self.cohort.recordings[["recording", "person", "split", "bdi"]]
            digests["labels"] = labelled.to_csv(index=False)
        return run_key(spec, digests, self.protocol)

    def _digest_of(self, name: str, world: str) -> str:
        versioned = results.signature_digest(world, name)
        alone = RunSpec("", world=world, features=name)
        if versioned and same_features(self.windows(alone), world, name):
            return versioned
        if name in ENCODED:
            store, usable = self.store(name, False)
            return store.digest(usable["recording"].tolist())
        return open_stream(name, self.cohort, folder=self.stream_folder).fingerprint

    def _prepare(self, name: str, in_8_bits: bool = False) -> tuple[FeatureStore, pd.DataFrame]:
        """Extract what is missing, verify all of it, and name the recordings that are left out."""
        cohort, encoder, limits = self.cohort, encoder_of(name, self.encoder), self.limits
        encoder = small_encoder(encoder) if in_8_bits else encoder
        given = self.store_folder if encoder is self.encoder else None
        limit = self.protocol.sequence_length
        there = given or StoreHeader.dtype
        header = extraction.store_header(cohort, encoder, frame_limit=limit, dtype=there)
        store = FeatureStore(given or extraction.store_folder(header, cohort), header=header)
        todo = sum(extraction.plan(cohort, store, frame_limit=limit).values())
        silent = not (self.progress and todo)
        with tqdm(total=todo, unit="frame", desc="features", disable=silent) as bar:
            report = extraction.extract(
                cohort, encoder, store, frame_limit=limit, jobs=self.jobs,
                max_miss_rate=limits.invalid_rate,
                max_recording_miss_rate=limits.recording_invalid_rate,
                max_template_distance=limits.max_template_distance,
                progress=lambda entry: bar.update(entry.n_frames),
            )  # fmt: skip
        left_out = dict(report.refused)
        for entry in map(store.entry, store.done().intersection(cohort.recordings["recording"])):
            if entry.n_invalid == entry.n_frames:
                left_out[entry.recording] = "none of its frames has an embedding"
        for recording, why in left_out.items():
            warnings.warn(f"left out {recording}: {why}", stacklevel=4)
        self.left_out |= left_out
        recordings = cohort.recordings[~cohort.recordings["recording"].isin(list(left_out))]
        bounds = replace(BOUNDS.get(name, extraction.DEFAULT_BOUNDS), **limits._asdict())
        seen: Any = {"cohort": cohort, "encoder": encoder} if given else {}
        extraction.verify(store, recordings, bounds=bounds, **seen).raise_for_faults()
        return store, recordings


def in_float(spec: RunSpec) -> RunSpec:
    """Return the run that a run in 8 bits is made from; any other is its own."""
    return replace(spec, precision=RunSpec.precision)


def encoder_of(stream: str, given: OnnxEncoder) -> OnnxEncoder:
    """Return the encoder that a stream comes from; ``identity`` is the one given."""
    return given if stream == RunSpec.features else _twin(stream)


_twin = cache(extraction.open_encoder)


def _either(chosen: Collection[str], read: Read, otherwise: Read) -> Read:
    """Read some recordings by one reader, and all others by another."""
    return lambda recording: (read if recording in chosen else otherwise)(recording)
