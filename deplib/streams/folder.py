"""A folder of CSV files, one a recording, as a reader of a stream."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.images import shown
from deplib.errors import CohortError
from deplib.provenance import NO_NUMBERS, digest, file_digest, source_digest
from deplib.streams.align import TOLERANCE, to_frames
from deplib.streams.missing import StreamMissingError

CLIP_ENDINGS = ("", "_video", "_video_aligned", "_aligned")
"""What a file's name may have after the recording's, as clips of AVEC2014 are named."""

Load = Callable[[Path], tuple[np.ndarray, np.ndarray, float]]
"""file -> values (n, width), valid (n,), samples a second"""


class CsvFolder:
    """Reads one stream of a filmed cohort from its files: a ``Read``.

    A recording's file is called ``<recording>.csv``, or after its clip, such as
    ``203_1_Freeform_video.csv``; capitals don't count, and it may lie in any folder below. Names
    are compared and never executed or expanded.

    Parameters
    ----------
    folder
        Holds the files.
    recordings
        ``recording`` and ``n_frames`` of the cohort.
    load
        Reads one file.
    fps
        Frames a second of the recordings.
    tolerance
        Seconds by which the durations of file and recording may differ.

    Attributes
    ----------
    files
        File of each recording that has one; reading another raises ``StreamMissingError``.

    Raises
    ------
    CohortError
        If there is no such folder, it cannot be listed, it has a file of no recording of the
        cohort, or two of one.
    """

    def __init__(
        self,
        folder: Path,
        recordings: pd.DataFrame,
        load: Load,
        *,
        fps: float,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.folder, self.load = Path(folder), load
        self.fps, self.tolerance = fps, tolerance
        counts = recordings["n_frames"].astype(int)
        self.n_frames = dict(zip(recordings["recording"], counts, strict=True))
        if not self.folder.is_dir():
            raise CohortError(f"no folder {shown(self.folder)}: give the one that holds the files")
        self.files = _find(self.folder, list(self.n_frames))

    def __call__(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return values, float32 ``(n_frames, width)``, and valid, bool ``(n_frames,)``.

        Raises
        ------
        StreamMissingError
            If the recording has no file.
        CohortError
            If the recording is unknown, or its file is wrong or of another duration.
        """
        if recording not in self.n_frames:
            raise CohortError(f"the cohort has no recording {recording!r}")
        if recording not in self.files:
            raise StreamMissingError(f"{recording!r} has no file in {shown(self.folder)}")
        path = self.files[recording]
        values, valid, rate = self.load(path)
        return to_frames(
            values, valid, rate=rate, fps=self.fps, n_frames=self.n_frames[recording],
            tolerance=self.tolerance, what=shown(path.name),
        )  # fmt: skip

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files and of the code that reads them."""
        found = [
            [recording, str(path.relative_to(self.folder)), file_digest(path)]
            for recording, path in sorted(self.files.items())
        ]
        source = source_digest("deplib.streams.source", without=NO_NUMBERS)
        return digest(["files", found, self.n_frames, self.tolerance, source])


def _find(folder: Path, recordings: list[str]) -> dict[str, Path]:
    """Return the file of each recording that has one."""
    by_stem: dict[str, str] = {}
    for ending in reversed(CLIP_ENDINGS):  # a recording's own name comes last, and wins
        by_stem |= {(name + ending).casefold(): name for name in recordings}
    found: dict[str, Path] = {}
    for top, below, names in os.walk(folder, onerror=_unlisted):
        below.sort()
        for file in sorted(names):
            stem, suffix = os.path.splitext(file)
            recording = by_stem.get(stem.casefold())
            if suffix.lower() != ".csv" or recording is None:
                continue
            if recording in found:
                raise CohortError(
                    f"recording {recording!r} has two files, {_below(found[recording], folder)} "
                    f"and {_below(Path(top) / file, folder)}: keep one of them"
                )
            found[recording] = Path(top) / file
    if not found:
        raise CohortError(
            f"{shown(folder)} holds no file of the cohort's {len(recordings)} recordings: expected "
            f"names like {shown(recordings[0])}.csv or {shown(recordings[0])}_video.csv"
        )
    return found


def _below(path: Path, folder: Path) -> str:
    return shown(path.relative_to(folder))


def _unlisted(error: OSError) -> None:
    raise CohortError(
        f"folder {shown(error.filename)} cannot be listed ({error.strerror}): mend its permissions"
    ) from error
