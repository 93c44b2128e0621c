"""The extraction chapter: a pipeline that fails in silence, its mend, and the checks."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pandas as pd

from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction.detector import (
    BoundedHaarDetector,
    align,
    detect_then_embed_with_zeros,
)
from deplib.extraction.embedded.renders import stream
from deplib.extraction.embedded.verification import verification_accuracy
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.pipeline import fill_invalid, store_header
from deplib.extraction.store import FeatureStore
from deplib.extraction.verify import verify
from deplib.metrics import describe
from deplib.models import MODELS
from deplib.protocol import Protocol
from deplib.training import recording_table, train
from deplib.windows import build_windows

FRAMES = 4
"""Frames a recording in this chapter; the failure needs no more, and it is quick to watch."""
EPOCHS = 8
ASTRONAUT_LANDMARKS = np.array([[204, 101], [247, 102], [224, 125], [205.5, 142], [244, 142]])
"""Eyes, nose and mouth corners (x, y) of scikit-image's astronaut, read off by eye."""
DETECTORS = {
    "bounded (stand-in)": BoundedHaarDetector(),
    "no bound (control)": BoundedHaarDetector(max_size_fraction=1.0),
}


SCRFD = pd.DataFrame(
    [
        ("whole photograph", 87, 86),
        ("aligned crop", 86, 0),
        ("aligned crop, 25 % margin", 86, 85),
    ],
    columns=["view", "images", "faces found"],
)
"""Measured on public photographs with insightface 0.7.3 and the SCRFD detectors 2.5G and 500M at
their default size of 640; the detector of the study's pipeline, det_10g, was not to be had."""


def _with_margin(crop: np.ndarray) -> np.ndarray:
    margin = crop.shape[0] // 4
    return cv2.copyMakeBorder(crop, margin, margin, margin, margin, cv2.BORDER_CONSTANT)


def three_views(cohort: SimulatedCohort, *, n: int = 24) -> dict[str, list[np.ndarray]]:
    """Return one frame of ``n`` persons as whole scene, aligned crop, and crop with a margin."""
    recordings = cohort.recordings.drop_duplicates("person")["recording"].iloc[:n]
    scenes = [cohort.scene_frame(recording, 0).image for recording in recordings]
    crops = [cohort.frames(recording, 0, 1)[0] for recording in recordings]
    return {
        "whole scene": scenes,
        "aligned crop": crops,
        "aligned crop, 25 % margin": [_with_margin(crop) for crop in crops],
    }


def detection_rates(views: dict[str, list[np.ndarray]]) -> pd.DataFrame:
    """Return the share of images in which each detector finds a face, one row a view."""
    return pd.DataFrame(
        [
            {"view": view, "images": len(images)}
            | {
                name: np.mean([len(detector.detect(image)) > 0 for image in images])
                for name, detector in DETECTORS.items()
            }
            for view, images in views.items()
        ]
    )


def detector_view(
    views: dict[str, list[np.ndarray]], index: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return one image of each view and the boxes that the bounded detector finds in it."""
    images = {view: members[index] for view, members in views.items()}
    detector = DETECTORS["bounded (stand-in)"]
    return images, {view: detector.detect(image) for view, image in images.items()}


def photograph_rates() -> pd.DataFrame:
    """Return the same comparison on a public-domain photograph (scikit-image's astronaut)."""
    from skimage import data

    photograph = data.astronaut()
    crop = align(photograph, ASTRONAUT_LANDMARKS)
    views = {
        "whole photograph": [photograph],
        "aligned crop": [crop],
        "aligned crop, 25 % margin": [_with_margin(crop)],
    }
    return detection_rates(views)


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


def _few_frames(cohort: Cohort, recording: str) -> np.ndarray:
    return cohort.frames(recording, 0, FRAMES)


def broken_features(cohort: Cohort, encoder: OnnxEncoder) -> SmallFeatures:
    """Return what detect-then-embed leaves of the aligned crops of every recording."""
    detector = DETECTORS["bounded (stand-in)"]
    return SmallFeatures(
        cohort,
        {
            recording: detect_then_embed_with_zeros(
                _few_frames(cohort, recording), detector, encoder
            )
            for recording in cohort.recordings["recording"]
        },
    )


def direct_features(cohort: Cohort, encoder: OnnxEncoder) -> SmallFeatures:
    """Return the embeddings of the same frames without any detector."""
    return SmallFeatures(
        cohort,
        {
            recording: encoder.embed(_few_frames(cohort, recording)).features
            for recording in cohort.recordings["recording"]
        },
    )


def random_features(broken: SmallFeatures) -> SmallFeatures:
    """Return the broken features with random unit vectors in the place of zeros."""
    rng = np.random.default_rng(0)
    filled = {
        recording: fill_invalid(rows, np.abs(rows).max(axis=1) > 0, rng=rng)
        for recording, rows in broken.features.items()
    }
    return SmallFeatures(broken.cohort, filled)


def train_on(small: SmallFeatures) -> pd.DataFrame:
    """Train the four models on the few frames and return their Test scores.

    All clips are equally long here, as they are for a pipeline without masks, so that zeros give
    every model the same input for every recording.
    """
    protocol = replace(Protocol(), sequence_length=FRAMES, window_length=FRAMES, epochs=EPOCHS)
    valid = np.ones(FRAMES, bool)
    windows = build_windows(
        small.cohort.recordings, lambda recording: (small.features[recording], valid), protocol
    )
    rows = []
    for name in MODELS:
        run = train(name, windows, protocol, seed=0)
        table = recording_table(run.predictions, run.label_mean, run.label_std)
        test = table[table["split"] == "test"]
        scores = describe(test["bdi"], test["bdi_hat"])
        rows.append(
            {
                "model": name,
                "sigma_ratio": scores.sigma_ratio,
                "PCC": scores.pcc,
                "why undefined": scores.undefined.get("pcc", ""),
                "Test MAE": scores.mae,
            }
        )
    return pd.DataFrame(rows)


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
        recordings=("recording", "nunique"),
        example=("message", "first"),
    ).reset_index()


@dataclass(frozen=True)
class EncoderCard:
    """The shipped encoder, measured on identities that it has never seen."""

    megabytes: float
    sha256: str
    n_identities: int
    accuracy: float


def encoder_card(encoder: OnnxEncoder, *, identities: int = 100) -> EncoderCard:
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
