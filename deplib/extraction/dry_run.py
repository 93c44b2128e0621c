"""How long an extraction will take, and whether it can work at all: a dry run on a few frames."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import cpu_count

from deplib.cohorts.base import Cohort, FrameFault, read_frames
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.embedding import MissCount, embed_block
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.pipeline import open_store, plan
from deplib.extraction.store import FeatureStore

_RECORDINGS = 8  # that a probe looks into
_HOPELESS = 0.5  # share of misses in the probe above which nothing is worth starting


@dataclass(frozen=True)
class Estimate:
    """What a dry run says of an extraction that has not started."""

    seconds: float  # wall time predicted for what the store does not hold yet
    recordings: int  # still to do
    frames: int  # of them
    jobs: int  # processes that the prediction is for
    frame_seconds: float  # a frame: decoding, alignment, network
    probed: int  # frames that were tried
    misses: int  # of them, frames that could not be embedded

    def __str__(self) -> str:
        if not self.recordings:
            return "nothing to do: every recording is in the store"
        processes = f"{self.jobs} process" + ("es" if self.jobs > 1 else "")
        return (
            f"about {duration(self.seconds)} for {self.frames:,} frames of {self.recordings:,} "
            f"recordings in {processes} ({1000 * self.frame_seconds:.2g} ms a frame; "
            f"{self.misses} of {self.probed} frames tried could not be embedded)"
        )


def estimate(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore | str | Path | None = None,
    *,
    frame_limit: int = 2000,
    jobs: int = 1,
    n_frames: int = 64,
) -> Estimate:
    """Predict the wall time of `extract` from a few frames; nothing is written.

    Some consecutive frames of each of up to eight recordings are read and embedded here, in one
    process. The prediction shares all frames among as many of ``jobs`` processes as there are cores
    and recordings. What processes take from each other beyond cores is not foreseen.

    Parameters
    ----------
    cohort, encoder, store, frame_limit, jobs
        As for `extract`; without a store, or where there is none yet, everything is to do.
    n_frames
        Frames of the probe, at most.

    Raises
    ------
    VerificationError
        If more than half of the frames tried cannot be embedded: no night's work would mend that.
        Not where the store holds recordings already: what is left may be those that were refused.
    StoreError
        If the store was made otherwise.
    EncoderError
        If the encoder fails.
    """
    if jobs < 1 or n_frames < 1:
        raise StoreError(f"jobs={jobs}, n_frames={n_frames}: both must be at least 1")
    root = store.root if isinstance(store, FeatureStore) else Path(store or "")
    there = store is not None and (root / "store.json").exists()
    existing = open_store(cohort, encoder, root, frame_limit) if there else None
    todo = plan(cohort, existing, frame_limit=frame_limit)
    names = [name for name in cohort.recordings["recording"].astype(str) if name in todo]
    places = np.linspace(0, len(names) - 1, min(len(names), _RECORDINGS, n_frames)).astype(int)
    count, probed, times = MissCount(), 0, list[float]()
    for k, name in enumerate(names[place] for place in places):
        share = min(n_frames // len(places), todo[name])
        last = todo[name] - share
        start = min(1 + k * last // len(places), last)  # beginnings of clips are not typical
        try:
            if start:  # going there takes time once; a video must never be read backwards
                read_frames(cohort, name, start - 1, start)
            began = time.perf_counter()
            count.add(embed_block(cohort, encoder, name, start, start + share).faults)
            times.append((time.perf_counter() - began) / share)
        except CohortError as error:
            count.add([FrameFault(start, "unreadable", str(error))] * share)
        probed += share
    begun = existing is not None and existing.done()  # then what is left may be the bad ones
    if not begun and count.misses > _HOPELESS * probed:
        raise VerificationError(
            f"{count.misses} of {probed} frames of a dry run over {len(places)} recordings "
            f"could not be embedded, so an extraction would fail.\n{count.describe()}\n"
            "Where no face is found in aligned crops, give them to the encoder directly, without "
            "a detector; where files are unreadable, run the corpus's check"
        )
    frames, each = sum(todo.values()), float(np.median(times)) if times else 0.0
    processes = max(1, min(jobs, cpu_count(), len(todo)))
    seconds = each * max(frames / processes, *todo.values(), 0)
    return Estimate(seconds, len(todo), frames, jobs, each, probed, count.misses)


def duration(seconds: float) -> str:
    """Return a duration as a person says it: ``"2 h 40 min"``, ``"7 min"``, ``"12 s"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
