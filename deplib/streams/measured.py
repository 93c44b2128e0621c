"""Facial action and pulse of a simulated cohort, measured with noise from the true motion.

Every size of noise is an assumption of the order that users of OpenFace or of remote
photoplethysmography report, without a source for this corpus. The measurement of action knows
nothing but the trajectory; the pulse is computed honestly from a simulated trace of the blood
(`deplib.cohorts.simulated.heart`), noise and all. No label or severity enters.
"""

import hashlib
from functools import cached_property

import numpy as np
from scipy.signal import detrend

from deplib.cohorts.simulated import CHANNELS, FPS, INDEX, LATENT_NAMES, SimulatedCohort, heart
from deplib.errors import CohortError
from deplib.streams import ACTION, PULSE, UNITS
from deplib.streams.join import to_frames
from deplib.windows import lose_bursts

CHANNEL_OF = {
    "AU01_r": "brow_raise", "AU02_r": "brow_raise", "AU04_r": "brow_lower",
    "AU06_r": "cheek_raise", "AU07_r": "lid_tighten", "AU12_r": "smile", "AU14_r": "dimpler",
    "AU15_r": "lip_corner_down", "AU25_r": "jaw_open", "AU26_r": "jaw_open", "AU45_r": "blink",
}  # fmt: skip
"""The channel of each unit that the renderer moves, where lips part as the jaw opens; the other six
units are noise alone."""
MAX_INTENSITY = 5.0

UNIT_NOISE, UNIT_OFFSET = 0.25, 0.15
"""SD of an intensity's error, from frame to frame and from recording to recording."""
PLACE_NOISE, PLACE_SPREAD, DISTANCE, DISTANCE_SPREAD = 2.0, 30.0, 600.0, 60.0
"""mm: SD from frame to frame, SD of where a person sits, distance from the camera and its SD."""
ANGLE_NOISE, ANGLE_OFFSET = 1.0, 2.0
"""Degrees: SD of head rotation's error, from frame to frame and from recording to recording."""
GAZE_NOISE, GAZE_OFFSET, EYE_REACH = 3.0, 3.0, 30.0
"""Degrees: the same of each eye's direction, and the eye's rotation at a full gaze channel."""
NECK_HEIGHT, NECK_DEPTH = 120.0, 80.0
"""mm from the axes about which a head turns up to its centre, and forward to it."""
FAILED, MEAN_BURST = 0.0132, 30.0
"""Share of frames in which tracking fails, as OpenFace did on AVEC2014 (6,501 frames, 1.32 %;
zhen-gitch/STC), and frames that a failure lasts on average: one second, an assumption."""

EDGES = np.linspace(42.0, 180.0, 22)
"""bpm at the edges of the 21 bands of the pulse's spectrum."""
RATE = 1.0
"""Estimates of the pulse a second."""
WINDOW, SHORTEST = 10.0, 5.0
"""Seconds of trace before an estimate, and how many the first one needs."""
NEAR = 6.0
"""bpm about the peak that count as pulse, and twice as many about its overtone."""
_TRANSFORM = 2048  # samples after zero padding: a bin is 0.88 bpm at 30 a second


