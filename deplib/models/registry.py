"""Which models there are: their names, files and settings; nothing here makes a number."""

from collections.abc import Mapping
from typing import Any

MODELS = {
    "TemporalMeanMLP": "mean_mlp",
    "LDBM": "ldbm",
    "VanillaTransformer": "transformer",
    "MambaGRU": "mamba_gru",
}
"""The study's four: class -> file of this folder, in the study's order.

A file is imported when its model is built, so that a result depends on the source of its own
model and not on that of the others.
"""

BEYOND = {
    "Mamba": "mamba",
    "AttentionMIL": "attention_mil",
    "HybridPooling": "hybrid",
}
"""Models that the study does not have: class -> file of this folder."""

VARIANTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "LDBM-patch4": ("LDBM", {"patch": 4}),
    "LDBM-patch16": ("LDBM", {"patch": 16}),
    "LDBM-overlap": ("LDBM", {"patch": 8, "stride": 4}),
    "HybridPooling-dropout": ("HybridPooling", {"dropout": 0.2}),
}
"""Other settings of a class above, by the name that results give them: (class, its keywords)."""

REGISTRY = (*MODELS, *BEYOND, *VARIANTS)
"""Every name that ``build`` takes."""
