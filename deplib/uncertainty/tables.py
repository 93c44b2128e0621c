"""What a table of recordings must hold before it is measured."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from deplib.errors import ResultError

NEEDED = ("recording", "person", "split", "bdi", "bdi_hat")
NO_SPREAD = 1e-4
"""BDI-II points: an SD up to this is the rounding of predictions that are all the same."""


def check_columns(table: pd.DataFrame, needed: Sequence[str]) -> None:
    """Refuse a table that lacks a column.

    Raises
    ------
    ResultError
        That names what is missing.
    """
    missing = [name for name in needed if name not in table]
    if missing:
        raise ResultError(
            f"the table of recordings lacks {missing}; `deplib.evaluation.recordings` gives a "
            "run's predictions in that form, and `deplib.uncertainty` adds bdi_sd"
        )


def part_of(table: pd.DataFrame, split: str, *, with_sd: bool = False) -> pd.DataFrame:
    """Return the recordings of one predictor in one split, after checks.

    Parameters
    ----------
    table
        ``recording``, ``person``, ``split``, ``bdi``, ``bdi_hat``, and ``bdi_sd`` if ``with_sd``.
    split
        Such as ``"test"``.
    with_sd
        Whether an SD is needed; one that is there is checked in any case.

    Raises
    ------
    ResultError
        If a column is missing, the split is empty, a recording occurs twice, a value is not
        finite, or an SD is negative.
    """
    check_columns(table, (*NEEDED, "bdi_sd") if with_sd else NEEDED)
    part = table[table["split"] == split].reset_index(drop=True)
    if part.empty:
        raise ResultError(f"the table has no {split} recording: nothing to measure there")
    twice = part["recording"][part["recording"].duplicated()]
    if len(twice):
        raise ResultError(
            f"recording {twice.iloc[0]} occurs twice in {split}: measure one predictor at a time"
        )
    values = [name for name in ("bdi", "bdi_hat", "bdi_sd") if name in part]
    for name in values:
        bad = ~np.isfinite(part[name].to_numpy(float))
        if name == "bdi_sd":
            bad |= part[name].to_numpy(float) < 0
        if bad.any():
            row = part[bad].iloc[0]
            raise ResultError(
                f"recording {row['recording']} has {name} {row[name]}: leave it out of every table"
            )
    return part
