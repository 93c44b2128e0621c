"""Frames a CPU-second of the encoder, beside a one-image-at-a-time loop and the runtime alone.

    python bench/encoding.py [encoder.onnx]

Three ways over the same file and the same frames, in one thread: `OnnxEncoder.embed`; the loop
that most scripts have (blob of one image, run, normalise); and the runtime alone on inputs that are
ready, at its best batch size: the limit that no preprocessing can pass. The ways take turns, so
that a busy machine hits all alike; CPU time, median of the rounds.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from deplib.extraction.encoder import OnnxEncoder, embedded_encoder
from deplib.extraction.preprocess import ARCFACE

FRAMES = 512
ROUNDS = 7
BATCHES = (1, 4, 8, 16, 32, 64)


def photographs(n: int) -> np.ndarray:
    """Return smooth RGB patterns, uint8 (n, 112, 112, 3): the content costs no time."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (n, 8, 8, 3), np.uint8)
    return np.stack([cv2.resize(frame, (112, 112)) for frame in coarse])


def bare_session(path: Path) -> ort.InferenceSession:
    """Open the file as a script would, but in one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def plain_loop(session: ort.InferenceSession, frames: np.ndarray) -> np.ndarray:
    """Embed one image after the other with OpenCV's blob, as (n, D) unit rows."""
    name = session.get_inputs()[0].name
    rows = []
    for frame in frames:
        blob = cv2.dnn.blobFromImage(frame, 1 / 127.5, (112, 112), (127.5,) * 3, swapRB=False)
        row = session.run(None, {name: blob})[0][0]
        rows.append(row / np.linalg.norm(row))
    return np.stack(rows)


def runtime_alone(session: ort.InferenceSession, planes: np.ndarray, batch: int) -> None:
    """Run the network on inputs that are ready."""
    name = session.get_inputs()[0].name
    for start in range(0, len(planes), batch):
        session.run(None, {name: planes[start : start + batch]})


def frames_per_second(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median rate of each way; they take turns, and the first round warms up."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, run in ways.items():
            start = time.process_time()
            run()
            seconds[way].append(time.process_time() - start)
    return {way: FRAMES / statistics.median(times[1:]) for way, times in seconds.items()}


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    encoder = OnnxEncoder(sys.argv[1]) if len(sys.argv) > 1 else embedded_encoder()
    session = bare_session(encoder.path)
    frames = photographs(FRAMES)
    planes = ARCFACE(frames)
    batch_size = encoder.batch_size
    buffer = planes[:batch_size].copy()
    # The same work, or the comparison means nothing.
    np.testing.assert_allclose(
        encoder.embed(frames[:20]).features, plain_loop(session, frames[:20]), atol=1e-4
    )

    ways: dict[str, Callable[[], object]] = {
        f"OnnxEncoder.embed (batches of {batch_size})": lambda: encoder.embed(frames),
        "one image at a time": lambda: plain_loop(session, frames),
        "preprocessing alone": lambda: [
            encoder.preprocess(frames[i : i + batch_size], buffer)
            for i in range(0, FRAMES, batch_size)
        ],
    }
    for batch in BATCHES:
        ways[f"runtime alone, batch {batch}"] = lambda batch=batch: runtime_alone(
            session, planes, batch
        )
    rates = frames_per_second(ways)
    ours, loop, *_ = rates.values()
    limit = max(rate for way, rate in rates.items() if way.startswith("runtime"))
    print(f"{encoder.path.name}, {FRAMES} frames, one thread, median of {ROUNDS} rounds")
    for way, rate in rates.items():
        print(f"{way:<40}{rate:>10,.0f} frames a CPU-second")
    print(f"embed is {ours / loop:.2f} x the loop and {ours / limit:.0%} of the runtime's best")


if __name__ == "__main__":
    main()
