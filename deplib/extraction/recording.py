"""One recording through the encoder: read ahead, embed, and decide whether it can be used."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from deplib.cohorts.base import Cohort, FrameBlock, FrameFault, is_blank, read_frames
from deplib.errors import CohortError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.fallback import fill_invalid
from deplib.extraction.misses import MissCount, is_miss
from deplib.extraction.sources import is_current, source_of
from deplib.extraction.storage.store import FeatureStore, LedgerEntry

_WAITS = 1.5  # times its work that reading must take before it counts as waiting


class RecordingFeatures(NamedTuple):
    """The embeddings of one recording, before anything stands in for those that are missing."""

    features: np.ndarray
    """float32, shape ``(n, dim)``: unit rows; NaN where ``valid`` is False."""
    valid: np.ndarray
    """bool, shape ``(n,)``."""
    faults: tuple[FrameFault, ...]
    """In the order of frames; at most one of them a frame, gaps not counted."""


@dataclass(frozen=True)
class Outcome:
    """What became of one recording."""

    recording: str
    entry: LedgerEntry | None = None  # None: nothing was written
    faults: tuple[FrameFault, ...] = ()
    refused: str | None = None  # why the recording cannot be used
    extracted: bool = False  # embedded here, and not by another process meanwhile
    seconds: float = 0.0

    @property
    def elsewhere(self) -> bool:
        """Whether another process is at work on it: to be asked for again."""
        return self.entry is None and self.refused is None


@dataclass(frozen=True)
class Extractor:
    """The settings that all recordings of one run share; picklable, and called for each."""

    cohort: Cohort
    encoder: OnnxEncoder
    store: FeatureStore
    block: int
    read_ahead: bool | None
    max_recording_miss_rate: float
    seed: int

    def __call__(self, recording: str, n_frames: int, *, wait: bool = False) -> Outcome:
        """Embed the first ``n_frames`` frames of one recording and write them.

        Parameters
        ----------
        wait
            Where another process works on the recording, wait for it; else leave it at once.
        """
        began = time.perf_counter()
        with self.store.claim(recording, wait=wait) as held:
            if not held:
                return Outcome(recording)
            if self._is_done(recording):
                return Outcome(recording, self.store.entry(recording))
            try:
                features, valid, faults = embed_recording(
                    self.cohort, self.encoder, recording, n_frames,
                    block=self.block, read_ahead=self.read_ahead,
                )  # fmt: skip
            except CohortError as error:
                return Outcome(recording, refused=str(error))
            why = _refusal(recording, faults, n_frames, self.max_recording_miss_rate)
            if why is not None:
                return Outcome(recording, faults=faults, refused=why)
            if not valid.all():
                # Random, but decided by recording and encoder: never by who came first.
                key = hashlib.sha256(f"{self.encoder.id} {recording}".encode()).digest()
                rng = np.random.default_rng([self.seed, *key])
                features = fill_invalid(features, valid, rng=rng)
            counts = Counter(fault.kind for fault in faults)
            source = source_of(self.cohort, recording)
            entry = self.store.write(recording, features, valid, counts, source)
        seconds = time.perf_counter() - began
        return Outcome(recording, entry, faults, extracted=True, seconds=seconds)

    def _is_done(self, recording: str) -> bool:
        """Return whether another process has done it meanwhile."""
        there = not self.store.missing([recording])
        return there and is_current(self.store, self.cohort, recording)


def embed_recording(
    cohort: Cohort,
    encoder: OnnxEncoder,
    recording: str,
    n_frames: int,
    *,
    block: int = 128,
    read_ahead: bool | None = None,
) -> RecordingFeatures:
    """Embed the first ``n_frames`` frames of one recording, block by block.

    Parameters
    ----------
    block
        Frames read at once, rounded up to whole batches of the encoder: a network may round
        differently in a smaller batch.
    read_ahead
        Read the next block in a thread while the network runs on the present one. By default
        only if reading the first block was waiting more than work: where every core is at work
        already, a second thread for each gains nothing and costs about 2 %.

    Raises
    ------
    CohortError
        If the recording as a whole cannot be read, or is shorter than the cohort's table says.
    """
    if n_frames < 1:
        raise CohortError(f"{recording} of {cohort.name} has no frames: leave it out")
    batch = encoder.batch_size
    step = -(-block // batch) * batch
    spans = [(start, min(start + step, n_frames)) for start in range(0, n_frames, step)]
    features = np.full((n_frames, encoder.dim), np.nan, np.float32)
    valid = np.zeros(n_frames, bool)
    faults: list[FrameFault] = []
    for (start, stop), (frames, found) in _blocks(cohort, recording, spans, read_ahead):
        seen = np.ones(stop - start, bool)
        seen[[fault.frame - start for fault in found if is_miss(fault.kind)]] = False
        if seen.any():  # a block without a face costs no run of the network
            embedded = encoder.embed(frames)
            features[start:stop] = embedded.features
            valid[start:stop] = embedded.valid & seen
        lost = np.flatnonzero(seen & ~valid[start:stop]) + start
        faults += found
        faults += [
            FrameFault(
                int(frame),
                "not_embedded",
                f"frame {frame} of {recording}: the network's output is not finite or has no "
                "length; look at the frame, and check the encoder's file",
            )
            for frame in lost
        ]
        del frames  # or it would be in memory together with the two that follow
    return RecordingFeatures(features, valid, tuple(sorted(faults, key=lambda f: f.frame)))


def _blocks(
    cohort: Cohort, recording: str, spans: list[tuple[int, int]], read_ahead: bool | None
) -> Iterator[tuple[tuple[int, int], FrameBlock]]:
    """Yield blocks in order; at most two are in memory: one in use, one being read."""
    began = time.perf_counter(), time.process_time()
    block = read_block(cohort, recording, *spans[0])
    if read_ahead is None:
        wall, work = time.perf_counter() - began[0], time.process_time() - began[1]
        read_ahead = wall > _WAITS * work
    if not read_ahead or len(spans) < 2:
        yield spans[0], block
        del block
        yield from ((span, read_block(cohort, recording, *span)) for span in spans[1:])
        return
    with ThreadPoolExecutor(1) as reader:  # on the way out, it waits for the read under way
        for span, following in pairwise(spans):
            coming = reader.submit(read_block, cohort, recording, *following)
            yield span, block
            block = coming.result()
        yield spans[-1], block


def read_block(cohort: Cohort, recording: str, start: int, stop: int) -> FrameBlock:
    """Read frames ``start`` to ``stop``, and find those that are blank though nobody said so.

    Returns
    -------
    FrameBlock
        With at most one fault a frame that costs it its embedding.

    Raises
    ------
    CohortError
        If the recording as a whole cannot be read, or is shorter than the cohort's table says.
    """
    frames, found = read_frames(cohort, recording, start, stop)
    if len(frames) != stop - start:
        raise CohortError(
            f"{cohort.name} gives {len(frames)} frames of {recording} for {start} to {stop}: "
            f"its table says n_frames is at least {stop}; correct the table or the files"
        )
    faults = [fault for fault in found if not is_miss(fault.kind)]
    missed = {fault.frame: fault for fault in reversed(found) if is_miss(fault.kind)}
    for frame in (np.flatnonzero(is_blank(frames)) + start).tolist():
        missed.setdefault(
            frame,
            FrameFault(
                frame,
                "blank",
                f"frame {frame} of {recording} is a single tone, as face trackers write when they "
                "lose the face; look at the clip there",
            ),
        )
    return FrameBlock(frames, (*faults, *missed.values()))


def _refusal(
    recording: str, faults: tuple[FrameFault, ...], n_frames: int, max_rate: float
) -> str | None:
    """Return why a recording has too few embeddings to be used, or None."""
    count = MissCount()
    count.add(faults)
    if count.misses <= max_rate * n_frames:
        return None
    return (
        f"{count.misses:,} of {n_frames:,} frames of {recording} could not be embedded; "
        f"max_recording_miss_rate is {max_rate:.0%}.\n{count.describe()}\n"
        "Mend the files, or leave the recording out; nothing was written for it"
    )
