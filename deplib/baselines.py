"""Predictors that any temporal model must beat: a constant, ridge on pooled features, MiniRocket.

They work on recordings, not windows. `constant` and `ridge` return the table that
``deplib.training.recording_table`` returns for a model.

MiniRocket (Dempster, Schmidt and Webb 2021, KDD, doi:10.1145/3447548.3467231) convolves a series
with 84 fixed kernels of nine weights at several dilations, and takes from each the share of time
at which the output exceeds a bias. What is random is which channels a convolution adds up (one to
nine), and which Train recording its biases are read off. Nothing of it is trained.

The transform is sktime's ``MiniRocketMultivariateVariable`` with the settings of the paper: 10,000
features, cut to 9,996 so that 84 divides them, and at most 32 dilations a kernel.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deplib.errors import ModelError
from deplib.metrics import mae
from deplib.windows import WindowSet

Pooling = Literal["mean", "mean+sd"]

ALPHAS = tuple(float(alpha) for alpha in np.logspace(0, 6, 13))
"""Ridge penalties to choose from, for standardised features."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """Predictions of a baseline and how its setting was chosen."""

    predictions: pd.DataFrame  # recording, person, split, bdi, bdi_hat, model; one row a recording
    setting: float  # the constant in BDI-II points, or ridge's alpha
    chosen_by: str  # "train", or "dev_mae"; never test


def pool(windows: WindowSet, pooling: Pooling = "mean") -> tuple[np.ndarray, pd.DataFrame]:
    """Pool all real frames of each recording, whatever window they stand in.

    Parameters
    ----------
    windows
        Windows of any splits.
    pooling
        ``"mean"``, or ``"mean+sd"``: the mean followed by the population SD over time.

    Returns
    -------
    features : ndarray of float64, shape (n_recordings, width) or (n_recordings, 2 * width)
    table : DataFrame
        ``recording``, ``person``, ``split``, ``bdi``; the same rows.
    """
    if pooling not in ("mean", "mean+sd"):
        raise ModelError(f"unknown pooling {pooling!r}; choose 'mean' or 'mean+sd'")
    code, names = pd.factorize(windows.index["recording"])
    n_frames = np.zeros((len(names), 1))
    mean, square = np.zeros((2, len(names), windows.features.shape[2]))
    np.add.at(n_frames[:, 0], code, windows.mask.sum(axis=1))
    for i, frames in zip(code, windows.features, strict=True):  # masked frames are 0
        mean[i] += frames.sum(axis=0, dtype=float)
    mean /= n_frames
    table = windows.index.drop_duplicates("recording")
    table = table[["recording", "person", "split", "bdi"]].reset_index(drop=True)
    if pooling == "mean":
        return mean, table
    # A second pass about the mean: a difference of two sums would cancel.
    for i, frames, real in zip(code, windows.features, windows.mask, strict=True):
        square[i] += np.square(frames[real] - mean[i]).sum(axis=0)
    return np.hstack([mean, np.sqrt(square / n_frames)]), table


def constant(table: pd.DataFrame, kind: Literal["median", "mean"] = "median") -> Baseline:
    """Predict the median or mean of the Train labels for everybody.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``split``, ``bdi``; one row a recording.
    kind
        The median has the smallest MAE on Train, the mean the smallest RMSE.
    """
    if kind not in ("median", "mean"):
        raise ModelError(f"unknown constant {kind!r}; choose 'median' or 'mean'")
    train = _labels(table, "train")
    value = float(np.median(train) if kind == "median" else np.mean(train))
    return Baseline(_predictions(table, value, f"constant ({kind})"), value, "train")


def references(recordings: pd.DataFrame, truth: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return what needs no training beside the runs of ``deplib.results.load``: a seed each.

    Parameters
    ----------
    recordings
        ``recording``, ``person``, ``split``, ``bdi``: ``cohort.recordings``.
    truth
        ``recording`` and ``oracle_median``: ``cohort.truth`` of a simulated cohort.

    Returns
    -------
    DataFrame
        ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, ``model`` and ``seed`` (0) of
        ``"constant"``, the median of the Train labels, which MAE asks for; ``"constant (mean)"``;
        and, given the truth, ``"oracle"``: the median of BDI-II given the true latents.
    """
    median, mean = (constant(recordings, kind).predictions for kind in ("median", "mean"))
    tables = [median.assign(model="constant"), mean.assign(model="constant (mean)")]
    if truth is not None:
        known = truth.set_index("recording")["oracle_median"]
        tables.append(median.assign(bdi_hat=median["recording"].map(known), model="oracle"))
    return pd.concat(tables, ignore_index=True).assign(seed=0)


