"""The renderings that the surrogate is fitted to: a population of its own, sparsely filmed.

It has other persons, faces and scenes than the cohort of the report, so that a comparison of the
surrogate with that cohort is a test and no repetition.
"""

import numpy as np
from joblib import Parallel, delayed

from deplib.cohorts.simulated import LATENT_NAMES, SimulatedCohort
from deplib.extraction import embedded_encoder
from deplib.protocol import Protocol
from deplib.selection.surrogate import Surrogate, fit, weighted_means

SEED = 7001
N_RECORDINGS = 1200
FRAME_STEP = 24
"""0.8 s between frames; the windows are those of the protocol in time, with fewer frames each."""
N_PARTS = 48


def calibrate(*, jobs: int = 2, n_recordings: int = N_RECORDINGS) -> Surrogate:
    """Render and embed the population and fit the surrogate; some minutes of two cores.

    It is of the null world, in which latents and severity are independent; the fit sees latents
    only, and no label.
    """
    parts = Parallel(n_jobs=jobs)(
        delayed(embedded_windows)(range(k, n_recordings, N_PARTS), n_recordings)
        for k in range(min(N_PARTS, n_recordings))
    )
    features, recording, n_frames = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(recording, kind="stable")
    cohort = population(n_recordings)
    latents = cohort.truth[list(LATENT_NAMES)].to_numpy()
    person = cohort.recordings["person"].to_numpy(str)
    return fit(features[order], recording[order], n_frames[order] * FRAME_STEP, person, latents)


def population(n_recordings: int) -> SimulatedCohort:
    """Return the cohort that the surrogate is fitted to."""
    longest = -(-Protocol().sequence_length // FRAME_STEP)
    return SimulatedCohort(
        "null", SEED, n_recordings=n_recordings, max_frames=longest, frame_step=FRAME_STEP
    )


def embedded_windows(rows: range, n_recordings: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render and embed some recordings: mean embedding, recording and frames of each window."""
    cohort, encoder = population(n_recordings), embedded_encoder()
    features, recording, n_frames = [], [], []
    for row in rows:
        embedded = encoder.embed(cohort.frames(cohort.recordings["recording"].iloc[row]))
        shown = embedded.features[embedded.valid].astype(float)
        window = np.flatnonzero(embedded.valid) * FRAME_STEP // Protocol().window_length
        _, code = np.unique(window, return_inverse=True)
        features.append(weighted_means(shown, code))
        n_frames.append(np.bincount(code))
        recording.append(np.full(len(n_frames[-1]), row))
    return np.concatenate(features), np.concatenate(recording), np.concatenate(n_frames)
