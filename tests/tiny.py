"""A tiny ONNX encoder and a tiny cohort in memory, importable by worker processes too."""

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

from deplib.alignment import TEMPLATE, similarity_transform
from deplib.errors import CohortError

TINY_DIM = 8
OPENFACE_EYES = np.array([[33.0, 29], [79, 29]])
"""Centres of the eyes in OpenFace's crops of 112 pixels at its default scale."""


def openface(image: np.ndarray, landmarks: np.ndarray = TEMPLATE) -> np.ndarray:
    """Cut a face as OpenFace does: larger and higher than encoders of the ArcFace family expect."""
    matrix = similarity_transform(landmarks[:2], OPENFACE_EYES)
    return cv2.warpAffine(image, matrix, (112, 112))


def write_tiny_onnx(
    path: Path, *, dim: int = TINY_DIM, batch: int | str = "N", size: int = 112, seed: int = 0
) -> Path:
    """Write a network that averages a 4 x 4 grid of patches and projects it to ``dim``."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((3 * 16, dim)).astype(np.float32)
    patch = [size // 4] * 2
    nodes = [
        helper.make_node("AveragePool", ["frames"], ["grid"], kernel_shape=patch, strides=patch),
        helper.make_node("Flatten", ["grid"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["embedding"]),
    ]
    return write_onnx(
        path, nodes, [numpy_helper.from_array(weights, "weights")],
        inputs={"frames": [batch, 3, size, size]}, outputs={"embedding": [batch, dim]},
    )  # fmt: skip


def write_onnx(path: Path, nodes: list, weights: list, *, inputs: dict, outputs: dict) -> Path:
    """Write an ONNX file of float32 inputs and outputs, given as name and shape."""

    def declared(shapes: dict) -> list:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    graph = helper.make_graph(nodes, "test", declared(inputs), declared(outputs), weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def flip_a_bit(path: Path) -> None:
    """Damage the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@dataclass(frozen=True)
class TinyCohort:
    """Recordings of smoothly drifting patterns; frames depend on person, session and time only."""

    n_frames: tuple[int, ...] = (40, 25, 60, 33, 12, 48)
    name: str = "tiny"
    simulated: bool = True
    blank: dict[str, tuple[int, ...]] = field(default_factory=dict)  # frames that are black
    delay: float = 0.0  # seconds a block, for tests that interrupt

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.n_frames} {self.blank}".encode()).hexdigest()

    @property
    def recordings(self) -> pd.DataFrame:
        rows = [
            (f"{201 + i // 2}_{1 + i % 2}", f"{201 + i // 2}", ("train", "dev", "test")[i % 3],
             "Freeform", float(5 * i), n)
            for i, n in enumerate(self.n_frames)
        ]  # fmt: skip
        columns = ["recording", "person", "split", "task", "bdi", "n_frames"]
        return pd.DataFrame(rows, columns=columns)

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        table = self.recordings.set_index("recording")
        if recording not in table.index:
            raise CohortError(f"no recording {recording!r}")
        time.sleep(self.delay)
        stop = int(table.loc[recording, "n_frames"]) if stop is None else stop
        person, session = (int(part) for part in recording.split("_"))
        face = np.random.default_rng(person).uniform(0, 255, (4, 4, 3))
        mood = np.random.default_rng([person, session]).uniform(-60, 60, (4, 4, 3))
        time_ = np.arange(start, stop)[:, None, None, None]
        grid = np.clip(face + mood * np.sin(time_ / 9), 0, 255).astype(np.uint8)
        frames = grid.repeat(28, axis=1).repeat(28, axis=2)
        for index in self.blank.get(recording, ()):
            if start <= index < stop:
                frames[index - start] = 0
        return frames
