"""Windows of eight channels whose labels can be learnt, and the shortest way to train on them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from deplib.protocol import Protocol
from deplib.training import Run, train
from deplib.windows import WindowSet, build_windows

WIDTH = 8
PROTOCOL = replace(
    Protocol(),
    sequence_length=40,
    window_length=16,
    feature_dim=WIDTH,
    learning_rate=3e-3,
    epochs=4,
)
SMALL = {"channels": WIDTH}


def make_windows(signal: float = 1.0, n: int = 60, seed: int = 0) -> WindowSet:
    """Recordings whose frames carry their label along one direction, and a person's own offset."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "recording": [f"r{i}" for i in range(n)],
            "person": [f"p{i % 35}" for i in range(n)],
            "split": [("train", "dev", "test")[i % 3] for i in range(n)],
            "task": "freeform",
            "bdi": rng.integers(0, 45, n).astype(float),
            "n_frames": rng.integers(5, 60, n),
        }
    ).set_index("recording", drop=False)

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        row = table.loc[recording]
        own = np.random.default_rng(int(recording[1:]))
        frames = own.normal(size=(row["n_frames"], WIDTH))
        frames[:, 0] += signal * (row["bdi"] - 22) / 6
        valid = own.random(row["n_frames"]) < 0.9
        valid[0] = True
        return frames, valid

    return build_windows(table, read, PROTOCOL)


def run(name: str, windows: WindowSet, *, seed: int = 0, **change: object) -> Run:
    """Train a model of eight channels, with changes to the protocol."""
    return train(name, windows, replace(PROTOCOL, **change), seed=seed, config=SMALL)  # type: ignore[arg-type]
