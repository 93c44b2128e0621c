"""Whether two models differ, by sign flips over persons, and Holm's correction.

The sign flips are exact in the sense of Fisher: under the null hypothesis every rearrangement that
they draw is as likely as the data. Where there are no more of them than ``n_resamples``, all are
counted and the p-value is a plain share, which can be checked by hand. Otherwise the data count
as one more rearrangement, (1 + as extreme) / (1 + n_resamples), so that no p-value is 0 (Phipson
and Smyth 2010). A rearrangement that differs by rounding only is as extreme as the data.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

from deplib.statistics.resampling import SUMS, check_resamples, person_sums

ROUNDING = 1e-10  # of the size of the statistic: what counts as a tie


@dataclass(frozen=True)
class TestResult:
    """A statistic and its two-sided p-value over persons."""

    __test__ = False  # no test case, whatever a test runner makes of the name

    statistic: float
    p_value: float  # nan where the statistic is undefined
    n_persons: int
    n_resamples: int  # drawn, or all that exist where those are fewer


def sign_flip_test(
    differences: ArrayLike,
    persons: ArrayLike,
    *,
    n_resamples: int = 10_000,
    rng: np.random.Generator,
) -> TestResult:
    """Test whether paired differences have mean 0, the sign of a whole person flipped at a time.

    Null hypothesis: the sum of a person's differences is as likely to be positive as negative, at
    each size. All recordings of a person keep their relation to each other.

    Parameters
    ----------
    differences
        (n_recordings,), such as the absolute errors of one model minus those of another. The
        statistic is their mean over recordings.
    persons
        Who each recording shows, (n_recordings,).
    n_resamples
        Flips to draw. With at most that many, 2**n_persons, all are counted and ``rng`` is idle:
        up to 13 persons by default.
    rng
        The same state gives the same p-value.

    Raises
    ------
    ValueError
        If the vectors are empty, unequal or not finite, or if there is one person only.

    Examples
    --------
    Of the 8 flips of three persons, two have a mean as far from 0 as the data's.

    >>> test = sign_flip_test([1, 1, 2, 4], [*"aabc"], rng=np.random.default_rng(0))
    >>> test.statistic, test.p_value, test.n_resamples
    (2.0, 0.25, 8)
    """
    check_resamples(n_resamples)
    d = np.asarray(differences, dtype=float)
    sums = person_sums(np.zeros_like(d), d[None], persons)[:, SUMS.index("error"), 0]
    n_persons = len(sums)
    exact = 2**n_persons <= n_resamples
    if exact:
        signs = np.array(list(product((1.0, -1.0), repeat=n_persons)))
    else:
        signs = rng.choice([1.0, -1.0], size=(n_resamples, n_persons))
    observed, flipped = abs(sums.sum()), np.abs(signs @ sums)
    count = int((flipped >= observed - ROUNDING * np.abs(sums).sum()).sum())
    p_value = count / len(signs) if exact else (1 + count) / (1 + len(signs))
    return TestResult(float(d.mean()), p_value, n_persons, len(signs))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values corrected for being one family, by Holm's step-down (1979).

    Parameters
    ----------
    p_values
        (n_tests,), all tests of the family.

    Returns
    -------
    ndarray, shape (n_tests,)
        In the same order; those below alpha can be rejected together at the level alpha.

    Raises
    ------
    ValueError
        If there is no test, or a p-value is nan or not from 0 to 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not len(p):
        raise ValueError(f"p_values {p.shape} must be one vector with a test at least")
    bad = np.flatnonzero(~((p >= 0) & (p <= 1)))
    if len(bad):
        raise ValueError(
            f"p_values[{bad[0]}] is {p[bad[0]]}, which is no p-value; leave an undefined test out "
            "of the family and say so"
        )
    return np.asarray(multipletests(p, method="holm")[1])
