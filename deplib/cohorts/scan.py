"""Opening the clips that a corpus lists, and telling what ails them.

Problems are rows of a table, never raised, so that one report names all of them. `open_clips`
decodes three frames of each clip; `failing_frames` looks at more.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config

from deplib.cohorts import images
from deplib.cohorts.base import FAULT_KINDS, Scale, is_blank
from deplib.cohorts.images import FrameFolder, shown
from deplib.cohorts.timeline import FPS
from deplib.cohorts.video import COPY, Aligner, VideoClip, require_av
from deplib.errors import CohortError

Source = FrameFolder | VideoClip

_REMEDIES = {
    "no_face": "look at them, and try another detector; extraction marks them as invalid",
    "several": "look whose face it is; a film with one person in the picture needs no choice",
    "blank": "look at the video there; extraction marks them as invalid",
}
_FILM = "mp4|m4v|mov|mkv|webm|avi|wmv|asf|mpe?g|mts|m2ts|3gp|flv|ogv|vob|mxf"
_IMAGE = "png|jpe?g|bmp|tiff?|webp|gif|jp2|heic|avif|ppm|pgm|npy"
_BLOCK = 256  # frames in memory at once
_NAMED = 3  # frames named in a row of the report


def problems(rows: pd.DataFrame, problem: str, remedy: str, excluded: bool = True) -> pd.DataFrame:
    """Return one problem of some recordings, as rows of the report.

    Parameters
    ----------
    rows
        ``recording``, "" where none is concerned, and ``where``: the place below the root.
    problem, remedy
        What is wrong, and how to mend it.
    excluded
        Whether the recordings are left out for it.
    """
    table = rows[["recording", "where"]].assign(problem=problem, remedy=remedy)
    return table.assign(excluded=(table["recording"] != "") & excluded)


def text_of(file: Path) -> str:
    """Read a text file in UTF-8, in UTF-16 or, what is neither, as Windows writes it."""
    content = file.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    return content.decode("cp1252", errors="replace")


def is_film(path: Path) -> bool:
    """Tell whether a file counts as a film by its ending, be it read or not; hidden ones do not."""
    return bool(re.fullmatch(rf"[^.].*\.({_FILM})", path.name, re.I)) and path.is_file()


def has_images(folder: Path) -> bool:
    """Tell whether images lie in a folder, be they read or not; no, where it cannot be listed."""
    with suppress(OSError):
        return any(re.fullmatch(rf"[^.].*\.({_IMAGE})", name, re.I) for name in os.listdir(folder))
    return False


class Listing(NamedTuple):
    """What a corpus says that it holds, before a clip is opened."""

    name: str
    simulated: bool
    scale: Scale
    root: Path
    """Folder that the places in messages start from."""
    clips: pd.DataFrame
    """One row a clip: ``recording, person, split, task, bdi``, and ``kind`` ("frames", "video" or
    "empty"), ``path`` and ``where``, the place below the root."""
    problems: pd.DataFrame
    """As of `problems`."""
    notes: tuple[str, ...] = ()
    """What one should know, though nothing is wrong."""


def of_tasks(clips: pd.DataFrame, tasks: Collection[str], root: Path) -> pd.DataFrame:
    """Return the clips of some tasks; all, if none is named.

    Raises
    ------
    CohortError
        If no clip is of a task.
    """
    if unknown := sorted(set(tasks).difference(clips["task"])):
        there = ", ".join(sorted(set(clips["task"]) - {""})) or "none"
        raise CohortError(f"no recording of task {unknown[0]}: {shown(root)} has {there}")
    return clips[clips["task"].isin(tasks)] if tasks else clips


def open_clips(
    clips: pd.DataFrame, aligner: Aligner | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Open the clips of a listing, and tell what is wrong with them.

    Parameters
    ----------
    clips
        As in `Listing`; ``rate``, if there, is that of a folder's numbers, 30 where missing.
    aligner
        Aligns the frames of videos; without one, videos are reported and not opened.

    Returns
    -------
    clips : DataFrame
        Those that can be opened, with the ``source`` of their frames.
    problems : DataFrame
        As of `problems`; a recording that one of them excludes must not be used.

    Raises
    ------
    CohortError
        If there are videos to read and PyAV is missing.
    """
    readable = clips["kind"].isin(["frames"] if aligner is None else ["frames", "video"])
    used = clips[readable]
    if (used["kind"] == "video").any():
        require_av()
    found = list(_of_kinds(clips[~readable], used))
    sources: dict[int, Source] = {}
    rates = used.get("rate", pd.Series(FPS, used.index)).fillna(FPS)
    for index, path, kind in used[["path", "kind"]].itertuples():
        try:
            if kind == "video" and aligner is not None:
                sources[index] = VideoClip(path, aligner)
            else:
                sources[index] = FrameFolder(path, rates[index])
            faults = list(_faults(sources[index]))
        except CohortError as error:
            faults = [(str(error), COPY if kind == "video" else images.AGAIN, True)]
        found += [problems(used.loc[[index]], *fault) for fault in faults]
    opened = used.assign(source=pd.Series(sources, dtype=object)).dropna(subset="source")
    return opened, pd.concat([*found, *_of_rates(opened)])


def _of_kinds(unused: pd.DataFrame, used: pd.DataFrame) -> Iterator[pd.DataFrame]:
    remedy = "put the clip's aligned frames there, or remove the folder"
    yield problems(unused[unused["kind"] == "empty"], "a folder without frames", remedy)
    text = "a video without aligned frames"
    yield problems(unused[unused["kind"] == "video"], text, images.REALIGN)
    twice = used[used["recording"].duplicated(keep=False)]
    yield problems(twice, "the recording is in several places", "keep one of them")


