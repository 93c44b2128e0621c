"""A clip is a timeline: the frames of a clip at their times, on one grid for all clips.

Models count frames and take 30 a second. So each clip is read at 30 places a second, and at each
place stands the frame that is nearest in time; where none is near, the place stays empty, and no
time closes over it.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import median_filter

from deplib.errors import CohortError

FPS = 30
"""Places a second: the rate of AVEC2014's films, and of all that the models count in frames."""
_LONGEST = 9 * 3600  # seconds; more is no clip, but numbers that count something else


class Timeline(NamedTuple):
    """The places of a clip of ``n`` places."""

    frames: np.ndarray
    """int ``(n,)``: which frame of the clip, in the order of time, stands there; -1 for none."""
    seconds: np.ndarray
    """float ``(n,)``: time of the place, from the clip's first frame."""
    rate: str
    """Frames a second that the clip has, rounded, such as ``"25"`` or ``"10 to 30"``."""


def timeline(seconds: np.ndarray, what: str, *, steady: bool = False) -> Timeline:
    """Find the places of a clip.

    Parameters
    ----------
    seconds
        Time of each frame, ascending; any zero.
    what
        How messages name the clip.
    steady
        Its rate cannot vary, so each longer step is a gap.

    Raises
    ------
    CohortError
        If it has fewer than half of ``FPS`` frames a second, or lasts longer than nine hours.
    """
    steps, since = np.diff(seconds), seconds - seconds[0]
    if not len(steps):
        return Timeline(np.zeros(1, int), np.zeros(1), str(FPS))
    usual = float(steps[steps < 1.5 * np.median(steps)].mean())  # rounding averaged out
    if 1 / usual < 0.49 * FPS or since[-1] > _LONGEST:
        raise CohortError(
            f"{what} has {1 / usual:.3g} frames a second in {since[-1]:.4g} s; models take {FPS}, "
            f"and a clip must have {FPS // 2}: extract each frame of the film, and number it by "
            "its place there"
        )
    # a single long step is a gap, and no rate
    local = np.full(len(steps), usual) if steady else median_filter(steps, 5, mode="mirror")
    grid = usual if abs(1 / usual - FPS) < 0.01 * FPS else 1 / FPS  # 29.97 stays as it is
    places = grid * np.arange(int(since[-1] / grid + 0.49) + 1)
    after = np.clip(np.searchsorted(since, places), 1, len(steps))
    nearest = after - (places - since[after - 1] <= since[after] - places)
    reach = 0.75 * np.clip(local[after - 1], grid, 0.1)  # no frame stands for longer than 0.1 s
    frames = np.where(np.abs(since[nearest] - places) < reach, nearest, -1)
    low, high = 1 / local.max(), 1 / local.min()
    rate = f"{low:.0f} to {high:.0f}" if high > 1.5 * low else f"{1 / usual:.0f}"
    return Timeline(frames, places, rate)
