"""The chapter on real data: the reader, the encoder's preprocessing, and a small extraction."""

from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction.embedded import PATH, SHA256
from deplib.extraction.encoder import OnnxEncoder, embedded_encoder
from deplib.extraction.pipeline import extract
from deplib.extraction.preprocess import Preprocess
from deplib.extraction.store import FeatureStore
from deplib.extraction.verify import verify

W600K_R50 = {"BGR in place of RGB": 0.968, "divided by 255": 0.968, "ImageNet statistics": 0.90}
"""The same cosines of insightface's w600k_r50, measured on public photographs of faces."""
_FAULTS = {
    "as stated": Preprocess(),
    "BGR in place of RGB": Preprocess(channel_order="BGR"),
    "divided by 255": Preprocess(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0)),
    "ImageNet statistics": Preprocess(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
}


def preprocessing_faults(cohort: SimulatedCohort) -> pd.DataFrame:
    """Return what wrong preprocessing does to embeddings, and what shows it."""
    frames = np.concatenate([cohort.frames(r, 0, 4) for r in cohort.recordings["recording"]])
    right = embedded_encoder().embed(frames).features
    rows = []
    for name, preprocess in _FAULTS.items():
        features = OnnxEncoder(PATH, preprocess, sha256=SHA256).embed(frames).features
        rows.append(
            {
                "preprocessing": name,
                "variance over frames": float(features.var(axis=0).sum()),
                "cosine to the right embedding": float((features * right).sum(axis=1).mean()),
                "the same for w600k_r50, measured elsewhere": W600K_R50.get(name, 1.0),
            }
        )
    return pd.DataFrame(rows)


def extract_small(cohort: Cohort, folder: Path) -> str:
    """Extract a small corpus with the embedded encoder, twice, and return what happened."""
    encoder = embedded_encoder()
    first = extract(cohort, encoder, folder)
    again = extract(cohort, encoder, folder)
    report = verify(FeatureStore(folder), cohort.recordings)
    return (
        f"The first call embedded {len(first.extracted)} recordings ({first.n_frames} frames). The "
        f"same call again embedded {len(again.extracted)} and kept {len(again.kept)}. "
        f"`verify` finds the store {'sound' if report.ok else 'NOT sound'}."
    )