def _faults(source: Source) -> Iterator[tuple[str, str, bool]]:
    """Yield what is wrong with a clip, how to mend it, and whether it must be left out for it."""
    if empty := int((source.timeline.frames < 0).sum()):
        # The clip stays in use: trackers drop frames without a face.
        text = f"{empty} of {source.n_frames} places in time hold no frame, and are masked"
        yield text, "go on, or restore the frames if they are elsewhere", False
    if isinstance(source, VideoClip):
        if source.found < source.announced:
            text = f"{source.announced} frames are announced and {source.found} are there"
            yield text, source.remedy, False
        return
    if source.strays:
        text = f"{len(source.strays)} images are not named like the others, and not used: "
        text += ", ".join(map(shown, source.strays))
        yield text, "remove them, or name them alike", False
    there = np.flatnonzero(source.timeline.frames >= 0)
    probes = sorted({int(there[k]) for k in (0, len(there) // 2, -1)})
    wrong = [fault.message for k in probes for fault in source.read(k, k + 1).faults]
    if len(wrong) == len(probes):
        yield f"first, middle and last frame are unusable: {wrong[0]}", source.remedy, True


def _of_rates(opened: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield that clips have other than 30 frames a second: of most once, of others one by one."""
    rates = opened["source"].map(lambda source: source.timeline.rate)
    usual, remedy = rates.mode().max(), "go on if labels do not go with rates; else leave some out"
    for rate, rows in opened.groupby(rates):
        text = f"{rate} frames a second, where most clips have {usual} and models take {FPS}: each "
        text += f"1/{FPS} s shows the nearest frame"
        if rate == usual:
            rows = rows[:1].assign(recording="", where="")
        if (rate, usual) != (str(FPS), str(FPS)):
            yield problems(rows, text, remedy, excluded=False)


def identical_clips(clips: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield as problems the clips that are, byte for byte, those of another recording.

    Only clips with the same number and sizes of files are read.
    """
    for key in (os.path.getsize, lambda file: hashlib.sha256(file.read_bytes()).digest()):
        content = clips["source"].map(lambda source, key=key: _content(source, key))
        clips = clips[clips.groupby(content)["recording"].transform("nunique") > 1]
    remedy = "find out which one it is, and restore the other from the corpus"
    for _, group in clips.groupby(content):
        names = ", ".join(sorted(set(group["recording"])))
        yield problems(group, f"byte for byte the same: {names}", remedy, excluded=False)


def _content(source: Source, key: Callable[[Path], object]) -> str | None:
    """Return keys of a clip's files; None if one is unreadable, which is reported elsewhere."""
    with suppress(OSError, CohortError):
        return repr([key(file) for file in source.files()])
    return None


def failing_frames(
    clips: pd.DataFrame,
    *,
    full: bool,
    jobs: int = 1,
    progress: Callable[[str], object] = lambda recording: None,
) -> Iterator[pd.DataFrame]:
    """Decode frames in ``jobs`` processes, and yield as problems the ways in which they fail.

    Parameters
    ----------
    full
        Decode every frame; else of images the first, the middle, the last and any without content.
    progress
        Called with the name of each recording as it is finished.
    """
    with parallel_config(backend="loky", inner_max_num_threads=1):
        pool = Parallel(max(1, jobs), return_as="generator_unordered", batch_size=1)
        work = (delayed(_examine)(index, one, full) for index, one in clips["source"].items())
        for index, faults in pool(work):
            for text, remedy in faults:
                yield problems(clips.loc[[index]], text, remedy, excluded=False)
            progress(clips.loc[index, "recording"])


def _examine(index: int, source: Source, full: bool) -> tuple[int, list[tuple[str, str]]]:
    """Return the ways in which frames of one clip fail, each with its remedy."""
    failed: dict[str, dict[int, str]] = defaultdict(dict)
    try:
        for start, stop in _blocks(source, full):
            block = source.read(start, stop)
            faults = {fault.frame: fault for fault in block.faults}
            for fault in faults.values():
                if fault.kind != "gap":  # the scan has told these
                    failed[fault.kind][fault.frame] = fault.message
            blank = set((start + is_blank(block.frames).nonzero()[0]).tolist()) - set(faults)
            failed["blank"].update(dict.fromkeys(sorted(blank), ""))
        return index, [_told(source, kind, frames) for kind, frames in failed.items() if frames]
    except CohortError as error:  # the clip as a whole: gone, or changed meanwhile
        return index, [(str(error), source.remedy)]
    finally:
        source.close()


def _blocks(source: Source, full: bool) -> list[tuple[int, int]]:
    n = source.n_frames
    if full:
        return [(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
    if isinstance(source, VideoClip):
        return []
    files, places = source.files(), source.timeline.frames
    sound = [file.is_file() and file.stat().st_size > 0 for file in files]
    empty = {k for k, place in enumerate(places) if not sound[place]}
    return [(k, k + 1) for k in sorted(empty | {0, n // 2, n - 1})]


def _told(source: Source, kind: str, frames: dict[int, str]) -> tuple[str, str]:
    names = ", ".join(map(source.frame_name, list(frames)[:_NAMED]))
    names += " ..." * (len(frames) > _NAMED)
    what = f"{len(frames)} frame{'s' * (len(frames) > 1)}, where {FAULT_KINDS[kind]}"
    first = next(iter(frames.values()))
    return f"{what}: {names}" + f"; {first}" * bool(first), _REMEDIES.get(kind, source.remedy)
