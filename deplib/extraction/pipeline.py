"""Frames to features: a cohort's recordings through an encoder into a store.

One recording is one unit of work: it is done wholly or again. Frames come in blocks, so memory is
bounded whatever the clip's length, and processes of one thread each share the recordings. A frame
that fails costs its embedding, a recording that fails costs itself; only too many of them end the
run, and then what was finished stays. `estimate` says beforehand how long it will take, and whether
it can work at all.
"""

import json
import os
import re
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config

from deplib.cohorts.base import SOUND, Cohort, FrameFault, read_frames
from deplib.errors import CohortError, StoreError
from deplib.extraction import embedding
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.store import FeatureStore, LedgerEntry, StoreHeader
from deplib.paths import data_root

_RECORDINGS = 8  # that a probe looks into
_FRAMES = 64  # of a probe, at most
_HOPELESS = 0.5  # share of misses in the probe above which nothing is worth starting


@dataclass(frozen=True)
class ExtractionReport:
    """What one call of `extract` did."""

    extracted: tuple[str, ...]  # recordings embedded by this call
    kept: tuple[str, ...]  # recordings that were there and whole
    recomputed: dict[str, str]  # found damaged, to be done again, and why
    refused: dict[str, str]  # recordings that cannot be used, and why
    faults: dict[str, int]  # what this call found wrong with frames, by kind, refused ones too
    n_frames: int  # frames embedded by this call
    n_invalid: int  # of them, frames that could not be embedded
    seconds: float  # wall time

    @property
    def ok(self) -> bool:
        """Whether every recording asked for is in the store now."""
        return not self.refused

    def __str__(self) -> str:
        text = (
            f"{len(self.extracted)} recordings ({self.n_frames:,} frames) embedded in "
            f"{self.seconds:.1f} s, {len(self.kept)} already there; "
            f"{self.n_invalid:,} frames without an embedding"
        )
        found = ", ".join(f"{n:,} {kind}" for kind, n in self.faults.items())
        text += f" (found: {found})" if found else ""
        if self.recomputed:
            text += f"; found damaged and done again: {', '.join(self.recomputed)}"
        return text + (f"; {len(self.refused)} refused: {', '.join(self.refused)}" * (not self.ok))


def store_header(
    cohort: Cohort, encoder: OnnxEncoder, *, frame_limit: int = 2000, dtype: str | Path = "float16"
) -> StoreHeader:
    """Return the header of the store that holds this cohort through this encoder.

    In the place of a dtype, a folder stands for that of its store.
    """
    if isinstance(dtype, Path):
        there = (dtype / "store.json").exists()
        dtype = FeatureStore(dtype).header.dtype if there else StoreHeader.dtype
    if frame_limit < 1:
        raise StoreError(f"frame_limit is {frame_limit}; keep at least one frame a recording")
    source, n = cohort.fingerprint, len(cohort.recordings)
    return StoreHeader(encoder.id, encoder.dim, cohort.name, source, n, frame_limit, dtype)


def store_folder(header: StoreHeader, cohort: Cohort) -> Path:
    """Return where a store lives by default: one for each corpus and way of making it.

    A corpus is known by its frames, so that it may be mended here and there, moved, or copied.
    """
    name = re.sub(r"[^\w.-]+", "-", header.cohort)
    for k in count():
        folder = data_root() / "features" / f"{name}-{header.key}{f'-{k}' * bool(k)}"
        if not (folder / "store.json").exists():
            break
        store = FeatureStore(folder)
        there = store.done().intersection(cohort.recordings["recording"])
        if 2 * sum(embedding.is_current(store, cohort, one) for one in there) >= len(there):
            break
    return folder


