"""Figures that are quoted and not computed here: the study's table, published results, facts.

They lie beside this module as CSV files. No single label of AVEC2014 is known here or needed.
"""

from functools import cache
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent

CERTAINTY = {
    "V": "read in its abstract or README",
    "S": "second hand, from another project's table",
    "M": "as commonly quoted",
}
"""How sure a figure is; a figure of ``M`` was confirmed nowhere."""

REPORTED = pd.read_csv(HERE / "reported.csv")
"""The study's tables of models and results (AVEC2014, one seed, 50 recordings a split)."""

FACTS = pd.read_csv(HERE / "facts.csv").set_index("name")
"""Published facts: index ``name``; ``value``, ``certainty``, ``source``."""

TEST_BANDS = pd.read_csv(HERE / "test_bands.csv")
"""Share and mean of each severity band among the AVEC2014 Test labels, as published in the README
of umayrah-mm/Depression-Severity-Estimation."""


def published() -> pd.DataFrame:
    """Return every published result on the AVEC2014 Test split, a row a result, by MAE.

    Columns: ``name, year, modality, mae, rmse`` (BDI-II points), ``pcc, certainty`` (a key of
    ``CERTAINTY``), ``kind`` (paper, public code, or ablation: a further setting of public code, for
    checks of consistency), ``rerun_of`` (the name that it tries to reproduce), ``note, source`` (an
    address, empty where none was confirmed).
    """
    table = pd.read_csv(HERE / "published.csv").astype({"year": "Int64"})
    text = ["name", "modality", "certainty", "kind", "rerun_of", "note", "source"]
    table[text] = table[text].fillna("").astype(str)
    return table.sort_values("mae", kind="stable", ignore_index=True)


@cache
def constant_test_mae(constant: float = 13.5) -> float:
    """Return the MAE of one constant, 13 to 14 points, on the AVEC2014 Test labels.

    Half of the labels are at most 13 and half at least 14, so the band means suffice:
    ``sum_b share_b |mean_b - c|``. Who names such a constant has seen the Test labels.

    Raises
    ------
    ValueError
        If the constant is outside 13 to 14, where labels of a band would lie on both sides.

    Examples
    --------
    >>> round(constant_test_mae(), 2)
    9.54
    """
    if not 13 <= constant <= 14:
        raise ValueError(f"constant {constant}: band means determine the MAE from 13 to 14 only")
    return float((TEST_BANDS["share"] * (TEST_BANDS["mean_bdi"] - constant).abs()).sum())
