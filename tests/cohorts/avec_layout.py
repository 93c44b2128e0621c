"""Where things are in a corpus on disk, for tests that damage one."""

from pathlib import Path

import cv2
import numpy as np


def clip_folder(root: Path, recording: str) -> Path:
    return next(root.rglob(f"{recording}_Freeform_video_aligned"))


def frame_files(root: Path, recording: str) -> list[Path]:
    return sorted(clip_folder(root, recording).iterdir())


def label_file(root: Path, recording: str) -> Path:
    return next(root.rglob(f"{recording}_Depression.csv"))


def encoded(image: np.ndarray, extension: str = ".png") -> bytes:
    return cv2.imencode(extension, image)[1].tobytes()
