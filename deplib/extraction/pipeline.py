"""Frames to features: a cohort's recordings through an encoder into a store.

One recording is one unit of work: it is done wholly or again. Frames come in blocks, so memory is
bounded whatever the clip's length, and processes of one thread each share the recordings.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed, parallel_config

from deplib.cohorts.base import Cohort
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.store import FeatureStore, LedgerEntry, StoreHeader
from deplib.paths import data_root

_BLANK_RANGE = 8  # grey levels; a frame whose pixels differ by less shows no face

Progress = Callable[[LedgerEntry], None]
"""Called in the calling process each time a recording is finished."""


@dataclass(frozen=True)
class ExtractionReport:
    """What one call of `extract` did."""

    cohort: str
    encoder: str
    extracted: tuple[str, ...]  # recordings embedded by this call
    kept: tuple[str, ...]  # recordings that were already there and whole
    recomputed: dict[str, str] = field(repr=False)  # found corrupt and done again, and why
    n_frames: int  # frames embedded by this call
    n_invalid: int  # of them, frames that could not be embedded
    seconds: float  # wall time

    def __str__(self) -> str:
        text = (
            f"{len(self.extracted)} recordings ({self.n_frames:,} frames) embedded in "
            f"{self.seconds:.1f} s, {len(self.kept)} already there; "
            f"{self.n_invalid:,} frames without a face"
        )
        if self.recomputed:
            text += f"; found corrupt and done again: {', '.join(self.recomputed)}"
        return text


def store_header(
    cohort: Cohort, encoder: OnnxEncoder, *, frame_limit: int = 2000, dtype: str = "float16"
) -> StoreHeader:
    """Return the header of the store that holds this cohort through this encoder."""
    if frame_limit < 1:
        raise StoreError(f"frame_limit is {frame_limit}; keep at least one frame a recording")
    return StoreHeader(
        encoder=encoder.id,
        dim=encoder.dim,
        cohort=cohort.name,
        fingerprint=cohort.fingerprint,
        n_recordings=len(cohort.recordings),
        frame_limit=frame_limit,
        dtype=dtype,
    )


def store_folder(header: StoreHeader) -> Path:
    """Return where a store lives by default: a folder of its own for each way of making one."""
    name = header.cohort.replace("/", "-")
    return data_root() / "features" / f"{name}-{header.key}"


def plan(
    cohort: Cohort,
    store: FeatureStore | None = None,
    *,
    frame_limit: int = 2000,
    recordings: Sequence[str] | None = None,
) -> dict[str, int]:
    """Return the recordings that are still to do and their frames, longest first.

    Raises
    ------
    CohortError
        If one of ``recordings`` is not in the cohort.
    """
    table = cohort.recordings.set_index("recording")["n_frames"]
    if recordings is not None:
        unknown = [name for name in recordings if name not in table.index]
        if unknown:
            raise CohortError(
                f"{cohort.name} has no recording {', '.join(map(repr, unknown[:5]))}; "
                f"its {len(table)} recordings are named like {table.index[0]!r}"
            )
        table = table.loc[list(recordings)]
    done = store.done() if store is not None else set()
    todo = [(str(r), min(int(n), frame_limit)) for r, n in table.items() if r not in done]
    return dict(sorted(todo, key=lambda item: -item[1]))


def extract(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore | str | Path,
    *,
    frame_limit: int = 2000,
    recordings: Sequence[str] | None = None,
    jobs: int = 1,
    block: int = 256,
    max_miss_rate: float = 0.05,
    seed: int = 0,
    progress: Progress | None = None,
) -> ExtractionReport:
    """Embed every recording of a cohort that the store does not hold yet.

    A frame that could not be embedded (blank, or no finite output) keeps its place: its features
    are a seeded random unit vector and its ``valid`` is False. The vector depends on ``seed``,
    recording and encoder only, so the result is the same for any ``jobs`` and ``block`` and
    after any interruption.

    Parameters
    ----------
    cohort, encoder
        Both must be picklable when ``jobs`` is above 1.
    store
        A store of this cohort and encoder, or the folder of one, created where it is missing.
    frame_limit
        Frames of a recording that are used; longer ones are cut.
    recordings
        Only these; all by default.
    jobs
        Processes. One a core, each with one thread, beats one process with many threads.
    block
        Frames in memory at once, in each process.
    max_miss_rate
        Largest share of a recording's frames that may fail. Bounding it in each recording bounds
        it overall.
    seed
        Of the vectors that hold the place of failed frames.
    progress
        Called with the ledger entry of each recording as it is finished.

    Raises
    ------
    StoreError
        If the store was made otherwise, or cannot be written.
    CohortError
        If a recording is unknown or its frames cannot be read.
    VerificationError
        If a recording exceeds ``max_miss_rate``; nothing is written for it. Random vectors pass
        every check of norm and variance, so too many of them would hide that extraction failed.
    """
    began = time.perf_counter()
    if jobs < 1 or block < 1 or not 0 <= max_miss_rate <= 1:
        raise StoreError(
            f"jobs={jobs}, block={block}, max_miss_rate={max_miss_rate}: the first two must be at "
            "least 1 and the third between 0 and 1"
        )
    if not isinstance(store, FeatureStore):
        store = FeatureStore(store, header=store_header(cohort, encoder, frame_limit=frame_limit))
    wanted = store_header(cohort, encoder, frame_limit=frame_limit, dtype=store.header.dtype)
    store = FeatureStore(store.root, header=wanted)  # refuses a store that was made otherwise
    corrupt = store.verify_hashes()
    for recording in corrupt:
        store.discard(recording)
    todo = plan(cohort, store, frame_limit=frame_limit, recordings=recordings)
    asked = cohort.recordings["recording"] if recordings is None else recordings
    kept = [str(recording) for recording in asked if recording not in todo]

    tasks = [
        (cohort, encoder, store, recording, n_frames, block, max_miss_rate, seed)
        for recording, n_frames in todo.items()
    ]
    entries = []
    for entry in _run(tasks, jobs):
        entries.append(entry)
        if progress is not None:
            progress(entry)
    return ExtractionReport(
        cohort=cohort.name,
        encoder=encoder.id,
        extracted=tuple(entry.recording for entry in entries),
        kept=tuple(kept),
        recomputed={r: why for r, why in corrupt.items() if r in todo},
        n_frames=sum(entry.n_frames for entry in entries),
        n_invalid=sum(entry.n_invalid for entry in entries),
        seconds=time.perf_counter() - began,
    )


def _run(tasks: list[tuple], jobs: int) -> Iterator[LedgerEntry]:
    """Yield each recording's ledger entry as soon as it is finished."""
    if jobs == 1 or len(tasks) < 2:
        yield from (extract_recording(*task) for task in tasks)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(
            n_jobs=min(jobs, len(tasks)), return_as="generator_unordered", batch_size=1
        )(delayed(_in_worker)(os.getpid(), *task) for task in tasks)


