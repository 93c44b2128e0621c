"""Recordings of several windows, and a problem in which one window of each says the label."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from deplib.protocol import Protocol
from deplib.windows import WindowSet, build_windows

WIDTH = 6
PROTOCOL = replace(
    Protocol(),
    sequence_length=48,
    window_length=12,
    feature_dim=WIDTH,
    learning_rate=3e-3,
    batch_size_train=16,
    epochs=3,
)
SMALL = {"channels": WIDTH}

Frames = Callable[[np.random.Generator, float, int], np.ndarray]
"""(rng, z-scored label, frames) -> (frames, WIDTH)"""


def carried(rng: np.random.Generator, y: float, n: int) -> np.ndarray:
    """Frames that all carry the label along one direction."""
    frames = rng.normal(size=(n, WIDTH))
    frames[:, 0] += y
    return frames


def planted(rng: np.random.Generator, y: float, n: int) -> np.ndarray:
    """Frames of which one window's carry the label, and the others' something like a label.

    Direction 0 holds the label or what stands for it, direction 1 says which window it is.
    """
    frames = 0.3 * rng.normal(size=(n, WIDTH))
    key = rng.integers(n // PROTOCOL.window_length)
    for window, start in enumerate(range(0, n, PROTOCOL.window_length)):
        part = frames[start : start + PROTOCOL.window_length]
        part[:, 0] += y if window == key else rng.normal()
        part[:, 1] += 1.0 if window == key else -1.0
    return frames


def make_windows(
    frames: Frames = carried, *, n: int = 60, n_frames: tuple[int, int] = (5, 48), seed: int = 0
) -> WindowSet:
    """Cut recordings of ``n_frames`` (from, to) frames into up to four windows each."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "recording": [f"r{i}" for i in range(n)],
            "person": [f"p{i}" for i in range(n)],
            "split": [("train", "dev", "test")[i % 3] for i in range(n)],
            "task": "freeform",
            "bdi": rng.integers(0, 45, n).astype(float),
            "n_frames": rng.integers(n_frames[0], n_frames[1] + 1, n),
        }
    ).set_index("recording", drop=False)

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        row = table.loc[recording]
        own = np.random.default_rng([seed, int(recording[1:])])
        return (
            frames(own, (row["bdi"] - 22) / 13, row["n_frames"]),
            np.ones(row["n_frames"], dtype=bool),
        )

    return build_windows(table, read, PROTOCOL)
