"""Peak memory of a training step: what torch's allocator records, and the process as a check."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from deplib.cost.ways import LENGTHS, WAYS, WINDOWS, forward_of, sized, train_step, unit_vectors


def step_memory(
    way: str, lengths: Sequence[int] = LENGTHS, *, windows: int = WINDOWS
) -> list[dict[str, Any]]:
    """Measure the peak memory of training steps, in a process of their own.

    Parameters
    ----------
    way
        A name of ``deplib.cost.ways.WAYS``.
    lengths
        Frames of a window.
    windows
        Windows of a step.

    Returns
    -------
    list of dict
        ``way``, ``frames``, ``windows``; ``bytes``, the most that torch's allocator held at once
        for the step (activations, temporaries, gradients of parameters; not the input and the
        parameters, which are there before); and ``grown``, by how many bytes the peak memory of
        the whole process rose by the same step: at the greatest length, elsewhere None, and None
        where the system does not say.
    """
    with get_context("spawn").Pool(1, initializer=_quiet) as pool:
        return pool.apply(_measure, (way, sorted(lengths), windows))


def peak_bytes(run: Callable[[], object]) -> int:
    """Return the most that torch's CPU allocator held at once for a call, in bytes.

    It is summed over the allocator's own record of what it gave and took back, and so the same in
    each run. What is allocated by other means, such as an output of NumPy, is not in it.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    assert record.profiler is not None
    events = record.profiler.kineto_results.events()
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    held = np.cumsum([nbytes for _, nbytes in sorted(changes, key=lambda change: change[0])])
    return int(held.max(initial=0))


def _measure(way: str, lengths: Sequence[int], windows: int) -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    _step(way, lengths[0], windows)()  # loads and compiles what the first step of a process does
    longest = _step(way, lengths[-1], windows)
    before = _process_peak()
    longest()
    after = _process_peak()
    rows = []
    for frames in lengths:
        grown = after - before if before and after and frames == lengths[-1] else None
        step = longest if frames == lengths[-1] else _step(way, frames, windows)
        rows.append(
            {
                "way": way,
                "frames": frames,
                "windows": windows,
                "bytes": peak_bytes(step),
                "grown": grown,
            }
        )
    return rows


def _step(way: str, frames: int, windows: int) -> Callable[[], None]:
    network = sized(WAYS[way], frames)
    return partial(train_step, network, forward_of(way, network, unit_vectors(windows, frames)))


def _process_peak() -> int | None:
    """Return the most memory that this process ever had, in bytes, where Linux says it.

    Not ``getrusage``: its peak is never below that of the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)


def _quiet() -> None:
    """Drop the profiler's notes to stderr; errors reach the parent all the same."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
