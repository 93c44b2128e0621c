import numpy as np
import pandas as pd
import pytest
from drawn import N, runs_of

from deplib.statistics import Scores, score_runs


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 8, N)
    parts = [
        runs_of(name, shared + shift + rng.normal(0, 3, (5, N)) + rng.normal(0, 2, (5, 1)))
        for name, shift in (("a", 0.0), ("b", 0.5), ("c", 4.0))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def scores(table) -> Scores:
    return score_runs(table)
