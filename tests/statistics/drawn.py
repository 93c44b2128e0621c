"""Labels, predictions and persons, drawn; and tables of runs, as ``score_runs`` takes them."""

import numpy as np
import pandas as pd

from deplib.metrics import METRICS
from deplib.statistics import Interval, bootstrap_distribution, interval_of, jackknife

N = 50


def runs_of(model: str, errors: np.ndarray, *, persons: int = 25) -> pd.DataFrame:
    """One run a row of ``errors`` (n_seeds, N)."""
    bdi = np.random.default_rng(7).integers(0, 45, N).astype(float)
    names = [f"r{k:02}" for k in range(N)]
    who = [f"p{k % persons:02}" for k in range(N)]
    one = pd.DataFrame({"recording": names, "person": who, "bdi": bdi, "model": model})
    runs = [one.assign(bdi_hat=bdi + e, seed=k) for k, e in enumerate(errors)]
    return pd.concat(runs, ignore_index=True)


def by_hand(table: pd.DataFrame, model: str, metric: str) -> np.ndarray:
    runs = table[table["model"] == model].groupby("seed")
    return np.array([METRICS[metric](run["bdi"], run["bdi_hat"]) for _, run in runs])


def sample(n=50, n_models=2, seed=0):
    """Labels, predictions (n_models, n) and persons with one to some recordings."""
    rng = np.random.default_rng(seed)
    y = rng.gamma(1.35, 11.4, n).clip(0, 63)
    predictions = 15 + 0.4 * (y - 15) + rng.normal(0, 6, (n_models, n))
    return y, predictions, np.array([f"p{i:02d}" for i in rng.integers(0, int(0.8 * n), n)])


def rng(seed=1):
    return np.random.default_rng(seed)


def interval(y, y_hat, persons, *, metric="mae", n_resamples=10_000, method="expanded", rng):
    """One metric of one model, put together from what the library offers."""
    draws = bootstrap_distribution(y, [y_hat], persons, n_resamples=n_resamples, rng=rng)[metric]
    left_out, estimate = jackknife(y, [y_hat], persons)[metric], METRICS[metric](y, y_hat)
    ends = interval_of(draws[:, 0], estimate, left_out[:, 0], method=method)
    return Interval(estimate, *ends, len(left_out))
