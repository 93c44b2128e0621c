"""Folders of aligned frames and label files: what a copy of the corpus holds, and what ails it.

One walk through the root finds every clip; problems are collected, never raised, so that one
report names all of them.
"""

import os
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np

from deplib.cohorts.base import BANDS
from deplib.errors import CohortError

CROP = (112, 112, 3)
BDI_MAX = BANDS[-1][-1]

_SPLIT_NAMES = {
    "training": "train",
    "train": "train",
    "development": "dev",
    "dev": "dev",
    "testing": "test",
    "test": "test",
}
_RECORDING = re.compile(r"(\d+)_(\d+)_(freeform|northwind)(_video)?(_aligned)?", re.IGNORECASE)
_VIDEO = re.compile(r"(\d+)_(\d+)_(freeform|northwind)(_video)?\.(mp4|avi|mov|mkv)", re.IGNORECASE)
_LABEL = re.compile(r"(\d+)_(\d+)_depression\.csv", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}(\.0*)?")
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp")
_ALIGN = (
    "align the video first, for example with OpenFace: FeatureExtraction -simalign -simsize 112 "
    "-nomask"
)
_AGAIN = "extract this recording's frames again"


@dataclass(frozen=True)
class Problem:
    """Something wrong with the corpus as found, one row of ``Avec2014Cohort.check``."""

    recording: str  # "" where no recording is concerned
    where: str  # relative to the root
    problem: str
    remedy: str
    excluded: bool  # whether the recording is left out for it


@dataclass(frozen=True)
class Clip:
    """A folder of frames and what its path says."""

    person: str
    session: str
    task: str
    split: str | None
    folder: Path

    @property
    def recording(self) -> str:
        """``PPP_S_Task``."""
        return f"{self.person}_{self.session}_{self.task}"

    @property
    def session_id(self) -> str:
        """``PPP_S``, which both tasks of a session and its label share."""
        return f"{self.person}_{self.session}"


