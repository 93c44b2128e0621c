"""The ledger: every row, by topic, judged on the evidence."""

from types import ModuleType

import pandas as pd

from deplib.claims import (
    correlations,
    described,
    errors_compared,
    goals,
    on_simulated,
    pitfalls,
    setting,
    sums,
    table_rows,
)
from deplib.claims.entry import VERDICTS, Claim, Entry
from deplib.claims.evidence import Evidence, Simulated

TOPICS: dict[str, ModuleType] = {
    "Clips, persons and protocol": setting,
    "The models": described,
    "Figures of the results table": table_rows,
    "Means, ranges and gaps": sums,
    "What follows from the errors": errors_compared,
    "What follows from correlations and spread": correlations,
    "The extraction that failed": pitfalls,
    "Labels and targets": goals,
    "On the simulated cohort": on_simulated,
}
"""Topic -> the module that holds its rows."""


def entries() -> dict[str, list[Entry]]:
    """Return the rows of every topic before they are judged, in the order of their lines."""
    return {
        topic: sorted(_entries_of(module), key=lambda entry: entry.line)
        for topic, module in TOPICS.items()
    }


def _entries_of(module: ModuleType) -> list[Entry]:
    """Return the rows that a module holds, singly or one a model."""
    found: dict[str, Entry] = {}
    for value in vars(module).values():
        for entry in value if isinstance(value, tuple) else (value,):
            if isinstance(entry, Entry):
                found[entry.id] = entry
    return list(found.values())


def judge(evidence: Evidence) -> dict[str, list[Claim]]:
    """Return the judged rows of every topic.

    Raises
    ------
    ResultError
        If the evidence has no simulated cohort.
    """
    return {topic: [row.judge(evidence) for row in rows] for topic, rows in entries().items()}


def ledger(evidence: Evidence | None = None) -> pd.DataFrame:
    """Return the whole ledger as a table: ``topic`` and the fields of ``Claim``.

    Parameters
    ----------
    evidence
        By default the study's own figures and the versioned results of the simulated cohort.

    Raises
    ------
    ResultError
        If a result is missing or stale.
    """
    judged = judge(evidence or Evidence(simulated=Simulated.read()))
    rows = [{"topic": topic} | vars(row) for topic, rows in judged.items() for row in rows]
    return pd.DataFrame(rows)


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows of each topic have each verdict, and the sums."""
    crossed = pd.crosstab(table["topic"], table["verdict"])
    crossed = crossed.reindex(index=list(TOPICS), columns=list(VERDICTS), fill_value=0)
    crossed["together"] = crossed.sum(axis=1)
    crossed.loc["together"] = crossed.sum()
    return crossed.rename_axis(columns=None).reset_index()
