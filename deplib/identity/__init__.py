"""How much of a score is identity: pooled features, many splits, and recognition alone.

One split is one draw, and two splits have two Test sets. So the recordings of one cohort are split
many times under each of three rules, and the same Test recordings are scored twice, once by a model
that has seen their persons. Models are those that are fitted in milliseconds: ridge on pooled
features, and predictors that only recognise a face and repeat its label.
"""

from deplib.identity.predictors import (
    CONSTANT,
    NEAREST,
    OWN,
    PERSISTENCE,
    SHRUNK,
    Pooled,
    predict,
    ridge,
)
from deplib.identity.rules import RULES, as_official, by_recording, draw_replacement
from deplib.identity.sessions import difference_of_means, session_pairs
from deplib.identity.trials import Trials, repeat_splits, replace_persons

__all__ = [
    "CONSTANT",
    "NEAREST",
    "OWN",
    "PERSISTENCE",
    "RULES",
    "SHRUNK",
    "Pooled",
    "Trials",
    "as_official",
    "by_recording",
    "difference_of_means",
    "draw_replacement",
    "predict",
    "repeat_splits",
    "replace_persons",
    "ridge",
    "session_pairs",
]
