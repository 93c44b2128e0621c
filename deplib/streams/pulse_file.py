"""The pulse of filmed recordings, from plain CSV files that any rPPG method can write.

No rPPG format is common, so this one is ours: comma-separated, the first line names the columns,
``timestamp`` in seconds from the start of the film and the 23 of ``pulse.COLUMNS``; one row an
estimate, at a constant rate. Rows may be missing: their time is without an estimate.
"""

from pathlib import Path

import numpy as np

from deplib.errors import CohortError
from deplib.streams.align import MAX_SAMPLES, place
from deplib.streams.pulse import COLUMNS
from deplib.streams.tables import read_csv

REGULAR = 0.1
"""Share of a step by which a timestamp may miss its place."""


def read_pulse(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Read the estimates of one recording.

    The rate is one over the step between neighbouring timestamps. The first row falls into the
    step that its timestamp is in, and the others follow at their distance from it.

    Returns
    -------
    values : ndarray of float32, shape (n, 23)
    valid : ndarray of bool, shape (n,)
        False where a row is missing between others or before the first.
    rate : float
        Rows a second.

    Raises
    ------
    CohortError
        If the file is unreadable, lacks a column, holds anything but finite numbers, has fewer
        than two rows, or its timestamps are negative, not ascending, or at no constant rate.
    """
    table = read_csv(path, ["timestamp", *COLUMNS])
    seconds = table.numbers(["timestamp"])[:, 0]
    values = table.numbers(COLUMNS)
    steps = np.diff(seconds)
    if len(seconds) < 2 or seconds[0] < 0 or (steps <= 0).any():
        raise CohortError(
            f"{table.name} needs two rows or more with ascending timestamps from 0 seconds on"
        )
    step = float(steps[steps < 1.5 * steps.min()].mean())  # of neighbours, rounding averaged out
    ahead = (seconds - seconds[0]) / step
    index = np.floor(seconds[0] / step + REGULAR) + np.rint(ahead)
    if np.abs(ahead - np.rint(ahead)).max() > REGULAR or index[-1] > MAX_SAMPLES:
        raise CohortError(
            f"{table.name} has timestamps at no constant rate (a step is {step:.4g} s): give one "
            "estimate a step, and leave out rows where there is none"
        )
    out, valid = place(index.astype(int), values, np.ones(len(values), bool), what=table.name)
    return out, valid, 1 / step
