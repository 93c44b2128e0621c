"""Time and memory of every model against the length of a window; what the chapter on cost prints.

    python bench/cost.py

Writes results/cost.json: every round of every measurement, with the key of the code. Training
steps and forward passes in CPU time of one thread, the ways taking turns; peak memory of a step,
in a process a way; an epoch of the protocol. Some four minutes on a quiet machine.
"""

import argparse
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from deplib.cohorts.simulated import SimulatedCohort
from deplib.cost.epoch import epoch_seconds
from deplib.cost.memory import step_memory
from deplib.cost.record import Measured, default_path, this_machine
from deplib.cost.steps import TRAINING, step_seconds
from deplib.cost.ways import WAYS
from deplib.protocol import Protocol

ROUNDS, EPOCHS = 5, 3
PROTOCOL = Protocol()


def windows_of_an_epoch() -> dict[str, int]:
    """Count the windows of Train and Dev in the default cohort."""
    table = SimulatedCohort().recordings
    frames = table["n_frames"].clip(upper=PROTOCOL.sequence_length)
    counts = (-(-frames // PROTOCOL.window_length)).groupby(table["split"]).sum()
    return {split: int(counts[split]) for split in ("train", "dev")}


def main() -> None:
    """Measure, write, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=default_path(), help="file to write")
    path = parser.parse_args().to
    torch.set_num_threads(1)

    windows = windows_of_an_epoch()
    with tqdm(total=2 * ROUNDS + EPOCHS + len(WAYS), unit="round") as bar:
        steps = step_seconds(rounds=ROUNDS, on_round=bar.update)
        steps += step_seconds(
            lengths=[PROTOCOL.window_length],
            windows=PROTOCOL.batch_size_train,
            rounds=ROUNDS,
            on_round=bar.update,
        )
        epochs = epoch_seconds(windows, rounds=EPOCHS, on_round=bar.update)
        memory = []
        with ThreadPool(2) as pool:  # each waits for a process of its own
            for rows in pool.imap(step_memory, WAYS):
                memory += rows
                bar.update()
    measured = Measured(
        this_machine(), pd.DataFrame(steps), pd.DataFrame(memory), pd.DataFrame(epochs), windows
    )
    measured.save(path)

    training = measured.steps[measured.steps["kind"] == TRAINING]
    ms = training.assign(ms=1e3 * training["seconds"].map(min))
    print("CPU-ms of a training step, smallest round, by windows and frames")
    print(ms.pivot_table("ms", "way", ["windows", "frames"], sort=False).round(2).to_string())
    mib = measured.memory.assign(MiB=measured.memory["bytes"] / 2**20)
    print("peak MiB of a training step, by frames")
    print(mib.pivot_table("MiB", "way", "frames", sort=False).round(1).to_string())
    print("CPU-seconds of an epoch, smallest round")
    print(measured.epochs.set_index("way")["seconds"].map(min).round(3).to_string())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
