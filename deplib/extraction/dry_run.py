"""How long an extraction will take, and whether it can work at all: a dry run on a few frames."""

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import cpu_count

from deplib.cohorts.base import Cohort, FrameFault
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.embedding import MissCount, is_miss, not_embedded, read_block
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
    read_seconds: float  # a frame: decoding, alignment
    embed_seconds: float  # a frame: preprocessing, network
    probed: int  # frames that were tried
    faults: dict[str, int]  # what was wrong with frames of the probe, by kind

    @property
    def misses(self) -> int:
        """Frames of the probe that could not be embedded."""
        return sum(count for kind, count in self.faults.items() if is_miss(kind))

    def __str__(self) -> str:
        if not self.recordings:
            return "nothing to do: every recording is in the store"
        processes = f"{self.jobs} process" + ("es" if self.jobs > 1 else "")
        return (
            f"about {duration(self.seconds)} for {self.frames:,} frames of {self.recordings:,} "
            f"recordings in {processes} (a frame: {1000 * self.read_seconds:.2g} ms to read, "
            f"{1000 * self.embed_seconds:.2g} ms to embed; {self.misses} of {self.probed} frames "
            "tried could not be embedded)"
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
    process. The prediction lets ``jobs`` processes take the recordings longest first, and in each
    of them reading overlap with the network as far as there are cores for both. What processes
    take from each other beyond cores (memory bandwidth, disk) is not foreseen.

    Parameters
    ----------
    cohort, encoder, store, frame_limit, jobs
        As for `extract`; without a store, or where there is none yet, everything is to do.
    n_frames
        Frames of the probe.

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
    root = store.root if isinstance(store, FeatureStore) else store
    there = root is not None and (Path(root) / "store.json").exists()
    existing = open_store(cohort, encoder, root, frame_limit) if there and root else None
    todo = plan(cohort, existing, frame_limit=frame_limit)
    names = [str(name) for name in cohort.recordings["recording"] if str(name) in todo]
    chosen = [names[i] for i in _spread(len(names), min(_RECORDINGS, n_frames))]
    probe = _Probe(cohort, encoder)
    for place, name in enumerate(chosen):
        share = n_frames // len(chosen) + (place < n_frames % len(chosen))
        probe.try_recording(name, todo[name], share, place / len(chosen))
    count = probe.count
    begun = existing is not None and existing.done()  # then what is left may be the bad ones
    if not begun and probe.probed and count.misses > _HOPELESS * probe.probed:
        raise VerificationError(
            f"{count.misses} of {probe.probed} frames of a dry run over {len(chosen)} recordings "
            f"could not be embedded, so an extraction would fail.\n{count.describe()}\n"
            "Where no face is found in aligned crops, give them to the encoder directly, without "
            "a detector; where files are unreadable, run the corpus's check"
        )
    (opening, _), (read, reading), (embed, embedding) = map(
        probe.seconds, ("open", "read", "embed")
    )
    opening = max(0.0, opening - read)
    processes = min(jobs, max(1, len(todo)))  # the slowest stage decides, or the lack of cores
    per_frame = max(read, embed, (reading + embedding) * processes / cpu_count())
    seconds = _makespan([opening + n * per_frame for n in todo.values()], jobs)
    frames, faults = sum(todo.values()), dict(count.faults)
    return Estimate(seconds, len(todo), frames, jobs, read, embed, probe.probed, faults)


def duration(seconds: float) -> str:
    """Return a duration as a person says it: ``"2 h 40 min"``, ``"7 min"``, ``"12 s"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(round(minutes, -1), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


class _Probe:
    """Tries frames of some recordings, and times each stage: wall and processor seconds a frame."""

    def __init__(self, cohort: Cohort, encoder: OnnxEncoder) -> None:
        self._cohort, self._encoder = cohort, encoder
        self._times: dict[str, list[tuple[float, float]]] = {"open": [], "read": [], "embed": []}
        self.count = MissCount()
        self.probed = 0
        size = encoder.preprocess.size
        encoder.embed(np.zeros((encoder.batch_size, size, size, 3), np.uint8))  # warms it up

    def try_recording(self, name: str, length: int, share: int, where: float) -> None:
        """Read and embed ``share`` frames, from ``where`` (0 to 1) in the recording onwards."""
        share = min(share, length)
        start = max(int(where * (length - share)), min(1, length - share))
        self.probed += share
        try:
            self._timed("open", 1, read_block, self._cohort, name, 0, 1)
            if start > 1:  # going there takes time once; a video must never be read backwards
                read_block(self._cohort, name, start - 1, start)
            frames, faults = self._timed(
                "read", share, read_block, self._cohort, name, start, start + share
            )
        except CohortError as error:
            self.count.add(FrameFault(start + i, "unreadable", str(error)) for i in range(share))
            return
        valid = self._timed("embed", share, self._encoder.embed, frames).valid
        missed = {fault.frame for fault in faults if is_miss(fault.kind)}
        lost = set((np.flatnonzero(~valid) + start).tolist()) - missed
        self.count.add([*faults, *(not_embedded(name, frame) for frame in sorted(lost))])

    def _timed(self, stage: str, frames: int, call: Callable[..., Any], *given: Any) -> Any:
        wall, processor = time.perf_counter(), time.process_time()
        result = call(*given)
        passed = time.perf_counter() - wall, time.process_time() - processor
        self._times[stage].append((passed[0] / frames, passed[1] / frames))
        return result

    def seconds(self, stage: str) -> tuple[float, float]:
        """Return the median wall and processor seconds a frame of a stage."""
        wall, processor = np.median(self._times[stage] or [(0.0, 0.0)], axis=0)
        return float(wall), float(processor)


def _spread(n: int, k: int) -> list[int]:
    """Return up to ``k`` places spread evenly over ``n``."""
    return np.unique(np.linspace(0, n - 1, min(n, k)).astype(int)).tolist() if n else []


def _makespan(durations: list[float], jobs: int) -> float:
    """Return when the last of ``jobs`` processes ends that take the work in the order given."""
    ends = [0.0] * jobs
    for seconds in durations:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)
