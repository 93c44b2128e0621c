"""Three ways over the same file and the same frames; importable by worker processes."""

import time
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from deplib.extraction import ARCFACE, OnnxEncoder


@lru_cache(maxsize=2)
def photographs(n: int) -> np.ndarray:
    """Return smooth RGB patterns, uint8 (n, 112, 112, 3): the content costs no time."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (n, 8, 8, 3), np.uint8)
    return np.stack([cv2.resize(frame, (112, 112)) for frame in coarse])


@lru_cache(maxsize=2)
def planes(n: int) -> np.ndarray:
    """Return the network's input for those patterns."""
    return ARCFACE(photographs(n))


@lru_cache(maxsize=4)
def script_session(path: Path, threads: int | None) -> ort.InferenceSession:
    """Open the file with the runtime's defaults, but for the number of threads where given."""
    options = ort.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def one_at_a_time(session: ort.InferenceSession, frames: np.ndarray) -> np.ndarray:
    """Embed one image after the other with OpenCV's blob, as (n, D) unit rows."""
    name = session.get_inputs()[0].name
    rows = []
    for frame in frames:
        blob = cv2.dnn.blobFromImages([frame], 1 / 127.5, (112, 112), (127.5,) * 3, swapRB=False)
        row = session.run(None, {name: blob})[0][0]
        rows.append(row / np.linalg.norm(row))
    return np.stack(rows)


def runtime_alone(session: ort.InferenceSession, inputs: np.ndarray, batch: int) -> None:
    """Run the network on inputs that are ready."""
    name = session.get_inputs()[0].name
    for start in range(0, len(inputs), batch):
        session.run(None, {name: inputs[start : start + batch]})


def embed_in_worker(encoder: OnnxEncoder, n: int) -> tuple[float, float]:
    """Embed n frames as `extract` does in each of its processes; return start and end."""
    frames = photographs(n)
    start = time.time()
    encoder.embed(frames)
    return start, time.time()


def runtime_in_worker(path: Path, n: int, batch: int) -> tuple[float, float]:
    """Run the network alone on n frames in one thread; return start and end."""
    session, inputs = script_session(path, 1), planes(n)
    start = time.time()
    runtime_alone(session, inputs, batch)
    return start, time.time()
