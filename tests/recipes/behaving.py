"""Recordings whose frames are a person's own offset and behaviour that lasts: AR(1) processes."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from deplib.protocol import Protocol
from deplib.windows import WindowSet, build_windows

WIDTH = 8
RHO = 0.95
PROTOCOL = replace(
    Protocol(),
    sequence_length=128,
    window_length=64,
    feature_dim=WIDTH,
    learning_rate=3e-3,
    batch_size_train=16,
    epochs=3,
)
SMALL = {"channels": WIDTH, "width": 16, "n_positions": 64}


def make_windows(rho: float = RHO, *, n: int = 60, seed: int = 0) -> WindowSet:
    """Two recordings a person, of one or two windows; a tenth of the frames has no face."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "recording": [f"r{i}" for i in range(n)],
            "person": [f"p{i // 2}" for i in range(n)],
            "split": [("train", "dev", "test")[i % 3] for i in range(n)],
            "task": "freeform",
            "bdi": rng.integers(0, 45, n).astype(float),
            "n_frames": rng.integers(30, 129, n),
        }
    )
    frames = {}
    for i, n_frames in enumerate(table["n_frames"]):
        own = np.random.default_rng([seed, i // 2]).normal(size=WIDTH)
        noise = np.random.default_rng([seed, i, 1]).normal(size=(n_frames, WIDTH))
        behaviour = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=0)
        valid = np.random.default_rng([seed, i, 2]).random(n_frames) < 0.9
        frames[f"r{i}"] = 0.1 * (3 * own + behaviour), valid
    return build_windows(table, frames.__getitem__, PROTOCOL)
