"""One notebook in a fresh kernel: what it costs, and which cell failed."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbclient
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from deplib.errors import RehearsalError
from deplib.rehearsal.record import Cost

SAMPLED = 0.25
"""Seconds between two looks at the kernel."""
READY = {psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP}
"""States of a process that computes, or would if others let it; that of its first thread."""
WAITING = 0.1
"""Share of a core below which processes wait, where none of them is ready: all but their first
threads may compute."""


@dataclass(frozen=True)
class Executed:
    """A notebook after its execution.

    Attributes
    ----------
    notebook
        With its outputs.
    install
        Of the start of the kernel and the set-up cell, the first code cell.
    cost
        Of all other cells.
    """

    notebook: NotebookNode
    install: Cost
    cost: Cost


def execute(
    notebook: NotebookNode, *, kernels: Path, folder: Path, variables: Mapping[str, str]
) -> Executed:
    """Execute a notebook in place, in a kernel that knows nothing of this process.

    Parameters
    ----------
    notebook
        Its first code cell is the set-up cell.
    kernels
        As ``Environment.write_kernel`` returns it.
    folder
        The working directory.
    variables
        The environment variables.

    Raises
    ------
    RehearsalError
        If a cell fails or the kernel dies; the message names the cell.
    """
    manager = AsyncKernelManager(
        kernel_name="rehearsal",
        kernel_spec_manager=KernelSpecManager(
            kernel_dirs=[str(kernels)], ensure_native_kernel=False
        ),
    )
    costs: list[Cost] = []  # a code cell; the start of the kernel counts to the first
    watch = Watch(manager)
    client = nbclient.NotebookClient(
        notebook,
        km=manager,
        timeout=None,
        record_timing=True,
        on_cell_executed=lambda **_: costs.append(watch.since()),
    )
    with watch:
        try:
            client.execute(
                cwd=str(folder), env=dict(variables), stderr=subprocess.DEVNULL, cleanup_kc=True
            )
        except (CellExecutionError, DeadKernelError) as error:
            raise RehearsalError(_what_failed(notebook, error)) from None
    install, *others = costs
    total = Cost(sum(cost.seconds for cost in others), max((c.peak for c in others), default=0))
    return Executed(notebook, install, total)


class Watch:
    """Watches the kernel and all that it starts, on a machine that others use too.

    Wall time would say more of the others. So time counts while a process of the notebook computes,
    by the processor time of the busiest one, or of all of them shared out among the cores where
    that is more; and while none of them would compute, for they wait for the network or a disk.
    Processes that lived for less than ``SAMPLED`` seconds are missed.
    """

    def __init__(self, manager: AsyncKernelManager) -> None:
        self._manager = manager
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._lock = threading.Lock()
        self._used: dict[int, float] = {}  # processor seconds by process
        self._seconds, self._peak, self._looked = 0.0, 0, time.perf_counter()

    def __enter__(self) -> "Watch":
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def since(self) -> Cost:
        """Return what was seen since the last call, or since the beginning."""
        with self._lock:
            self._look()
            cost = Cost(self._seconds, self._peak)
            self._seconds, self._peak = 0.0, 0
        return cost

    def _watch(self) -> None:
        while not self._over.wait(SAMPLED):
            with self._lock:
                self._look()

    def _look(self) -> None:
        now = time.perf_counter()
        passed, self._looked = now - self._looked, now
        resident, ready, used = 0, False, [0.0]
        for member in self._members():
            try:
                with member.oneshot():
                    spent = sum(member.cpu_times()[:2])
                    resident += member.memory_info().rss
                    ready |= member.status() in READY
            except psutil.Error:
                continue
            used.append(spent - self._used.get(member.pid, 0.0))
            self._used[member.pid] = spent
        computed = max(*used, sum(used) / (os.cpu_count() or 1))
        waits = not ready and sum(used) < WAITING * passed
        self._seconds += max(computed, passed) if waits else computed
        self._peak = max(self._peak, resident)

    def _members(self) -> list[psutil.Process]:
        pid = getattr(self._manager.provisioner, "pid", None)
        try:
            kernel = psutil.Process(pid) if pid else None
            return [kernel, *kernel.children(recursive=True)] if kernel else []
        except psutil.NoSuchProcess:
            return []


def _what_failed(notebook: NotebookNode, error: Exception) -> str:
    """Name the cell that failed, or the last that ran, and what it raised."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, 1):
        first = next(iter(cell.source.strip().splitlines()), "")
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"cell {number} ({first!r}) raises {output.ename}: {output.evalue}"
    ran = [n for n, cell in enumerate(cells, 1) if "execution" in cell.metadata]
    return f"the kernel died in cell {max(ran, default=0)}: {error}"
