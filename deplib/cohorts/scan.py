"""What a copy of AVEC2014 holds, and what ails it.

Problems are collected, never raised, so that one report names all of them. The scan opens each clip
and decodes three of its frames; `failing_frames` decodes all.
"""

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed, parallel_config

from deplib.cohorts.base import BANDS, FAULT_KINDS, is_blank
from deplib.cohorts.images import (
    AGAIN,
    REALIGN,
    FrameFolder,
    file_size,
    frame_number,
    is_image,
    missing_numbers,
    read_crop,
    shown,
    unlisted,
)
from deplib.cohorts.video import COPY, Aligner, VideoClip, require_av
from deplib.errors import CohortError

BDI_MAX = BANDS[-1][-1]
_SPLITS = {"training": "train", "development": "dev", "testing": "test"}
_SPLITS |= {split: split for split in _SPLITS.values()}
_FOLDER = re.compile(r"(\d+)_(\d+)_(freeform|northwind)(_video)?(_aligned)?", re.IGNORECASE)
_VIDEO = re.compile(r"(\d+)_(\d+)_(freeform|northwind)(_video)?\.(mp4|avi|mov|mkv)", re.IGNORECASE)
_LABEL = re.compile(r"(\d+)_(\d+)_depression\.csv", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}(\.0*)?")
_LABEL_BYTES = 256
_TWO_WAYS = f"{REALIGN}; or pass a face detector, which aligns on the way: --detector"
_REMEDIES = {
    "unreadable": AGAIN,
    "no_face": "look at them, and try another detector; extraction marks them as invalid",
    "blank": "look at the video there; extraction marks them as invalid",
}
_BLOCK = 256  # frames in memory at once
_NAMED = 3  # frames named in a row of the report

Source = FrameFolder | VideoClip


@dataclass(frozen=True)
class Problem:
    """Something wrong with the corpus as found, one row of ``Avec2014Cohort.check``."""

    recording: str  # "" where no recording is concerned
    where: str  # relative to the root, control characters escaped
    problem: str
    remedy: str
    excluded: bool  # whether the recording is left out for it


@dataclass(frozen=True)
class Clip:
    """A folder of frames or a video, and what its path says."""

    person: str
    session: str
    task: str
    split: str | None
    path: Path
    kind: str  # "frames", "video", or "empty": a folder of that name without frames

    @property
    def recording(self) -> str:
        """``PPP_S_Task``."""
        return f"{self.session_id}_{self.task}"

    @property
    def session_id(self) -> str:
        """``PPP_S``, which both tasks of a session and its label share."""
        return f"{self.person}_{self.session}"


