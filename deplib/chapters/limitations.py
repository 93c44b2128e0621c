"""The chapter on limitations: the error of the label itself."""

import numpy as np
import pandas as pd

TEST_SD = 11.48
"""SD of the AVEC2014 test labels, as published (umayrah-mm/Depression-Severity-Estimation)."""
RELIABILITIES = (
    (0.73, "lowest of the studies reviewed"),
    (0.93, "retest after one week"),
    (0.96, "highest of the studies reviewed"),
)


def label_floor() -> pd.DataFrame:
    """Return the standard error of a BDI-II score and the MAE that it alone causes.

    ``SEM = SD sqrt(1 - r)``; the mean absolute value of a normal error is ``sqrt(2 / pi)`` of it.
    """
    rows = []
    for reliability, source in RELIABILITIES:
        standard_error = TEST_SD * np.sqrt(1 - reliability)
        rows.append(
            {
                "retest reliability": reliability,
                "where from": source,
                "standard error, points": standard_error,
                "MAE from it alone, points": np.sqrt(2 / np.pi) * standard_error,
            }
        )
    return pd.DataFrame(rows)
