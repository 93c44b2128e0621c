"""The chapter on real data: a spoilt corpus, videos, known weights, and a small extraction."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.alignment.aligner import FaceAligner, open_detector
from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.base import Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.writer import write_avec_layout
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.extraction.encoders.weights import KNOWN
from deplib.extraction.pipeline import extract
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification.report import FAULT, WARNING
from deplib.extraction.verification.verify import verify


def spoil(root: Path) -> None:
    """Remove the first label of a corpus, and cut one frame of another recording in half."""
    labels = sorted(root.rglob("*_Depression.csv"))
    labels[0].unlink()
    session = labels[-1].name.removesuffix("_Depression.csv")
    frame = sorted(root.rglob(f"{session}_*_aligned/*.png"))[5]
    frame.write_bytes(frame.read_bytes()[: frame.stat().st_size // 2])


def problems(root: Path) -> pd.DataFrame:
    """Return what a full check finds, with the names of files and not their folders."""
    found = Avec2014Cohort(root).check(full=True)
    found["problem"] = found["problem"].str.replace(rf"{re.escape(str(root))}\S*/", "", regex=True)
    return found[["recording", "problem", "remedy", "excluded"]]


def align_videos(source: SimulatedCohort, root: Path, *, frames: int = 6) -> str:
    """Write clips as videos, read them back through the Haar cascade, and return how it went."""
    write_avec_layout(source, root, max_frames=frames, videos=True)
    cohort = Avec2014Cohort(root, aligner=FaceAligner(open_detector()))
    encoder = embedded_encoder()
    found, cosines = 0, []
    for recording, n_frames in cohort.recordings[["recording", "n_frames"]].itertuples(index=False):
        block = cohort.read(recording, 0, n_frames)
        found += n_frames - len(block.faults)
        # The simulated recording has the name without the task.
        rendered = source.frames(recording.rsplit("_", 1)[0], 0, n_frames)
        pair = [encoder.embed(images).features for images in (block.frames, rendered)]
        cosines += np.sum(pair[0] * pair[1], axis=1).tolist()
    total = int(cohort.recordings["n_frames"].sum())
    return (
        f"In {len(cohort.recordings)} small videos the cascade found the face in {found} of "
        f"{total} frames. Aligned by its box, they have a median cosine of "
        f"{np.median(cosines):.2f} to the embeddings of frames aligned by five landmarks."
    )


def known_weights() -> pd.DataFrame:
    """Return the encoders and detectors that `deplib fetch` knows."""
    return pd.DataFrame(
        [
            {
                "name": known.name,
                "what": known.what,
                "MB": round(known.size / 1e6, 1),
                "licence": known.licence,
                "SHA-256 begins": known.sha256[:12],
            }
            for known in KNOWN.values()
        ]
    )


def extract_small(cohort: Cohort, folder: Path) -> str:
    """Extract a small corpus with the embedded encoder, twice, and return what happened."""
    encoder = embedded_encoder()
    first = extract(cohort, encoder, folder)
    again = extract(cohort, encoder, folder)
    verdict = verify(FeatureStore(folder), encoder=encoder, cohort=cohort)
    found = ", ".join(f"{n} {kind}" for kind, n in first.faults.items()) or "nothing"
    return (
        f"The first call embedded {len(first.extracted)} recordings ({first.n_frames} frames) and "
        f"reported {found}. The same call again embedded {len(again.extracted)} and kept "
        f"{len(again.kept)}. Faults that the verifier finds in the store: "
        f"{verdict.counts[FAULT]}; warnings: {verdict.counts[WARNING]}."
    )
