"""Movement in which order alone tells: same histogram, another pace or another stroke.

A process of head or tone is drawn so that the latent of order changes how it runs, and its values
are then mapped by rank to the quantiles of a normal distribution: every clip of one length has the
same values in another order, so no mean, spread or other statistic of a channel that forgets time
can know. Of several channels together, covariances scatter more where the pace is slow, and parts
of a clip differ more: pace is the easy control, stroke the strict one. That severe depression slows
movement, or draws out its rise, is an assumption.
"""

from functools import lru_cache

import numpy as np
from numpy.random import Generator
from scipy import special
from scipy.signal import lfilter

from deplib.cohorts.simulated.motion import FPS, TEMPO

RESONANCE = 1.5
"""Quality of the resonator: how many swings pass until a movement is forgotten, about."""
_SETTLING = 10 * FPS  # frames after which the slowest resonator has forgotten its start
_JITTER = 0.3  # SD of the logarithm of a stroke's length and of its height


def movement(kind: str, order: float, n: int, *, rng: Generator) -> dict[str, np.ndarray]:
    """Draw what tone and head pose follow in a world of order.

    Parameters
    ----------
    kind
        ``"pace"``: a higher order moves more slowly. ``"stroke"``: a higher order takes more of a
        movement to rise and less to fall, at the same pace.
    order
        The recording's latent of order.
    n
        Frames.
    rng
        Source of randomness.

    Returns
    -------
    dict
        A name of ``TEMPO`` each -> shape ``(n,)``, the ``n`` normal quantiles in some order.
    """
    draw = {"pace": _paced, "stroke": _strokes}[kind]
    return {name: _by_rank(draw(order, seconds, n, rng)) for name, seconds in TEMPO.items()}


def _paced(order: float, seconds: float, n: int, rng: Generator) -> np.ndarray:
    """Return an AR(2) resonator: it swings at about its frequency, and as well backwards."""
    hertz = np.clip(0.55 * np.exp(-0.4 * order) * (1.6 / seconds) ** 0.2, 0.2, 2.0)
    angle = 2 * np.pi * hertz / FPS
    decay = np.exp(-angle / (2 * RESONANCE))
    noise = rng.standard_normal(_SETTLING + n)
    return lfilter([1.0], [1.0, -2 * decay * np.cos(angle), decay**2], noise)[_SETTLING:]


def _strokes(order: float, seconds: float, n: int, rng: Generator) -> np.ndarray:
    """Return half cosines that rise and fall in turn; backwards, the two change places."""
    cycle = FPS * seconds / 0.72  # frames of a rise and a fall together
    rise = 0.2 + 0.6 * special.ndtr(order)
    cycles = int(1.5 * n / cycle) + 10  # more than enough
    varied, higher = np.exp(_JITTER * rng.standard_normal((2, 2 * cycles)))
    length = cycle * np.tile([1 - rise, rise], cycles) * varied
    height = np.tile([-1.0, 1.0], cycles) * higher  # where a stroke ends
    turns = np.cumsum(length) - cycle * rng.uniform(2, 3)  # a clip begins anywhere in a cycle
    frame = np.arange(n)
    k = np.searchsorted(turns, frame, side="right")  # of the turn that ends the stroke
    left = 0.5 - 0.5 * np.cos(np.pi * (turns[k] - frame) / length[k])  # 1 to 0
    return height[k] + (height[k - 1] - height[k]) * left


def _by_rank(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles in the order of the values."""
    out = np.empty(len(values))
    out[np.argsort(values)] = _quantiles(len(values))
    return out


@lru_cache(maxsize=64)
def _quantiles(n: int) -> np.ndarray:
    return special.ndtri((np.arange(n) + 0.5) / n)
