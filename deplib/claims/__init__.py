"""What the study states and others published, and what can be said about it without its data."""

from deplib.claims.quoted import (
    CERTAINTY,
    FACTS,
    REPORTED,
    TEST_BANDS,
    constant_test_mae,
    published,
)

__all__ = ["CERTAINTY", "FACTS", "REPORTED", "TEST_BANDS", "constant_test_mae", "published"]