def plan(
    cohort: Cohort,
    store: FeatureStore | None = None,
    *,
    frame_limit: int = 2000,
    recordings: Sequence[str] | None = None,
) -> dict[str, int]:
    """Return the recordings that are still to do and their frames, longest first.

    To do are those that the store does not hold, and those whose frames have changed since.

    Raises
    ------
    CohortError
        If one of ``recordings`` is not in the cohort.
    """
    table = cohort.recordings.set_index("recording")["n_frames"]
    if recordings is not None:
        if unknown := [name for name in recordings if name not in table.index]:
            like = f"its {len(table)} recordings are named like {table.index[0]!r}"
            raise CohortError(f"{cohort.name} has no recording {unknown[0]!r}; {like}")
        table = table.loc[list(recordings)]
    frames = table.clip(upper=frame_limit).sort_values(ascending=False, kind="stable")
    return {
        str(name): int(n)
        for name, n in frames.items()
        if store is None or not embedding.is_current(store, cohort, str(name))
    }


def extract(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore | str | Path,
    *,
    frame_limit: int = 2000,
    recordings: Sequence[str] | None = None,
    jobs: int = 1,
    block: int = 128,
    max_miss_rate: float = 0.05,
    max_recording_miss_rate: float = 0.5,
    max_template_distance: float = embedding.MAX_TEMPLATE_DISTANCE,
    progress: Callable[[LedgerEntry], object] = lambda entry: None,
    log: str | Path | None = None,
) -> ExtractionReport:
    """Embed every recording of a cohort that the store does not hold yet.

    A frame that could not be embedded (unreadable, without a face, blank, or without a finite
    output) keeps its place: its features are a seeded random unit vector and its ``valid`` is
    False. The vector depends on recording and encoder only, so the result is the same for any
    ``jobs`` and ``block`` and after any interruption. Two runs on one store do no harm, but
    do the same work twice: share it by ``jobs`` or ``recordings``.

    Parameters
    ----------
    cohort, encoder
        Both must be picklable when ``jobs`` is above 1.
    store
        A store of this cohort and encoder, or the folder of one, created where it is missing; it
        then holds float16. Create it with a header of its own for float32.
    frame_limit
        Frames of a recording that are used; longer ones are cut.
    recordings
        Only these; all by default.
    jobs
        Processes. One a core, each with one thread, beats one process with many threads.
    block
        Frames that a process holds at once.
    max_miss_rate
        Largest share of all frames planned that may fail, those in the store already and those of
        refused recordings counted. The run ends as soon as it is exceeded for certain.
    max_recording_miss_rate
        Largest share of one recording's frames that may fail; a recording above it is refused,
        and the run goes on. The store remembers it: a later call asks for no embedding again.
    max_template_distance
        Largest median distance of faces in some crops from the five-point template, pixels.
    progress
        Called here, in this process, with the ledger entry of each recording as it is finished.
    log
        A file to which each event is appended as one line of JSON: ``time`` (UTC, ISO 8601),
        ``event``, and the event's own fields. Read it with ``pandas.read_json(path, lines=True)``.

    Returns
    -------
    ExtractionReport
        With the recordings that were ``refused``, and why: those of which too many frames failed
        or that cannot be read as a whole.

    Raises
    ------
    StoreError
        If the store was made otherwise, or cannot be written.
    CohortError
        If one of ``recordings`` is not in the cohort.
    EncoderError
        If the encoder fails on sound frames.
    VerificationError
        If the misses exceed ``max_miss_rate``. Random vectors pass every check of norm and
        variance, so too many of them would hide that extraction failed. Or if the crops looked at
        are aligned otherwise than encoders expect.

    Warns
    -----
    UserWarning
        If recordings of real persons go through an encoder that was trained on rendered faces.
    """
    if not cohort.simulated and encoder.rendered:
        warnings.warn(
            f"{encoder.path.name} was trained on rendered faces, and {cohort.name} was filmed: its "
            "features of real faces mean little; give --encoder, such as sface (deplib fetch)",
            stacklevel=2,
        )
    began = time.perf_counter()
    rates = {"max_miss_rate": max_miss_rate, "max_recording_miss_rate": max_recording_miss_rate}
    if jobs < 1 or block < 1 or not all(0 <= rate <= 1 for rate in rates.values()):
        least = f"jobs is {jobs}, block {block}: both must be at least 1"
        raise StoreError(f"{least}; {rates}: each must be from 0 to 1")
    root = store.root if isinstance(store, FeatureStore) else Path(store)
    header = store_header(cohort, encoder, frame_limit=frame_limit, dtype=root)
    store = FeatureStore(root, header=header)
    damaged = store.discard_damaged()
    asked = plan(cohort, frame_limit=frame_limit, recordings=recordings)
    todo = plan(cohort, store, frame_limit=frame_limit, recordings=recordings)
    there = [store.entry(recording) for recording in asked if recording not in todo]
    # the verdict is about all that is asked for
    before = sum((Counter(entry.faults) for entry in there), Counter[str]())
    faults: list[FrameFault] = []  # found by this call: what the report tells
    finished: list[LedgerEntry] = []
    refused = _refused(there, max_recording_miss_rate)
    kept = [entry.recording for entry in there if entry.recording not in refused]
    remedy = "mend the cause, leave the worst recordings out, or raise max_miss_rate, and run again"
    require_few = partial(
        embedding.require_few, faults, sum(asked.values()), max_miss_rate, "planned frames",
        f"{remedy}: what is finished is kept", before=before,
    )  # fmt: skip
    work = partial(embedding.extract_recording, cohort, encoder, store, block=block)
    note = partial(_note, None if log is None else Path(log))
    note(
        "start", cohort=cohort.name, encoder=encoder.id, store=str(store.root.absolute()),
        recordings=len(todo), frames=sum(todo.values()), kept=len(kept), damaged=damaged,
    )  # fmt: skip
    try:
        require_few()
        embedding.require_aligned(cohort, todo, max_template_distance)
        calls = [partial(work, *item) for item in todo.items()]
        for recording, entry, found in _run_unordered(calls, jobs):
            if isinstance(entry, str):
                refused[recording] = entry
            else:
                finished.append(entry)
                refused |= _refused([entry], max_recording_miss_rate)
                progress(entry)
            kinds = {fault.kind: fault.message for fault in found}
            note(
                "recording", recording=recording, refused=refused.get(recording, ""),
                faults={k: [f.frame for f in found if f.kind == k] for k in kinds}, examples=kinds,
            )  # fmt: skip
            faults += found
            require_few()
    except BaseException as error:
        note("stop", error=type(error).__name__, why=str(error))
        raise
    finished = [entry for entry in finished if entry.recording not in refused]
    report = ExtractionReport(
        tuple(entry.recording for entry in finished),
        tuple(kept),
        {recording: why for recording, why in damaged.items() if recording in todo},
        refused,
        dict(Counter(fault.kind for fault in faults)),
        sum(entry.n_frames for entry in finished),
        sum(entry.n_invalid for entry in finished),
        round(time.perf_counter() - began, 3),
    )
    note("done", **asdict(report))
    return report


