"""The extraction chapter: features of a pipeline that fails in silence, and of its mend."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deplib.alignment.faces import Detector
from deplib.chapters.detectors import detect_then_embed_with_zeros
from deplib.cohorts.base import Cohort
from deplib.extraction.embedded.renders import stream
from deplib.extraction.embedded.verification import verification_accuracy
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.fallback import fill_invalid
from deplib.metrics import describe
from deplib.models import MODELS
from deplib.protocol import Protocol
from deplib.statistics import critical_r
from deplib.training import recording_table, train
from deplib.windows import build_windows

FRAMES = 2
"""Frames a recording in this chapter; the failure needs no more, and it is quick to watch."""
EPOCHS = 8
STABLE = 4
"""Decimals of a prediction, in BDI-II points, that do not depend on the number of threads: of a
constant that differs in the last bit there would be a correlation."""


@dataclass(frozen=True)
class SmallFeatures:
    """Features of a few frames of every recording."""

    cohort: Cohort
    features: dict[str, np.ndarray]  # recording -> (FRAMES, dim)

    @property
    def rows(self) -> np.ndarray:
        """All rows together, (n, dim)."""
        return np.concatenate(list(self.features.values()))

    @property
    def zero_share(self) -> float:
        """Share of rows that are all zero."""
        return float((~self.rows.any(axis=1)).mean())


def few_frames(cohort: Cohort) -> dict[str, np.ndarray]:
    """Return the first frames of every recording, by its name."""
    return {name: cohort.frames(name, 0, FRAMES) for name in cohort.recordings["recording"]}


def broken_features(
    cohort: Cohort, frames: Mapping[str, np.ndarray], detector: Detector, encoder: OnnxEncoder
) -> SmallFeatures:
    """Return what detect-then-embed leaves of the aligned crops of every recording."""
    return SmallFeatures(
        cohort,
        {
            name: detect_then_embed_with_zeros(crops, detector, encoder)
            for name, crops in frames.items()
        },
    )


def direct_features(
    cohort: Cohort, frames: Mapping[str, np.ndarray], encoder: OnnxEncoder
) -> SmallFeatures:
    """Return the embeddings of the same frames without any detector."""
    return SmallFeatures(
        cohort, {name: encoder.embed(crops).features for name, crops in frames.items()}
    )


def random_features(broken: SmallFeatures) -> SmallFeatures:
    """Return the broken features with random unit vectors in the place of zeros."""
    rng = np.random.default_rng(0)
    filled = {
        recording: fill_invalid(rows, np.abs(rows).max(axis=1) > 0, rng=rng)
        for recording, rows in broken.features.items()
    }
    return SmallFeatures(broken.cohort, filled)


def train_on(small: SmallFeatures, models: Sequence[str] = tuple(MODELS)) -> pd.DataFrame:
    """Train models on the few frames, all four by default, and return their Test scores.

    All clips are equally long here, as they are for a pipeline without masks, so that zeros give
    every model the same input for every recording. *Early warning* says whether training warned of
    a collapse on Dev before its end.
    """
    protocol = replace(Protocol(), sequence_length=FRAMES, window_length=FRAMES, epochs=EPOCHS)
    valid = np.ones(FRAMES, bool)
    windows = build_windows(
        small.cohort.recordings, lambda recording: (small.features[recording], valid), protocol
    )
    rows = []
    for name in models:
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            run = train(name, windows, protocol, seed=0)
        table = recording_table(run.predictions, run.label_mean, run.label_std)
        test = table[table["split"] == "test"].round({"bdi_hat": STABLE})
        scores = describe(test["bdi"], test["bdi_hat"])
        rows.append(
            {
                "model": name,
                "sigma_ratio": scores.sigma_ratio,
                "PCC": scores.pcc,
                "why undefined": scores.undefined.get("pcc", ""),
                "early warning": "yes" if raised else "no",
                "Test MAE": scores.mae,
            }
        )
    return pd.DataFrame(rows)


def no_evidence(scores: pd.DataFrame, cohort: Cohort) -> str:
    """Return what a table of `train_on` says of features without signal, as a sentence."""
    n = int((cohort.recordings["split"] == "test").sum())
    ratios, pcc = scores["sigma_ratio"], scores["PCC"]
    return (
        f"sigma_ratio is no longer zero everywhere: it goes up to {ratios.max():.2f}. The "
        f"correlations are {pcc.min():.2f} to {pcc.max():.2f}, from nothing at all: on {n} Test "
        f"recordings even one chosen beforehand leaves the range of {critical_r(n):.2f} on either "
        f"side of zero by chance in one case of twenty, and the best of {len(pcc)} more often."
    )


@dataclass(frozen=True)
class EncoderCard:
    """The shipped encoder, measured on identities that it has never seen."""

    megabytes: float
    sha256: str
    n_identities: int
    accuracy: float


def encoder_card(encoder: OnnxEncoder, *, identities: int = 60) -> EncoderCard:
    """Measure the verification accuracy of an encoder on held-out simulated identities."""
    result = verification_accuracy(
        lambda frames: encoder.embed(frames).features,
        identities=identities,
        rng=stream("held-out", 0),
    )
    return EncoderCard(
        megabytes=encoder.path.stat().st_size / 1e6,
        sha256=encoder.sha256,
        n_identities=identities,
        accuracy=result.accuracy,
    )
