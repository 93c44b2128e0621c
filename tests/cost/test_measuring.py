"""Steps, memory and epochs are those of training, and memory is exact."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from deplib.cost.epoch import Epoch, epoch_seconds
from deplib.cost.memory import peak_bytes, step_memory
from deplib.cost.steps import FORWARD, TRAINING, step_seconds
from deplib.cost.ways import HEAD_ONLY, WAYS, unit_vectors
from deplib.protocol import Protocol
from deplib.training import train
from deplib.windows import build_windows


def test_time_is_measured_for_every_way_kind_and_length() -> None:
    rows = step_seconds([HEAD_ONLY, "LDBM"], [16, 32], windows=2, rounds=3)
    assert {(row["way"], row["kind"], row["frames"]) for row in rows} == {
        (way, kind, frames)
        for way in (HEAD_ONLY, "LDBM")
        for kind in (TRAINING, FORWARD)
        for frames in (16, 32)
    }
    assert all(len(row["seconds"]) == 3 and min(row["seconds"]) > 0 for row in rows)


def test_peak_is_the_most_held_at_once_and_not_the_sum() -> None:
    def run() -> None:
        first = torch.zeros(1000)
        second = torch.zeros(2000)
        del first
        third = torch.zeros(500)
        del second, third

    assert peak_bytes(run) == 4 * 3000


def test_memory_of_a_step_in_its_own_process_is_exact() -> None:
    rows = step_memory(HEAD_ONLY, [16, 32], windows=1)
    parameters = 4 * 131_585
    assert [row["frames"] for row in rows] == [16, 32]
    for row in rows:  # the gradients, and the few activations of 256 hidden units
        assert parameters < row["bytes"] < parameters + 4 * 4 * 256 + 200
    assert rows[0]["bytes"] == rows[1]["bytes"]
    assert rows[0]["grown"] is None


@pytest.mark.parametrize(
    ("way", "config"),
    [
        ("TemporalMeanMLP", {}),
        (HEAD_ONLY, {}),
        ("LDBM", {"max_length": 32}),
        ("MambaGRU", {"n_positions": 32}),
    ],
)
def test_an_epoch_is_the_epoch_of_training(way: str, config: dict[str, int]) -> None:
    splits = ["train"] * 7 + ["dev"] * 2 + ["test"]
    recordings = pd.DataFrame({"recording": [f"{i}_1" for i in range(10)], "split": splits})
    recordings = recordings.assign(
        person=recordings["recording"], bdi=np.arange(10.0), n_frames=32, task="freeform"
    )
    x = unit_vectors(10, 32)
    protocol = replace(Protocol(), window_length=32, batch_size_train=3, epochs=1)

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        return x[int(recording[:-2])].numpy(), np.ones(32, dtype=bool)

    windows = build_windows(recordings, read, protocol)
    run = train(WAYS[way], windows, protocol, seed=0, config=config)
    y = torch.from_numpy(windows.subset("train").index["y"].to_numpy(np.float32))
    epoch = Epoch(way, x[:7], y, x[7:9], protocol)
    assert epoch() == pytest.approx(run.history["train_loss"].iloc[0], rel=1e-5)
    dev = run.predictions.loc[run.predictions["split"] == "dev", "y_hat"]
    assert epoch.predict_dev().tolist() == pytest.approx(dev.tolist(), abs=2e-6)


def test_epochs_take_turns_and_keep_every_round() -> None:
    protocol = replace(Protocol(), window_length=16, batch_size_train=2)
    rounds = []
    rows = epoch_seconds(
        {"train": 3, "dev": 2},
        [HEAD_ONLY, "TemporalMeanMLP"],
        rounds=2,
        protocol=protocol,
        on_round=lambda: rounds.append(1),
    )
    assert [row["way"] for row in rows] == [HEAD_ONLY, "TemporalMeanMLP"]
    assert all(len(row["seconds"]) == len(rounds) == 2 for row in rows)
