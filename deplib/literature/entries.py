"""The table of published results: ``results.csv``, read and checked."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

CERTAINTY = {
    "V": "read in its abstract or README",
    "S": "second hand, from another project's table",
    "M": "as commonly quoted",
}
"""How sure a figure is; a figure of ``M`` was confirmed nowhere."""

KINDS = ("paper", "public code", "ablation")
"""``ablation`` rows are further settings of public code, kept only for checks of consistency."""

COLUMNS = (
    "name",
    "key",  # in references.bib; empty where there is no entry
    "year",
    "modality",
    "mae",
    "rmse",
    "pcc",
    "certainty",
    "kind",
    "rerun_of",  # name of the row that this one tries to reproduce
    "note",
)


def entries(path: Path | None = None) -> pd.DataFrame:
    """Return every published result on the AVEC2014 Test split.

    Parameters
    ----------
    path
        A CSV file with the columns of ``COLUMNS``; the table that comes with deplib by default.

    Returns
    -------
    DataFrame
        One row a result, ``COLUMNS``; MAE and RMSE in BDI-II points, ``year`` and ``pcc`` may be
        missing.

    Raises
    ------
    ValueError
        If columns are missing, a name occurs twice, a certainty or kind is unknown, a re-run names
        no row, or an RMSE is below its MAE, which no set of errors can have.
    """
    source = path or files("deplib.literature").joinpath("results.csv")
    with source.open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    missing = set(COLUMNS) - set(table.columns)
    if missing:
        raise ValueError(f"the table of results lacks the columns {sorted(missing)}")
    table["year"] = table["year"].astype("Int64")
    text = ["name", "key", "modality", "certainty", "kind", "rerun_of", "note"]
    table[text] = table[text].fillna("")
    _check(table)
    return table[list(COLUMNS)]


def _check(table: pd.DataFrame) -> None:
    """Refuse what cannot be; see ``entries``."""
    wrong = {
        "a name that occurs twice": table["name"].duplicated(),
        f"a certainty other than {list(CERTAINTY)}": ~table["certainty"].isin(list(CERTAINTY)),
        f"a kind other than {list(KINDS)}": ~table["kind"].isin(KINDS),
        "an rerun_of that names no row": ~table["rerun_of"].isin(["", *table["name"]]),
        "no finite positive MAE": ~(np.isfinite(table["mae"]) & (table["mae"] > 0)),
        "an RMSE below the MAE": table["rmse"] < table["mae"],
        "a PCC outside [-1, 1]": table["pcc"].abs() > 1,
    }
    for fault, rows in wrong.items():
        if rows.any():
            names = ", ".join(table.loc[rows, "name"])
            raise ValueError(f"{names}: {fault}. Correct the row against its source.")


def papers() -> pd.DataFrame:
    """Return the results of papers, by MAE."""
    return _of_kind("paper")


def public_code() -> pd.DataFrame:
    """Return the results that public repositories state, re-runs of papers among them, by MAE."""
    return _of_kind("public code")


def _of_kind(kind: str) -> pd.DataFrame:
    table = entries()
    return table[table["kind"] == kind].sort_values("mae", ignore_index=True)
