"""Sizes in which a chapter can be run: that of the report, and a small one for a free machine."""

from dataclasses import dataclass

from deplib.errors import CohortError


@dataclass(frozen=True)
class Size:
    """How large the simulated cohort is that a chapter computes with, and how long it trains."""

    name: str
    n_recordings: int
    max_frames: int | None  # of a recording; None keeps the published lengths
    epochs: int | None  # of a training, at most; None is as many as the protocol says


FULL = Size("full", n_recordings=150, max_frames=None, epochs=None)
"""The report's own, as large as AVEC2014."""
SMALL = Size("small", n_recordings=30, max_frames=512, epochs=10)
"""Fewer recordings, each cut to one window: minutes become seconds, and no score means anything."""
SIZES = {size.name: size for size in (FULL, SMALL)}


def size_named(name: str) -> Size:
    """Return the size of that name.

    Raises
    ------
    CohortError
        If there is none.

    Examples
    --------
    >>> size_named("small").n_recordings
    30
    """
    if name not in SIZES:
        raise CohortError(
            f"there is no size {name!r}: set size, in the cell tagged parameters, to one of "
            f"{', '.join(map(repr, SIZES))}"
        )
    return SIZES[name]
