"""A head that adapts to a person: its bias learns from that person's earlier sessions.

Weights stay as trained. At a later session the residuals of the earlier ones are known, because
their labels are, and shift the prediction. What that gains over no adaptation, and over the
earlier labels without any model, is measured on the same later recordings of Test.
"""

from deplib.adaptation.comparison import (
    ADAPTED,
    CONSTANT,
    COPY,
    SHRUNK,
    UNADAPTED,
    difference,
    differences,
    predictors,
    residuals,
)
from deplib.adaptation.head import HELD_OUT, LAMBDAS, Without, adapt, choose
from deplib.adaptation.sessions import Earlier, earlier_sessions, session_numbers

__all__ = [
    "ADAPTED",
    "CONSTANT",
    "COPY",
    "HELD_OUT",
    "LAMBDAS",
    "SHRUNK",
    "UNADAPTED",
    "Earlier",
    "Without",
    "adapt",
    "choose",
    "difference",
    "differences",
    "earlier_sessions",
    "predictors",
    "residuals",
    "session_numbers",
]
