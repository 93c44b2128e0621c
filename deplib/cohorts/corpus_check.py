"""What only the bytes and pixels of a corpus tell: copies under two names, frames that fail."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from joblib import Parallel, delayed, parallel_config

from deplib.cohorts.clips import Clip
from deplib.cohorts.faults import FAULT_KINDS, is_blank
from deplib.cohorts.frame_folder import FrameFolder
from deplib.cohorts.images import AGAIN, shown
from deplib.cohorts.scan import Problem
from deplib.cohorts.video import COPY, VideoClip
from deplib.errors import CohortError

_BLOCK = 256  # frames in memory at once
_NAMED = 3  # frames named in a row of the report
_REMEDIES = {
    "unreadable": AGAIN,
    "no_face": "look at them, and try another detector; extraction marks them as invalid",
    "blank": "look at the video there; extraction marks them as invalid",
}


class Tally(NamedTuple):
    """The frames of one clip that failed in one way."""

    kind: str  # a key of FAULT_KINDS
    frames: int
    first: tuple[str, ...]  # names of the first frames
    message: str  # of the first; "" where the kind says it all


Source = FrameFolder | VideoClip


def identical_clips(root: Path, clips: Iterable[tuple[Clip, Source]]) -> Iterator[Problem]:
    """Yield a problem for each clip whose content is, byte for byte, that of another recording.

    Only clips with the same number and sizes of files are read.
    """
    alike: list[list[tuple[Clip, Source]]] = [list(clips)]
    for key in (_sizes, _hash_of_first, _hash_of_all):  # each dearer than the one before
        groups: dict[tuple[int, object], list[tuple[Clip, Source]]] = defaultdict(list)
        for number, members in enumerate(alike):
            for clip, source in members:
                try:
                    groups[number, key(source.files())].append((clip, source))
                except (OSError, CohortError):  # unreadable: reported as such elsewhere
                    continue
                finally:
                    source.close()
        alike = [group for group in groups.values() if len({c.recording for c, _ in group}) > 1]
    for group in alike:
        names = sorted({clip.recording for clip, _ in group})
        for clip, _ in group:
            others = ", ".join(name for name in names if name != clip.recording)
            yield Problem(
                clip.recording,
                shown(clip.path.relative_to(root)),
                f"byte for byte the same as {others}",
                "find out which one it is, and restore the other from the corpus",
                False,
            )


def failing_frames(
    root: Path,
    clips: Iterable[tuple[Clip, Source]],
    *,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Problem]:
    """Decode every frame, and yield a problem for each clip and way of failing.

    Parameters
    ----------
    root
        Which places are relative to.
    clips
        What to decode.
    jobs
        Processes.
    progress
        Called in this process with the name of each recording as it is finished.
    """
    pairs = list(clips)
    tasks = [(index, source) for index, (_, source) in enumerate(pairs)]
    for index, tallies in _run(tasks, jobs):
        clip = pairs[index][0]
        for tally in tallies:
            one = tally.frames == 1
            text = f"{tally.frames} frame{'' if one else 's'}, where {FAULT_KINDS[tally.kind]}"
            text += f": {', '.join(tally.first)}{' ...' if tally.frames > _NAMED else ''}"
            if tally.message:
                text += f"; {'it' if one else 'the first'}: {tally.message}"
            remedy = COPY if clip.video and tally.kind == "unreadable" else _REMEDIES[tally.kind]
            where = shown(clip.path.relative_to(root))
            yield Problem(clip.recording, where, text, remedy, False)
        if progress is not None:
            progress(clip.recording)


def _run(tasks: list[tuple[int, Source]], jobs: int) -> Iterator[tuple[int, list[Tally]]]:
    if jobs == 1 or len(tasks) < 2:
        yield from (_examine(*task) for task in tasks)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(
            n_jobs=min(jobs, len(tasks)), return_as="generator_unordered", batch_size=1
        )(delayed(_examine)(*task) for task in tasks)


def _examine(index: int, source: Source) -> tuple[int, list[Tally]]:
    """Decode one clip and count what fails; its number travels along."""
    failed: dict[str, dict[int, str]] = {kind: {} for kind in _REMEDIES}
    try:
        for start in range(0, source.n_frames, _BLOCK):
            block = source.read(start, min(start + _BLOCK, source.n_frames))
            for fault in block.faults:
                if fault.kind in failed:
                    failed[fault.kind][fault.frame] = fault.message
            black = set(failed["unreadable"]) | set(failed["no_face"])
            for row in is_blank(block.frames).nonzero()[0]:
                if start + row not in black:
                    failed["blank"][int(start + row)] = ""
        return index, [
            Tally(
                kind,
                len(found),
                tuple(source.frame_name(frame) for frame in list(found)[:_NAMED]),
                next(iter(found.values())),
            )
            for kind, found in failed.items()
            if found
        ]
    except CohortError as error:  # the clip as a whole: gone, or changed meanwhile
        return index, [Tally("unreadable", source.n_frames, ("all",), str(error))]
    finally:
        source.close()


def _sizes(files: list[Path]) -> tuple[int, ...]:
    return tuple(file.stat().st_size for file in files)


def _hash_of_first(files: list[Path]) -> bytes:
    return _hash_of_all(files[:1])


def _hash_of_all(files: list[Path]) -> bytes:
    digest = hashlib.sha256()
    for file in files:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.digest()
