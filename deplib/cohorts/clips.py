"""What the paths of a copy of the corpus say: clips, videos, label files; nothing is opened."""

import os
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deplib.cohorts.frame_folder import is_image
from deplib.cohorts.images import shown
from deplib.errors import CohortError

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


@dataclass(frozen=True)
class Clip:
    """A folder of frames or a video, and what its path says."""

    person: str
    session: str
    task: str
    split: str | None
    path: Path
    video: bool = False

    @property
    def recording(self) -> str:
        """``PPP_S_Task``."""
        return f"{self.person}_{self.session}_{self.task}"

    @property
    def session_id(self) -> str:
        """``PPP_S``, which both tasks of a session and its label share."""
        return f"{self.person}_{self.session}"


class Walk:
    """One walk through the root; linked folders are followed, but not in circles.

    Parameters
    ----------
    root
        Folder that holds frames or videos, and labels.
    tasks
        Tasks to look for; clips of others are passed over.

    Attributes
    ----------
    framed, videos, empty
        Clips with aligned frames, raw videos, and folders named like a clip that hold no frame.
    labels
        Label files of each session ``PPP_S``.
    strange
        Folders with images that are no recording by their name.

    Raises
    ------
    CohortError
        If a folder cannot be listed.
    """

    def __init__(self, root: Path, tasks: Collection[str]) -> None:
        self.root, self.tasks = root, set(tasks)
        self.framed: list[Clip] = []
        self.videos: list[Clip] = []
        self.empty: list[Clip] = []
        self.labels: dict[str, list[Path]] = defaultdict(list)
        self.strange: list[Path] = []
        self._walk()
        self.framed = _without_aliases(self.framed)
        self.videos = _without_aliases(self.videos)

    def _walk(self) -> None:
        chain = {str(self.root): frozenset[str]()}  # real paths of a folder and those above it
        for name, subfolders, files in os.walk(self.root, onerror=_unlisted, followlinks=True):
            above, real = chain.pop(name), os.path.realpath(name)
            if real in above:  # links may lead in circles
                subfolders.clear()
                continue
            subfolders.sort()
            chain.update((os.path.join(name, sub), above | {real}) for sub in subfolders)
            self._visit(Path(name), sorted(files))

    def _visit(self, folder: Path, files: list[str]) -> None:
        for name in files:
            if match := _LABEL.fullmatch(name):
                self.labels["_".join(match.groups())].append(folder / name)
            elif match := _VIDEO.fullmatch(name):
                self._collect(self.videos, match, folder / name, video=True)
        own = _RECORDING.fullmatch(folder.name)
        if any(is_image(name) for name in files):
            match = own or _RECORDING.fullmatch(folder.parent.name)
            if match is None:
                self.strange.append(folder)
            else:
                self._collect(self.framed, match, folder)
        elif own:
            self._collect(self.empty, own, folder)

    def _collect(
        self, clips: list[Clip], match: re.Match[str], path: Path, *, video: bool = False
    ) -> None:
        """Keep a clip of these tasks; the nearest folder that names a split tells the split."""
        above = [part.lower() for part in path.relative_to(self.root).parts[:-1]]
        splits = [_SPLIT_NAMES[part] for part in reversed(above) if part in _SPLIT_NAMES]
        person, session, task = match.groups()[:3]
        if task.capitalize() in self.tasks:
            split = splits[0] if splits else None
            clips.append(Clip(person, session, task.capitalize(), split, path, video))


def _without_aliases(clips: list[Clip]) -> list[Clip]:
    """Keep one clip for each recording, place on disk and split; links to one place are aliases."""
    chosen: dict[tuple[str, str], dict[str | None, Clip]] = defaultdict(dict)
    for clip in clips:
        chosen[clip.recording, os.path.realpath(clip.path)].setdefault(clip.split, clip)
    for by_split in chosen.values():
        if len(by_split) > 1:
            by_split.pop(None, None)
    return [clip for by_split in chosen.values() for clip in by_split.values()]


def _unlisted(error: OSError) -> NoReturn:
    raise CohortError(
        f"folder {shown(error.filename)} cannot be listed ({error.strerror}): mend its permissions"
    ) from error
