"""Metrics of a whole vector of predictions against the labels, each by name of its convention.

``*_error``-like quantities (``mae``, ``rmse``) are lower is better; ``pcc`` and ``ccc`` are higher
is better; ``sigma_ratio`` is best near 1 and 0 for a constant predictor; ``bias`` is best near 0.

All take ``y`` (n,), the labels, and ``y_hat`` (n,), the predictions of the same rows in the same
order, and return a float in the units of ``y`` where they have units. They are never averaged over
batches: a mean of batch RMSEs is not the RMSE. A metric that the data leave undefined is nan, such
as the ``pcc`` of a constant; NaN, infinity, an empty vector or unequal lengths raise
``ValueError``. ``score`` takes a table, all else vectors.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from deplib.errors import ResultError


def mae(y: ArrayLike, y_hat: ArrayLike) -> float:
    """Mean absolute error.

    >>> mae([10, 20, 30], [12, 20, 26])
    2.0
    """
    y, y_hat = _checked(y, y_hat)
    return float(np.abs(y_hat - y).mean())


def rmse(y: ArrayLike, y_hat: ArrayLike) -> float:
    """Root of the mean squared error over all rows at once.

    >>> rmse([10, 20], [13, 16])
    3.5355339059327378
    """
    y, y_hat = _checked(y, y_hat)
    return float(np.sqrt(np.square(y_hat - y).mean()))


def bias(y: ArrayLike, y_hat: ArrayLike) -> float:
    """Mean of prediction minus label: positive when severity is overestimated.

    >>> bias([10, 20], [13, 19])
    1.0
    """
    y, y_hat = _checked(y, y_hat)
    return float((y_hat - y).mean())


def pcc(y: ArrayLike, y_hat: ArrayLike) -> float:
    """Pearson's correlation; nan if either vector is constant (to rounding).

    >>> round(pcc([1, 2, 3], [2, 4, 6]), 12)
    1.0
    >>> pcc([1, 2, 3], [5, 5, 5])
    nan
    """
    y, y_hat = _checked(y, y_hat)
    if is_constant(y) or is_constant(y_hat):
        return float("nan")
    a, b = y - y.mean(), y_hat - y_hat.mean()
    r = (a / np.linalg.norm(a)) @ (b / np.linalg.norm(b))
    return float(np.clip(r, -1.0, 1.0))


def ccc(y: ArrayLike, y_hat: ArrayLike) -> float:
    """Concordance correlation, 2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2), after Lin (1989).

    All moments are with 1/n. The AVEC 2019 scripts have 1/(n-1) in the variances alone, under which
    a perfect prediction does not reach 1. A constant prediction has CCC 0 by the formula, unlike
    its undefined PCC; only where both vectors are the same constant it is nan.

    >>> ccc([1, 2, 3], [1, 2, 3]), ccc([1, 2, 3], [2, 2, 2])
    (1.0, 0.0)
    """
    y, y_hat = _checked(y, y_hat)
    a, b = y - y.mean(), y_hat - y_hat.mean()
    # A constant vector has a variance of exactly 0, not the square of a rounding error.
    a, b = a * (not is_constant(y)), b * (not is_constant(y_hat))
    spread = (a @ a + b @ b) / len(y) + (y.mean() - y_hat.mean()) ** 2
    return float(2.0 * (a @ b / len(y)) / spread) if spread > 0 else float("nan")


def sigma_ratio(y: ArrayLike, y_hat: ArrayLike) -> float:
    """SD of the predictions over SD of the labels: 0 means collapse to a constant.

    It is nan if ``y`` is constant. The study's text defines it by variances: the square of this.

    >>> sigma_ratio([0, 2, 4], [1, 2, 3])
    0.5
    """
    y, y_hat = _checked(y, y_hat)
    if is_constant(y):
        return float("nan")
    return 0.0 if is_constant(y_hat) else float(y_hat.std() / y.std())


def is_constant(vector: np.ndarray) -> bool:
    """Whether a vector is constant up to the rounding of its own mean.

    >>> is_constant(np.full(3, 0.1)), is_constant(np.array([0.1, 0.2]))
    (True, False)
    """
    centred = vector - vector.mean()
    return bool(np.linalg.norm(centred) <= 1e-13 * np.linalg.norm(vector))


METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    metric.__name__: metric for metric in (mae, rmse, pcc, ccc, sigma_ratio, bias)
}
"""Name -> function."""


MAE_TOLERANCE = 0.25
"""BDI-II points by which the Test MAE of a run may differ between two processors.

Between AVX-512 and plain SSE code the four models differed by 0.004 at most; single predictions by
up to 1.7 points, where Dev chose another epoch.
"""
PREDICTION_TOLERANCE = 10.0
"""BDI-II points by which the prediction of a single window may differ between two processors."""


def describe(y: ArrayLike, y_hat: ArrayLike) -> dict[str, float]:
    """Return ``n`` and every metric; nan where undefined.

    >>> describe([1, 2, 3], [2, 2, 2])["pcc"]
    nan
    """
    return {"n": np.size(y)} | {name: metric(y, y_hat) for name, metric in METRICS.items()}


def score(table: pd.DataFrame, by: Sequence[str] = ("model", "seed", "split")) -> pd.DataFrame:
    """Score each group of a table of predictions, such as ``deplib.results.load`` returns.

    Parameters
    ----------
    table
        ``bdi``, ``bdi_hat`` and the columns of ``by``; a row a recording.
    by
        What makes a group: each is scored as one vector of predictions.

    Returns
    -------
    DataFrame
        The columns of ``by``, ``n`` and one a metric; groups in order of appearance.

    Raises
    ------
    ResultError
        If a column is missing, or a recording occurs twice in a group.

    Examples
    --------
    >>> runs = pd.DataFrame({"model": [*"aabb"], "bdi": [9, 20] * 2, "bdi_hat": [9, 18, 5, 20]})
    >>> score(runs, by=["model"])["mae"].tolist()
    [1.0, 2.0]
    """
    by = list(by)
    if missing := [name for name in [*by, "bdi", "bdi_hat"] if name not in table]:
        raise ResultError(f"the table to score has no {missing}; it has {list(table)}")
    if "recording" in table:
        again = table[table.duplicated([*by, "recording"])]
        if len(again):
            raise ResultError(
                f"{again.iloc[0][[*by, 'recording']].to_dict()} occurs twice: select one setting, "
                f"or add what tells the rows apart to by={by}"
            )
    rows = []
    for key, group in table.groupby(by, sort=False, dropna=False):
        named = dict(zip(by, key, strict=True))
        rows.append(named | describe(group["bdi"], group["bdi_hat"]))
    return pd.DataFrame(rows, columns=[*by, "n", *METRICS])


def _checked(y: ArrayLike, y_hat: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y, y_hat = np.asarray(y, dtype=float), np.asarray(y_hat, dtype=float)
    if y.ndim != 1 or y.shape != y_hat.shape:
        raise ValueError(f"y {y.shape} and y_hat {y_hat.shape} must be two vectors of one length")
    if not len(y):
        raise ValueError("y and y_hat are empty: there is nothing to score")
    for name, vector in (("y", y), ("y_hat", y_hat)):
        bad = np.flatnonzero(~np.isfinite(vector))
        if len(bad):
            raise ValueError(f"{name}[{bad[0]}] is {vector[bad[0]]}: {len(bad)} values not finite")
    return y, y_hat
