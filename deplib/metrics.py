"""Metrics of a whole vector of predictions against the labels, each by name of its convention.

``*_error``-like quantities (``mae``, ``rmse``) are lower is better; ``pcc`` and ``ccc`` are higher
is better; ``sigma_ratio`` is best near 1 and 0 for a constant predictor; ``bias`` is best near 0.

All take ``y`` (n,), the labels, and ``y_hat`` (n,), the predictions of the same rows in the same
order, and return a float in the units of ``y`` where they have units. They are never averaged over
batches: a mean of batch RMSEs is not the RMSE. A metric that the data leave undefined is nan, and
``describe`` says why; NaN, infinity, an empty vector or unequal lengths raise ``ValueError``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

CccConvention = Literal["lin", "unbiased", "avec2019"]
SigmaKind = Literal["std", "variance"]


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


def ccc(y: ArrayLike, y_hat: ArrayLike, *, convention: CccConvention = "lin") -> float:
    """Concordance correlation, 2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2).

    Parameters
    ----------
    y, y_hat
        (n,) each.
    convention
        ``"lin"``: all moments with 1/n (Lin 1989). ``"unbiased"``: all with 1/(n-1).
        ``"avec2019"``: covariance with 1/n and variances with 1/(n-1), as the AVEC 2019 scripts
        have it, under which a perfect prediction does not reach 1.

    Notes
    -----
    A constant prediction has CCC 0 by the formula, unlike its undefined PCC; the value is
    undefined, nan, only if both vectors are the same constant or (1/(n-1) forms) n is 1.

    >>> x = np.arange(50)
    >>> ccc(x, x), round(ccc(x, x, convention="avec2019"), 6)
    (1.0, 0.98)
    >>> ccc([1, 2, 3], [2, 2, 2])
    0.0
    """
    y, y_hat = _checked(y, y_hat)
    ddof = {"lin": (0, 0), "unbiased": (1, 1), "avec2019": (0, 1)}
    if convention not in ddof:
        raise ValueError(f"unknown CCC convention {convention!r}; choose from {list(ddof)}")
    of_covariance, of_variance = ddof[convention]
    n = len(y)
    if n <= max(of_covariance, of_variance):
        return float("nan")
    a, b = y - y.mean(), y_hat - y_hat.mean()
    # A constant vector has a variance of exactly 0, not the square of a rounding error.
    a, b = a * (not is_constant(y)), b * (not is_constant(y_hat))
    covariance = a @ b / (n - of_covariance)
    spread = (a @ a + b @ b) / (n - of_variance) + (y.mean() - y_hat.mean()) ** 2
    return float(2.0 * covariance / spread) if spread > 0 else float("nan")


def sigma_ratio(y: ArrayLike, y_hat: ArrayLike, *, kind: SigmaKind = "std") -> float:
    """Spread of the predictions over spread of the labels: 0 means collapse to a constant.

    Parameters
    ----------
    y, y_hat
        (n,) each; nan if ``y`` is constant.
    kind
        ``"std"``: ratio of standard deviations, what the name says. ``"variance"``: ratio of
        variances, what the study's text defines; it is the square of the former.

    >>> sigma_ratio([0, 2, 4], [1, 2, 3]), sigma_ratio([0, 2, 4], [1, 2, 3], kind="variance")
    (0.5, 0.25)
    """
    y, y_hat = _checked(y, y_hat)
    if kind not in ("std", "variance"):
        raise ValueError(f"unknown kind of sigma_ratio {kind!r}; choose 'std' or 'variance'")
    if is_constant(y):
        return float("nan")
    ratio = 0.0 if is_constant(y_hat) else float(y_hat.std() / y.std())
    return ratio if kind == "std" else ratio**2


def is_constant(vector: np.ndarray) -> bool:
    """Whether a vector is constant up to the rounding of its own mean.

    >>> is_constant(np.full(3, 0.1)), is_constant(np.array([0.1, 0.2]))
    (True, False)
    """
    centred = vector - vector.mean()
    return bool(np.linalg.norm(centred) <= 1e-13 * np.linalg.norm(vector))


METRICS: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "mae": mae,
    "rmse": rmse,
    "pcc": pcc,
    "ccc": ccc,
    "sigma_ratio": sigma_ratio,
    "bias": bias,
}
"""Name -> function, each under its default convention."""


@dataclass(frozen=True)
class Scores:
    """All metrics of one vector of predictions, under their default conventions."""

    n: int  # rows
    mae: float  # units of y
    rmse: float  # units of y
    pcc: float
    ccc: float  # Lin's
    sigma_ratio: float  # of standard deviations
    bias: float  # units of y
    undefined: dict[str, str] = field(default_factory=dict)  # metric -> why it is nan


def describe(y: ArrayLike, y_hat: ArrayLike) -> Scores:
    """Compute every metric and give the reason for each that is undefined.

    >>> describe([1, 2, 3], [2, 2, 2]).undefined
    {'pcc': 'the predictions are constant'}
    """
    y, y_hat = _checked(y, y_hat)
    values = {name: metric(y, y_hat) for name, metric in METRICS.items()}
    constant = [
        what
        for what, vector in (("the labels are", y), ("the predictions are", y_hat))
        if is_constant(vector)
    ]
    reason = "one row only" if len(y) == 1 else " and ".join(constant) + " constant"
    undefined = {name: reason for name, value in values.items() if np.isnan(value)}
    return Scores(n=len(y), **values, undefined=undefined)


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
