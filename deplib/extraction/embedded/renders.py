"""Pictures to train and to verify the embedded encoder with: many persons, anything goes.

Expression, pose, gaze, light and alignment error come from ranges broader than any recording's, and
know nothing of severity. The identities are drawn from seed streams of their own, so that no person
of a cohort is ever among them.
"""

import numpy as np

from deplib.cohorts.simulated import CHANNELS, INDEX, FaceRenderer, sample_identity, sample_scene

STREAM = 0xFACE
"""First word of the seeds of every identity here; cohorts use other words, see ``stream``."""

_ACTIONS = (
    "smile",
    "cheek_raise",
    "brow_lower",
    "brow_raise",
    "lid_tighten",
    "dimpler",
    "lip_corner_down",
    "jaw_open",
    "lip_pucker",
    "blink",
)
_SPREAD = {
    "gaze_x": 0.4,
    "gaze_y": 0.3,
    "yaw": 9.0,
    "pitch": 6.0,
    "roll": 6.0,
    "light_gain": 0.22,
    "light_azimuth": 0.35,
    "align_x": 1.0,
    "align_y": 1.0,
    "align_rotation": 2.0,
    "align_scale": 0.025,
}
_SCENE_SHARE = 5  # renders a scene: enough scenes that no background names its person


def stream(name: str, seed: int) -> np.random.Generator:
    """Return the generator of one purpose, ``"train"`` or ``"held-out"``.

    The words after ``STREAM`` are the name's letters and the seed: two names never share a stream.
    """
    return np.random.default_rng([STREAM, *name.encode(), seed])


def broad_parameters(n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` unrelated frames' parameters, float32 (n, len(CHANNELS))."""
    params = np.zeros((n, len(CHANNELS)), np.float32)
    for name in _ACTIONS:  # mostly absent, sometimes weak, seldom strong
        shown = rng.random(n) < 0.35
        params[:, INDEX[name]] = shown * rng.beta(1.0, 1.6, n)
    for name, spread in _SPREAD.items():
        params[:, INDEX[name]] = np.clip(rng.normal(0, spread, n), -2.5 * spread, 2.5 * spread)
    return params


def person_renders(n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw one new person and render ``n`` frames of them, spread over several scenes.

    Returns
    -------
    ndarray of uint8, shape (n, 112, 112, 3)
    """
    identity = sample_identity(rng=rng)
    params = broad_parameters(n, rng=rng)
    share = min(_SCENE_SHARE, max(1, n // 2))
    parts = [
        FaceRenderer(identity, sample_scene(rng=rng)).crops(params[start : start + share])
        for start in range(0, n, share)
    ]
    return np.concatenate(parts)
