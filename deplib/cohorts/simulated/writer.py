"""Simulated recordings on disk in the layout of AVEC2014, to take the path that licensees take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2

from deplib.cohorts.avec2014 import SIMULATED_MARKER
from deplib.cohorts.simulated.cohort import SimulatedCohort
from deplib.cohorts.video_decoder import require_av
from deplib.errors import CohortError

FPS = 30
_SPLIT_FOLDERS = {"train": "Training", "dev": "Development", "test": "Testing"}
_BLOCK = 256  # frames in memory at once


def write_avec_layout(
    cohort: SimulatedCohort,
    root: Path,
    *,
    recordings: Sequence[str] | None = None,
    max_frames: int | None = None,
    videos: bool = False,
    layout: Literal["official", "repacked"] = "official",
) -> Path:
    """Write frames and simulated labels as ``Avec2014Cohort`` reads them.

    A marker file says that nothing in the folder was filmed. A full cohort takes about 7 GB as
    aligned frames: name a few recordings.

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
    videos
        Write whole scenes, 640x480 at 30 frames a second, as raw videos ``*_video.mp4``; else
        aligned frames as PNG.
    layout
        ``"official"``, as the corpus is delivered, or ``"repacked"``, as it is often passed on:
        ``train/Freeform/203_1_Freeform`` and ``label/DepressionLabels``.

    Returns
    -------
    Path
        ``root``.

    Raises
    ------
    CohortError
        If the folder holds something already, a recording or the layout is unknown, or videos
        are asked for and PyAV is not installed.
    """
    root = Path(root)
    if layout not in ("official", "repacked"):
        raise CohortError(f"no layout {layout!r}: choose official or repacked")
    if videos:
        require_av()
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
        clip = _clip(root, layout, row["split"], row["task"], recording)
        clip.parent.mkdir(parents=True, exist_ok=True)
        if videos:
            _write_video(cohort, recording, n_frames, clip.with_name(f"{clip.name}_video.mp4"))
        else:
            ending = "_video_aligned" if layout == "official" else ""
            _write_frames(cohort, recording, n_frames, clip.with_name(clip.name + ending))
        label = _label_folder(root, layout, row["split"]) / f"{recording}_Depression.csv"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(f"{row['bdi']:.0f}\n", encoding="utf-8")
    return root


def _write_frames(cohort: SimulatedCohort, recording: str, n_frames: int, folder: Path) -> None:
    folder.mkdir()
    for start in range(0, n_frames, _BLOCK):
        frames = cohort.frames(recording, start, min(start + _BLOCK, n_frames))
        for number, frame in enumerate(frames, start=start + 1):
            _, png = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            (folder / f"frame_det_00_{number:06d}.png").write_bytes(png.tobytes())


def _write_video(cohort: SimulatedCohort, recording: str, n_frames: int, file: Path) -> None:
    av = require_av()
    with open(file, "wb") as opened, av.open(opened, "w", format="mp4") as container:
        if "libx264" in av.codecs_available:
            stream = container.add_stream("libx264", rate=FPS, options={"crf": "18"})
        else:
            stream = container.add_stream("mpeg4", rate=FPS, options={"qscale": "2"})
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = cohort.scene_frame(recording, 0).image.shape[:2]
        for index in range(n_frames):
            image = cohort.scene_frame(recording, index).image
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _clip(root: Path, layout: str, split: str, task: str, recording: str) -> Path:
    if layout == "repacked":
        return root / split / task / f"{recording}_{task}"
    video = root / "AVEC2014_AudioVisual" / "Video" / _SPLIT_FOLDERS[split] / task
    return video / f"{recording}_{task}"


def _label_folder(root: Path, layout: str, split: str) -> Path:
    if layout == "repacked":
        return root / "label" / "DepressionLabels"
    if split == "test":
        return root / "AVEC2014_Labels_Testset" / "Testing" / "DepressionLabels"
    return root / "Final_Labels" / f"{_SPLIT_FOLDERS[split]}_DepressionLabels"
