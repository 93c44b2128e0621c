"""One recording through the encoder: read, embed, and decide whether it can be used."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from deplib.cohorts.base import FAULT_KINDS, Cohort, FrameFault, is_blank, read_frames
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.store import FeatureStore, LedgerEntry, fill_invalid

_EXAMPLES = 2  # messages kept of each kind of miss


@runtime_checkable
class FilmedCohort(Cohort, Protocol):
    """A cohort whose recordings change one by one, as files do.

    A simulated cohort is one piece: its fingerprint covers every frame. Files are mended or added
    one by one, so each recording has a fingerprint of its own, which the ledger keeps.

    Attributes
    ----------
    source
        Hash of what the frames of all recordings share, such as how faces are aligned.
    """

    source: str

    def fingerprint_of(self, recording: str) -> str:
        """Return a hash of what determines the frames of one recording."""
        ...


def shared_source(cohort: Cohort) -> str:
    """Return the fingerprint that a store's header keeps."""
    return cohort.source if isinstance(cohort, FilmedCohort) else cohort.fingerprint


def source_of(cohort: Cohort, recording: str) -> str:
    """Return the fingerprint that the ledger keeps of a recording; empty where the header says it.

    Raises
    ------
    CohortError
        If the recording is unknown.
    """
    return cohort.fingerprint_of(recording) if isinstance(cohort, FilmedCohort) else ""


def is_current(store: FeatureStore, cohort: Cohort, recording: str) -> bool:
    """Return whether a recording is in the store, with the features of its present frames."""
    try:
        return store.entry(recording).source == source_of(cohort, recording)
    except StoreError:  # missing, or unreadable: to be done again, like all that is damaged
        return False


def is_miss(kind: str) -> bool:
    """Return whether a fault of this kind leaves its frame without an embedding."""
    return kind != "gap"


class MissCount:
    """Faults by kind, over any number of recordings, and some of their messages.

    Attributes
    ----------
    faults : Counter
        Faults by kind, gaps included.
    """

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self._examples: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, faults: Iterable[FrameFault]) -> None:
        """Count faults, and keep the first messages of each kind."""
        for fault in faults:
            self.faults[fault.kind] += 1
            if len(self._examples[fault.kind]) < _EXAMPLES:
                self._examples[fault.kind].append(fault.message)

    @property
    def misses(self) -> int:
        """Frames without an embedding."""
        return sum(count for kind, count in self.faults.items() if is_miss(kind))

    def require_few(self, planned: int, max_rate: float) -> None:
        """Pass as long as the misses so far are a bearable share of all frames planned.

        Misses only grow and ``planned`` is fixed, so whether this raises at some time does not
        depend on the order of the recordings.

        Raises
        ------
        VerificationError
            With the counts by kind, examples, and the remedy.
        """
        if self.misses > max_rate * planned:
            raise VerificationError(
                f"{self.misses:,} of {planned:,} planned frames could not be embedded; "
                f"max_miss_rate is {max_rate:.1%}. Mend the cause, leave the worst recordings out, "
                f"or raise it, and run again: what is finished is kept\n{self.describe()}"
            )

    def describe(self) -> str:
        """Return one line a kind of miss, most frequent first, and examples below it."""
        lines = []
        for kind, count in self.faults.most_common():
            if is_miss(kind):
                lines.append(f"  {count:,} {kind}: {FAULT_KINDS.get(kind, 'unknown kind')}")
                lines += [f"    e.g. {message}" for message in self._examples[kind]]
        return "\n".join(lines)


class RecordingFeatures(NamedTuple):
    """The embeddings of one recording, before anything stands in for those that are missing."""

    features: np.ndarray
    """float32, shape ``(n, dim)``: unit rows; to be ignored where ``valid`` is False."""
    valid: np.ndarray
    """bool, shape ``(n,)``."""
    faults: tuple[FrameFault, ...]
    """In the order of frames; at most one of them a frame, gaps not counted."""


