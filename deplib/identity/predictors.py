"""Predictors that are fitted in milliseconds, among them some that only recognise a face."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from deplib.baselines import ALPHAS
from deplib.cohorts.simulated import PERSON_SHARE, RELIABILITY
from deplib.metrics import mae

PERSISTENCE = PERSON_SHARE * RELIABILITY
"""Correlation of two sessions' normal scores of one person, as the simulator assumes it."""
CONSTANT = "constant"
NEAREST = "nearest recording"
OWN, SHRUNK = "person's label", "person's label, shrunk"
"""Recognition that never errs: the mean of the person's Train labels, as it is or shrunk."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """A cohort as vectors, one row a recording.

    Attributes
    ----------
    recordings
        ``recording``, ``person``, ``split``, ``bdi``.
    features
        Name of a ridge baseline -> what it is fitted on, (n_recordings, width).
    embedding
        What a recording is recognised by, (n_recordings, width).
    """

    recordings: pd.DataFrame
    features: Mapping[str, np.ndarray]
    embedding: np.ndarray

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of all that is scored."""
        return (CONSTANT, *self.features, NEAREST, OWN, SHRUNK)

    @property
    def similarity(self) -> np.ndarray:
        """Cosine between the embeddings, (n_recordings, n_recordings)."""
        unit = self.embedding / np.linalg.norm(self.embedding, axis=1, keepdims=True)
        return unit @ unit.T


def predict(
    pooled: Pooled, split: np.ndarray, similarity: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Fit every predictor on Train, Dev choosing ridge's penalty, and predict all recordings.

    Parameters
    ----------
    pooled
        The recordings and their features.
    split
        Split of each recording, (n_recordings,).
    similarity
        As ``Pooled.similarity`` returns it.

    Returns
    -------
    predictions : dict of str to ndarray, shape (n_recordings,)
        Predictor -> BDI-II points.
    penalties : dict of str to float
        Ridge baseline -> the penalty that Dev chose.
    """
    y = pooled.recordings["bdi"].to_numpy(float)
    train, dev = np.flatnonzero(split == "train"), split == "dev"
    median, mean = np.median(y[train]), y[train].mean()
    code = pd.factorize(pooled.recordings["person"])[0]
    n = np.bincount(code[train], minlength=code.max() + 1)[code]
    total = np.bincount(code[train], y[train], minlength=code.max() + 1)[code]
    own = np.where(n > 0, total / np.maximum(n, 1), median)
    weight = n * PERSISTENCE / (1 + (n - 1) * PERSISTENCE)  # of the mean of n sessions (BLUP)
    fitted = {name: ridge(x, y, train, dev) for name, x in pooled.features.items()}
    predictions = {
        CONSTANT: np.full(len(y), median),
        **{name: y_hat for name, (y_hat, _) in fitted.items()},
        NEAREST: y[train[similarity[:, train].argmax(axis=1)]],
        OWN: own,
        SHRUNK: np.where(n > 0, mean + weight * (own - mean), median),
    }
    return predictions, {name: penalty for name, (_, penalty) in fitted.items()}


def ridge(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, dev: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return what ``deplib.baselines.ridge`` predicts, and its penalty; all are fitted at once."""
    scaler = StandardScaler().fit(x[train])
    alphas = np.sort(ALPHAS)[::-1]
    model = Ridge(alpha=alphas).fit(
        scaler.transform(x[train]), np.repeat(y[train, None], len(alphas), axis=1)
    )
    y_hat = model.predict(scaler.transform(x))  # (n_recordings, n_alphas)
    best = int(np.argmin([mae(y[dev], column) for column in y_hat[dev].T]))  # the first of equals
    return y_hat[:, best], float(alphas[best])
