"""What a copy of AVEC2014 holds, and what ails it.

Problems are rows of a table, never raised, so that one report names all of them. The scan opens
each clip and decodes three of its frames; `failing_frames` looks at more.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config

from deplib.cohorts import images
from deplib.cohorts.base import BANDS, FAULT_KINDS, is_blank
from deplib.cohorts.images import FrameFolder, shown
from deplib.cohorts.video import COPY, Aligner, VideoClip, require_av
from deplib.errors import CohortError

BDI_MAX = BANDS[-1][-1]
Source = FrameFolder | VideoClip

_SPLITS = {"training": "train", "development": "dev", "testing": "test"}
_SPLITS |= {split: split for split in _SPLITS.values()}
_CLIP = r"(\d+_\d+)_(freeform|northwind)(?:_video)?"
_FOLDER = re.compile(_CLIP + "(?:_aligned)?", re.IGNORECASE)
_VIDEO = re.compile(_CLIP + r"\.(?:mp4|avi|mov|mkv)", re.IGNORECASE)
_LABEL = re.compile(r"(\d+_\d+)_(depression)\.csv", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}(\.0*)?")
_KINDS = ["empty", "video", "frames"]  # of what is there of a recording, the last one is used
_REMEDIES = {
    "no_face": "look at them, and try another detector; extraction marks them as invalid",
    "blank": "look at the video there; extraction marks them as invalid",
}
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


def scan(
    root: Path, tasks: Collection[str], aligner: Aligner | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find and open the clips below a folder, and tell what is wrong with them.

    Parameters
    ----------
    root
        Folder that holds frames or videos, and labels.
    tasks
        Tasks to look for; others are passed over.
    aligner
        Aligns the frames of videos; without one, videos are reported and not opened.

    Returns
    -------
    clips : DataFrame
        Every clip that can be opened: ``recording``, ``session`` (``PPP_S``, which both tasks and
        the label share), ``task``, ``split``, ``where``, ``bdi``, and the ``source`` of its frames.
    problems : DataFrame
        As of `problems`; a recording that one of them excludes must not be used.

    Raises
    ------
    CohortError
        If a folder cannot be listed, or there are videos to read and PyAV is missing.
    """
    entries = _walk(root)
    clips = _chosen(entries[entries["task"].isin(tasks)])
    labels = _labels(entries[entries["kind"] == "label"], clips)
    clips = clips.assign(bdi=clips["session"].map(labels.groupby("session")["bdi"].first()))
    readable = clips["kind"].isin(["frames"] if aligner is None else ["frames", "video"])
    used, unused = clips[readable], clips[~readable]
    if (used["kind"] == "video").any():
        require_av()
    strange = entries[entries["session"] == ""].assign(recording="")
    found = [*_of_paths(strange, unused, used), *_of_labels(labels, clips, used)]
    sources: dict[int, Source] = {}
    for index, path, kind in used[["path", "kind"]].itertuples():
        try:
            if kind == "video" and aligner is not None:
                sources[index] = VideoClip(path, aligner)
            else:
                sources[index] = FrameFolder(path)
            faults = list(_faults(sources[index]))
        except CohortError as error:
            faults = [(str(error), COPY, True)]
        found += [problems(used.loc[[index]], *fault) for fault in faults]
    opened = used.assign(source=pd.Series(sources, dtype=object)).dropna(subset="source")
    return opened, pd.concat(found)


def _walk(root: Path) -> pd.DataFrame:
    """Return labels, clips and strange folders; the nearest folder that names a split tells it."""
    rows = []
    for kind, path, match in _named(root):
        session, task = (match[1], match[2].capitalize()) if match else ("", "")
        inside = path.relative_to(root)
        above = map(str.lower, inside.parts[-2::-1])
        split = next((_SPLITS[part] for part in above if part in _SPLITS), "")
        rows.append((f"{session}_{task}", session, task, split, kind, path, shown(inside)))
    columns = ["recording", "session", "task", "split", "kind", "path", "where"]
    return pd.DataFrame(rows, columns=columns)


def _named(root: Path) -> Iterator[tuple[str, Path, re.Match[str] | None]]:
    """Yield labels, clips by their kind, and with None folders whose images are of no recording."""
    for folder, files in _folders(root):
        for file in files:
            for kind, pattern in (("label", _LABEL), ("video", _VIDEO)):
                if match := pattern.fullmatch(file):
                    yield kind, folder / file, match
        own = _FOLDER.fullmatch(folder.name)
        if any(map(images.is_image, files)):
            yield "frames", folder, own or _FOLDER.fullmatch(folder.parent.name)
        elif own:
            yield "empty", folder, own


