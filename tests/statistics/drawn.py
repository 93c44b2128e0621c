import numpy as np


def sample(n=50, n_models=2, seed=0):
    """Labels, predictions (n_models, n) and persons with one to some recordings."""
    rng = np.random.default_rng(seed)
    y = rng.gamma(1.35, 11.4, n).clip(0, 63)
    predictions = 15 + 0.4 * (y - 15) + rng.normal(0, 6, (n_models, n))
    return y, predictions, np.array([f"p{i:02d}" for i in rng.integers(0, int(0.8 * n), n)])


def rng(seed=1):
    return np.random.default_rng(seed)