def _in_worker(parent: int, *task: object) -> LedgerEntry:
    cv2.setNumThreads(1)
    _leave_with(parent)
    return extract_recording(*task)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _leave_with(parent: int) -> None:
    """End this worker soon after its parent; an orphan could wait for its next task for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def extract_recording(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore,
    recording: str,
    n_frames: int,
    block: int,
    max_miss_rate: float,
    seed: int,
) -> LedgerEntry:
    """Embed the first ``n_frames`` frames of one recording and write them; see `extract`."""
    features = np.empty((n_frames, encoder.dim), np.float32)
    valid = np.empty(n_frames, bool)
    for start in range(0, n_frames, block):
        stop = min(start + block, n_frames)
        frames = cohort.frames(recording, start, stop)
        if len(frames) != stop - start:
            raise CohortError(
                f"{cohort.name} gives {len(frames)} frames of {recording} for {start} to {stop}: "
                f"its table says n_frames is at least {n_frames}; correct the table or the files"
            )
        embedded = encoder.embed(frames)
        features[start:stop] = embedded.features
        valid[start:stop] = embedded.valid & ~is_blank(frames)
    missed = int((~valid).sum())
    if missed > max_miss_rate * n_frames:
        raise VerificationError(
            f"{missed} of {n_frames} frames of {recording} could not be embedded (more than "
            f"{max_miss_rate:.0%}): look at its frames; leave the recording out, or raise "
            "max_miss_rate if the gaps are real. Nothing was written for it"
        )
    key = hashlib.sha256(f"{encoder.id} {recording}".encode()).digest()
    rng = np.random.default_rng([seed, *key])
    return store.write(recording, fill_invalid(features, valid, rng=rng), valid)


def is_blank(frames: np.ndarray) -> np.ndarray:
    """Return which frames are a single tone, as face trackers write when they lose the face.

    Parameters
    ----------
    frames
        uint8, shape ``(n, height, width, 3)``.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    return np.ptp(frames[:, ::4, ::4], axis=(1, 2, 3)) < _BLANK_RANGE


def fill_invalid(
    features: np.ndarray, valid: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Return features with a random unit vector in place of each row that is not valid.

    Parameters
    ----------
    features
        Shape ``(n, dim)``.
    valid
        bool, shape ``(n,)``.
    rng
        Source of the vectors: directions uniform on the sphere.
    """
    filled = features.copy()
    vectors = rng.standard_normal((int((~valid).sum()), features.shape[1]))
    filled[~valid] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return filled
