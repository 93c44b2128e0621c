"""The renderings that the surrogate is fitted to: a population of its own, sparsely filmed.

It has other persons, faces and scenes than the cohort of the report, so that a comparison of the
surrogate with that cohort is a test and no repetition.
"""

from functools import cache

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


def calibrate(*, jobs: int = 2, n_recordings: int = N_RECORDINGS) -> Surrogate:
    """Render and embed the population and fit the surrogate; some minutes of two cores.

    It is of the null world, in which latents and severity are independent; the fit sees latents
    only, and no label.
    """
    work = (delayed(embedded_windows)(row, n_recordings) for row in range(n_recordings))
    done = zip(*Parallel(n_jobs=jobs, batch_size=25)(work), strict=True)
    features, recording, n_frames = map(np.concatenate, done)
    cohort = population(n_recordings)
    latents = cohort.truth[list(LATENT_NAMES)].to_numpy()
    person = cohort.recordings["person"].to_numpy(str)
    return fit((features, recording, n_frames * FRAME_STEP), person, latents)


@cache
def population(n_recordings: int) -> SimulatedCohort:
    """Return the cohort that the surrogate is fitted to."""
    longest = -(-Protocol().sequence_length // FRAME_STEP)
    return SimulatedCohort(
        "null", SEED, n_recordings=n_recordings, max_frames=longest, frame_step=FRAME_STEP
    )


def embedded_windows(row: int, n_recordings: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render and embed a recording: mean embedding, recording and frames of each window."""
    cohort = population(n_recordings)
    embedded = _encoder().embed(cohort.frames(cohort.recordings["recording"].iloc[row]))
    window = np.flatnonzero(embedded.valid) * FRAME_STEP // Protocol().window_length
    _, code, counts = np.unique(window, return_inverse=True, return_counts=True)
    means = weighted_means(embedded.features[embedded.valid].astype(float), code)
    return means, np.full(len(counts), row), counts


_encoder = cache(embedded_encoder)
