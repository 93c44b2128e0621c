"""Frames a CPU-second of the renderer, beside one frame at a time and the resampling alone.

    python bench/rendering.py

Three ways over the same person and the same trajectory, in one thread: `FaceRenderer.crops`; the
same renderer with blocks of one frame, as a plain loop has it; and the four OpenCV warps that a
frame cannot do without, on arrays of the same sizes: the limit. The ways take turns, so that a busy
machine hits all alike; CPU time, median of the rounds.
"""

import statistics
import time
from collections.abc import Callable
from unittest import mock

import cv2
import numpy as np

from deplib.cohorts.simulated import CHANNELS, INDEX, anatomy, face, warp

FRAMES = 640
ROUNDS = 7
TARGET = 1500


def trajectory() -> np.ndarray:
    """Return a lively trajectory, float32 (FRAMES, channels)."""
    rng = np.random.default_rng(0)
    params = np.abs(rng.normal(0, 0.2, (FRAMES, len(CHANNELS)))).astype(np.float32)
    params[:, INDEX["yaw"]] = rng.normal(0, 6, FRAMES)
    return params


def resample() -> None:
    """Warp displacement, head, light and surroundings, and do nothing else."""
    canvas = face.CROP_CANVAS
    texture = np.zeros((canvas.height, canvas.width, 4), np.uint8)
    light = np.ones((canvas.height, canvas.width), np.float32)
    knots = np.zeros((*warp.FIELD_SHAPE, 2), np.float32)
    room = np.zeros((480, 640, 3), np.uint8)
    y, x = np.mgrid[: face.CROP, : face.CROP].astype(np.float32)
    position = np.stack([x, y], -1) * np.float32(canvas.density) + 27
    shrink = np.array([[0.33, 0.01, 20.0], [-0.01, 0.33, 22.0]])
    spread = np.array([[1.7, 0.02, 220.0], [-0.02, 1.7, 100.0]])
    size, pull = (face.CROP, face.CROP), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for _ in range(FRAMES):
        cv2.warpAffine(knots, shrink, size, flags=pull, borderMode=cv2.BORDER_REPLICATE)
        cv2.warpAffine(room, spread, size, flags=pull, borderMode=cv2.BORDER_REPLICATE)
        cv2.remap(texture, position, None, cv2.INTER_LINEAR)
        cv2.remap(light, position, None, cv2.INTER_LINEAR)


def one_by_one(renderer: face.FaceRenderer, params: np.ndarray) -> None:
    """Render with blocks of one frame."""
    with mock.patch.object(face, "BLOCK", 1), mock.patch.object(anatomy, "BLOCK", 1):
        renderer.crops(params)


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    renderer = face.FaceRenderer(face.sample_identity(rng=rng), face.sample_scene(rng=rng))
    params = trajectory()
    ways: dict[str, Callable[[], object]] = {
        "crops": lambda: renderer.crops(params),
        "one frame at a time": lambda: one_by_one(renderer, params),
        "resampling alone (limit)": resample,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.process_time()
            way()
            seconds[name].append(time.process_time() - start)
    rate = {name: FRAMES / statistics.median(taken) for name, taken in seconds.items()}
    print("rendering, 112 x 112 aligned frames a CPU-second, one thread")
    for name, value in rate.items():
        print(f"  {name:26} {value:8.0f}")
    plain, limit = rate["one frame at a time"], rate["resampling alone (limit)"]
    print(f"  blocks gain                {rate['crops'] / plain:8.2f} x")
    print(f"  share of the limit         {rate['crops'] / limit:8.2f}")
    print(f"  target                     {TARGET:8d}")


if __name__ == "__main__":
    main()
