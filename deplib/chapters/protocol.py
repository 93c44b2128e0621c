"""The first chapter: what is held constant, what varies, and the windows that result."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deplib.claims import DESCRIBED
from deplib.models import MODELS, REGISTRY, build, n_parameters
from deplib.protocol import Protocol
from deplib.study import BASELINES, VARIED

BESIDE = {
    "LDBM-patch4": "LDBM with smaller patches",
    "LDBM-patch16": "LDBM with larger patches",
    "Mamba": "a selective state-space model, which MambaGRU's name promises",
    "AttentionMIL": "attention weighs the frames, whose order is lost",
    "MiniRocket": "ridge on random convolutions over time",
    "RidgeMean": "ridge on the mean over frames",
    "RidgeMeanSD": "ridge on mean and standard deviation over frames",
}
"""What this report sets beside the study's four, and how each works."""


@dataclass(frozen=True)
class WindowLayout:
    """How a cohort's clips fill their windows."""

    n_windows: int
    padded_share: float  # of recordings: those shorter than the sequence length
    real_share: float  # of the frames in all kept windows


def models_overview() -> pd.DataFrame:
    """Return one row a model: mechanism, parameters as built and as reported, claimed order."""
    counted = {name: n_parameters(build(name, seed=0)) for name in MODELS}
    return DESCRIBED.assign(parameters=[f"{counted[name]:,}" for name in DESCRIBED["model"]])[
        ["model", "mechanism", "parameters", "parameters_reported", "order_reported"]
    ]


def beside_overview() -> pd.DataFrame:
    """Return one row a variant or baseline that the study does not report: mechanism and size."""
    rows = []
    for name in dict.fromkeys([*VARIED, *BASELINES]):
        if name in MODELS:
            continue
        if name in REGISTRY:
            parameters = f"{n_parameters(build(name, seed=0)):,}"
        else:
            parameters = "solved, not trained"
        kind = "variant" if name in VARIED else "baseline"
        row = {"model": name, "kind": kind, "mechanism": BESIDE[name], "parameters": parameters}
        rows.append(row)
    return pd.DataFrame(rows)


def window_layout(recordings: pd.DataFrame, protocol: Protocol) -> WindowLayout:
    """Count windows, padding and real frames from the table of recordings alone."""
    frames = np.minimum(recordings["n_frames"], protocol.sequence_length)
    windows = np.ceil(frames / protocol.window_length)
    return WindowLayout(
        n_windows=int(windows.sum()),
        padded_share=float((recordings["n_frames"] < protocol.sequence_length).mean()),
        real_share=float(frames.sum() / (windows.sum() * protocol.window_length)),
    )
