"""What a copy of the corpus holds, and what ails it.

Problems are collected, never raised, so that one report names all of them.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from deplib.cohorts.clips import Clip, Walk
from deplib.cohorts.frame_folder import FrameFolder, file_size, frame_number, missing_numbers
from deplib.cohorts.images import AGAIN, REALIGN, read_crop, shown
from deplib.cohorts.label_files import read_label
from deplib.cohorts.video import COPY, Aligner, VideoClip, require_av
from deplib.errors import CohortError

_TWO_WAYS = f"{REALIGN}; or pass a face detector, which aligns on the way: --detector"


@dataclass(frozen=True)
class Problem:
    """Something wrong with the corpus as found, one row of ``Avec2014Cohort.check``."""

    recording: str  # "" where no recording is concerned
    where: str  # relative to the root, control characters escaped
    problem: str
    remedy: str
    excluded: bool  # whether the recording is left out for it


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
        self.root, self.aligner = root, aligner
        self.clips: dict[Clip, FrameFolder | VideoClip] = {}
        self.labels: dict[str, float] = {}
        self.problems: list[Problem] = []
        self.samples: list[Problem] = []
        walk = Walk(root, tasks)
        self._label_files, self._strange = walk.labels, walk.strange
        self._choose(walk)
        self._compare_paths()
        self._read_labels()
        self._find_missing()
        for clip in self._found:
            self._inspect(clip)

    def _choose(self, walk: Walk) -> None:
        """Prefer aligned frames to video; note what has neither that can be read."""
        framed = {clip.recording for clip in walk.framed}
        videos = [clip for clip in walk.videos if clip.recording not in framed]
        self._known = walk.framed + videos + walk.empty
        self._found = list(walk.framed)
        if self.aligner is not None and videos:
            require_av()
            self._found += videos
        else:
            for clip in videos:
                self._note(clip, "a video without aligned frames", _TWO_WAYS)
        have = {clip.recording for clip in walk.framed + videos}
        for clip in walk.empty:
            if clip.recording not in have:
                remedy = "put the clip's aligned frames there, or remove the folder"
                self._note(clip, "a folder without frames", remedy)

    def _compare_paths(self) -> None:
        """Note what the paths alone tell: recordings found twice, and images of none."""
        splits: dict[str, set[str]] = defaultdict(set)
        places: dict[str, int] = defaultdict(int)
        for clip in self._found:
            splits[clip.session_id].add(str(clip.split))
            places[clip.recording] += 1
        for clip in self._found:
            if len(names := sorted(splits[clip.session_id])) > 1:
                text = f"session {clip.session_id} is in several splits: {', '.join(names)}"
                self._note(clip, text, "keep it in its official split only")
            elif places[clip.recording] > 1:
                text = f"the recording is in {places[clip.recording]} places"
                self._note(clip, text, "keep one of them")
            if clip.split is None:
                self._note(clip, "no folder above names a split", "put it below train, dev or test")
        remedy = "name the folder PPP_S_Task_video_aligned if it is a recording"
        for folder in self._strange:
            text = "images in a folder of no recording"
            self.problems.append(Problem("", self._where(folder), text, remedy, False))

    def _read_labels(self) -> None:
        concerned = defaultdict(set)
        for clip in self._known:
            concerned[clip.session_id].add(clip.recording)
        for clip in self._found:
            if clip.session_id not in self._label_files:
                self._note(clip, "no label", f"add the corpus's {clip.session_id}_Depression.csv")
        for session, files in self._label_files.items():
            file = files[0]
            try:
                values = set()
                for file in files:
                    values.add(read_label(file))
                if len(values) == 1:
                    self.labels[session] = values.pop()
                    continue
                where = "; ".join(map(self._where, files))
                text = f"{len(files)} label files of one session disagree"
                remedy = "keep the corpus's own"
            except CohortError as error:
                where, text = self._where(file), str(error)
                remedy = "restore the file from the corpus"
            for recording in sorted(concerned[session]) or [""]:
                self.problems.append(Problem(recording, where, text, remedy, recording != ""))

    def _find_missing(self) -> None:
        """Note which sessions lack a task that most sessions have."""
        have = defaultdict(set)
        for clip in self._known:
            have[clip.task].add(clip.session_id)
        sessions = {session for found in have.values() for session in found}
        sessions |= set(self._label_files)
        remedy = "add the clip, or go on without it"
        for task, found in have.items():
            for session in sorted(sessions - found) if 2 * len(found) >= len(sessions) else ():
                text = "neither frames nor a video, which most sessions of this task have"
                self.problems.append(Problem(f"{session}_{task}", "", text, remedy, True))

    def _inspect(self, clip: Clip) -> None:
        """Open one clip and note what is wrong inside; few of its frames are decoded."""
        try:
            if clip.video:
                assert self.aligner is not None  # _choose keeps no video without one
                source: FrameFolder | VideoClip = VideoClip(clip.path, self.aligner)
            else:
                source = FrameFolder(clip.path)
        except CohortError as error:
            self._note(clip, str(error), COPY)
            return
        self.clips[clip] = source
        if isinstance(source, FrameFolder):
            self._inspect_numbers(clip, [file.name for file in source.files()])
            self._inspect_images(clip, source.files())
            source.close()
        elif source.n_frames < source.announced:
            text = f"{source.announced} frames are announced and {source.n_frames} are there"
            self._note(clip, text, COPY, excluded=False)

    def _inspect_images(self, clip: Clip, files: list[Path]) -> None:
        """Note single bad frames; a clip is left out only if hardly a good one can be expected."""
        where = self._where(clip.path)
        sizes = {file: file_size(file) for file in files}
        for bad, what in ((0, "of zero bytes"), (None, "that lead nowhere or cannot be read")):
            if names := [shown(file.name) for file, size in sizes.items() if size == bad]:
                text = f"{len(names)} files {what}, the first {names[0]}"
                self.samples.append(Problem(clip.recording, where, text, AGAIN, False))
        probes = sorted({0, len(files) // 2, len(files) - 1})
        faults = {}
        for index in probes:
            try:
                read_crop(files[index])
            except CohortError as error:
                faults[files[index]] = str(error)
        if len(faults) == len(probes):
            text = f"first, middle and last frame are unusable: {next(iter(faults.values()))}"
            self._note(clip, text, AGAIN)
            return
        for file, text in faults.items():
            if sizes[file]:
                self.samples.append(Problem(clip.recording, where, text, AGAIN, False))

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

    def _note(self, clip: Clip, text: str, remedy: str, *, excluded: bool = True) -> None:
        where = self._where(clip.path)
        self.problems.append(Problem(clip.recording, where, text, remedy, excluded))

    def _where(self, path: Path) -> str:
        return shown(path.relative_to(self.root))
