"""Pictures whose parameters are known: what a read-out is trained on and tested against."""

import numpy as np

from deplib.cohorts.simulated import CHANNELS, FaceRenderer, sample_identity, sample_scene
from deplib.extraction.embedded.renders import broad_parameters

SHOWN = CHANNELS[: CHANNELS.index("roll")]
"""What a face shows: ten actions, gaze and the two turns of the head that alignment leaves."""


def known_renders(
    n: int, *, share: int = 5, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one new person and render ``n`` frames of them, with what was rendered.

    Unrelated expressions, poses and light; with the share left as it is, the frames are those of
    ``deplib.extraction.embedded.renders.person_renders`` for the same ``rng``.

    Parameters
    ----------
    n
        Frames.
    share
        Frames a scene, at most; at least two scenes wherever there are two frames.
    rng
        Draws the person, the scenes and what is shown. ``stream("held-out", seed)`` never meets a
        person of a training recipe or of a cohort.

    Returns
    -------
    frames : ndarray of uint8, shape (n, 112, 112, 3)
        RGB.
    params : ndarray of float32, shape (n, len(CHANNELS))
        What each frame shows.
    """
    identity = sample_identity(rng=rng)
    params = broad_parameters(n, rng=rng)
    share = min(share, max(1, n // 2))
    parts = [
        FaceRenderer(identity, sample_scene(rng=rng)).crops(params[start : start + share])
        for start in range(0, n, share)
    ]
    return np.concatenate(parts), params