def ridge(features: np.ndarray, table: pd.DataFrame, *, name: str = "ridge") -> Baseline:
    """Ridge regression on standardised pooled features; Dev chooses the penalty of ``ALPHAS``.

    Of penalties equal in Dev MAE, the largest is kept.

    Parameters
    ----------
    features, table
        As ``pool`` returns them.
    name
        Name in the ``model`` column, such as ``"ridge (mean+sd)"``.

    Raises
    ------
    ModelError
        If features and table differ in rows, a feature is not finite, or Train or Dev is missing.
    """
    features = np.asarray(features, dtype=float)
    if features.ndim != 2 or len(features) != len(table):
        raise ModelError(f"features {features.shape} do not fit {len(table)} recordings")
    if not np.isfinite(features).all():
        raise ModelError("a pooled feature is NaN or infinite: verify the features first")
    train, dev = (table["split"] == "train").to_numpy(), (table["split"] == "dev").to_numpy()
    y_train, y_dev = _labels(table, "train"), _labels(table, "dev")
    fits = {}
    for alpha in reversed(ALPHAS):
        model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
        fits[alpha] = model.fit(features[train], y_train).predict(features)
    best = min(fits, key=lambda alpha: mae(y_dev, fits[alpha][dev]))  # the first of equals
    return Baseline(_predictions(table, fits[best], name), best, "dev_mae")


def rocket(windows: WindowSet, *, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Transform every recording by random convolutions that are fitted to Train alone.

    Parameters
    ----------
    windows
        Windows of any splits, Train among them. The real frames of a recording are moved together
        to one series, whatever window they stand in.
    seed
        Determines the channels and the recordings that are drawn.

    Returns
    -------
    features : ndarray of float32, shape (n_recordings, 9996)
        Shares of time, from 0 to 1; labels have no part in them.
    table : DataFrame
        ``recording``, ``person``, ``split``, ``bdi``; the same rows, those of `pool`.

    Raises
    ------
    ModelError
        If sktime or numba is missing, no recording is of Train, or a real frame is not finite.

    Notes
    -----
    The weights of a kernel sum to zero, so the level of a series counts only at its ends, where
    the convolution meets padding zeros. Each channel of a recording is therefore centred: the
    zeros are then its mean, and what remains is movement, with its amplitude. A recording of
    fewer frames than a kernel has weights is completed by the same zeros. Dilations reach up to
    the median length of the Train recordings.

    The 150 recordings of the protocol take some 45 s in one thread, and half a minute more where
    numba has not compiled the transform yet.
    """
    transform = _transform(seed)
    mean, table = pool(windows)
    if not np.isfinite(mean).all():
        raise ModelError("a real frame holds NaN or infinity: verify the features first")
    train = np.flatnonzero(table["split"] == "train").tolist()
    if not train:
        raise ModelError("no recording of split 'train': MiniRocket draws its biases from Train")
    rows = windows.index.groupby("recording", sort=False).indices

    def series(i: int) -> pd.DataFrame:
        parts = [windows.features[k][windows.mask[k]] for k in rows[table["recording"][i]]]
        return pd.DataFrame(np.concatenate(parts) - mean[i].astype(np.float32))

    state = np.random.get_state()  # noqa: NPY002 - the library seeds the global generator
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X is of equal length")  # then slower, not wrong
        transform.fit([series(i) for i in train])
    np.random.set_state(state)  # noqa: NPY002
    # One by one: a transform of all would hold a second copy of every frame.
    shares = [transform.transform([series(i)]).to_numpy() for i in range(len(table))]
    return np.concatenate(shares), table


def _transform(seed: int) -> Any:
    try:
        import numba  # noqa: F401 - sktime looks for it only when it fits
        from sktime.transformations.rocket import MiniRocketMultivariateVariable
    except ImportError as error:
        raise ModelError(
            f"MiniRocket needs sktime and numba ({error}): pip install 'deplib[sweep]'"
        ) from error
    return MiniRocketMultivariateVariable(
        reference_length="median", pad_value_short_series=0.0, n_jobs=1, random_state=int(seed)
    )


def _labels(table: pd.DataFrame, split: str) -> np.ndarray:
    labels = table.loc[table["split"] == split, "bdi"].to_numpy(dtype=float)
    if not len(labels):
        raise ModelError(f"no recording of split {split!r} in the table; baselines need it")
    return labels


def _predictions(table: pd.DataFrame, bdi_hat: float | np.ndarray, name: str) -> pd.DataFrame:
    columns = table[["recording", "person", "split", "bdi"]]
    return columns.assign(bdi_hat=bdi_hat, model=name).reset_index(drop=True)
