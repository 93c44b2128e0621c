"""Wall time and memory of the whole book, cold, in a copy of this checkout.

    python bench/whole_book.py

Every stage of `make book` but the installation runs in a temporary copy with an empty data folder,
one after the other, and then all of them once more, with nothing changed. Memory is the largest sum
over all processes of a stage, sampled; pages that processes share count once a process, so it is an
upper bound. The limits are those of the design: six minutes on two quiet cores, twenty seconds
where nothing has changed, and 4 GB.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STAGES = {
    "features and models": [BIN / "deplib", "run"],
    "chapters": [BIN / "deplib", "publish"],
    "pages": [BIN / "jupyter-book", "build", "-W", "-n", "--keep-going", "book"],
}
COLD, UNCHANGED, LIMIT_GB = 360, 20, 4.0  # seconds, seconds


def copy_of_checkout(target: Path) -> None:
    """Copy the files that git tracks, as they are in the working tree."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, names):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


def memory_of(process: psutil.Process) -> int:
    """Return the resident bytes of a process and all that it started."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def measure(command: list[str], folder: Path, log: Path) -> tuple[float, float]:
    """Run a stage; return its wall seconds and the peak of its memory in GB."""
    environment = os.environ | {
        "DEPLIB_DATA": str(folder / ".deplib"),
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(folder),  # the copy's deplib, not the checkout's
    }
    start, peak = time.perf_counter(), 0
    with log.open("ab") as output:
        process = psutil.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            peak = max(peak, memory_of(process))
            time.sleep(0.5)
    if process.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{tail}")
    return time.perf_counter() - start, peak / 1e9


def main() -> None:
    """Print one line a stage and the sums beside their limits."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "book"
        copy_of_checkout(folder)
        cold, unchanged = (
            {
                name: measure([str(part) for part in command], folder, Path(scratch) / "log")
                for name, command in STAGES.items()
            }
            for _ in range(2)
        )
    for title, rows, limit in (
        ("cold", cold, COLD),
        ("nothing changed", unchanged, UNCHANGED),
    ):
        print(f"whole book, {title}, on {os.cpu_count()} cores")
        for name, (seconds, gigabytes) in rows.items():
            print(f"  {name:<20} {seconds:6.0f} s   {gigabytes:4.1f} GB")
        took = sum(seconds for seconds, _ in rows.values())
        print(f"  together {took / 60:.1f} min, {took / limit:.2f} of the limit")
    largest = max(gigabytes for _, gigabytes in cold.values())
    print(f"at most {largest:.1f} GB, {largest / LIMIT_GB:.2f} of the limit")


if __name__ == "__main__":
    main()
