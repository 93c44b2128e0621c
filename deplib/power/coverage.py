"""How often an interval holds the truth: the 95 % of its name, or less."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from deplib.power.error_model import ErrorModel, Samples
from deplib.power.resampling import Quantity, intervals

NAIVE = "recordings resampled"
"""The percentile interval that takes recordings for independent."""


def coverage(
    model: ErrorModel,
    quantities: Mapping[str, Quantity],
    *,
    n_samples: int,
    n_recordings: int = 50,
    methods: tuple[str, ...] = ("percentile", "bca"),
    naive: bool = True,
    balanced: bool = False,
    n_resamples: int = 2_000,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw samples, build 95 % intervals in each, and count those that hold the truth.

    Parameters
    ----------
    model
        The population.
    quantities
        What the intervals are of, by the name that the table gives it.
    n_samples
        Repetitions.
    n_recordings
        In each sample, of ``deplib.power.labels.persons_of(n_recordings)`` persons.
    methods
        As in ``deplib.power.resampling.intervals``.
    naive
        Also the percentile interval that resamples recordings, as if each were a person.
    balanced
        Scores spread evenly within each sample, as in the splits of the cohort.
    n_resamples
        Of each interval.
    rng
        Source of randomness.

    Returns
    -------
    DataFrame
        ``quantity``, ``method``, ``truth``, ``coverage``, ``low`` and ``high`` (its 95 % Monte
        Carlo interval, Wilson), ``below`` and ``above`` (share of intervals that lie wholly below
        and above the truth), ``width`` (mean); one row a quantity and method.
    """
    samples = model.draw(n_samples, n_recordings, rng=rng, balanced=balanced)
    wanted = list(quantities.values())
    found = intervals(samples, wanted, methods=methods, n_resamples=n_resamples, rng=rng)
    if naive:
        alone = np.broadcast_to(np.arange(n_recordings), samples.person.shape)
        apart = Samples(alone, samples.y, samples.y_hat)
        one = intervals(apart, wanted, methods=("percentile",), n_resamples=n_resamples, rng=rng)
        found[NAIVE] = one["percentile"]
    rows = []
    for k, (name, quantity) in enumerate(quantities.items()):
        truth = quantity.truth(model)
        for method, ends in found.items():
            low, high = ends[k].T
            below, above = high < truth, low > truth
            held = int((~below & ~above).sum())
            rows.append(
                {
                    "quantity": name,
                    "method": method,
                    "truth": truth,
                    **share(held, n_samples, "coverage"),
                    "below": below.mean(),
                    "above": above.mean(),
                    "width": (high - low).mean(),
                }
            )
    return pd.DataFrame(rows)


def share(count: int, n: int, name: str) -> dict[str, float]:
    """Return a share of ``n`` repetitions with its 95 % interval (Wilson), as cells of a row.

    >>> {key: round(value, 3) for key, value in share(50, 1000, "rejected").items()}
    {'rejected': 0.05, 'low': 0.038, 'high': 0.065}
    """
    low, high = proportion_confint(count, n, method="wilson")
    return {name: count / n, "low": float(low), "high": float(high)}
