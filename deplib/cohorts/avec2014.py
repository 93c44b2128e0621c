"""The licensed corpus AVEC2014, read from folders of aligned frames.

Two layouts are understood, and mixtures of them: the official one
(``AVEC2014_AudioVisual/Video/Training/Freeform/...`` with ``Final_Labels`` and
``AVEC2014_Labels_Testset``) and the common re-packing (``train/Freeform/...`` with
``label/DepressionLabels``). A recording is a folder named like ``203_1_Freeform_video_aligned``
that holds images numbered like ``frame_det_00_000001.bmp`` or ``frame_000001.png``; its label is
the one number in ``203_1_Depression.csv``, shared by both tasks.

The corpus, its labels and anything that reveals them stay with the licensee: nothing here copies
a label anywhere but into memory.
"""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.aligned_folders import CROP, Problem, Scan, frame_files, read_crop
from deplib.cohorts.base import COLUMNS, SPLITS
from deplib.errors import CohortError

TASKS = ("Freeform", "Northwind")
SIMULATED_MARKER = "SIMULATED.txt"
"""A file of this name at the root says that the frames were rendered and not filmed."""


class Avec2014Cohort:
    """AVEC2014 as aligned frames on disk: implements ``Cohort``.

    Parameters
    ----------
    root
        Folder that holds frames and labels, in any of the layouts above.
    tasks
        Which of ``TASKS`` to use.

    Attributes
    ----------
    name, simulated, recordings, fingerprint
        As in ``Cohort``; a recording is called ``PPP_S_Task`` and its person ``PPP``. The
        fingerprint covers relative file names, file sizes and labels, not the pixels.

    Raises
    ------
    CohortError
        If the root or a task does not exist, or not one recording is usable.
    """

    def __init__(self, root: str | os.PathLike[str], *, tasks: Collection[str] = TASKS) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise CohortError(f"no folder {self.root}: give the one that holds AVEC2014")
        if not tasks or not set(tasks) <= set(TASKS):
            raise CohortError(f"tasks {tuple(tasks)} are not among those of AVEC2014: {TASKS}")
        self.simulated = (self.root / SIMULATED_MARKER).is_file()
        self.name = "simulated/AVEC2014 layout" if self.simulated else "AVEC2014"

        scan = Scan(self.root, tasks)
        self._problems = scan.problems
        bad = {problem.recording for problem in scan.problems if problem.excluded}
        good = [clip for clip in scan.clips if clip.recording not in bad]
        if not good:
            first = "".join(f": {x.where}: {x.problem}" for x in self._problems[:1])
            raise CohortError(
                f"no usable recording of {', '.join(tasks)} under {self.root}{first}. Expected "
                "folders such as Training/Freeform/203_1_Freeform_video_aligned with 112x112 "
                "frames, and labels such as 203_1_Depression.csv"
            )
        good.sort(key=lambda clip: (SPLITS.index(str(clip.split)), clip.recording))
        self._folders: dict[str, tuple[Path, int]] = {}
        self._last: tuple[str, list[Path]] | None = None

        digest = hashlib.sha256(repr(self.simulated).encode())
        rows = []
        for clip in good:
            files = frame_files(clip.folder)
            self._folders[clip.recording] = (clip.folder, len(files))
            bdi = scan.labels[clip.session_id]
            rows.append((clip.recording, clip.person, clip.split, clip.task, bdi, len(files)))
            digest.update(repr((clip.recording, clip.split, bdi)).encode())
            for file in files:
                digest.update(os.fsencode(file.relative_to(self.root)))
                digest.update(f"\0{file.stat().st_size}\0".encode())
        self.recordings = pd.DataFrame(rows, columns=list(COLUMNS))
        self.fingerprint = digest.hexdigest()

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Read aligned frames ``start`` to ``stop`` of one recording, in the order of their number.

        Returns
        -------
        ndarray of uint8, shape (stop - start, 112, 112, 3)
            RGB, as stored: nothing is resized.

        Raises
        ------
        CohortError
            If the recording is unknown, the block leaves it, or a frame is unreadable or not
            112x112 RGB.
        """
        if recording not in self._folders:
            raise CohortError(
                f"{self.name} has no usable recording {recording!r}: .recordings lists those that "
                "it has, .check() those left out and why"
            )
        files = self._files(recording)
        stop = len(files) if stop is None else stop
        if not 0 <= start <= stop <= len(files):
            raise CohortError(
                f"frames {start} to {stop} of recording {recording} were asked for, but it has "
                f"frames 0 to {len(files)}"
            )
        out = np.empty((stop - start, *CROP), np.uint8)
        for row, file in enumerate(files[start:stop]):
            out[row] = read_crop(file)
        return out

    def _files(self, recording: str) -> list[Path]:
        """List a recording's frames anew, so that a changed folder is noticed and not read."""
        last = self._last
        if last is None or last[0] != recording:
            folder, n_frames = self._folders[recording]
            files = frame_files(folder) if folder.is_dir() else []
            if len(files) != n_frames:
                raise CohortError(
                    f"{folder} had {n_frames} frames when the corpus was opened and has "
                    f"{len(files)} now: open it again"
                )
            last = self._last = (recording, files)
        return last[1]

    def check(self) -> pd.DataFrame:
        """Return what was found wrong, one row a problem; ``excluded`` tells what it cost.

        Returns
        -------
        DataFrame
            Columns ``recording``, ``where``, ``problem``, ``remedy``, ``excluded``.
        """
        columns = list(Problem.__dataclass_fields__)
        table = pd.DataFrame([vars(problem) for problem in self._problems], columns=columns)
        return table.sort_values(["recording", "where"], ignore_index=True)
