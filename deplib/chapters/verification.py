"""The chapter on verification: every fault planted, what finds it, and what nothing finds."""

from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.extraction.embedded import PATH
from deplib.extraction.encoders.encoder import OnnxEncoder, embedded_encoder
from deplib.extraction.encoders.preprocess import ARCFACE, IMAGENET, RAW, UNIT, Preprocess
from deplib.extraction.pipeline import extract
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification.damage import Extracted, Frames, Refilmed, refilm
from deplib.extraction.verification.planted import PLANTED, TWICE, plant
from deplib.extraction.verification.reference import embedded_reference, reference_cosine
from deplib.extraction.verification.report import CHECKS, DEFAULT_BOUNDS, VerificationReport
from deplib.extraction.verification.verify import verify

PREPROCESSING = {
    "as stated": ARCFACE,
    "BGR": Preprocess("BGR"),
    "divided by 255": UNIT,
    "ImageNet statistics": IMAGENET,
    "raw pixels": RAW,
    "normalised twice": TWICE,
}
W600K_R50 = {
    "as stated": 1.0,
    "BGR": 0.968,
    "divided by 255": 0.968,
    "ImageNet statistics": 0.90,
    "raw pixels": 0.04,
    "normalised twice": 0.06,
}
"""Cosine to the right embedding in insightface's w600k_r50, measured on public photographs."""

SHIFT = 8
"""Pixels by which faces are misaligned in a damage that nothing finds."""
CORPUS = pd.DataFrame(
    [
        ("frames on which OpenFace failed", "6,501 frames (1.32 %)", "unreadable, no_face, gap"),
        ("black aligned frames", "4,206 frames in 38 clips", "blank"),
        ("an empty chair", "1,841 frames of one clip", "no_face, invalid_rate"),
        ("under-exposed clips", "18 clips", "exposure"),
        ("over-exposed clips", "4 clips", "exposure"),
    ],
    columns=["problem", "reported", "check"],
)
"""Face problems of AVEC2014 as the STC project reports them, and the check made for each."""


def held(cohort: Cohort) -> Cohort:
    """Return a small cohort whose frames are rendered now, once, and kept in memory."""
    kept = {name: cohort.frames(name) for name in cohort.recordings["recording"]}
    return Refilmed(cohort, lambda recording, start, stop: kept[recording][start:stop])


def sound_extraction(folder: Path, *, n_recordings: int = 12, max_frames: int = 40) -> Extracted:
    """Extract a small simulated cohort with the embedded encoder into a folder."""
    cohort = held(SimulatedCohort(n_recordings=n_recordings, max_frames=max_frames))
    encoder = embedded_encoder()
    extract(cohort, encoder, folder)
    return Extracted(FeatureStore(folder), cohort, encoder)


def examine(extracted: Extracted) -> VerificationReport:
    """Make every check: the store against its table, encoder, frames and reference."""
    return verify(
        extracted.store,
        encoder=extracted.encoder,
        cohort=extracted.cohort,
        reference=embedded_reference(),
    )


def planted_faults(sound: Extracted, scratch: Path) -> pd.DataFrame:
    """Plant each fault in a copy of the store and verify it.

    Returns
    -------
    DataFrame
        One row a fault: ``fault``, ``imitates``, ``found by``, ``severity`` (the gravest of its
        findings), and ``exactly`` (whether those checks spoke that had to, and no other).
    """
    rows = []
    for i, (name, fault) in enumerate(PLANTED.items()):
        report = examine(plant(fault, sound, scratch / str(i)))
        found = [check for check in CHECKS if check in set(report.findings["check"])]
        rows.append(
            {
                "fault": name,
                "imitates": fault.imitates,
                "found by": ", ".join(found),
                "severity": "warning" if report.ok else "fault",
                "exactly": set(found) == fault.checks,
            }
        )
    return pd.DataFrame(rows)


def silence(sound: Extracted, scratch: Path) -> pd.DataFrame:
    """Return what the checks of rows and of persons say of wrong preprocessing.

    Returns
    -------
    DataFrame
        One row a preprocessing: a column for each check of interest, "silent" or what it finds,
        then the cosine to the reference here and in w600k_r50.
    """
    shown = ("norm", "variance", "near_constant", "incoherent", "similar_persons", "reference")
    reference = embedded_reference()
    rows = []
    for i, (name, preprocess) in enumerate(PREPROCESSING.items()):
        encoder = OnnxEncoder(PATH, preprocess)
        folder = scratch / f"preprocessing-{i}"
        extract(sound.cohort, encoder, folder)
        report = examine(Extracted(FeatureStore(folder), sound.cohort, encoder))
        found = dict(zip(report.findings["check"], report.findings["severity"], strict=True))
        rows.append(
            {"preprocessing": name}
            | {check: found.get(check, "silent") for check in shown}
            | {
                "cosine here": f"{reference_cosine(encoder, reference):.2f}",
                "cosine in w600k_r50": f"{W600K_R50[name]:g}",
            }
        )
    return pd.DataFrame(rows)


def checks_table() -> pd.DataFrame:
    """Return every check: what it finds, its severity, what it needs, and its bounds."""
    return pd.DataFrame(
        [
            {
                "check": name,
                "finds": check.finds,
                "severity": check.severity,
                "needs beside the store": ", ".join(check.needs) or "nothing",
                "bounds": ", ".join(
                    f"{bound} {getattr(DEFAULT_BOUNDS, bound):g}" for bound in check.bounds
                ),
            }
            for name, check in CHECKS.items()
        ]
    )


def unfound(sound: Extracted, scratch: Path) -> pd.DataFrame:
    """Damage the recordings before they reach the reader, and count what `verify` finds.

    The reader, the encoder and the store then agree with each other, and are wrong together.
    """
    held = sound.cohort.frames
    persons = sound.cohort.recordings.groupby("person")["recording"].agg(list)
    one, other = (names[0] for names in persons[persons.map(len) == 1].iloc[:2])
    exchanged = {one: other, other: one}

    def swapped(recording: str, start: int, stop: int | None) -> np.ndarray:
        return held(exchanged.get(recording, recording), start, stop)

    def blue(recording: str, start: int, stop: int | None) -> np.ndarray:
        return np.ascontiguousarray(held(recording, start, stop)[..., ::-1])

    def shifted(recording: str, start: int, stop: int | None) -> np.ndarray:
        return np.roll(held(recording, start, stop), SHIFT, axis=1)

    damaged: dict[str, Frames] = {
        "clips of two persons with one clip each, exchanged in the corpus": swapped,
        "red and blue exchanged before the frames were saved": blue,
        f"every face aligned {SHIFT} pixels too low": shifted,
    }
    rows = []
    for i, (name, frames) in enumerate(damaged.items()):
        copy = Extracted(
            FeatureStore(scratch / f"unfound-{i}", header=sound.store.header),
            sound.cohort,
            sound.encoder,
        )
        report = examine(refilm(copy, frames))
        rows.append({"damage": name, "findings": len(report.findings)})
    return pd.DataFrame(rows)
