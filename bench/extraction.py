"""What the pipeline around the encoder costs and saves, each against a named alternative.

    python bench/extraction.py

Memory: peak of a process that embeds a long clip, against one of a short clip. Resumption: a second
call on a finished store, against the first. Store: writing and reading, against numpy.save and
numpy.load of the same arrays. Prediction: the dry run's, against the run. Ways take turns, so that
a busy machine hits all alike; wall time, least of the rounds, for whatever else runs can only add
to it.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction import (
    FeatureStore,
    StoreHeader,
    embedded_encoder,
    estimate,
    extract,
)

ROUNDS = 5
BLOCK = 128


class Patterns:
    """A cohort of one clip whose frames cost next to nothing."""

    name, simulated, fingerprint = "patterns", True, "00"

    def __init__(self, n_frames: int) -> None:
        self.recordings = pd.DataFrame({"recording": ["clip"], "n_frames": [n_frames]})
        coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
        self._face = cv2.resize(coarse, (112, 112))

    def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the same face for each frame."""
        n = (self.recordings["n_frames"][0] if stop is None else stop) - start
        return np.repeat(self._face[None], n, axis=0)


def least_seconds(ways: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return each way's least wall time; they take turns."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            began = time.perf_counter()
            run()
            seconds[way].append(time.perf_counter() - began)
    return {way: min(times) for way, times in seconds.items()}


def peak_memory(n_frames: int, root: Path) -> float:
    """Return the peak resident memory in MB of a process that embeds one clip of that length."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (n_frames, root / str(n_frames)))


def _peak(n_frames: int, root: Path) -> float:
    import resource

    extract(Patterns(n_frames), embedded_encoder(), root, frame_limit=n_frames, block=BLOCK)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(root: Path) -> None:
    """Compare a long clip with a short one."""
    short, long = (peak_memory(n, root) for n in (2_000, 20_000))
    features = 20_000 * 512 * 4 / 2**20
    frames = 20_000 * 112 * 112 * 3 / 2**20
    print(
        f"memory: a clip of 2,000 frames peaks at {short:.0f} MB, one of 20,000 at {long:.0f} MB "
        f"({long / short:.2f} x); its frames are {frames:.0f} MB, its features {features:.0f} MB"
    )


def resumption(root: Path) -> None:
    """Compare a second call with the first, and the prediction with what the first took."""
    cohort, encoder = SimulatedCohort(n_recordings=16, max_frames=600), embedded_encoder()
    jobs = os.cpu_count() or 1
    told = estimate(cohort, encoder, jobs=jobs)
    first = extract(cohort, encoder, root, jobs=jobs)
    again = extract(cohort, encoder, root, jobs=jobs)
    print(
        f"resumption: a second call on a finished store takes {again.seconds / first.seconds:.2%} "
        f"of the first ({again.seconds:.3f} of {first.seconds:.1f} s, {first.n_frames:,} frames)"
    )
    print(f"prediction: {told.seconds / first.seconds:.2f} x the first call's time")


def store(root: Path) -> None:
    """Compare the store with numpy's own files."""
    rng = np.random.default_rng(0)
    n, dim = 2000, 512
    features, valid = rng.standard_normal((n, dim)).astype(np.float32), np.ones(n, bool)
    kept = FeatureStore(root, header=StoreHeader("e", dim, "c", "f", 1, n))
    plain = root / "plain.npy"
    half = features.astype(np.float16)

    def write_plainly(*, sync: bool) -> None:
        with plain.open("wb") as file:
            np.save(file, half)
            if sync:
                file.flush()
                os.fsync(file.fileno())

    seconds = least_seconds(
        {
            "store": lambda: kept.write("a", features, valid),
            "numpy.save": lambda: write_plainly(sync=False),
            "numpy.save and fsync": lambda: write_plainly(sync=True),
            "read": lambda: kept.read("a"),
            "numpy.load": lambda: np.load(plain).astype(np.float32),
        },
        rounds=20,
    )
    size = half.nbytes / 2**20
    print(
        f"store: writing {size:.1f} MB takes {seconds['store'] / seconds['numpy.save']:.1f} x "
        f"numpy.save, {seconds['store'] / seconds['numpy.save and fsync']:.1f} x numpy.save and "
        f"fsync ({size / seconds['store']:.0f} MB/s)"
    )
    print(
        f"store: reading takes {seconds['read'] / seconds['numpy.load']:.1f} x numpy.load, for the "
        f"hash is checked ({size / seconds['read']:.0f} MB/s)"
    )


def main() -> None:
    """Print the lines."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        memory(root)
        resumption(root / "resumed")
        store(root / "store")


if __name__ == "__main__":
    main()
