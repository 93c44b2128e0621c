"""Where predictions are off: by severity band, against what they promise, and against the truth.

Errors have the sign of prediction minus label. Everything here is at recording level, in BDI-II
points, unless it is given z-scored windows. Three questions are kept apart:

- *Calibration*: of recordings that get the same prediction, is the mean label that prediction?
  The least-squares line of the label on the prediction should have intercept 0 and slope 1 (Cox
  1958); a slope below 1 means that predictions are more extreme than what they know. The mean
  error, *bias* in ``deplib.metrics``, is calibration in the large.
- *Regression to the mean*: the slope of the error on the label. It is ``r s - 1`` for a PCC of r
  and a ``sigma_ratio`` of s, and -1 for a constant. A calibrated predictor has s = r, so
  ``r^2 - 1`` is forced on it: severe cases are then underestimated because little is known, not
  because something is wrong. The *excess* over that, ``r (s - r)``, is positive where predictions
  spread wider than what they know.
- *Recalibration*: a line fitted on Dev and applied to Test. Nothing here is ever fitted on Test.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from deplib.cohorts.base import BANDS
from deplib.metrics import describe, is_constant
from deplib.statistics import Interval, interval_of

LEAST = 3
"""Recordings that a PCC within a band needs: two points always lie on a line."""


def by_band(
    y: ArrayLike, y_hat: ArrayLike, *, bands: Sequence[tuple[str, float, float]] = BANDS
) -> pd.DataFrame:
    """Score the recordings of each severity band by themselves.

    Parameters
    ----------
    y, y_hat
        (n_recordings,) each, BDI-II points.
    bands
        Name, lowest and highest whole score of each; a label belongs to the band of its nearest
        whole score.

    Returns
    -------
    DataFrame
        A row a band: ``band``, ``low``, ``high``, ``n``, ``mae``, ``bias``, ``rmse``, ``pcc`` and
        ``undefined``, the reason why ``pcc`` or, in an empty band, everything is nan. Within a band
        labels vary little, so a PCC there is lower than over all bands, whatever the predictor.

    Raises
    ------
    ValueError
        If a label lies in no band, or the vectors are unequal, empty or not finite.

    Examples
    --------
    >>> rows = by_band([3, 5, 10, 30], [8, 9, 11, 18])
    >>> rows["n"].tolist(), rows["mae"].round(2).tolist(), rows["undefined"].tolist()[-1]
    ([3, 0, 0, 1], [3.33, nan, nan, 12.0], 'fewer than 3 recordings')
    """
    describe(y, y_hat)  # refuses what cannot be scored
    y, y_hat = np.asarray(y, dtype=float), np.asarray(y_hat, dtype=float)
    inside = np.array([(low - 0.5 <= y) & (y < high + 0.5) for _, low, high in bands])
    if not inside.any(axis=0).all():
        outside = y[~inside.any(axis=0)][0]
        raise ValueError(
            f"label {outside:g} lies in none of the bands {[name for name, *_ in bands]}; give "
            "labels in BDI-II points, not z-scored"
        )
    rows = []
    for (name, low, high), part in zip(bands, inside, strict=True):
        row = {"band": name, "low": low, "high": high, "n": int(part.sum())}
        rows.append(row | _band_scores(y[part], y_hat[part]))
    return pd.DataFrame(rows)


def _band_scores(y: np.ndarray, y_hat: np.ndarray) -> dict[str, float | str]:
    if not len(y):
        return dict.fromkeys(("mae", "bias", "rmse", "pcc"), float("nan")) | {
            "undefined": "no recording"
        }
    scores = describe(y, y_hat)
    few = len(y) < LEAST
    return {
        "mae": scores.mae,
        "bias": scores.bias,
        "rmse": scores.rmse,
        "pcc": float("nan") if few else scores.pcc,
        "undefined": f"fewer than {LEAST} recordings" if few else scores.undefined.get("pcc", ""),
    }


@dataclass(frozen=True)
class Calibration:
    """How far predictions can be taken at their word; each with its interval over persons."""

    bias: Interval  # mean of prediction minus label: calibration in the large; 0 is right
    intercept: Interval  # of the line of the label on the prediction, at prediction 0; 0 is right
    slope: Interval  # of that line; 1 is right
    error_slope: Interval  # of the line of the error on the label: regression to the mean
    forced_slope: Interval  # the error slope of a calibrated predictor of the same PCC
    excess: Interval  # error_slope - forced_slope
    n_runs: int
    n_defined: int  # runs whose predictions are not constant
    undefined: dict[str, str] = field(default_factory=dict)  # what is nan -> why


def calibration(
    y: ArrayLike,
    predictions: ArrayLike,
    persons: ArrayLike,
    *,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    rng: np.random.Generator,
) -> Calibration:
    """Fit the label on the prediction and the error on the label; persons are resampled.

    Parameters
    ----------
    y
        (n_recordings,), the labels.
    predictions
        (n_recordings,), or (n_runs, n_recordings) of runs of one model: each run has lines of its
        own, and their mean over the runs in which they are defined is what is estimated, in each
        resample anew.
    persons
        (n_recordings,), whom each recording shows.
    n_resamples, confidence, rng
        Of the bootstrap over persons, as in ``deplib.statistics.cluster_bootstrap``.

    Returns
    -------
    Calibration
        ``slope``, ``intercept``, ``forced_slope`` and ``excess`` are nan for constant predictions;
        all but ``bias`` are nan for constant labels. A PCC below 0, which no calibrated predictor
        has, forces what 0 forces: -1.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or there is one person only.

    Notes
    -----
    Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika 45.
    Its line is fitted here to a score instead of a log-odds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> known = rng.normal(15, 6, 400)
    >>> y = known + rng.normal(0, 8, 400)
    >>> honest = calibration(y, known, np.arange(400), n_resamples=500, rng=rng)
    >>> 1.0 in honest.slope, 0.0 in honest.excess, honest.error_slope.high < 0
    (True, True, True)
    """
    y, h, code = _checked(y, predictions, persons)
    if not 0.0 < confidence < 1.0 or n_resamples < 1:
        raise ValueError(
            f"confidence {confidence} must lie between 0 and 1, and n_resamples {n_resamples} be "
            "at least 1"
        )
    n_persons = int(code.max()) + 1
    draws = rng.multinomial(n_persons, np.full(n_persons, 1 / n_persons), size=n_resamples)
    exact, resampled, left_out = (
        _lines(counts[:, code].astype(float), y, h)
        for counts in (np.ones((1, n_persons)), draws, 1 - np.eye(n_persons))
    )
    found: dict[str, Interval] = {}
    for name, values in resampled.items():
        estimate = float(_mean(exact[name])[0])
        over_runs = _mean(values)
        defined = over_runs[np.isfinite(over_runs)]
        low, high = interval_of(defined, estimate, _mean(left_out[name]), confidence)
        found[name] = Interval(
            metric=name,
            estimate=estimate,
            low=low,
            high=high,
            confidence=confidence,
            method="expanded",
            n_persons=n_persons,
            n_recordings=len(y),
            n_resamples=n_resamples,
            n_undefined=n_resamples - len(defined),
        )
    constant = [is_constant(row) for row in h]
    reason = "the labels are constant" if is_constant(y) else "the predictions are constant"
    return Calibration(
        **found,
        n_runs=len(h),
        n_defined=len(h) - sum(constant),
        undefined={name: reason for name, part in found.items() if np.isnan(part.estimate)},
    )


@dataclass(frozen=True)
class Recalibration:
    """A line that maps predictions to labels, as fitted on recordings that are not Test."""

    intercept: float
    slope: float
    n_recordings: int

    def __call__(self, y_hat: ArrayLike) -> np.ndarray:
        """Return recalibrated predictions, (n,)."""
        return self.intercept + self.slope * np.asarray(y_hat, dtype=float)


def fit_recalibration(y: ArrayLike, y_hat: ArrayLike) -> Recalibration:
    """Fit the label on the prediction by least squares, for predictions still to come.

    Parameters
    ----------
    y, y_hat
        (n_recordings,) each, of a split that may be fitted on.

    Raises
    ------
    ValueError
        If the predictions are constant, so that no slope can be fitted, or the vectors are
        unequal, empty or not finite.

    Examples
    --------
    >>> fit_recalibration([10, 14, 18], [10, 20, 30])([20, 40])
    array([14., 22.])
    """
    describe(y, y_hat)
    y, y_hat = np.asarray(y, dtype=float), np.asarray(y_hat, dtype=float)
    if is_constant(y_hat):
        raise ValueError(
            "the predictions to fit on are constant, so they have no slope: a constant can only be "
            "shifted, by its bias"
        )
    line = stats.linregress(y_hat, y)
    return Recalibration(float(line.intercept), float(line.slope), len(y))


def recalibrate(table: pd.DataFrame) -> pd.DataFrame:
    """Fit a line on the Dev recordings of each run and apply it to its Test recordings.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, ``model``, ``seed``, as
        ``deplib.evaluation.predictors`` returns them.

    Returns
    -------
    DataFrame
        The Test rows, with ``bdi_hat`` recalibrated, the prediction before as ``bdi_hat_before``,
        and ``intercept`` and ``slope`` of the run's line.

    Raises
    ------
    ValueError
        If a run has no Dev or no Test recordings, or constant predictions on Dev.
    """
    parts = []
    for (model, seed), run in table.groupby(["model", "seed"], sort=False):
        dev, test = (run[run["split"] == split] for split in ("dev", "test"))
        if dev.empty or test.empty:
            raise ValueError(f"{model}, seed {seed}: recalibration needs Dev and Test recordings")
        try:
            line = fit_recalibration(dev["bdi"], dev["bdi_hat"])
        except ValueError as error:
            raise ValueError(f"{model}, seed {seed}, Dev: {error}") from error
        before = test["bdi_hat"]
        parts.append(
            test.assign(
                bdi_hat=line(before),
                bdi_hat_before=before,
                intercept=line.intercept,
                slope=line.slope,
            )
        )
    return pd.concat(parts, ignore_index=True)


def _checked(
    y: ArrayLike, predictions: ArrayLike, persons: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels (n,), predictions (n_runs, n) and the number of each person (n,)."""
    y, h = np.asarray(y, dtype=float), np.atleast_2d(np.asarray(predictions, dtype=float))
    who = np.asarray(persons)
    if y.ndim != 1 or h.ndim != 2 or h.shape[1:] != y.shape or who.shape != y.shape:
        raise ValueError(
            f"y {y.shape}, predictions {h.shape} and persons {who.shape} must be (n,), (n,) or "
            "(n_runs, n), and (n,) over the same recordings"
        )
    if not (np.isfinite(y).all() and np.isfinite(h).all()):
        raise ValueError("a label or a prediction is NaN or infinite")
    code, names = pd.factorize(who)
    if (code < 0).any():
        raise ValueError("a person is missing: every recording needs to say whom it shows")
    if len(names) < 2:
        raise ValueError(f"{len(names)} person: an interval over persons needs at least two")
    return y, h, code


