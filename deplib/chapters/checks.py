"""The checks of the extraction chapter: what each must read, and what it finds."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd

from deplib.chapters.extraction import EPOCHS, FRAMES, SmallFeatures, train_on
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.pipeline import store_header
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification.verify import Bounds, verify

TINY_MODEL = "TemporalMeanMLP"
"""The model of the tiny run: the cheapest of the four."""


class Verdict(NamedTuple):
    """What a check finds in one recording's rows."""

    caught: bool
    finds: str


RowCheck = Callable[[np.ndarray], Verdict]


def by_cost(small: SmallFeatures, encoder: OnnxEncoder) -> pd.DataFrame:
    """Run the checks that would have caught the zeros, the cheapest first.

    Those of rows read recording by recording until one is caught. A frame costs more than a row,
    since it is decoded and embedded; the tiny run costs most, since it is trained.

    Returns
    -------
    DataFrame
        One row a check: ``check``, ``rows read``, ``frames embedded``, ``finds``, ``verdict``.
    """
    table = []

    def note(check: str, rows: int, frames: int, verdict: Verdict) -> None:
        table.append(
            {
                "check": check,
                "rows read": rows,
                "frames embedded": frames,
                "finds": verdict.finds,
                "verdict": "caught" if verdict.caught else "passes",
            }
        )

    for name, check in ROW_CHECKS.items():
        n_read = 0
        for rows in small.features.values():
            n_read += len(rows)
            verdict = check(rows)
            if verdict.caught:
                break
        note(name, n_read, 0, verdict)
    note("is a row its frame's embedding?", 1, 1, _embedded_again(small, encoder))
    note(f"does a run of {EPOCHS} epochs vary?", len(small.rows), 0, _tiny_run(small))
    return pd.DataFrame(table)


def findings(small: SmallFeatures, encoder: OnnxEncoder) -> pd.DataFrame:
    """Write the features to a store, verify it, and return the faults found, one row a check."""
    with TemporaryDirectory() as scratch:
        header = store_header(small.cohort, encoder, frame_limit=FRAMES)
        store = FeatureStore(Path(scratch) / "store", header=header)
        for recording, rows in small.features.items():
            store.write(recording, rows, np.ones(len(rows), bool))
        found = verify(store, small.cohort.recordings).findings
        found["message"] = found["message"].str.replace(str(store.root), "the store", regex=False)
    grouped = found.groupby("check", sort=False)
    return grouped.agg(
        severity=("severity", "first"),
        recordings=("recording", lambda names: names.nunique() if names.all() else "all"),
        example=("message", "first"),
    ).reset_index()


def _any_zero(rows: np.ndarray) -> Verdict:
    zeros = int((~rows.any(axis=1)).sum())
    return Verdict(zeros > 0, f"{zeros} of a recording's {len(rows)} rows" if zeros else "none")


def _unit_length(rows: np.ndarray) -> Verdict:
    lengths = np.linalg.norm(rows, axis=1)
    off = float(np.abs(lengths - 1).max())
    return Verdict(off > Bounds().norm, f"length {lengths[np.abs(lengths - 1).argmax()]:.2f}")


def _changes(rows: np.ndarray) -> Verdict:
    variance = float(rows.var(axis=0, dtype=np.float64).sum())
    return Verdict(variance < Bounds().time_variance, f"variance over time {variance:.2f}")


def _neighbours(rows: np.ndarray) -> Verdict:
    cosine = float(np.median([_cosine(a, b) for a, b in pairwise(rows)]))
    return Verdict(not cosine >= Bounds().coherence, f"cosine {_shown(cosine)}")


ROW_CHECKS: dict[str, RowCheck] = {
    "is any row zero?": _any_zero,
    "has every row unit length?": _unit_length,
    "do rows change over time?": _changes,
    "are neighbouring frames alike?": _neighbours,
}


def _embedded_again(small: SmallFeatures, encoder: OnnxEncoder) -> Verdict:
    recording, rows = next(iter(small.features.items()))
    embedded = encoder.embed(small.cohort.frames(recording, 0, 1)).features[0]
    cosine = _cosine(rows[0], embedded)
    return Verdict(not cosine >= Bounds().spot_cosine, f"cosine {_shown(cosine)}")


def _tiny_run(small: SmallFeatures) -> Verdict:
    ratio = float(train_on(small, [TINY_MODEL])["sigma_ratio"].iloc[0])
    return Verdict(ratio == 0, f"sigma_ratio {ratio:.2f}")


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two vectors; NaN where one has no direction."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length > 0 else np.nan


def _shown(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.2f}"
