"""Simulated recordings on disk in the layout of AVEC2014, to take the path that licensees take."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from deplib.cohorts.avec2014 import SIMULATED_MARKER
from deplib.cohorts.simulated.cohort import SimulatedCohort
from deplib.errors import CohortError

_SPLIT_FOLDERS = {"train": "Training", "dev": "Development", "test": "Testing"}


def write_avec_layout(
    cohort: SimulatedCohort,
    root: Path,
    *,
    recordings: Sequence[str] | None = None,
    max_frames: int | None = None,
) -> Path:
    """Write aligned frames as PNG and simulated labels as ``Avec2014Cohort`` reads them.

    A marker file says that nothing in the folder was filmed. A full cohort takes about 7 GB:
    name a few recordings.

    Parameters
    ----------
    cohort
        Where the recordings come from.
    root
        New or empty folder.
    recordings
        Which to write; None writes all.
    max_frames
        Frames of each recording, from its start; None writes all.

    Returns
    -------
    Path
        ``root``.

    Raises
    ------
    CohortError
        If the folder holds something already, or a recording is unknown.
    """
    root = Path(root)
    if root.exists() and any(root.iterdir()):
        raise CohortError(f"{root} is not empty: simulated and real recordings must not be mixed")
    rows = {row["recording"]: row for row in cohort.recordings.to_dict("records")}
    chosen = list(rows) if recordings is None else list(recordings)
    if unknown := sorted(set(chosen) - set(rows)):
        raise CohortError(f"{cohort.name} has no recordings {unknown}: see its .recordings")

    root.mkdir(parents=True, exist_ok=True)
    (root / SIMULATED_MARKER).write_text(
        f"Rendered by deplib from {cohort.name}, seed {cohort.seed}. No person was filmed.\n",
        encoding="utf-8",
    )
    for recording in chosen:
        row = rows[recording]
        n_frames = row["n_frames"] if max_frames is None else min(max_frames, row["n_frames"])
        frames = cohort.frames(recording, 0, n_frames)
        folder = _frame_folder(root, row["split"], row["task"], recording)
        folder.mkdir(parents=True)
        for number, frame in enumerate(frames, start=1):
            _, png = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            (folder / f"frame_det_00_{number:06d}.png").write_bytes(png.tobytes())
        label = _label_folder(root, row["split"]) / f"{recording}_Depression.csv"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(f"{row['bdi']:.0f}\n", encoding="utf-8")
    return root


def _frame_folder(root: Path, split: str, task: str, recording: str) -> Path:
    video = root / "AVEC2014_AudioVisual" / "Video" / _SPLIT_FOLDERS[split] / task
    return video / f"{recording}_{task}_video_aligned"


def _label_folder(root: Path, split: str) -> Path:
    if split == "test":
        return root / "AVEC2014_Labels_Testset" / "Testing" / "DepressionLabels"
    return root / "Final_Labels" / f"{_SPLIT_FOLDERS[split]}_DepressionLabels"