class Scan:
    """What one walk through the root finds.

    Parameters
    ----------
    root
        Folder that holds frames or videos, and labels.
    tasks
        Tasks to look for; others are passed over.
    aligner
        Aligns the frames of videos; without one, videos are reported and not opened.

    Attributes
    ----------
    clips
        Every clip of these tasks that can be opened, usable or not, with its frames.
    labels
        BDI-II of each session ``PPP_S`` whose label files are usable.
    problems
        What was found wrong; a recording with an ``excluded`` problem must not be used.
    samples
        What was found wrong with single frames, by their size and by decoding three of each clip.

    Raises
    ------
    CohortError
        If a folder cannot be listed, or there are videos to read and PyAV is missing.
    """

    def __init__(self, root: Path, tasks: Collection[str], aligner: Aligner | None = None) -> None:
        self.root = root
        self.clips: dict[Clip, Source] = {}
        self.labels: dict[str, float] = {}
        self.problems: list[Problem] = []
        self.samples: list[Problem] = []
        found, self._label_files, strange = _walk(root, set(tasks))
        remedy = "name the folder PPP_S_Task_video_aligned if it is a recording"
        for folder in strange:
            text = "images in a folder of no recording"
            self.problems.append(Problem("", self._place(folder), text, remedy, False))
        used = self._choose(found, aligner)
        self._compare_paths(used)
        self._read_labels(found, used)
        self._find_missing(found)
        for clip in used:
            self._inspect(clip, aligner)

    def _choose(self, found: list[Clip], aligner: Aligner | None) -> list[Clip]:
        """Prefer aligned frames to video; note what has neither that can be read."""
        kinds = defaultdict(set)
        for clip in found:
            kinds[clip.recording].add(clip.kind)
        used = []
        for clip in found:
            others = kinds[clip.recording] - {clip.kind}
            if clip.kind == "frames" or (
                clip.kind == "video" and aligner and "frames" not in others
            ):
                used.append(clip)
            elif clip.kind == "video" and "frames" not in others:
                self._note(clip, "a video without aligned frames", _TWO_WAYS)
            elif clip.kind == "empty" and not others:
                remedy = "put the clip's aligned frames there, or remove the folder"
                self._note(clip, "a folder without frames", remedy)
        if any(clip.kind == "video" for clip in used):
            require_av()
        return used

    def _compare_paths(self, used: list[Clip]) -> None:
        """Note recordings found twice or in no split."""
        splits: dict[str, set[str]] = defaultdict(set)
        places = Counter(clip.recording for clip in used)
        for clip in used:
            splits[clip.session_id].add(str(clip.split))
        for clip in used:
            if len(names := sorted(splits[clip.session_id])) > 1:
                text = f"session {clip.session_id} is in several splits: {', '.join(names)}"
                self._note(clip, text, "keep it in its official split only")
            elif (count := places[clip.recording]) > 1:
                self._note(clip, f"the recording is in {count} places", "keep one of them")
            if clip.split is None:
                self._note(clip, "no folder above names a split", "put it below train, dev or test")

    def _read_labels(self, found: list[Clip], used: list[Clip]) -> None:
        concerned = defaultdict(set)
        for clip in found:
            concerned[clip.session_id].add(clip.recording)
        for clip in used:
            if clip.session_id not in self._label_files:
                self._note(clip, "no label", f"add the corpus's {clip.session_id}_Depression.csv")
        for session, files in self._label_files.items():
            values = set()
            try:
                for file in files:
                    values.add(read_label(file))
                text, where = f"{len(files)} label files of one session disagree", files
                remedy = "keep the corpus's own"
            except CohortError as error:
                text, where, remedy = str(error), [file], "restore the file from the corpus"
                values.clear()
            if len(values) == 1:
                self.labels[session] = values.pop()
                continue
            for name in sorted(concerned[session]) or [""]:
                self.problems.append(Problem(name, self._place(*where), text, remedy, name != ""))

    def _find_missing(self, found: list[Clip]) -> None:
        """Note which sessions lack a task that most sessions have."""
        have = defaultdict(set)
        for clip in found:
            have[clip.task].add(clip.session_id)
        sessions = set().union(self._label_files, *have.values())
        for task, there in have.items():
            for session in sorted(sessions - there) if 2 * len(there) >= len(sessions) else ():
                text = "neither frames nor a video, which most sessions of this task have"
                remedy = "add the clip, or go on without it"
                self.problems.append(Problem(f"{session}_{task}", "", text, remedy, True))

    def _inspect(self, clip: Clip, aligner: Aligner | None) -> None:
        """Open one clip and note what is wrong inside; few of its frames are decoded."""
        try:
            if clip.kind == "video" and aligner is not None:
                source: Source = VideoClip(clip.path, aligner)
            else:
                source = FrameFolder(clip.path)
        except CohortError as error:
            self._note(clip, str(error), COPY)
            return
        self.clips[clip] = source
        if isinstance(source, FrameFolder):
            files = source.files()
            self._inspect_numbers(clip, [file.name for file in files])
            self._inspect_images(clip, files)
        elif source.n_frames < source.announced:
            text = f"{source.announced} frames are announced and {source.n_frames} are there"
            self._note(clip, text, COPY, excluded=False)

    def _inspect_numbers(self, clip: Clip, names: list[str]) -> None:
        numbers = [frame_number(name) for name in names]
        known = sorted(number for number in numbers if number is not None)
        if len(known) < len(names):
            name = shown(names[numbers.index(None)])
            self._note(clip, f"a frame without a number: {name}", "number it, or remove it")
        elif len(set(known)) < len(known):
            self._note(clip, "two images of one frame number", "keep one image a frame")
        elif missing := missing_numbers(known):
            # The clip stays in use: trackers drop frames without a face, and time closes over them.
            text = f"{missing} frame numbers are missing between first and last"
            self._note(clip, text, AGAIN, excluded=False)

    def _inspect_images(self, clip: Clip, files: list[Path]) -> None:
        """Note single bad frames; a clip is left out only if hardly a good one can be expected."""
        sizes = {file: file_size(file) for file in files}
        for bad, what in ((0, "of zero bytes"), (None, "that lead nowhere or cannot be read")):
            if names := [shown(file.name) for file, size in sizes.items() if size == bad]:
                self._sample(clip, f"{len(names)} files {what}, the first {names[0]}")
        probes = dict.fromkeys((files[0], files[len(files) // 2], files[-1]))
        faults = {}
        for file in probes:
            try:
                read_crop(file)
            except CohortError as error:
                faults[file] = str(error)
        if len(faults) == len(probes):
            text = f"first, middle and last frame are unusable: {faults[files[0]]}"
            self._note(clip, text, AGAIN)
            return
        for file, text in faults.items():
            if sizes[file]:
                self._sample(clip, text)

    def _sample(self, clip: Clip, text: str) -> None:
        self.samples.append(Problem(clip.recording, self._place(clip.path), text, AGAIN, False))

    def _note(self, clip: Clip, text: str, remedy: str, *, excluded: bool = True) -> None:
        where = self._place(clip.path)
        self.problems.append(Problem(clip.recording, where, text, remedy, excluded))

    def _place(self, *paths: Path) -> str:
        return "; ".join(shown(path.relative_to(self.root)) for path in paths)


def read_label(file: Path) -> float:
    """Read the one number of a label file, BDI-II points from 0 to 63.

    Raises
    ------
    CohortError
        If the file cannot be read, or holds anything but one whole number of the scale. The
        message neither names the file, whose place the report states, nor its content.
    """
    try:
        with open(file, "rb") as stream:
            content = stream.read(_LABEL_BYTES + 1)
    except OSError as error:
        raise CohortError(f"the label file cannot be read ({error.strerror})") from error
    text = content.decode("utf-8-sig", errors="replace").strip()
    if not text:
        raise CohortError("the label file is empty")
    if len(content) > _LABEL_BYTES or not _WHOLE_NUMBER.fullmatch(text):
        text = "digits only, without sign, exponent, decimal comma or heading"
        raise CohortError(f"the label file does not hold one whole number: {text}")
    if float(text) > BDI_MAX:
        raise CohortError(f"the label is above {BDI_MAX}, where the BDI-II ends")
    return float(text)


def identical_clips(root: Path, clips: Iterable[tuple[Clip, Source]]) -> Iterator[Problem]:
    """Yield a problem for each clip whose content is, byte for byte, that of another recording.

    Only clips with the same number and sizes of files are read.
    """
    alike: list[list[tuple[Clip, Source]]] = [list(clips)]
    for key in (lambda file: file.stat().st_size, _hash):
        groups: dict[tuple[int, tuple], list[tuple[Clip, Source]]] = defaultdict(list)
        for number, members in enumerate(alike):
            for clip, source in members:
                with suppress(OSError, CohortError):  # unreadable: reported as such elsewhere
                    groups[number, tuple(map(key, source.files()))].append((clip, source))
        alike = [group for group in groups.values() if len({c.recording for c, _ in group}) > 1]
    remedy = "find out which one it is, and restore the other from the corpus"
    for group in alike:
        names = sorted({clip.recording for clip, _ in group})
        for clip, _ in group:
            others = ", ".join(name for name in names if name != clip.recording)
            where = shown(clip.path.relative_to(root))
            text = f"byte for byte the same as {others}"
            yield Problem(clip.recording, where, text, remedy, excluded=False)


def failing_frames(
    root: Path,
    clips: Iterable[tuple[Clip, Source]],
    *,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Problem]:
    """Decode every frame, in ``jobs`` processes, and yield a problem for each way of failing.

    ``progress`` is called with the name of each recording as it is finished.
    """
    pairs = list(clips)
    n_jobs = max(1, min(jobs, len(pairs)))
    with parallel_config(backend="loky", inner_max_num_threads=1):
        pool = Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
        for clip, failed in pool(delayed(_examine)(*pair) for pair in pairs):
            for kind, (count, names, message) in failed.items():
                text = f"{count} frame{'s' * (count > 1)}, where {FAULT_KINDS[kind]}: "
                text += ", ".join(names) + (" ..." if count > _NAMED else "")
                if message:
                    text += f"; {'the first' if count > 1 else 'it'}: {message}"
                video = clip.kind == "video" and kind == "unreadable"
                where = shown(clip.path.relative_to(root))
                remedy = COPY if video else _REMEDIES[kind]
                yield Problem(clip.recording, where, text, remedy, excluded=False)
            if progress is not None:
                progress(clip.recording)


def _examine(clip: Clip, source: Source) -> tuple[Clip, dict[str, tuple[int, list[str], str]]]:
    """Decode one clip; of each way of failing: how many frames, names of the first, its message."""
    failed: dict[str, dict[int, str]] = {kind: {} for kind in _REMEDIES}
    try:
        for start in range(0, source.n_frames, _BLOCK):
            block = source.read(start, min(start + _BLOCK, source.n_frames))
            black = {fault.frame for fault in block.faults if fault.kind != "gap"}
            for fault in block.faults:
                failed.get(fault.kind, {})[fault.frame] = fault.message
            blank = (start + is_blank(block.frames).nonzero()[0]).tolist()
            failed["blank"] |= dict.fromkeys((k for k in blank if k not in black), "")
        return clip, {
            kind: (
                len(found),
                list(map(source.frame_name, list(found)[:_NAMED])),
                next(iter(found.values())),
            )
            for kind, found in failed.items()
            if found
        }
    except CohortError as error:  # the clip as a whole: gone, or changed meanwhile
        return clip, {"unreadable": (source.n_frames, ["all"], str(error))}
    finally:
        source.close()


def _hash(file: Path) -> bytes:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _walk(root: Path, tasks: set[str]) -> tuple[list[Clip], dict[str, list[Path]], list[Path]]:
    """Return clips, label files of each session, and folders whose images are of no recording.

    Linked folders are followed, but not in circles. The nearest folder that names a split tells it.
    """
    clips: list[Clip] = []
    labels: dict[str, list[Path]] = defaultdict(list)
    strange: list[Path] = []

    def keep(match: re.Match[str], path: Path, kind: str) -> None:
        above = [_SPLITS.get(part.lower()) for part in path.relative_to(root).parts[-2::-1]]
        person, session, task = match.groups()[:3]
        if task.capitalize() in tasks:
            split = next(filter(None, above), None)
            clips.append(Clip(person, session, task.capitalize(), split, path, kind))

    chain = {str(root): frozenset[str]()}  # real paths of a folder and those above it
    for name, subfolders, files in os.walk(root, onerror=unlisted, followlinks=True):
        above, real = chain.pop(name), os.path.realpath(name)
        if real in above:  # links may lead in circles
            subfolders.clear()
            continue
        subfolders.sort()
        chain.update((os.path.join(name, sub), above | {real}) for sub in subfolders)
        folder = Path(name)
        for file in sorted(files):
            if match := _LABEL.fullmatch(file):
                labels["_".join(match.groups())].append(folder / file)
            elif match := _VIDEO.fullmatch(file):
                keep(match, folder / file, "video")
        own = _FOLDER.fullmatch(folder.name)
        if any(map(is_image, files)):
            if match := own or _FOLDER.fullmatch(folder.parent.name):
                keep(match, folder, "frames")
            else:
                strange.append(folder)
        elif own:
            keep(own, folder, "empty")
    return _without_aliases(clips), labels, strange


def _without_aliases(clips: list[Clip]) -> list[Clip]:
    """Keep one clip for each recording, place on disk and split; links to one place are aliases."""
    chosen: dict[tuple[str, str, str], dict[str | None, Clip]] = defaultdict(dict)
    for clip in clips:
        place = os.path.realpath(clip.path)
        chosen[clip.recording, clip.kind, place].setdefault(clip.split, clip)
    for by_split in chosen.values():
        if len(by_split) > 1:
            by_split.pop(None, None)
    return [clip for by_split in chosen.values() for clip in by_split.values()]