def _folders(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder and the names of its files; links are followed, but not in circles."""
    real = os.path.realpath(folder)
    if real not in above:
        _, below, files = next(os.walk(folder, onerror=images.unlisted))
        yield folder, sorted(files)
        for name in sorted(below):
            yield from _folders(folder / name, above | {real})


def _chosen(clips: pd.DataFrame) -> pd.DataFrame:
    """Keep one clip of those that are links to one place, and of a recording the best kind."""
    place = ["recording", "kind", "real"]
    clips = clips.assign(real=clips["path"].map(lambda path: Path(os.path.realpath(path))))
    clips = clips.drop_duplicates([*place, "split"])
    split = clips.groupby(place)["split"].transform("max")
    clips = clips[(clips["split"] != "") | (split == "")]
    rank = clips["kind"].map(_KINDS.index)
    return clips[rank == rank.groupby(clips["recording"]).transform("max")]


def _of_paths(
    strange: pd.DataFrame, unused: pd.DataFrame, used: pd.DataFrame
) -> Iterator[pd.DataFrame]:
    remedy = "name the folder PPP_S_Task_video_aligned if it is a recording"
    yield problems(strange, "images in a folder of no recording", remedy)
    remedy = "put the clip's aligned frames there, or remove the folder"
    yield problems(unused[unused["kind"] == "empty"], "a folder without frames", remedy)
    remedy = f"{images.REALIGN}; or pass a face detector, which aligns on the way: --detector"
    yield problems(unused[unused["kind"] == "video"], "a video without aligned frames", remedy)
    splits = used.groupby("session")["split"].transform("nunique")
    remedy = "keep it in its official split only"
    yield problems(used[splits > 1], "its session is in several splits", remedy)
    places = used.groupby("recording")["recording"].transform("size")
    twice = used[(places > 1) & (splits == 1)]
    yield problems(twice, "the recording is in several places", "keep one of them")
    remedy = "put it below train, dev or test"
    yield problems(used[used["split"] == ""], "no folder above names a split", remedy)


def _labels(labels: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """Read label files: ``bdi``, or NaN and why, one row a file and recording that it concerns."""
    read = labels["path"].map(read_label)
    labels = labels.assign(bdi=read.str[0].astype(float), wrong=read.str[1])
    concerned = clips[["session", "recording"]].drop_duplicates()
    labels = labels.drop(columns="recording").merge(concerned, "left", "session")
    return labels.fillna({"recording": ""})


def _of_labels(
    labels: pd.DataFrame, clips: pd.DataFrame, used: pd.DataFrame
) -> Iterator[pd.DataFrame]:
    without = used[~used["session"].isin(labels["session"])]
    yield problems(without, "no label", "add the corpus's PPP_S_Depression.csv")
    for text, rows in labels.groupby("wrong"):
        yield problems(rows, str(text), "restore the file from the corpus")
    values = labels.groupby("session")["bdi"].transform("nunique")
    text = "label files of one session disagree"
    yield problems(labels[values > 1], text, "keep the corpus's own")
    sessions = {*labels["session"], *clips["session"]}
    for task, there in clips.groupby("task")["session"]:
        if 2 * there.nunique() >= len(sessions):
            names = [f"{session}_{task}" for session in sorted(sessions - set(there))]
            rows = pd.DataFrame({"recording": names, "where": ""})
            text = "neither frames nor a video, which most sessions of this task have"
            yield problems(rows, text, "add the clip, or go on without it")


def read_label(file: Path) -> tuple[float, str | None]:
    """Read the one number of a label file.

    Returns
    -------
    bdi : float
        BDI-II points from 0 to 63; NaN if the file cannot be read, or holds anything but one whole
        number of the scale.
    wrong : str or None
        Why it is NaN. Names neither the file, whose place the report states, nor its content.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig", errors="replace").strip()
    except OSError as error:
        return np.nan, f"the label file cannot be read ({error.strerror})"
    if not text:
        return np.nan, "the label file is empty"
    if not _WHOLE_NUMBER.fullmatch(text):
        rule = "digits only, without sign, exponent, decimal comma or heading"
        return np.nan, f"the label file does not hold one whole number: {rule}"
    if float(text) > BDI_MAX:
        return np.nan, f"the label is above {BDI_MAX}, where the BDI-II ends"
    return float(text), None


def _faults(source: Source) -> Iterator[tuple[str, str, bool]]:
    """Yield what is wrong with a clip, how to mend it, and whether it must be left out for it."""
    if isinstance(source, VideoClip):
        if source.n_frames < source.announced:
            text = f"{source.announced} frames are announced and {source.n_frames} are there"
            yield text, source.remedy, False
        return
    names = [file.name for file in source.files()]
    numbers = [n for name in names if (n := images.frame_number(name)) is not None]
    if len(numbers) < len(names):
        name = next(shown(name) for name in names if images.frame_number(name) is None)
        yield f"a frame without a number: {name}", "number it, or remove it", True
    elif len(set(numbers)) < len(numbers):
        yield "two images of one frame number", "keep one image a frame", True
    elif missing := images.missing_numbers(numbers):
        # The clip stays in use: trackers drop frames without a face, and time closes over them.
        text = f"{missing} frame numbers are missing between first and last"
        yield text, source.remedy, False
    probes = sorted({0, len(names) // 2, len(names) - 1})
    blocks = [source.read(k, k + 1) for k in probes]
    wrong = [fault.message for block in blocks for fault in block.faults if fault.kind != "gap"]
    if len(wrong) == len(probes):
        yield f"first, middle and last frame are unusable: {wrong[0]}", source.remedy, True


def identical_clips(clips: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield as problems the clips that are, byte for byte, those of another recording.

    Only clips with the same number and sizes of files are read.
    """
    for key in (images.file_size, lambda file: hashlib.sha256(file.read_bytes()).digest()):
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
            faults = {fault.frame: fault for fault in block.faults if fault.kind != "gap"}
            for fault in faults.values():
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
    empty = {k for k, file in enumerate(source.files()) if not images.file_size(file)}
    return [(k, k + 1) for k in sorted(empty | {0, n // 2, n - 1})]


def _told(source: Source, kind: str, frames: dict[int, str]) -> tuple[str, str]:
    names = ", ".join(map(source.frame_name, list(frames)[:_NAMED]))
    names += " ..." * (len(frames) > _NAMED)
    what = f"{len(frames)} frame{'s' * (len(frames) > 1)}, where {FAULT_KINDS[kind]}"
    first = next(iter(frames.values()))
    return f"{what}: {names}" + f"; {first}" * bool(first), _REMEDIES.get(kind, source.remedy)
