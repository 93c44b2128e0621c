"""Recordings to train on, which carry their label."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from deplib.protocol import Protocol
from deplib.windows import WindowSet, build_windows

WIDTH = 6
PROTOCOL = replace(
    Protocol(), sequence_length=48, window_length=12, feature_dim=WIDTH,
    learning_rate=3e-3, batch_size_train=16, epochs=4,
)  # fmt: skip
SMALL = {"channels": WIDTH}

Frames = Callable[[np.random.Generator, float, int], np.ndarray]
"""(rng, z-scored label, frames) -> (frames, WIDTH)"""


def carried(rng: np.random.Generator, y: float, n: int) -> np.ndarray:
    """Frames that all carry the label along one direction."""
    return rng.normal(size=(n, WIDTH)) + y * np.eye(WIDTH)[0]


def planted(rng: np.random.Generator, y: float, n: int) -> np.ndarray:
    """Frames of which one window's carry the label, and the others' something like a label.

    Direction 0 holds the label or what stands for it, direction 1 says which window it is.
    """
    frames = 0.3 * rng.normal(size=(n, WIDTH))
    key = rng.integers(n // 12)
    for window, start in enumerate(range(0, n, 12)):
        frames[start : start + 12, 0] += y if window == key else rng.normal()
        frames[start : start + 12, 1] += 1.0 if window == key else -1.0
    return frames


def table(n: int, shortest: int, longest: int, sessions: int, seed: int) -> pd.DataFrame:
    """Recordings of random labels and lengths, split in turn."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "recording": [f"r{i}" for i in range(n)],
            "person": [f"p{i // sessions}" for i in range(n)],
            "split": [("train", "dev", "test")[i % 3] for i in range(n)],
            "task": "freeform",
            "bdi": rng.integers(0, 45, n).astype(float),
            "n_frames": rng.integers(shortest, longest + 1, n),
        }
    )


def bagged(
    frames: Frames = carried, *, n: int = 60, n_frames: tuple[int, int] = (5, 48)
) -> WindowSet:
    """Recordings of ``n_frames`` (from, to) frames, cut into up to four windows each."""
    recordings = table(n, *n_frames, 1, 0)
    content = {}
    for i, row in recordings.iterrows():
        y = frames(np.random.default_rng([0, i]), (row["bdi"] - 22) / 13, row["n_frames"])
        content[row["recording"]] = y, np.ones(row["n_frames"], dtype=bool)
    return build_windows(recordings, content.__getitem__, PROTOCOL)
