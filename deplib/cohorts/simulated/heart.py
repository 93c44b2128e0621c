"""A simulated heart, and the trace of it that a camera would see on a moving face.

The heart follows the latents of behaviour only, by loadings that are assumptions without any
source: severity reaches it through behaviour and in no other way. The camera's trace adds white
noise and the artefact of a turning head. Nothing found with it is evidence about patients.
"""

import numpy as np
from scipy.signal import lfilter

from deplib.cohorts.simulated.behaviour import LATENT_NAMES, RESIDUAL_PERSON_SHARE
from deplib.cohorts.simulated.motion import FPS

RATE_LOADINGS = {"brow_lower": 0.35, "speech": 0.25}
"""Of the recording's mean heart rate on latents: tension and speech raise it. Assumed."""
VARIABILITY_LOADINGS = {"expressivity": 0.40, "brow_lower": -0.25}
"""Of the logarithm of the heart rate's SD on latents: tension lowers it. Assumed."""

REST, REST_SPREAD, SLOWEST, FASTEST = 75.0, 10.0, 48.0, 130.0
"""bpm: mean heart rate over recordings, its SD, and the bounds of a recording's mean."""
VARIABILITY, VARIABILITY_SPREAD = 3.0, 0.35
"""Median SD of the heart rate within a recording in bpm, and the SD of its logarithm."""
DRIFT_SECONDS, BREATHS = 20.0, 15.0
"""Time constant of the slow half of the variability; breaths a minute, which make the other."""
OVERTONE = 0.3
"""Amplitude of the second harmonic of a pulse wave whose first has amplitude 1."""
CAMERA_NOISE = 2.5
"""SD of a frame's white noise, in amplitudes of the pulse: weak, as in compressed video."""
MOTION_ARTEFACT = 0.05
"""Amplitudes of the pulse for each degree a second of the head's yaw and pitch together."""


def heart_tendencies(
    latents: np.ndarray, *, rng: np.random.Generator, person_rng: np.random.Generator
) -> tuple[float, float]:
    """Return a recording's mean heart rate and its SD over time, both in bpm.

    Parameters
    ----------
    latents
        The recording's row of ``LATENTS``, shape ``(len(LATENTS),)``.
    rng
        What is the session's own.
    person_rng
        What recurs with the person, in a fresh state; ``RESIDUAL_PERSON_SHARE`` of the rest's
        variance, as in behaviour.
    """
    own, session = person_rng.standard_normal(2), rng.standard_normal(2)
    residual = RESIDUAL_PERSON_SHARE**0.5 * own + (1 - RESIDUAL_PERSON_SHARE) ** 0.5 * session
    z = []
    for loadings, rest in zip((RATE_LOADINGS, VARIABILITY_LOADINGS), residual, strict=True):
        explained = sum(x * latents[LATENT_NAMES.index(name)] for name, x in loadings.items())
        z.append(explained + (1 - sum(x**2 for x in loadings.values())) ** 0.5 * rest)
    rate = float(np.clip(REST + REST_SPREAD * z[0], SLOWEST, FASTEST))
    return rate, float(VARIABILITY * np.exp(VARIABILITY_SPREAD * z[1]))


def heart_rate(n: int, rate: float, spread: float, *, rng: np.random.Generator) -> np.ndarray:
    """Return the heart rate at ``n`` moments, 30 a second, in bpm.

    Half of the variance is an Ornstein-Uhlenbeck drift and half the sine of breathing.
    """
    a = np.exp(-1 / (FPS * DRIFT_SECONDS))
    noise = rng.standard_normal(n) * np.sqrt(1 - a**2)
    noise[:1] = rng.standard_normal()
    drift = lfilter([1.0], [1.0, -a], noise)
    breath = np.sin(2 * np.pi * (BREATHS / 60 * np.arange(n) / FPS + rng.random()))
    return rate + spread * (np.sqrt(0.5) * drift + breath)


def camera_trace(
    beats: np.ndarray, head: np.ndarray, *, fps: float = FPS, rng: np.random.Generator
) -> np.ndarray:
    """Return the trace of blood volume on a face that moves, 30 samples a second.

    Parameters
    ----------
    beats
        Heart rate in bpm, 30 samples a second, shape ``(n,)``.
    head
        Yaw and pitch in degrees, shape ``(n_frames, 2)``.
    fps
        Frames a second of ``head``; fewer than 30 are interpolated, and know less of fast motion.
    rng
        Source of the noise and of the pulse's phase.

    Returns
    -------
    ndarray of float, shape (n,)
        In amplitudes of the pulse's first harmonic.
    """
    phase = 2 * np.pi * (np.cumsum(beats) / (60 * FPS) + rng.random())
    wave = np.cos(phase) + OVERTONE * np.cos(2 * phase)
    turned = np.interp(np.arange(len(beats)) * fps / FPS, np.arange(len(head)), head.sum(axis=1))
    velocity = np.gradient(turned) * FPS if len(turned) > 1 else np.zeros(len(turned))
    return wave + MOTION_ARTEFACT * velocity + CAMERA_NOISE * rng.standard_normal(len(beats))