class _Simulated:
    """A stream of a simulated cohort: a ``Read``."""

    def __init__(self, cohort: SimulatedCohort) -> None:
        self.cohort = cohort

    def __call__(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the cohort's settings, and of means and SDs of three recordings.

        These are rounded to two decimals, so that another processor's rounding changes nothing.
        """
        cohort, names = self.cohort, self.cohort.recordings["recording"]
        settings = [cohort.name, cohort.seed, len(names), cohort.max_frames, cohort.frame_step]
        digest = hashlib.sha256(repr([type(self).__name__, *settings]).encode())
        for recording in (names.iloc[0], names.iloc[len(names) // 2], names.iloc[-1]):
            values, _ = self(recording)
            digest.update((np.stack([values.mean(0), values.std(0)]).round(2) + 0.0).tobytes())
        return digest.hexdigest()


class SimulatedAction(_Simulated):
    """Reads the facial action of a simulated cohort's recordings.

    Each recording has a random stream of its own, keyed by the cohort's seed and the recording's
    name: the same in every world, so that worlds differ in behaviour only.
    """

    def __call__(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return values, float32 ``(n_frames, 29)``, and valid, bool ``(n_frames,)``.

        Raises
        ------
        CohortError
            If the recording is unknown.
        """
        trajectory = self.cohort.trajectories(recording)
        rng = np.random.default_rng([self.cohort.seed, *b"action", *recording.encode()])
        return measured_action(trajectory, rng=rng, frame_step=self.cohort.frame_step)


def true_action(trajectory: np.ndarray) -> np.ndarray:
    """Return the 29 columns, float64 ``(n_frames, 29)``, without error, at the middle."""
    units, place, angles, gaze = _state(trajectory)
    return np.hstack([units, place, np.radians(angles), _directions(gaze), _directions(gaze)])


def true_actions(cohort: SimulatedCohort, *, average: int = 1) -> np.ndarray:
    """Return the 29 columns of all recordings without error and without rendering a frame.

    A thousand recordings of 512 frames take about a second.

    Parameters
    ----------
    cohort
        Its recordings must be equally long: give it ``n_frames``.
    average
        Frames that are averaged to one row.

    Returns
    -------
    ndarray of float32, shape (n_recordings, n_frames // average, 29)

    Raises
    ------
    CohortError
        If recordings differ in length, or are shorter than one row.
    """
    lengths = cohort.recordings["n_frames"]
    if lengths.nunique() > 1 or lengths[0] < average:
        raise CohortError(
            f"{cohort.name} has recordings of {lengths.min()} to {lengths.max()} frames, which do "
            f"not stack in rows of {average}: make the cohort with n_frames=512"
        )
    used = lengths[0] // average * average
    rows = []
    for name in cohort.recordings["recording"]:
        action = true_action(cohort.trajectories(name)[:used])
        rows.append(action.reshape(-1, average, len(ACTION)).mean(axis=1, dtype=np.float32))
    return np.stack(rows)


def measured_action(
    trajectory: np.ndarray, *, rng: np.random.Generator, frame_step: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the 29 columns of one recording, with the noise stated in this module.

    Parameters
    ----------
    trajectory
        Shape ``(n_frames, len(CHANNELS))``.
    rng
        Source of all noise.
    frame_step
        Frames of the film between two rows: a failure lasts as long in seconds.

    Returns
    -------
    values : ndarray of float32, shape (n_frames, 29)
        0 where tracking failed.
    valid : ndarray of bool, shape (n_frames,)
    """
    units, place, angles, gaze = _state(trajectory)
    units = units + UNIT_OFFSET * rng.standard_normal(len(UNITS))
    units += UNIT_NOISE * rng.standard_normal(units.shape)
    seat = np.array([PLACE_SPREAD, PLACE_SPREAD, DISTANCE_SPREAD]) * rng.standard_normal(3)
    place = place + seat + PLACE_NOISE * rng.standard_normal(place.shape)
    angles = angles + ANGLE_OFFSET * rng.standard_normal(3)
    angles += ANGLE_NOISE * rng.standard_normal(angles.shape)
    eyes = []
    for _ in range(2):
        offset = GAZE_OFFSET * rng.standard_normal(2)
        eyes.append(_directions(gaze + offset + GAZE_NOISE * rng.standard_normal(gaze.shape)))
    parts = [np.clip(units, 0.0, MAX_INTENSITY), place, np.radians(angles), *eyes]
    values, burst = np.hstack(parts).astype(np.float32), max(1.0, MEAN_BURST / frame_step)
    valid = lose_bursts(len(values), FAILED, rng=rng, mean_burst=burst)
    values[~valid] = 0.0
    return values, valid


def _state(trajectory: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return intensities, mm, degrees of the head (pitch, yaw, roll) and of the gaze (x, y)."""
    channel = dict(zip(CHANNELS, trajectory.T.astype(float), strict=True))
    still = np.zeros(len(trajectory))
    moved = [channel.get(CHANNEL_OF.get(unit, ""), still) for unit in UNITS]
    units = MAX_INTENSITY * np.column_stack(moved)
    angles = np.column_stack([channel["pitch"], channel["yaw"], channel["roll"]])
    pitch, yaw, roll = np.radians(angles).T
    right = NECK_DEPTH * np.sin(yaw) + NECK_HEIGHT * np.sin(roll)
    down = NECK_DEPTH * np.sin(pitch) + NECK_HEIGHT * (1 - np.cos(roll))
    away = DISTANCE + NECK_DEPTH * (2 - np.cos(yaw) - np.cos(pitch))
    eye = EYE_REACH * np.column_stack([channel["gaze_x"], channel["gaze_y"]])
    return units, np.column_stack([right, down, away]), angles, eye + angles[:, [1, 0]]


def _directions(degrees: np.ndarray) -> np.ndarray:
    """Return unit vectors, (n, 3), that look so far to the right and down: (n, 2) degrees."""
    right, down = np.radians(degrees).T
    across = np.cos(down)
    return np.column_stack([across * np.sin(right), np.sin(down), -across * np.cos(right)])


class SimulatedPulse(_Simulated):
    """Reads the pulse of a simulated cohort's recordings, held for each frame.

    Each recording and each person has a random stream of its own, keyed by the cohort's seed: the
    same in every world. Of ``cohort.truth`` only the latents of behaviour are used.
    """

    def __call__(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        """Return values, float32 ``(n_frames, 23)``, and valid, bool ``(n_frames,)``.

        A recording shorter than ``SHORTEST`` seconds has no valid frame.

        Raises
        ------
        CohortError
            If the recording is unknown.
        """
        trace, _ = self.trace(recording)
        step = self.cohort.frame_step
        n_frames = -(-len(trace) // step)
        return to_frames(*estimates(trace), np.arange(n_frames) * (RATE * step / FPS))

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
        row = self.cohort.row_of(recording)
        person = str(self.cohort.recordings["person"].iloc[row])
        person_rng = np.random.default_rng([seed, *b"heart of", *person.encode()])
        latents = self.cohort.truth[list(LATENT_NAMES)].iloc[row].to_numpy()
        rate, spread = heart.heart_tendencies(latents, rng=rng, person_rng=person_rng)
        beats = heart.heart_rate(len(head) * step, rate, spread, rng=rng)
        return heart.camera_trace(beats, head, fps=FPS / step, rng=rng), beats


def estimates(trace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the 23 columns of ``PULSE`` once a second, each from the ten seconds before.

    The spectrum is the periodogram of the detrended trace under a Hann window. Quality is the
    power near the peak and its overtone against the rest of the spectrum, after the SNR of
    de Haan and Jeanne (2013), but with the peak as the pulse, since no reference is at hand.

    Parameters
    ----------
    trace
        30 samples a second, shape ``(n,)``.

    Returns
    -------
    values : ndarray of float32, shape (ceil(n / 30), 23)
        Row ``k`` belongs to the second that begins at ``k``. On another processor equal within
        1e-4, but where two peaks are as high.
    valid : ndarray of bool, shape (ceil(n / 30),)
        False for the first ``SHORTEST`` seconds, where there is no estimate yet.
    """
    values = np.zeros((-(-len(trace) // FPS), len(PULSE)), np.float32)
    valid = np.arange(len(values)) >= SHORTEST
    for second in np.flatnonzero(valid):  # of the first ten, from what there is so far
        end = second * FPS
        values[second] = _described(trace[max(0, end - round(WINDOW * FPS)) : end])
    return values, valid


def _described(part: np.ndarray) -> np.ndarray:
    """Return the 23 columns of a part of a trace."""
    bpm = 60 * np.fft.rfftfreq(_TRANSFORM, 1 / FPS)
    inside = (bpm >= EDGES[0]) & (bpm < EDGES[-1])
    bpm = bpm[inside]
    spectrum = np.fft.rfft(detrend(part) * np.hanning(len(part)), _TRANSFORM)[inside]
    power = np.abs(spectrum) ** 2 + 1e-12  # a flat trace has a flat spectrum, not 0 / 0
    share = np.add.reduceat(power, np.searchsorted(bpm, EDGES[:-1])) / power.sum()
    peak = bpm[power.argmax()]
    pulse = (np.abs(bpm - peak) <= NEAR) | (np.abs(bpm - 2 * peak) <= 2 * NEAR)
    quality = 10 * np.log10((power * pulse).sum() / (power * ~pulse).sum())
    return np.array([*np.log10(np.maximum(share, 1e-4)), peak, quality])
