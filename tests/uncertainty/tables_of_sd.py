"""Recordings whose errors have a known spread, for the measures of uncertainty."""

import numpy as np
import pandas as pd


def gaussian(
    *, n: int = 60, persons: int = 30, spread: str = "varied", said: float = 1.0, seed: int = 0
) -> pd.DataFrame:
    """Labels that are normal around the prediction; ``said`` is the SD stated over the true one."""
    rng = np.random.default_rng(seed)
    rows = 2 * n
    sd = np.full(rows, 4.0) if spread == "same" else rng.uniform(1.0, 6.0, rows)
    bdi_hat = rng.uniform(28.0, 36.0, rows)  # far from both ends of the scale
    return pd.DataFrame(
        {
            "recording": [f"r{k:03}" for k in range(rows)],
            "person": [f"{k // n}p{k % persons:02}" for k in range(rows)],
            "split": np.repeat(["dev", "test"], n),
            "bdi": bdi_hat + sd * rng.standard_normal(rows),
            "bdi_hat": bdi_hat,
            "bdi_sd": said * sd,
        }
    )


def seeds_of(model: str, *, seeds: int = 4, n: int = 12, seed: int = 0) -> pd.DataFrame:
    """Runs of one model at several seeds."""
    rng = np.random.default_rng(seed)
    one = pd.DataFrame(
        {
            "recording": [f"r{k:02}" for k in range(n)],
            "person": [f"p{k // 2}" for k in range(n)],
            "split": np.resize(["train", "dev", "test"], n),
            "bdi": np.random.default_rng(7).integers(0, 45, n).astype(float),
        }
    )
    runs = [
        one.assign(bdi_hat=rng.normal(15, 5, n), model=model, seed=k).sample(frac=1, random_state=k)
        for k in range(seeds)
    ]
    return pd.concat(runs, ignore_index=True)
