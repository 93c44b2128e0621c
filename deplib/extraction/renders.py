"""Rendered pictures with what they show: for a trained encoder to be tried and calibrated on.

Many persons, anything goes: expression, pose, gaze, light and alignment error come from ranges
broader than any recording's, and know nothing of severity. The identities are drawn from seed
streams of their own, so that no person of a cohort is ever among them.
"""

import numpy as np

from deplib.cohorts.simulated import CHANNELS, INDEX, FaceRenderer, sample_identity, sample_scene

STREAM = 0xFACE
"""First word of the seeds of every identity here; cohorts use other words, see ``stream``."""
SHOWN = CHANNELS[: CHANNELS.index("roll")]
"""What a face shows: ten actions, gaze and the two turns of the head that alignment leaves."""
_ACTIONS = SHOWN[: SHOWN.index("gaze_x")]
_SPREAD = {
    "gaze_x": 0.4, "gaze_y": 0.3, "yaw": 9.0, "pitch": 6.0, "roll": 6.0, "light_gain": 0.22,
    "light_azimuth": 0.35, "align_x": 1.0, "align_y": 1.0, "align_rotation": 2.0,
    "align_scale": 0.025,
}  # fmt: skip


def stream(name: str, seed: int) -> np.random.Generator:
    """Return the generator of one purpose, such as ``"train"`` or ``"held-out"``.

    The words after ``STREAM`` are the name's letters and the seed: two names never share a stream.
    """
    return np.random.default_rng([STREAM, *name.encode(), seed])


def known_renders(
    n: int, *, share: int = 5, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one new person and render ``n`` frames of them, with what was rendered.

    Parameters
    ----------
    n
        Frames.
    share
        Frames a scene, at most; at least two scenes wherever there are two frames, so that no
        background names its person.
    rng
        Draws the person, the scenes and what is shown.

    Returns
    -------
    frames : ndarray of uint8, shape (n, 112, 112, 3)
        RGB.
    params : ndarray of float32, shape (n, len(CHANNELS))
        What each frame shows.
    """
    identity = sample_identity(rng=rng)
    params = np.zeros((n, len(CHANNELS)), np.float32)
    for name in _ACTIONS:  # mostly absent, sometimes weak, seldom strong
        shown = rng.random(n) < 0.35
        params[:, INDEX[name]] = shown * rng.beta(1.0, 1.6, n)
    for name, spread in _SPREAD.items():
        params[:, INDEX[name]] = np.clip(rng.normal(0, spread, n), -2.5 * spread, 2.5 * spread)
    share = min(share, max(1, n // 2))
    parts = [
        FaceRenderer(identity, sample_scene(rng=rng)).crops(params[start : start + share])
        for start in range(0, n, share)
    ]
    return np.concatenate(parts), params
