"""Size and speed of exported models and encoders, and of a whole `deplib predict`.

    python bench/deployment.py

Writes results/deployment.json: every round of every measurement, with the key of the code. Models
and encoders in CPU time of one thread, taking turns, float32 beside int8; the verb as a process on
two cores, by the clock and in CPU time. The models are untrained, for speed does not depend on
weights; what int8 does to errors is computed elsewhere, and kept. Some two minutes on a quiet
machine.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.deployment import record
from deplib.deployment.bundle import write_bundle
from deplib.deployment.exporting import longest
from deplib.deployment.iresnet50 import write_iresnet50
from deplib.deployment.latency import card_of, encoder_rows, model_rows
from deplib.deployment.quantising import calibration_frames
from deplib.deployment.whole_clip import predict_rows
from deplib.extraction.embedded import PATH
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.models import build
from deplib.protocol import Protocol

ROUNDS, WHOLE_ROUNDS = 5, 5
FEW = 4  # frames in a call of the IResNet-50, which takes a hundred times as long as the other
EMBEDDED, IRESNET50 = "embedded", "IResNet-50"
MODEL = "LDBM"  # of the whole verb; the embedded encoder takes most of the time
"""What is measured, and how often."""


def clip_on_disk(folder: Path) -> Path:
    """Write one simulated clip of the protocol's length as frames; return its folder."""
    cohort, length = SimulatedCohort(), Protocol().sequence_length
    table = cohort.recordings
    recording = table.loc[table["n_frames"] >= length, "recording"].iloc[0]
    write_avec_layout(cohort, folder, recordings=[recording], max_frames=length)
    return next(folder.rglob("*_aligned"))


def pair_on_disk(folder: Path) -> Path:
    """Export one untrained model with the embedded encoder."""
    network, encoder = build(MODEL, seed=0), embedded_encoder()
    card = card_of(MODEL, encoder, width=encoder.dim, longest_window=longest(network))
    write_bundle(folder, network, card, encoder.path)
    return folder


def main() -> None:
    """Measure, write, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=record.default_path(), help="file to write")
    path = parser.parse_args().to
    torch.set_num_threads(1)
    with (
        tempfile.TemporaryDirectory() as name,
        tqdm(total=2 * ROUNDS + WHOLE_ROUNDS, unit="round") as bar,
    ):
        folder = Path(name)
        clip, pair = clip_on_disk(folder / "corpus"), pair_on_disk(folder / "pair")
        whole = predict_rows(pair, clip, rounds=WHOLE_ROUNDS, on_round=bar.update)
        rng = np.random.default_rng(0)
        models = model_rows(folder, rounds=ROUNDS, rng=rng, on_round=bar.update)
        frames = calibration_frames(seed=0)
        write_iresnet50(large := folder / "iresnet50.onnx")
        encoders = encoder_rows(
            folder,
            {EMBEDDED: PATH, IRESNET50: large},
            {EMBEDDED: frames, IRESNET50: frames[:FEW]},
            rounds=ROUNDS,
            on_round=bar.update,
        )
    measured = record.Measured(
        record.this_machine(),
        *map(pd.DataFrame, (models, encoders, whole)),
    )
    measured.save(path)

    print("an untrained model on a clip of 2000 frames: MB, and CPU-ms in one thread")
    print(measured.model_table().round(4).to_string(index=False))
    print("an encoder: CPU-ms a frame in one thread, smallest round, and MB")
    ms = measured.encoders.assign(
        ms=1e3 * measured.encoders["seconds"].map(min), mb=measured.encoders["bytes"] / 1e6
    )
    print(ms[["encoder", "form", "ms", "mb"]].round(3).to_string(index=False))
    print(f"deplib predict with {MODEL} and the embedded encoder, in seconds, smallest round")
    print(
        measured.whole.assign(seconds=measured.whole["seconds"].map(min))
        .round(3)
        .to_string(index=False)
    )
    print("against the limits, as shares of them")
    print(measured.against_limits().round(4).to_string(index=False))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
