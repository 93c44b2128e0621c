"""Extraction killed in real processes: the same bytes in the end."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from planted import content
from tiny import TinyCohort

from deplib.extraction import FeatureStore, OnnxEncoder, extract

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")

LENGTHS = tuple(range(8, 28)) * 4
KILLS = 20


@pytest.fixture(scope="module")
def processes():
    """Processes that start in milliseconds: forked from one that has imported the library."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny", "deplib.extraction.pipeline"])
    return context


def uninterrupted(tmp_path: Path, onnx: Path, lengths: tuple[int, ...]) -> dict[str, bytes]:
    extract(TinyCohort(lengths), OnnxEncoder(onnx), tmp_path / "uninterrupted", block=8)
    return content(tmp_path / "uninterrupted")


def work(root: Path, onnx: Path, dies_at: int | None, started, delay: float) -> None:
    """Extract; with ``dies_at``, die at that system call of writing, with half of a file there."""
    calls = []

    def count(target: object) -> None:
        calls.append(target)
        if len(calls) == dies_at:
            if isinstance(target, int) and stat.S_ISREG((status := os.fstat(target)).st_mode):
                os.ftruncate(target, status.st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("fsync", "replace"):
        real = getattr(os, name)
        setattr(os, name, lambda *args, real=real: (count(args[0]), real(*args)))
    encoder, cohort = OnnxEncoder(onnx), TinyCohort(LENGTHS, delay=delay)
    started.set()
    extract(cohort, encoder, root, block=8)


def test_killed_twenty_times_it_ends_with_the_same_bytes(processes, tiny_onnx, tmp_path):
    rng = np.random.default_rng(3)
    root = tmp_path / "killed"
    halves = 0
    for attempt in range(KILLS):
        dies_at = int(rng.integers(1, 13)) if attempt % 2 else None  # six calls a recording
        wait = rng.uniform(0, 0.12)
        started = processes.Event()
        process = processes.Process(target=work, args=(root, tiny_onnx, dies_at, started, 0.01))
        process.start()
        assert started.wait(60)
        if dies_at is None:
            time.sleep(wait)
            process.kill()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        halves += len(list(root.rglob(".*.partial")))
        if (root / "store.json").exists():
            store = FeatureStore(root)
            assert all(len(store.read(name)[0]) for name in store.done())  # all done is whole
    done = FeatureStore(root).done()
    assert 0 < len(done) < len(LENGTHS)
    assert halves > 0  # some kills came in the middle of a file
    report = extract(TinyCohort(LENGTHS), OnnxEncoder(tiny_onnx), root, block=8)
    assert set(report.kept) == done
    assert content(root) == uninterrupted(tmp_path, tiny_onnx, LENGTHS)


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from tiny import TinyCohort
from deplib.extraction import OnnxEncoder, extract
cohort = TinyCohort(tuple(range(8, 28)), delay=0.02)
extract(cohort, OnnxEncoder(sys.argv[2]), sys.argv[3], jobs=2, block=8,
        progress=lambda entry: print(entry.recording, flush=True))
"""


def test_killed_with_its_workers_it_leaves_no_orphans_and_the_same_bytes(tiny_onnx, tmp_path):
    command = [
        sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1]), str(tiny_onnx),
        str(tmp_path / "killed"),
    ]  # fmt: skip
    finished_before_kill = 0
    for finish in (1, 4):  # recordings of one run before it is killed
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(finish):
            assert process.stdout.readline()
            finished_before_kill += 1
        time.sleep(0.013 * finish)  # somewhere within a later recording
        workers = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        process.stdout.close()
        _, orphans = psutil.wait_procs(workers, timeout=20)
        assert not orphans
    store = FeatureStore(tmp_path / "killed")
    assert finished_before_kill <= len(store.done()) < 20
    final = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(final.stdout.split()) <= 20 - finished_before_kill
    assert content(store.root) == uninterrupted(tmp_path, tiny_onnx, tuple(range(8, 28)))
