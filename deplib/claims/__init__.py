"""What the study states, and the verdict that can be reached on it without its data.

The ledger holds a row for every statement of the study that carries a number or a comparison. A row
is a function: it takes the evidence (what the study reports, what others published, what this code
says, scores on a simulated cohort) and returns what it found and whether the statement holds. The
verdict follows from that, and a simulated cohort never decides about AVEC2014.
``deplib.claims.ledger`` judges them all.
"""

from deplib.claims.entry import (
    CONFIRMED,
    CONTRADICTED,
    NOT_TESTABLE,
    UNDECIDABLE,
    VERDICTS,
    Claim,
)
from deplib.claims.evidence import Evidence, Simulated
from deplib.claims.published import (
    BEST_CONSTANT,
    N_TEST,
    TEST_BANDS,
    Published,
    constant_test_mae,
)
from deplib.claims.reported import DESCRIBED, REPORTED, Study

__all__ = [
    "BEST_CONSTANT",
    "CONFIRMED",
    "CONTRADICTED",
    "DESCRIBED",
    "NOT_TESTABLE",
    "N_TEST",
    "REPORTED",
    "TEST_BANDS",
    "UNDECIDABLE",
    "VERDICTS",
    "Claim",
    "Evidence",
    "Published",
    "Simulated",
    "Study",
    "constant_test_mae",
]
