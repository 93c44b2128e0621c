"""MiniRocket: random convolutions of a recording's frames, for ridge to regress from.

MiniRocket (Dempster, Schmidt and Webb 2021, KDD, doi:10.1145/3447548.3467231) convolves a series
with 84 fixed kernels of nine weights at several dilations, and takes from each the share of time
at which the output exceeds a bias. What is random is which channels a convolution adds up (one to
nine), and which Train recording its biases are read off. Nothing of it is trained.

The transform is sktime's ``MiniRocketMultivariateVariable`` with the settings of the paper: 10,000
features, cut to 9,996 so that 84 divides them, and at most 32 dilations a kernel.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from deplib.baselines import pool
from deplib.errors import ModelError
from deplib.windows import WindowSet


def features(windows: WindowSet, *, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
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
        ``recording``, ``person``, ``split``, ``bdi``; the same rows, those of
        ``deplib.baselines.pool``.

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
