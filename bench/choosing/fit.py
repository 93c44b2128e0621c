"""Fit the surrogate of rendering and embedding, `surrogate.Surrogate`, to renderings.

    python bench/choosing/fit.py [FILE]

writes ``results/selection/surrogate.safetensors``, or another file; some minutes of two cores. The
renderings are of a population of its own, sparsely filmed: other persons, faces and scenes than the
cohort of the report, so that a comparison of the surrogate with that cohort is a test and no
repetition.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from surrogate import Array, Part, Surrogate, weighted_means

from deplib import results
from deplib.cohorts.simulated import LATENT_NAMES, SimulatedCohort
from deplib.errors import ResultError
from deplib.extraction import embedded_encoder
from deplib.protocol import Protocol

SEED = 7001
N_RECORDINGS = 1200
FRAME_STEP = 24
"""0.8 s between frames; the windows are those of the protocol in time, with fewer frames each."""
RANKS = {"person": 80, "session": 56, "window": 40}
"""Directions kept of each part's covariance; what is left becomes noise of equal size in all."""


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


def fit(
    windows: tuple[Array, Array, Array],
    person: Array,
    latents: Array,
    *,
    ranks: dict[str, int] | None = None,
) -> Surrogate:
    """Fit the model by moments.

    Loadings of the latents are a random-effects regression: a person's recordings are demeaned by
    the share that the person's own variance asks for, so that faces do not drown the latents. The
    session's covariance comes from differences within persons, the person's from person means less
    the sessions' part, the window's from differences within recordings.

    Parameters
    ----------
    windows
        Mean embedding, recording's row and number of frames of each window; (n_windows, ...).
    person, latents
        Of each recording, (n,) and (n, n_latents).
    ranks
        Directions to keep of each part; ``RANKS`` by default.

    Raises
    ------
    ResultError
        If no person has two recordings, or no recording two windows.
    """
    (features, recording, n_in_window), ranks = windows, ranks or RANKS
    names, code = np.unique(person, return_inverse=True)
    sessions = np.bincount(code)
    n, df = len(code), len(code) - len(names)
    if not df or len(recording) == n:
        raise ResultError("too few: calibrate on persons with two recordings of two windows each")
    x = weighted_means(features, recording, n_in_window)
    design = np.hstack([np.ones((n, 1)), latents])

    coefficients = np.linalg.lstsq(design, x, rcond=None)[0]
    for _ in range(2):  # variances and loadings depend on each other, weakly
        between, within = _variances(x - design @ coefficients, code, sessions)
        share = np.trace(within) / (np.trace(within) + sessions * np.trace(between))
        demean = (1 - np.sqrt(share))[code, None]
        less, target = (a - demean * weighted_means(a, code)[code] for a in (design, x))
        coefficients = np.linalg.lstsq(less, target, rcond=None)[0]
    between, within = _variances(x - design @ coefficients, code, sessions)
    apart = (features - x[recording]) * np.sqrt(n_in_window)[:, None]
    window = apart.T @ apart / (len(recording) - n)
    found = {"person": between, "session": within, "window": window}
    parts = {name: _part(covariance, ranks[name]) for name, covariance in found.items()}
    return Surrogate(coefficients[0], coefficients[1:], **parts)


def _variances(rest: Array, code: Array, sessions: Array) -> tuple[Array, Array]:
    """Return the covariances between persons and within them, (D, D) each."""
    means = weighted_means(rest, code)
    apart = rest - means[code]
    within = apart.T @ apart / (len(rest) - len(sessions))
    return np.cov(means.T) - within * (1 / sessions).mean(), within


def _part(covariance: Array, rank: int) -> Part:
    """Return the leading directions and, of what is left, an equal variance in every dimension."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.clip(values[::-1], 0.0, None)
    rest = values[rank:].mean() if len(values) > rank else 0.0
    kept = np.sqrt(np.clip(values[:rank] - rest, 0.0, None))
    return Part(kept[:, None] * vectors[:, ::-1][:, :rank].T, float(np.sqrt(rest)))


if __name__ == "__main__":
    versioned = results.folder() / "selection" / "surrogate.safetensors"
    calibrate().save(Path(sys.argv[1]) if len(sys.argv) > 1 else versioned)
