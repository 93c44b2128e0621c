"""The stream of the pulse: 23 numbers a second, estimated from a camera's trace of the blood.

The study's paper has a stream of remote photoplethysmography (rPPG), which the study removed;
what its columns were is not known. The 23 here are our choice: the logarithm of the share of 21
bands in the spectrum between 42 and 180 bpm, the heart rate at the spectrum's peak, and a quality.
The estimate is honest: it is computed from a simulated trace (``heart``), noise and all.
"""

from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from deplib.cohorts.simulated import FPS, INDEX, LATENT_NAMES, SimulatedCohort
from deplib.provenance import NO_NUMBERS, digest, source_digest
from deplib.streams.align import to_frames
from deplib.streams.heart import camera_trace, heart_rate, heart_tendencies

LOWEST, HIGHEST, BANDS = 42.0, 180.0, 21
"""bpm at the ends of the spectrum, and bands of equal width between them."""
EDGES = np.linspace(LOWEST, HIGHEST, BANDS + 1)
COLUMNS = (*(f"band_{band:02d}" for band in range(1, BANDS + 1)), "heart_rate", "quality")
"""log10 of a band's share of the power (at least -4), bpm, and dB."""
RATE = 1.0
"""Estimates a second."""
WINDOW, SHORTEST = 10.0, 5.0
"""Seconds of trace before an estimate, and how many the first one needs."""
LEAST_SHARE = 1e-4
NEAR = 6.0
"""bpm about the peak that count as pulse, and twice as many about its overtone."""
_TRANSFORM = 2048  # samples after zero padding: a bin is 0.88 bpm at 30 a second


def estimates(trace: np.ndarray, *, fps: float = FPS) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the 23 columns once a second, each from the ten seconds before.

    The spectrum is the periodogram of the detrended trace under a Hann window. Quality is the
    power near the peak and its overtone against the rest of the spectrum, after the SNR of
    de Haan and Jeanne (2013), but with the peak as the pulse, since no reference is at hand.

    Parameters
    ----------
    trace
        Shape ``(n,)``.
    fps
        Samples of it a second.

    Returns
    -------
    values : ndarray of float32, shape (ceil(n / fps), 23)
        Row ``k`` belongs to the second that begins at ``k``. On another processor equal within
        1e-4, but where two peaks are as high.
    valid : ndarray of bool, shape (ceil(n / fps),)
        False for the first ``SHORTEST`` seconds, where there is no estimate yet.
    """
    n_rows = -(-len(trace) // round(fps))
    values, valid = np.zeros((n_rows, len(COLUMNS)), np.float32), np.zeros(n_rows, bool)
    seconds = np.arange(n_rows)
    valid[seconds >= SHORTEST] = True
    for second in seconds[valid & (seconds < WINDOW)]:  # from what there is so far
        values[second] = _described(trace[None, : round(second * fps)], fps)[0]
    whole = seconds[seconds >= WINDOW]
    if len(whole):
        length = round(WINDOW * fps)
        start = np.round(whole * fps).astype(int) - length
        values[whole] = _described(sliding_window_view(trace, length)[start], fps)
    return values, valid


def _described(parts: np.ndarray, fps: float) -> np.ndarray:
    """Return the 23 columns of each part of a trace: (m, length) -> (m, 23)."""
    bpm = 60 * np.fft.rfftfreq(_TRANSFORM, 1 / fps)
    inside = (bpm >= LOWEST) & (bpm < HIGHEST)
    bpm = bpm[inside]
    spectrum = np.fft.rfft(_detrended(parts) * np.hanning(parts.shape[1]), _TRANSFORM)[:, inside]
    power = np.abs(spectrum) ** 2 + 1e-12  # a flat trace has a flat spectrum, not 0 / 0
    starts = np.searchsorted(bpm, EDGES[:-1])
    share = np.add.reduceat(power, starts, axis=1) / power.sum(axis=1, keepdims=True)
    peak = bpm[power.argmax(axis=1)][:, None]
    pulse = (np.abs(bpm - peak) <= NEAR) | (np.abs(bpm - 2 * peak) <= 2 * NEAR)
    signal, rest = (power * pulse).sum(axis=1), (power * ~pulse).sum(axis=1)
    quality = 10 * np.log10(signal / rest)[:, None]
    return np.hstack([np.log10(np.maximum(share, LEAST_SHARE)), peak, quality])


def _detrended(parts: np.ndarray) -> np.ndarray:
    """Return each row without its straight line of least squares."""
    time = np.arange(parts.shape[1]) - (parts.shape[1] - 1) / 2
    level = parts - parts.mean(axis=1, keepdims=True)
    return level - (level * time).sum(axis=1, keepdims=True) / (time**2).sum() * time


class SimulatedPulse:
    """Reads the pulse of a simulated cohort's recordings, held for each frame: a ``Read``.

    Each recording and each person has a random stream of its own, keyed by the cohort's seed: the
    same in every world. Of ``cohort.truth`` only the latents of behaviour are used.
    """

    def __init__(self, cohort: SimulatedCohort) -> None:
        self.cohort = cohort
        self._latents = cohort.truth.set_index("recording")[list(LATENT_NAMES)]
        self._person = cohort.recordings.set_index("recording")["person"]

    def __call__(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return values, float32 ``(n_frames, 23)``, and valid, bool ``(n_frames,)``.

        A recording shorter than ``SHORTEST`` seconds has no valid frame.

        Raises
        ------
        CohortError
            If the recording is unknown.
        """
        trace, _ = self.trace(recording)
        n_frames = -(-len(trace) // self.cohort.frame_step)
        values, valid = estimates(trace)
        what = f"the simulated pulse of {recording}"
        fps = FPS / self.cohort.frame_step
        return to_frames(values, valid, rate=RATE, fps=fps, n_frames=n_frames, what=what)

    def trace(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return what the camera sees and the true heart rate in bpm, 30 samples a second.

        Raises
        ------
        CohortError
            If the recording is unknown.
        """
        seed, step = self.cohort.seed, self.cohort.frame_step
        head = self.cohort.trajectories(recording)[:, [INDEX["yaw"], INDEX["pitch"]]]
        rng = np.random.default_rng([seed, *b"pulse", *recording.encode()])
        person = str(self._person[recording])
        person_rng = np.random.default_rng([seed, *b"heart of", *person.encode()])
        latents = self._latents.loc[recording].to_numpy()
        rate, spread = heart_tendencies(latents, rng=rng, person_rng=person_rng)
        beats = heart_rate(len(head) * step, rate, spread, rng=rng)
        return camera_trace(beats, head, fps=FPS / step, rng=rng), beats

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that determines the stream."""
        source = source_digest(__name__, without=NO_NUMBERS)
        return digest(["pulse", self.cohort.fingerprint, source])
