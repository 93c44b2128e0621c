"""A linear read-out: ridge regression, its penalty chosen per target on other persons."""

import numpy as np
from sklearn.model_selection import GroupKFold

PENALTIES = tuple(float(penalty) for penalty in np.logspace(-1, 6, 15))
"""Ridge penalties to choose from, for standardised features."""
FOLDS = 5


def read_out(features: np.ndarray, targets: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """Fit on some persons and predict the others.

    The penalty of each target is the one with the smallest squared error in five folds over the
    fitting persons (no person on both sides); of equals, the largest. Features are standardised by
    the fitting persons, a feature that is constant there is left out.

    Parameters
    ----------
    features
        (persons, renders, D).
    targets
        (persons, renders, n_targets).
    fit
        True for the persons to fit on, (persons,); at least five, and one other.

    Returns
    -------
    ndarray of float64, shape (persons not in ``fit``, renders, n_targets)

    Raises
    ------
    ValueError
        If shapes disagree, something is not finite, or there are too few persons.
    """
    features, targets = np.asarray(features, float), np.asarray(targets, float)
    fit = np.asarray(fit, bool)
    if (
        features.ndim != 3
        or targets.ndim != 3
        or features.shape[:2] != targets.shape[:2]
        or fit.shape != features.shape[:1]
    ):
        raise ValueError(
            f"features {features.shape}, targets {targets.shape} and fit {fit.shape} must be "
            "(persons, renders, D), (persons, renders, n_targets) and (persons,)"
        )
    if not (np.isfinite(features).all() and np.isfinite(targets).all()):
        raise ValueError("a feature or a target is NaN or infinite")
    if fit.sum() < FOLDS or fit.all():
        raise ValueError(
            f"{fit.sum()} of {len(fit)} persons fit the read-out; take at least {FOLDS}, and leave "
            "at least one to be tested"
        )
    x, x_new = (_rows(features[part]) for part in (fit, ~fit))
    y = _rows(targets[fit])
    sd = x.std(axis=0)
    varies = sd > 1e-12 * np.abs(x).max(axis=0, initial=0.0)
    x, x_new = ((one[:, varies] - x[:, varies].mean(axis=0)) / sd[varies] for one in (x, x_new))
    persons = np.repeat(np.arange(fit.sum()), features.shape[1])
    error = np.zeros((len(PENALTIES), y.shape[1]))
    for train, test in GroupKFold(FOLDS).split(x, groups=persons):
        errors = ridge_path(x[train], y[train], x[test], PENALTIES) - y[test]
        error += np.square(errors).sum(axis=1)
    best = len(PENALTIES) - 1 - error[::-1].argmin(axis=0)  # the largest of equals
    predicted = ridge_path(x, y, x_new, PENALTIES)  # n_penalties rows n_targets
    chosen = predicted[best, :, np.arange(y.shape[1])].T
    return chosen.reshape(-1, *targets.shape[1:])


def ridge_path(
    x: np.ndarray, y: np.ndarray, x_new: np.ndarray, penalties: tuple[float, ...]
) -> np.ndarray:
    """Predict by ridge regression with an intercept, for all penalties from one decomposition.

    Parameters
    ----------
    x, y
        (n, D) and (n, n_targets).
    x_new
        (m, D).
    penalties
        Each above zero.

    Returns
    -------
    ndarray of float64, shape (n_penalties, m, n_targets)
    """
    centre, level = x.mean(axis=0), y.mean(axis=0)
    x, y, x_new = x - centre, y - level, x_new - centre
    if len(x) < x.shape[1]:  # the smaller of the two: rows, or features
        values, vectors = np.linalg.eigh(x @ x.T)
        left, right = x_new @ (x.T @ vectors), vectors.T @ y
    else:
        values, vectors = np.linalg.eigh(x.T @ x)
        left, right = x_new @ vectors, vectors.T @ (x.T @ y)
    values = np.maximum(values, 0.0)  # rounding may leave a small negative one
    return np.stack([(left / (values + penalty)) @ right for penalty in penalties]) + level


def _rows(array: np.ndarray) -> np.ndarray:
    """(persons, renders, columns) -> (persons * renders, columns)."""
    return array.reshape(-1, array.shape[-1])
