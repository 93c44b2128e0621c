"""What stands in the place of a frame that could not be embedded.

The study put random unit vectors there. This library does too, so that a store holds no zeros, but
marks such a frame ``valid=False``, and windows mask it. The other ways are here to be compared.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from deplib.errors import StoreError

Fill = Literal["mask", "interpolate", "random", "zeros"]
FILLS: tuple[Fill, ...] = get_args(Fill)
Read = Callable[[str], tuple[np.ndarray, np.ndarray]]
"""recording -> features (n, dim), valid (n,)"""


def fill_invalid(
    features: np.ndarray, valid: np.ndarray, *, rng: np.random.Generator
) -> np.ndarray:
    """Return features with a random unit vector in place of each row that is not valid.

    Parameters
    ----------
    features
        Shape ``(n, dim)``.
    valid
        bool, shape ``(n,)``.
    rng
        Source of the vectors: directions uniform on the sphere.
    """
    filled = features.copy()
    vectors = rng.standard_normal((int((~valid).sum()), features.shape[1]))
    filled[~valid] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return filled


def interpolate_invalid(features: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return features with each row that is not valid interpolated in time, at unit length.

    Linear between the nearest valid rows; before the first and after the last, the nearest one.

    Raises
    ------
    StoreError
        If no row is valid: there is nothing to interpolate from.
    """
    known = np.flatnonzero(valid)
    if not len(known):
        raise StoreError("no frame is valid: there is nothing to interpolate from")
    lost = np.flatnonzero(~valid)
    after = np.searchsorted(known, lost)
    left, right = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
    share = np.where(right > left, (lost - left) / np.maximum(right - left, 1), 0)[:, None]
    rows = features[left] * (1 - share) + features[right] * share
    rows[lost < known[0]] = features[known[0]]
    filled = features.copy()
    filled[lost] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return filled


def fill(
    features: np.ndarray, valid: np.ndarray, how: Fill, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Treat the rows that are not valid in one of the four ways.

    Parameters
    ----------
    features
        Shape ``(n, dim)``.
    valid
        bool, shape ``(n,)``.
    how
        ``"mask"`` hides the rows from every model. The others fill them and let models see them:
        ``"zeros"`` as the study's bug left them, ``"random"`` as its fix did, ``"interpolate"``
        from the neighbours in time.
    rng
        Source of the random vectors.

    Returns
    -------
    features : ndarray, shape (n, dim)
    valid : ndarray of bool, shape (n,)
        What models may see: all True, but for ``"mask"``.

    Raises
    ------
    StoreError
        If there is no such way, or nothing to interpolate from.
    """
    if how == "mask":
        return features, valid
    seen = np.ones_like(valid)
    if how == "zeros":
        return np.where(valid[:, None], features, np.float32(0)), seen
    if how == "random":
        return fill_invalid(features, valid, rng=rng), seen
    if how == "interpolate":
        return interpolate_invalid(features, valid), seen
    raise StoreError(f"no way {how!r} to fill frames; there are {', '.join(FILLS)}")


def lose_bursts(
    n: int, rate: float, *, rng: np.random.Generator, mean_burst: float = 30.0
) -> np.ndarray:
    """Return which of ``n`` frames a face tracker would lose, in bursts, as ``valid``.

    A two-state Markov chain: losses last ``mean_burst`` frames on average (one second at 30
    frames a second) and cover the share ``rate`` of the frames in the long run.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the frame is kept; at least one frame always is.

    Raises
    ------
    StoreError
        If ``mean_burst`` is below 1, or bursts of that length with at least one frame between
        them cannot cover so much.
    """
    if mean_burst < 1 or not 0 <= rate <= mean_burst / (mean_burst + 1):
        raise StoreError(
            f"rate is {rate} and mean_burst {mean_burst}; mean_burst must be at least 1, and rate "
            "from 0 to mean_burst / (mean_burst + 1)"
        )
    valid = np.ones(n, bool)
    lost = rng.random() < rate
    start = 0
    mean_kept = mean_burst * (1 - rate) / rate if rate else np.inf
    while start < n and rate:
        length = int(rng.geometric(1 / (mean_burst if lost else mean_kept)))
        valid[start : start + length] = not lost
        start, lost = start + length, not lost
    if n and not valid.any():
        valid[int(rng.integers(n))] = True
    return valid


def losing(read: Read, rate: float, how: Fill) -> Read:
    """Return a reader that loses frames in bursts and treats the gaps in one of the ways.

    Which frames are lost depends on the recording's name and the rate only, so every model and
    every way of filling meets the same gaps.
    """

    def lossy(recording: str) -> tuple[np.ndarray, np.ndarray]:
        features, valid = read(recording)
        rng = np.random.default_rng(list(recording.encode()))
        return fill(features, valid & lose_bursts(len(valid), rate, rng=rng), how, rng=rng)

    return lossy
