"""One recording through the encoder: read, embed, and decide whether it can be used."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Protocol, runtime_checkable

import numpy as np

from deplib.alignment import template_distance
from deplib.cohorts.base import FAULT_KINDS, SOUND, Cohort, FrameFault, is_blank, read_frames
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.store import FeatureStore, LedgerEntry, fill_invalid

MAX_TEMPLATE_DISTANCE = 10.0
"""Median distance of faces from the five-point template, pixels, above which crops are refused."""
_EXAMPLES = 2  # messages kept of each kind of miss
_LOOKED_AT = 16  # recordings whose first frames show how they are aligned


@runtime_checkable
class FilmedCohort(Cohort, Protocol):
    """A cohort whose recordings change one by one, as files do.

    A simulated cohort is one piece: its fingerprint covers every frame. Files are mended or added
    one by one, so each recording has a fingerprint of its own, which the ledger keeps.
    """

    def fingerprint_of(self, recording: str) -> str:
        """Return a hash of what determines the frames of one recording."""
        ...


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
        found = store.entry(recording)
        return (found.made, found.source) == (store.header.key, source_of(cohort, recording))
    except (CohortError, StoreError):  # missing, unreadable or changing: to be done again
        return False


def require_few(
    faults: Sequence[FrameFault],
    planned: int,
    max_rate: float,
    what: str,
    remedy: str,
    before: Mapping[str, int] | None = None,
) -> None:
    """Pass as long as the frames without an embedding are a bearable share of those planned.

    They only grow and ``planned`` is fixed, so whether this raises at some time does not depend on
    the order of the recordings.

    Parameters
    ----------
    faults
        What was found.
    planned, max_rate
        Frames, and the share of them that may fail.
    what, remedy
        Which frames they are, and what to do.
    before
        Faults by kind that were found earlier.

    Raises
    ------
    VerificationError
        With the counts by kind, examples, and the remedy.
    """
    kinds = Counter(before) + Counter(fault.kind for fault in faults)
    for kind in SOUND:
        del kinds[kind]
    if kinds.total() <= max_rate * planned:
        return
    share = f"{kinds.total():,} of {planned:,} {what} could not be embedded"
    lines = [f"{share}, and {max_rate:.1%} may fail: {remedy}"]
    for kind, count in kinds.most_common():
        lines.append(f"  {count:,} {kind}: {FAULT_KINDS.get(kind, 'unknown kind')}")
        messages = [fault.message for fault in faults if fault.kind == kind]
        lines += [f"    e.g. {message}" for message in messages[:_EXAMPLES]]
    raise VerificationError("\n".join(lines))


def require_aligned(
    cohort: Cohort, recordings: Collection[str], max_distance: float = MAX_TEMPLATE_DISTANCE,
    frames: Collection[int] = (0,),
) -> float:  # fmt: skip
    """Look at some frames of some recordings: faces must lie where encoders expect them.

    Returns
    -------
    float
        Median distance from the five-point template, pixels; NaN where no face was found.

    Raises
    ------
    VerificationError
        If it is larger than ``max_distance``: norms and variances would look healthy all the same.
    """
    names, crops = sorted(recordings), list[np.ndarray]()
    for place in np.linspace(0, len(names) - 1, min(len(names), _LOOKED_AT)).astype(int):
        with suppress(CohortError):  # extraction says what is wrong with it
            crops += [read_frames(cohort, names[place], k, k + 1).frames[0] for k in frames]
    if (distance := template_distance(np.array(crops))) > max_distance:
        raise VerificationError(
            f"the faces in {len(crops)} crops of {cohort.name} lie {distance:.0f} pixels from the "
            f"five-point template (median; at most {max_distance:g}, right ones about 2), as in "
            "OpenFace's crops (-simalign): encoders take them for other faces. Give the films, to "
            "be aligned by this project (--detector yunet or det_10g); for an encoder that was "
            "trained on such crops, raise max_template_distance"
        )
    return distance


def alignment_told(distance: float) -> str:
    """Return what `require_aligned` found, as messages say it."""
    if np.isnan(distance):
        return "alignment not checked: no face found in the crops looked at"
    return f"faces lie {distance:.1f} pixels from the template (right ones about 2)"


Embeddings = tuple[np.ndarray, np.ndarray, tuple[FrameFault, ...]]
"""Of some frames: features, float32 ``(n, dim)``, unit rows, to be ignored where the next is False;
valid, bool ``(n,)``; and faults in the order of frames, at most one a frame."""


def extract_recording(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore,
    recording: str,
    n_frames: int,
    *,
    block: int,
) -> tuple[str, LedgerEntry | str, tuple[FrameFault, ...]]:
    """Embed the first ``n_frames`` frames of one recording and write them.

    Returns
    -------
    recording : str
    entry : LedgerEntry or str
        What was written, or why the recording cannot be used.
    faults : tuple of FrameFault
    """
    faults: tuple[FrameFault, ...] = ()
    try:
        source = source_of(cohort, recording)
        features, valid, faults = embed_recording(cohort, encoder, recording, n_frames, block=block)
        if source_of(cohort, recording) != source:
            raise CohortError(f"{recording} has changed while it was read: extract it again")
    except CohortError as error:
        return recording, str(error), faults
    # Random, but decided by recording and encoder: never by who came first.
    key = hashlib.sha256(f"{encoder.id} {recording}".encode()).digest()
    features = fill_invalid(features, valid, rng=np.random.default_rng([0, *key]))
    kinds = Counter(fault.kind for fault in faults)
    entry = store.write(recording, features, valid, kinds, source)
    return recording, entry, faults


def embed_recording(
    cohort: Cohort, encoder: OnnxEncoder, recording: str, n_frames: int, *, block: int = 128
) -> Embeddings:
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
    parts = [
        embed_block(cohort, encoder, recording, start, min(start + step, n_frames))
        for start in range(0, n_frames, step)
    ]
    features, valid, faults = zip(*parts, strict=True)
    return np.concatenate(features), np.concatenate(valid), tuple(chain(*faults))


def embed_block(
    cohort: Cohort, encoder: OnnxEncoder, recording: str, start: int, stop: int
) -> Embeddings:
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
    missed = {fault.frame: fault for fault in reversed(found) if fault.kind not in SOUND}

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
    noted = {fault.frame: fault for fault in found} | missed
    return features, valid, tuple(noted[frame] for frame in sorted(noted))