def _lines(weights: np.ndarray, y: np.ndarray, h: np.ndarray) -> dict[str, np.ndarray]:
    """Return what ``Calibration`` holds of each run, (k, n_runs), for (k, n) weights."""
    # Centred first, so that the differences of sums do not cancel; a constant is exactly 0.
    centre_y, centre_h = y.mean(), h.mean(axis=1)
    a = np.zeros_like(y) if is_constant(y) else y - centre_y
    b = np.stack([np.zeros_like(row) if is_constant(row) else row - row.mean() for row in h])
    total = weights.sum(axis=1, keepdims=True)

    def mean(columns: np.ndarray) -> np.ndarray:  # (n_runs or 1, n) -> (k, n_runs or 1)
        return weights @ columns.T / total

    mean_a, mean_b = mean(a[None]), mean(b)
    yy, hh = _variance(mean(a[None] ** 2), mean_a), _variance(mean(b**2), mean_b)
    yh = mean(a * b) - mean_a * mean_b
    slope = np.where(yy > 0, _ratio(yh, hh), np.nan)  # of constant labels there is none to find
    error_slope = _ratio(yh, yy) - 1
    pcc = _ratio(yh, np.sqrt(yy * hh))
    forced = np.maximum(pcc, 0) ** 2 - 1
    return {
        "bias": mean_b + centre_h - mean_a - centre_y,
        "intercept": mean_a + centre_y - slope * (mean_b + centre_h),
        "slope": slope,
        "error_slope": error_slope,
        "forced_slope": forced,
        "excess": error_slope - forced,
    }


def _variance(square: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the mean square about the mean; exactly 0 where only rounding is left."""
    variance = square - mean**2
    return np.where(variance > 1e-13 * square, variance, 0.0)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1.0)
    return np.where(denominator > 0, numerator / safe, np.nan)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over runs, (k,), of those that are defined; nan where none is."""
    n = np.isfinite(values).sum(axis=1)
    return _ratio(np.nansum(values, axis=1), n.astype(float))
