"""An exported pair of a tiny encoder and a small model, and a folder of frames for it."""

import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tiny import TINY_DIM
from torch import nn

from deplib.deploy import Card, write_bundle
from deplib.deploy.export import export_model
from deplib.extraction import OnnxEncoder
from deplib.models import build

WINDOW, SEQUENCE = 16, 40
"""Frames of a window, and of a recording that are used."""
CARD = Card(
    model="AttentionMIL", features="identity", channels=TINY_DIM, window_length=WINDOW,
    sequence_length=SEQUENCE, max_length=None, label_mean=20.0, label_std=10.0,
    encoder_sha256="0f" * 32, preprocess="arcface", half_width=15.0, level=0.9, cohort="tiny",
    label="BDI-II", lowest=0.0, highest=63.0,
    simulated=True, test_mae=9.5, key="0" * 64,
)  # fmt: skip


def small_model() -> nn.Module:
    """Return a model that weighs frames, and whose outputs are not all near zero."""
    model = build("AttentionMIL", seed=3, channels=TINY_DIM)
    for parameter in model.parameters():
        parameter.data *= 3
    return model


def card_for(encoder: Path, **changes: Any) -> Card:
    """Return the card of ``small_model`` and an encoder's file, with some fields changed."""
    opened = OnnxEncoder(encoder)
    of_encoder = {"encoder_sha256": opened.sha256, "preprocess": str(opened.preprocess)}
    return Card(**asdict(CARD) | of_encoder | changes)


def write_pair(folder: Path, encoder: Path, *, overwrite: bool = False, **changes: Any) -> Path:
    """Export ``small_model`` with an encoder; ``changes`` are those of the card."""
    card = card_for(encoder, **changes)
    with tempfile.TemporaryDirectory() as temporary:
        export_model(small_model(), path := Path(temporary) / "exported.onnx", card)
        write_bundle(folder, path, card, encoder, overwrite=overwrite)
    return folder


def write_frames(folder: Path, frames: np.ndarray, numbers: Iterable[int] | None = None) -> Path:
    """Write frames as PNG files, numbered from 1 unless told otherwise."""
    folder.mkdir(parents=True)
    for number, frame in zip(numbers or range(1, len(frames) + 1), frames, strict=True):
        Image.fromarray(frame).save(folder / f"frame_{number:06d}.png")
    return folder
