"""A corpus on disk: aligned frames or raw videos, and one label a recording."""

import hashlib
import os
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.avec2014 import EXPECTED, list_folder
from deplib.cohorts.base import AS_GIVEN, COLUMNS, SOUND, SPLITS, FrameBlock
from deplib.cohorts.images import content_of, shown
from deplib.cohorts.manifest import read_manifest
from deplib.cohorts.scan import Source, failing_frames, identical_clips, open_clips, problems
from deplib.cohorts.video import Aligner, VideoClip
from deplib.errors import CohortError


class Corpus:
    """Recordings on disk, as aligned frames or videos: implements ``TolerantCohort``.

    Parameters
    ----------
    root
        A table of clips, as `deplib.cohorts.manifest` says; or a folder of AVEC2014, in any of the
        layouts that `deplib.cohorts.avec2014` reads.
    tasks
        Which of its tasks to use; all, if none is named.
    exclude
        Recordings that are left alone, as if they were not there.
    aligner
        Finds and aligns the faces of videos. Without one, a clip that exists only as a video is
        left out, and ``check`` says so.

    Attributes
    ----------
    name, simulated, recordings, fingerprint
        As in ``FilmedCohort``. A recording's own fingerprint covers the names and the content of
        its files and, for videos, the aligner's id.
    left_out
        Recordings that are there and cannot be used, and why.
    scale, notes
        What the labels measure, and what one should know of the listing.
    aligned
        How faces are aligned: the aligners' ids, or `AS_GIVEN`, or both.

    Raises
    ------
    CohortError
        If the root, a task or a recording to exclude does not exist, not one recording is usable,
        or there are videos to read and PyAV is not installed.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        tasks: Collection[str] = (),
        exclude: Collection[str] = (),
        aligner: Aligner | None = None,
    ) -> None:
        read = read_manifest if Path(root).is_file() else list_folder
        listing = read(Path(root), tasks)
        self.name, self.simulated, self.scale, self.root, listed, found, self.notes = listing
        if unknown := sorted({*exclude}.difference(listed["recording"], found["recording"])):
            like = f"its recordings have names like {min(listed['recording'], default='')}"
            raise CohortError(f"{self.name} has no {', '.join(unknown)} to exclude: {like}")
        listed, found = (one[~one["recording"].isin([*exclude])] for one in (listed, found))
        self._clips, wrong = open_clips(listed, aligner)
        self._problems = pd.concat([found, wrong])
        left_out = self._problems[self._problems["excluded"]]
        self.left_out = dict(zip(left_out["recording"], left_out["problem"], strict=True))
        good = self._clips[~self._clips["recording"].isin(left_out["recording"])]
        if good.empty:
            told = [f". {row.where}: {row.problem}: {row.remedy}" for row in left_out.itertuples()]
            hint = f". Expected are {EXPECTED}, or a table of clips" * Path(root).is_dir()
            notes = "".join(f". {note}" for note in self.notes)
            first = "".join(told[:1]) + f" ({len(told)} problems in all)" * bool(told)
            raise CohortError(f"no usable recording in {shown(str(root))}{first}{hint}{notes}")
        empty = sorted(set(SPLITS).difference(good["split"]))
        rows = pd.DataFrame({"recording": "", "where": empty})
        text, remedy = "no recording of this split can be used", "models need one of each"
        self._problems = pd.concat([self._problems, problems(rows, text, remedy)])
        good = good.sort_values("recording")
        good = good.sort_values("split", key=lambda x: x.map(SPLITS.index), kind="stable")
        self._sources = dict(zip(good["recording"], good["source"], strict=True))
        self._open: Source | None = None
        n_frames = [source.n_frames for source in good["source"]]
        self.recordings = good.assign(n_frames=n_frames)[list(COLUMNS)].reset_index(drop=True)
        videos = [source for source in good["source"] if isinstance(source, VideoClip)]
        aligners = sorted({video.id for video in videos})
        self.fingerprint = _sha256(repr((self.simulated, aligners)))
        self.aligned = "; ".join(aligners + [AS_GIVEN] * (len(videos) < len(good)))

    def fingerprint_of(self, recording: str) -> str:
        """Return a hash of what one recording's files hold now, and of its aligner.

        Raises
        ------
        CohortError
            If the recording is unknown, or has lost or won frames since the corpus was opened.
        """
        source = self._source(recording)
        return _sha256(repr((source.id, content_of(source.files()))))

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Read aligned frames ``start`` to ``stop`` of one recording, in the order of their number.

        Returns
        -------
        ndarray of uint8, shape (stop - start, 112, 112, 3)
            RGB; images as stored, nothing is resized; faces of videos as the aligner returns them.

        Raises
        ------
        CohortError
            If the recording is unknown, the block leaves it, a frame is missing, unreadable or not
            112x112 RGB, or a video's frame shows no face.
        """
        block = self.read(recording, start, stop)
        for fault in block.faults:
            if fault.kind not in SOUND:
                raise CohortError(fault.message)
        return block.frames

    def read(self, recording: str, start: int = 0, stop: int | None = None) -> FrameBlock:
        """Read as ``frames`` does, but leave a frame that fails black and say why.

        Raises
        ------
        CohortError
            If the recording is unknown, gone, or changed since the corpus was opened, or the block
            leaves it.
        """
        source = self._source(recording)
        stop = source.n_frames if stop is None else stop
        if not 0 <= start <= stop <= source.n_frames:
            text = f"recording {recording} has frames 0 to {source.n_frames}, not {start} to {stop}"
            raise CohortError(text)
        if self._open is not source:  # one decoder at a time
            if self._open is not None:
                self._open.close()
            self._open = source
        return source.read(start, stop)

    def clock(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return of each frame its number in the film, from 0, or -1, and its second.

        Raises
        ------
        CohortError
            If the recording is unknown.
        """
        source = self._source(recording)
        return source.numbers, source.seconds

    def _source(self, recording: str) -> Source:
        if recording not in self._sources:
            remedy = ".recordings lists those that it has, .check() those left out and why"
            raise CohortError(f"{self.name} has no usable recording {recording!r}: {remedy}")
        return self._sources[recording]

    def check(
        self,
        full: bool = False,
        jobs: int = 1,
        progress: Callable[[str], object] = lambda recording: None,
    ) -> pd.DataFrame:
        """Return what was found wrong, one row a problem; ``excluded`` tells what it cost.

        Parameters
        ----------
        full
            Decode every frame, not three of each clip, and list those that are unreadable, blank
            or without a face.
        jobs
            Processes that decode.
        progress
            Called with the name of each recording as it is finished.

        Returns
        -------
        DataFrame
            Columns ``recording``, ``where``, ``problem``, ``remedy``, ``excluded``. A label's value
            is never repeated.
        """
        failing = failing_frames(self._clips, full=full, jobs=jobs, progress=progress)
        table = pd.concat([self._problems, *identical_clips(self._clips), *failing])
        return table.sort_values(["recording", "where"], ignore_index=True, kind="stable")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
