"""A test over persons of whether predictions have to do with the labels."""

from itertools import permutations, product
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike

from deplib.statistics.moments import (
    FROM_MOMENTS,
    check_metric,
    check_resamples,
    moments_of,
    person_codes,
    person_sums,
)
from deplib.statistics.significance import ROUNDING, TestResult, p_value_of

NOT_OF_PAIRS = ("sigma_ratio", "bias")
"""Metrics that no permutation of the labels changes."""


def permutation_test(
    y: ArrayLike,
    y_hat: ArrayLike,
    persons: ArrayLike,
    *,
    metric: str = "pcc",
    n_resamples: int = 10_000,
    rng: np.random.Generator,
) -> TestResult:
    """Test whether predictions have to do with the labels, labels permuted between persons.

    Null hypothesis: the labels of a person would be as likely beside the predictions of any other
    person with as many recordings. The labels of a person move as one block, in their order, so
    what ties the recordings of a person together stays. A person whose number of recordings
    nobody shares keeps the own labels in every permutation: the test stays exact, and that person
    adds nothing to it.

    Parameters
    ----------
    y, y_hat
        Labels and predictions, (n_recordings,).
    persons
        Who each recording shows, (n_recordings,).
    metric
        ``"pcc"``, ``"ccc"``, ``"mae"`` or ``"rmse"``: the statistic.
    n_resamples
        Permutations to draw. With at most that many in all, each is counted and ``rng`` is idle.
    rng
        The same state gives the same p-value.

    Returns
    -------
    TestResult
        The p-value is twice the smaller tail, at most 1, as in ``scipy.stats.permutation_test``;
        nan where the metric is undefined, as the PCC of a constant is.

    Raises
    ------
    ValueError
        If the vectors are empty, unequal or not finite, if there is one person only, if no two
        persons have the same number of recordings, or if permuting cannot change the metric.

    Examples
    --------
    Of the 24 orders of four labels, one has so high a correlation.

    >>> rng = np.random.default_rng(0)
    >>> test = permutation_test([3, 9, 20, 31], [11, 12, 14, 15], range(4), rng=rng)
    >>> round(test.statistic, 2), round(test.p_value, 3), test.n_resamples
    (0.99, 0.083, 24)
    """
    check_resamples(n_resamples)
    check_metric(metric)
    if metric in NOT_OF_PAIRS:
        raise ValueError(
            f"{metric!r} does not depend on which label stands beside which prediction; choose "
            f"from {[name for name in FROM_MOMENTS if name not in NOT_OF_PAIRS]}"
        )
    sums = person_sums(y, [y_hat], persons)
    y, y_hat = np.asarray(y, dtype=float), np.asarray(y_hat, dtype=float)
    code, n_persons = person_codes(persons)
    order, exact = _permutations(code, n_resamples, rng)
    moments = moments_of(np.ones((1, n_persons)), sums)
    statistic = float(FROM_MOMENTS[metric](moments).item())
    error = y_hat - y[order]
    moments["abs"] = np.abs(error).mean(axis=1)
    moments["square"] = (error**2).mean(axis=1)
    moments["yh"] = (y - y.mean())[order] @ (y_hat - y_hat.mean()) / len(y)
    values = np.broadcast_to(FROM_MOMENTS[metric](moments), (1, len(order)))[0]
    tie = ROUNDING * max(abs(statistic), 1.0)
    tails = [int((values <= statistic + tie).sum()), int((values >= statistic - tie).sum())]
    p_value = min(1.0, 2 * p_value_of(min(tails), len(order), exact))
    return TestResult(
        statistic=statistic,
        p_value=p_value if np.isfinite(statistic) else float("nan"),
        n_persons=n_persons,
        n_recordings=len(y),
        n_resamples=len(order),
    )


def _permutations(
    code: np.ndarray, n_resamples: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Return whose label each recording gets, (n, n_recordings), and whether these are all."""
    of_person = [np.flatnonzero(code == k) for k in range(code.max() + 1)]
    groups = [
        np.stack([rows for rows in of_person if len(rows) == size])  # (persons, size)
        for size in sorted({len(rows) for rows in of_person})
    ]
    groups = [rows for rows in groups if len(rows) > 1]
    if not groups:
        raise ValueError(
            "no two persons have the same number of recordings, so their labels cannot be "
            "exchanged; keep as many recordings of each person"
        )
    exact = prod(factorial(len(rows)) for rows in groups) <= n_resamples
    if exact:
        each = [np.array(list(permutations(range(len(rows))))) for rows in groups]
        chosen = np.array(list(product(*(range(len(ways)) for ways in each))))
        drawn = [ways[column] for ways, column in zip(each, chosen.T, strict=True)]
    else:
        drawn = [
            rng.permuted(np.tile(np.arange(len(rows)), (n_resamples, 1)), axis=1) for rows in groups
        ]
    order = np.tile(np.arange(len(code)), (len(drawn[0]), 1))
    for rows, ways in zip(groups, drawn, strict=True):
        order[:, rows.ravel()] = rows[ways].reshape(len(ways), -1)
    return order, exact
