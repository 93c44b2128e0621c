# ruff: noqa: I001 (one line a module, where one does)
"""What the study states and others published, and what can be said about it without its data.

`ledger` judges every statement of the study; a simulated cohort never decides about AVEC2014.
"""

from deplib.claims.ledger import VERDICTS, Evidence, claims, ledger
from deplib.claims.quoted import CERTAINTY, FACTS, REPORTED, TEST_BANDS
from deplib.claims.quoted import constant_test_mae, published
