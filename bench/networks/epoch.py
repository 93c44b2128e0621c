"""Seconds of the parts of a training, for the present process and its number of threads."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from networks.plain import plain
from torch import nn

from deplib.models import build
from deplib.protocol import Protocol
from deplib.training.course import Course
from deplib.training.loop import adam, copy_of
from deplib.windows import WindowSet

N_TRAIN, N_DEV, N_TEST = 160, 147, 141
"""Windows of the protocol's 50 recordings a split."""
PROTOCOL = Protocol()


@cache
def windows(n: int, frames: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """Return n windows of unit embeddings and their masks; every fourth is half padded."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, frames, 512), dtype=np.float32)
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    mask = np.ones((n, frames), dtype=bool)
    mask[::4, frames // 2 :] = False
    return x * mask[..., None], mask


@cache
def window_set(frames: int = 8) -> WindowSet:
    """Return windows of all splits; few frames, where it is about what comes after the mean."""
    sizes = {"train": N_TRAIN, "dev": N_DEV, "test": N_TEST}
    split = np.repeat(list(sizes), list(sizes.values()))
    features, mask = windows(len(split), frames)
    recording = [f"{s}{i // 3}" for s, n in sizes.items() for i in range(n)]
    bdi = np.random.default_rng(1).gamma(1.35, 11.4, 200).clip(0, 63)
    index = pd.DataFrame({"recording": recording, "person": recording, "split": split})
    index["window"] = index.groupby("recording").cumcount()
    index["bdi"] = bdi[pd.factorize(index["recording"])[0]]
    index["y"] = (index["bdi"] - 15) / 12
    return WindowSet(features, mask, index, 15.0, 12.0)


@cache
def _trainer(name: str, ours: bool) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = build(name, seed=0) if ours else plain(name)
    return model, adam(model.parameters(), PROTOCOL)


def epoch_seconds(
    name: str, ours: bool, threads: int, clock: Callable[[], float], warm: bool
) -> float:
    """Return the time of an epoch, from one Train batch and one Dev batch.

    An epoch is five steps on 32 windows and 147 windows predicted, 64 at a time; gathering the
    windows, the gradient and Adam are in it.
    """
    torch.set_num_threads(threads)
    model, optimizer = _trainer(name, ours)
    features, mask = windows(64)

    def batch(rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.from_numpy(features[rows]).transpose(1, 2)
        return x, torch.from_numpy(mask[rows])

    def train() -> None:
        model.train()
        optimizer.zero_grad(set_to_none=True)
        model(*batch(np.arange(0, 64, 2))).abs().mean().backward()
        optimizer.step()

    def predict() -> None:
        model.eval()
        with torch.inference_mode():
            model(*batch(np.arange(64)))

    if warm:
        train()
    steps = -(-N_TRAIN // PROTOCOL.batch_size_train)
    return steps * timed(train, clock) + N_DEV / PROTOCOL.batch_size_eval * timed(predict, clock)


def course_seconds() -> float:
    """Return the time of an epoch's book-keeping: scores of recordings, a copy of the weights."""
    data = window_set()
    train, dev = data.subset("train"), data.subset("dev")
    course = Course("LDBM", 0, train, dev, PROTOCOL)
    weights = build("LDBM", seed=0).state_dict()
    y = [part.index["y"].to_numpy() for part in (train, dev)]
    return min(
        timed(lambda: course.record(0.5 * y[0], 0.5 * y[1], lambda: copy_of(weights)))
        for _ in range(5)
    )


def timed(call: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of one call."""
    start = clock()
    call()
    return clock() - start
