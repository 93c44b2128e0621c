"""What stands in the place of a frame that could not be embedded.

The study put random unit vectors there. This library does too, so that a store holds no zeros, but
marks such a frame ``valid=False``, and windows mask it; other ways are in ``deplib.windows``.
"""

import numpy as np


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