def _refused(entries: Iterable[LedgerEntry], max_rate: float) -> dict[str, str]:
    """Return the recordings of which more frames failed than may, and say so."""
    return {
        one.recording: f"{one.n_invalid:,} of {one.n_frames:,} frames of {one.recording} could not "
        f"be embedded {one.faults}, and {max_rate:.1%} may fail: look at the clip, or leave it out"
        for one in entries
        if one.n_invalid > max_rate * one.n_frames
    }


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
    template_distance: float  # of faces in some crops, pixels; NaN where no face was found

    def __str__(self) -> str:
        if not self.recordings:
            return "nothing to do: every recording is in the store"
        processes = f"{self.jobs} process" + ("es" if self.jobs > 1 else "")
        return (
            f"about {duration(self.seconds)} for {self.frames:,} frames of {self.recordings:,} "
            f"recordings in {processes} ({1000 * self.frame_seconds:.2g} ms a frame; "
            f"{self.misses} of {self.probed} frames tried could not be embedded); "
            f"{embedding.alignment_told(self.template_distance)}"
        )


def estimate(
    cohort: Cohort,
    encoder: OnnxEncoder,
    store: FeatureStore | None = None,
    *,
    frame_limit: int = 2000,
    jobs: int = 1,
    max_template_distance: float = embedding.MAX_TEMPLATE_DISTANCE,
) -> Estimate:
    """Predict the wall time of `extract` from a few frames; nothing is written.

    Some consecutive frames of each of up to eight recordings are read and embedded here, in one
    process. The prediction shares all frames among as many of ``jobs`` processes as there are cores
    and recordings. What processes take from each other beyond cores is not foreseen.

    Parameters
    ----------
    cohort, encoder, store, frame_limit, jobs, max_template_distance
        As for `extract`; without a store everything is to do.

    Raises
    ------
    VerificationError
        If more than half of the frames tried cannot be embedded: no night's work would mend that.
        Not where the store holds recordings already: what is left may be those that were refused.
        Or if the crops looked at are aligned otherwise than encoders expect.
    EncoderError
        If the encoder fails.
    """
    todo = plan(cohort, store, frame_limit=frame_limit)
    distance = embedding.require_aligned(cohort, todo, max_template_distance)
    names = [name for name in cohort.recordings["recording"].astype(str) if name in todo]
    places = np.linspace(0, len(names) - 1, min(len(names), _RECORDINGS)).astype(int)
    faults, probed, times = list[FrameFault](), 0, list[float]()
    for k, name in enumerate(names[place] for place in places):
        share = min(_FRAMES // len(places), todo[name])
        last = todo[name] - share
        start = min(2 + k * last // len(places), last)  # beginnings of clips are not typical
        try:
            if start:  # going there takes time once; a video must never be read backwards
                read_frames(cohort, name, start - 1, start)
            began = time.perf_counter()
            faults += embedding.embed_block(cohort, encoder, name, start, start + share)[2]
            times.append((time.perf_counter() - began) / share)
        except CohortError as error:
            faults += [FrameFault(start, "unreadable", str(error))] * share
        probed += share
    if store is None or not store.done():  # else what is left may be the bad ones
        what = f"frames of a dry run over {len(places)} recordings"
        remedy = (
            "an extraction would fail. Where aligned crops show no face, give them to the encoder "
            "directly, without a detector; where files are unreadable, run the corpus's check"
        )
        embedding.require_few(faults, probed, _HOPELESS, what, remedy)
    frames, each = sum(todo.values()), float(np.median(times)) if times else 0.0
    processes = max(1, min(jobs, cpu_count(), len(todo)))
    seconds = each * max(frames / processes, *todo.values(), 0)
    misses = sum(fault.kind not in SOUND for fault in faults)
    return Estimate(seconds, len(todo), frames, jobs, each, probed, misses, distance)


def duration(seconds: float) -> str:
    """Return a duration as a person says it: ``"2 h 40 min"``, ``"7 min"``, ``"12 s"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _note(log: Path | None, event: str, **fields: Any) -> None:
    """Append an event to a log; one that cannot be written ends no night's work."""
    if log is None:
        return
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": now, "event": event, **fields}, default=str)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        why = f"cannot write the log {log}: {error.strerror or error}"
        warnings.warn(f"{why}; the run goes on without it", stacklevel=3)


def _run_unordered(calls: Sequence[Callable[[], Any]], jobs: int) -> Iterator[Any]:
    """Yield each call's result as soon as it is there, from processes of one thread each.

    The first exception of a call ends all, and so does closing this generator: work that is under
    way is then killed.
    """
    if jobs == 1 or len(calls) < 2:
        yield from (call() for call in calls)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        pool = Parallel(min(jobs, len(calls)), return_as="generator_unordered", batch_size=1)
        results = pool(delayed(_in_worker)(os.getpid(), call) for call in calls)
    try:
        for result in results:  # noqa: UP028 (yield from would close it outside the next block)
            yield result
    finally:
        with warnings.catch_warnings():  # joblib warns of work cut short, which is meant
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _in_worker(parent: int, call: Callable[[], Any]) -> Any:
    cv2.setNumThreads(1)
    _leave_with(parent)
    return call()


@lru_cache(maxsize=1)
def _leave_with(parent: int) -> None:
    """End this worker soon after its parent; an orphan could wait for its next task for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