def read_crop(file: Path) -> np.ndarray:
    """Read one aligned frame, uint8 RGB ``(112, 112, 3)``.

    The file is decoded from its bytes, so any name that the file system allows will do.

    Raises
    ------
    CohortError
        If it cannot be read or decoded, or has another size or number of channels.
    """
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise CohortError(f"{file} cannot be read ({error.strerror}): restore it") from error
    try:
        image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    except cv2.error:  # a header that asks for more than OpenCV allows
        image = None
    if image is None:
        raise CohortError(f"{file} is empty or no image: extract this recording's frames again")
    if image.shape != CROP or image.dtype != np.uint8:
        raise CohortError(
            f"{file} is {image.dtype} of shape {image.shape}, not uint8 {CROP}: frames are never "
            f"resized here; {_ALIGN}"
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


class Scan:
    """What one walk through the root finds.

    Parameters
    ----------
    root
        Folder that holds frames and labels.
    tasks
        Tasks to look for; others are passed over.

    Attributes
    ----------
    clips
        Every folder of frames of these tasks, usable or not.
    labels
        BDI-II of each session ``PPP_S`` whose label files are usable.
    problems
        All that was found wrong; a recording with an ``excluded`` problem must not be used.

    Raises
    ------
    CohortError
        If a folder cannot be listed.
    """

    def __init__(self, root: Path, tasks: Collection[str]) -> None:
        self.root, self.tasks = root, set(tasks)
        self.clips: list[Clip] = []
        self.labels: dict[str, float] = {}
        self.problems: list[Problem] = []
        self._label_files: dict[str, list[Path]] = defaultdict(list)
        self._bare: list[tuple[Clip, str]] = []  # recordings seen without frames, and as what
        self._strange: list[Path] = []
        seen = set()
        for name, subfolders, files in os.walk(root, onerror=_unlisted, followlinks=True):
            real = os.path.realpath(name)
            if real in seen:  # links may lead in circles
                subfolders.clear()
                continue
            seen.add(real)
            subfolders.sort()
            self._visit(Path(name), sorted(files))
        self._read_labels()
        self._compare_paths()
        for clip in self.clips:
            self._inspect(clip)

    def _visit(self, folder: Path, files: list[str]) -> None:
        for name in files:
            if match := _LABEL.fullmatch(name):
                self._label_files["_".join(match.groups())].append(folder / name)
            elif match := _VIDEO.fullmatch(name):
                self._bare_clip(match, folder / name, "a video without aligned frames")
        own = _RECORDING.fullmatch(folder.name)
        if any(_is_image(name) for name in files):
            match = own or _RECORDING.fullmatch(folder.parent.name)
            if match is None:
                self._strange.append(folder)
            elif (clip := self._clip(match, folder)).task in self.tasks:
                self.clips.append(clip)
        elif own:
            self._bare_clip(own, folder, "a folder without frames")

    def _bare_clip(self, match: re.Match[str], path: Path, text: str) -> None:
        clip = self._clip(match, path)
        if clip.task in self.tasks:
            self._bare.append((clip, text))

    def _clip(self, match: re.Match[str], path: Path) -> Clip:
        """Return the clip of a path; the nearest folder that names a split tells the split."""
        above = [part.lower() for part in path.relative_to(self.root).parts[:-1]]
        splits = [_SPLIT_NAMES[part] for part in reversed(above) if part in _SPLIT_NAMES]
        person, session, task = match.groups()[:3]
        return Clip(person, session, task.capitalize(), splits[0] if splits else None, path)

    def _read_labels(self) -> None:
        concerned = defaultdict(list)
        for clip in self.clips:
            concerned[clip.session_id].append(clip.recording)
        for session, files in self._label_files.items():
            try:
                values = {_read_label(file) for file in files}
                if len(values) > 1:
                    raise ValueError(f"{len(files)} label files of one session disagree")
                self.labels[session] = values.pop()
            except (ValueError, OSError) as error:
                where = str(files[0].relative_to(self.root))
                remedy = "restore the file from the corpus"
                for recording in concerned[session] or [""]:
                    self.problems.append(
                        Problem(recording, where, str(error), remedy, recording != "")
                    )

    def _compare_paths(self) -> None:
        """Note what the paths alone tell: recordings without frames, and those found twice."""
        splits: dict[str, set[str]] = defaultdict(set)
        places: dict[str, int] = defaultdict(int)
        for clip in self.clips:
            splits[clip.session_id].add(str(clip.split))
            places[clip.recording] += 1
        for clip in self.clips:
            if len(names := sorted(splits[clip.session_id])) > 1:
                text = f"session {clip.session_id} is in several splits: {', '.join(names)}"
                self._note(clip, text, "keep it in its official split only")
            elif places[clip.recording] > 1:
                text = f"the recording is in {places[clip.recording]} folders"
                self._note(clip, text, "keep one of them")
        for clip, text in self._bare:
            if clip.recording not in places:
                self._note(clip, text, _ALIGN)
        for folder in self._strange:
            where = str(folder.relative_to(self.root))
            remedy = "name the folder PPP_S_Task_video_aligned if it is a recording"
            self.problems.append(
                Problem("", where, "images in a folder of no recording", remedy, False)
            )

    def _inspect(self, clip: Clip) -> None:
        """Note what is wrong inside one clip; only its first and last frame are decoded."""
        if clip.split is None:
            self._note(clip, "no folder above names a split", "put it below train, dev or test")
        if clip.session_id not in self._label_files:
            self._note(clip, "no label", f"add the corpus's {clip.session_id}_Depression.csv")
        files = frame_files(clip.folder)
        numbers = [_frame_number(file.name) for file in files]
        known = sorted(number for number in numbers if number is not None)
        if len(known) < len(files):
            name = files[numbers.index(None)].name
            self._note(clip, f"a frame without a number: {name!r}", "number it, or remove it")
        elif len(set(known)) < len(known):
            self._note(clip, "two images of one frame number", "keep one image a frame")
        elif missing := sum(later - number - 1 for number, later in pairwise(known)):
            # The clip stays in use: trackers drop frames without a face, and time closes over them.
            text = f"{missing} frame numbers are missing between first and last"
            self._note(clip, text, _AGAIN, excluded=False)
        empty = [file.name for file in files if file.stat().st_size == 0]
        if empty:
            self._note(clip, f"{len(empty)} files of zero bytes, the first {empty[0]!r}", _AGAIN)
            return
        for file in (files[0], files[-1]):
            try:
                read_crop(file)
            except CohortError as error:
                self._note(clip, str(error), _AGAIN)
                return

    def _note(self, clip: Clip, text: str, remedy: str, *, excluded: bool = True) -> None:
        where = str(clip.folder.relative_to(self.root))
        self.problems.append(Problem(clip.recording, where, text, remedy, excluded))


def _read_label(file: Path) -> float:
    """Read the one number of a label file; its value is not repeated in any message."""
    text = file.read_text(encoding="utf-8-sig", errors="replace").strip()
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError("the label file does not hold one whole number")
    if float(text) > BDI_MAX:
        raise ValueError(f"the label is above {BDI_MAX}")
    return float(text)


def _unlisted(error: OSError) -> NoReturn:
    raise CohortError(
        f"folder {error.filename} cannot be listed ({error.strerror}): mend its permissions"
    ) from error


def frame_files(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order: 2 before 10."""
    names = [name for name in os.listdir(folder) if _is_image(name)]
    return [folder / name for name in sorted(names, key=_natural)]


def _is_image(name: str) -> bool:
    return name.lower().endswith(_IMAGES) and not name.startswith(".")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"(\d+)", name) if p]


def _frame_number(name: str) -> int | None:
    digits = re.findall(r"\d+", name.rsplit(".", 1)[0])
    return int(digits[-1]) if digits else None
