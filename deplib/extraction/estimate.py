"""How long an extraction will take, and whether it can work at all: a dry run on a few frames."""

import heapq
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import cpu_count

from deplib.cohorts.base import Cohort, FrameFault
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.misses import MissCount, is_miss
from deplib.extraction.pipeline import plan, store_header
from deplib.extraction.recording import read_block
from deplib.extraction.storage.store import FeatureStore

_RECORDINGS = 8  # that a probe looks into
_HOPELESS = 0.5  # share of misses in the probe above which nothing is worth starting


@dataclass(frozen=True)
class Estimate:
    """What a dry run says of an extraction that has not started."""

    seconds: float  # wall time predicted for what the store does not hold yet
    recordings: int  # still to do
    frames: int  # of them
    jobs: int  # processes that the prediction is for
    open_seconds: float  # to the first frame of a recording
    read_seconds: float  # a frame: decoding, alignment
    embed_seconds: float  # a frame: preprocessing, network
    probed: int  # frames that were tried
    faults: dict[str, int]  # what was wrong with frames of the probe, by kind
    examples: str  # a line for each kind of miss, and messages

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
    existing = _existing(cohort, encoder, store, frame_limit)
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
    per_frame = probe.seconds_per_frame(min(jobs, max(1, len(todo))))
    opening = probe.open_seconds
    return Estimate(
        seconds=_makespan([opening + n * per_frame for n in todo.values()], jobs),
        recordings=len(todo),
        frames=sum(todo.values()),
        jobs=jobs,
        open_seconds=opening,
        read_seconds=probe.read.wall,
        embed_seconds=probe.embed.wall,
        probed=probe.probed,
        faults=dict(count.faults),
        examples=count.describe(),
    )


def duration(seconds: float) -> str:
    """Return a duration as a person says it: ``"2 h 40 min"``, ``"7 min"``, ``"12 s"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(round(minutes, -1), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


class _Clock:
    """Wall and processor seconds a frame, the median over the recordings of the probe."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []

    def __enter__(self) -> "_Clock":
        self._began = (time.perf_counter(), time.process_time())
        return self

    def __exit__(self, *_: object) -> None:
        self._passed = (
            time.perf_counter() - self._began[0],
            time.process_time() - self._began[1],
        )

    def keep(self, frames: int) -> None:
        """Count the last interval as that of so many frames."""
        self._samples.append((self._passed[0] / frames, self._passed[1] / frames))

    @property
    def wall(self) -> float:
        return float(np.median([wall for wall, _ in self._samples])) if self._samples else 0.0

    @property
    def processor(self) -> float:
        return float(np.median([cpu for _, cpu in self._samples])) if self._samples else 0.0


class _Probe:
    """Tries frames of some recordings, with one clock for each stage."""

    def __init__(self, cohort: Cohort, encoder: OnnxEncoder) -> None:
        self._cohort, self._encoder = cohort, encoder
        self._opening, self.read, self.embed = _Clock(), _Clock(), _Clock()
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
            with self._opening:
                read_block(self._cohort, name, 0, 1)
            if start > 1:  # going there takes time once; a video must never be read backwards
                read_block(self._cohort, name, start - 1, start)
            with self.read:
                frames, faults = read_block(self._cohort, name, start, start + share)
        except CohortError as error:
            lost = [FrameFault(start + i, "unreadable", str(error)) for i in range(share)]
            self.count.add(lost)
            return
        with self.embed:
            valid = self._encoder.embed(frames).valid
        self._opening.keep(1)
        self.read.keep(share)
        self.embed.keep(share)
        missed = {fault.frame - start for fault in faults if is_miss(fault.kind)}
        lost = [
            FrameFault(start + i, "not_embedded", f"frame {start + i} of {name}: no finite output")
            for i in np.flatnonzero(~valid).tolist()
            if i not in missed
        ]
        self.count.add([*faults, *lost])

    @property
    def open_seconds(self) -> float:
        return max(0.0, self._opening.wall - self.read.wall)

    def seconds_per_frame(self, jobs: int) -> float:
        """Return the wall time a frame of each of ``jobs`` processes: the slowest stage's."""
        work = self.read.processor + self.embed.processor
        return max(self.read.wall, self.embed.wall, work * jobs / cpu_count())


def _existing(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore | str | Path | None,
    frame_limit: int,
) -> FeatureStore | None:
    """Return the store if there is one, or None; refuse one that was made otherwise."""
    root = store.root if isinstance(store, FeatureStore) else store
    if root is None or not (Path(root) / "store.json").exists():
        return None
    dtype = FeatureStore(root).header.dtype
    header = store_header(cohort, encoder, frame_limit=frame_limit, dtype=dtype)
    return FeatureStore(root, header=header)


def _spread(n: int, k: int) -> list[int]:
    """Return up to ``k`` places spread evenly over ``n``."""
    return np.unique(np.linspace(0, n - 1, min(n, k)).astype(int)).tolist() if n else []


def _makespan(durations: list[float], jobs: int) -> float:
    """Return when the last of ``jobs`` processes ends that take the work in the order given."""
    ends = [0.0] * jobs
    for seconds in durations:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)
