"""Sessions of one person, and means over recordings with an interval over persons."""

import numpy as np
import pandas as pd

from deplib.evaluation import RESAMPLES, Difference
from deplib.statistics import interval_of


def session_pairs(recordings: pd.DataFrame) -> pd.DataFrame:
    """Return the labels of any two recordings of one person, both ways round.

    Returns
    -------
    DataFrame
        ``person``, ``bdi``, ``bdi_other``.
    """
    columns = recordings[["recording", "person", "bdi"]]
    pairs = columns.merge(columns, on="person", suffixes=("", "_other"))
    pairs = pairs[pairs["recording"] != pairs["recording_other"]]
    return pairs[["person", "bdi", "bdi_other"]].reset_index(drop=True)


def difference_of_means(
    first: pd.Series,
    second: pd.Series,
    persons: pd.Series,
    *,
    n_resamples: int = RESAMPLES,
    rng: np.random.Generator,
) -> Difference:
    """Return the mean of one set of recordings minus that of another, with its 95 % interval.

    The sets may be the same, overlap or be of different persons: all persons of either are drawn
    together, each with what both sets have of it. The interval is that of
    ``deplib.statistics.cluster_bootstrap``.

    Parameters
    ----------
    first, second
        One value a recording, index ``recording``.
    persons
        Who each recording shows, index ``recording``.
    n_resamples, rng
        Resamples of persons.

    Raises
    ------
    ValueError
        If a set is empty, a value is not finite, a recording has no person, or there are fewer
        than two persons.
    """
    parts = []
    for values in (first, second):
        who = persons.reindex(values.index)
        if not len(values) or not np.isfinite(values).all() or who.isna().any():
            raise ValueError(
                f"a set of {len(values)} values is empty, not finite, or has a recording without a "
                "person"
            )
        parts.append(values.groupby(who).agg(["sum", "size"]))
    sums = parts[0].join(parts[1], how="outer", lsuffix="_first", rsuffix="_second").fillna(0.0)
    if len(sums) < 2:
        raise ValueError(f"{len(sums)} person: an interval over persons needs at least two")

    table = sums.to_numpy()
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=n_resamples)
    resampled = _difference(drawn @ table)
    value = float(first.mean() - second.mean())
    left_out = _difference(table.sum(axis=0) - table)
    return Difference(value, *interval_of(resampled[np.isfinite(resampled)], value, left_out))


def _difference(sums: np.ndarray) -> np.ndarray:
    """Return the difference of means from sum and count of both sets, (k, 4) -> (k,)."""
    with np.errstate(invalid="ignore", divide="ignore"):  # of resamples that miss a whole set
        return sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]