class Outcome(NamedTuple):
    """What became of one recording."""

    recording: str
    entry: LedgerEntry | None  # None: nothing was written
    faults: tuple[FrameFault, ...]
    refused: str  # why the recording cannot be used


def extract_recording(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore,
    recording: str,
    n_frames: int,
    *,
    block: int,
    max_miss_rate: float,
) -> Outcome:
    """Embed the first ``n_frames`` frames of one recording and write them.

    Nothing is written where more than a share of ``max_miss_rate`` of them failed.
    """
    try:
        features, valid, faults = embed_recording(cohort, encoder, recording, n_frames, block=block)
    except CohortError as error:
        return Outcome(recording, None, (), str(error))
    count = MissCount()
    count.add(faults)
    if count.misses > max_miss_rate * n_frames:
        share = f"{count.misses:,} of {n_frames:,} frames of {recording} could not be embedded"
        remedy = "mend the files, or leave the recording out; nothing was written for it"
        why = f"{share}, more than {max_miss_rate:.0%}: {remedy}\n{count.describe()}"
        return Outcome(recording, None, faults, why)
    # Random, but decided by recording and encoder: never by who came first.
    key = hashlib.sha256(f"{encoder.id} {recording}".encode()).digest()
    features = fill_invalid(features, valid, rng=np.random.default_rng([0, *key]))
    source = source_of(cohort, recording)
    entry = store.write(recording, features, valid, count.faults, source)
    return Outcome(recording, entry, faults, "")


def embed_recording(
    cohort: Cohort, encoder: OnnxEncoder, recording: str, n_frames: int, *, block: int = 128
) -> RecordingFeatures:
    """Embed the first ``n_frames`` frames of one recording, block by block.

    Parameters
    ----------
    block
        Frames in memory at once, rounded up to whole batches of the encoder: a network may round
        differently in a smaller batch.

    Raises
    ------
    CohortError
        If the recording as a whole cannot be read, or is shorter than the cohort's table says.
    """
    if n_frames < 1:
        raise CohortError(f"{recording} of {cohort.name} has no frames: leave it out")
    step = -(-block // encoder.batch_size) * encoder.batch_size
    features = np.empty((n_frames, encoder.dim), np.float32)
    valid = np.empty(n_frames, bool)
    faults: list[FrameFault] = []
    for start in range(0, n_frames, step):
        stop = min(start + step, n_frames)
        features[start:stop], valid[start:stop], found = embed_block(
            cohort, encoder, recording, start, stop
        )
        faults += found
    return RecordingFeatures(features, valid, tuple(faults))


def embed_block(
    cohort: Cohort, encoder: OnnxEncoder, recording: str, start: int, stop: int
) -> RecordingFeatures:
    """Embed frames ``start`` to ``stop``, and find those that are blank though nobody said so.

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
    missed = {fault.frame: fault for fault in reversed(found) if is_miss(fault.kind)}

    def miss(which: np.ndarray, kind: str, why: str) -> None:
        for frame in (np.flatnonzero(which) + start).tolist():
            message = f"frame {frame} of {recording}{why}"
            missed.setdefault(frame, FrameFault(frame, kind, message))

    lost_face = " is a single tone, as face trackers write when they lose the face"
    miss(is_blank(frames), "blank", f"{lost_face}; look at the clip there")
    features = np.full((stop - start, encoder.dim), np.nan, np.float32)
    valid = np.zeros(stop - start, bool)
    if len(missed) < len(frames):  # a block without a face costs no run of the network
        features, valid = encoder.embed(frames)
    no_vector = ": the network's output is not finite or has no length"
    miss(~valid, "not_embedded", f"{no_vector}; look at it, and check the encoder's file")
    valid[[frame - start for frame in missed]] = False
    gaps = [fault for fault in found if not is_miss(fault.kind)]
    faults = sorted([*gaps, *missed.values()], key=lambda fault: fault.frame)
    return RecordingFeatures(features, valid, tuple(faults))
