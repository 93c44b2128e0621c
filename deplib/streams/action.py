"""The stream of facial action: 29 numbers a frame, measured with noise from the true motion.

The study's paper has a facial-action stream (FAPs), which the study removed; what its columns were
is not known. The 29 here are our choice: what OpenFace 2.x estimates of a face's state, namely 17
intensities of action units, 6 numbers of head pose and 6 of gaze.

Every size of noise below is an assumption of the order that users of OpenFace report, without a
source for this corpus. Measurement knows nothing but the trajectory: no label, severity or latent
enters here.
"""

from functools import cached_property

import numpy as np

from deplib.cohorts.simulated import INDEX, SimulatedCohort
from deplib.provenance import NO_NUMBERS, digest, source_digest
from deplib.windows import lose_bursts

UNITS = tuple(
    f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
)
"""Intensities of action units, 0 to 5."""
POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
"""Head in front of the camera: mm to the image's right, down and away; radians of pitch, yaw and
roll. Simulated, pitch is positive down and yaw to the image's right."""
GAZE = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")
"""Unit vectors of both eyes' direction, in the camera's axes; z is negative towards it."""
COLUMNS = UNITS + POSE + GAZE

CHANNEL_OF = {
    "AU01_r": "brow_raise",
    "AU02_r": "brow_raise",
    "AU04_r": "brow_lower",
    "AU06_r": "cheek_raise",
    "AU07_r": "lid_tighten",
    "AU12_r": "smile",
    "AU14_r": "dimpler",
    "AU15_r": "lip_corner_down",
    "AU25_r": "jaw_open",  # lips part as the jaw opens
    "AU26_r": "jaw_open",
    "AU45_r": "blink",
}
"""The channel of each unit that the renderer moves; the other six units are noise alone."""
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


def true_action(trajectory: np.ndarray) -> np.ndarray:
    """Return the columns without any error, of a head at the middle of the image.

    Parameters
    ----------
    trajectory
        Shape ``(n_frames, len(CHANNELS))``.

    Returns
    -------
    ndarray of float64, shape (n_frames, 29)
    """
    units, place, angles, gaze = _state(trajectory)
    return np.hstack([units, place, np.radians(angles), _directions(gaze), _directions(gaze)])


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
    n = len(trajectory)
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
    valid = lose_bursts(n, FAILED, rng=rng, mean_burst=max(1.0, MEAN_BURST / frame_step))
    values = np.hstack(parts).astype(np.float32)
    values[~valid] = 0.0
    return values, valid


class SimulatedAction:
    """Reads the facial action of a simulated cohort's recordings: a ``Read``.

    Each recording has a random stream of its own, keyed by the cohort's seed and the recording's
    name: the same in every world, so that worlds differ in behaviour only.
    """

    def __init__(self, cohort: SimulatedCohort) -> None:
        self.cohort = cohort

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

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that determines the stream."""
        source = source_digest(__name__, without=NO_NUMBERS)
        return digest(["action", self.cohort.fingerprint, source])


def _state(trajectory: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return intensities, mm, degrees of the head (pitch, yaw, roll) and of the gaze (x, y)."""
    channel = {name: trajectory[:, column].astype(float) for name, column in INDEX.items()}
    units = np.zeros((len(trajectory), len(UNITS)))
    for unit, name in CHANNEL_OF.items():
        units[:, UNITS.index(unit)] = MAX_INTENSITY * channel[name]
    angles = np.column_stack([channel["pitch"], channel["yaw"], channel["roll"]])
    pitch, yaw, roll = np.radians(angles).T
    place = np.column_stack(
        [
            NECK_DEPTH * np.sin(yaw) + NECK_HEIGHT * np.sin(roll),
            NECK_DEPTH * np.sin(pitch) + NECK_HEIGHT * (1 - np.cos(roll)),
            DISTANCE + NECK_DEPTH * (2 - np.cos(yaw) - np.cos(pitch)),
        ]
    )
    eye = EYE_REACH * np.column_stack([channel["gaze_x"], channel["gaze_y"]])
    return units, place, angles, eye + angles[:, [1, 0]]


def _directions(degrees: np.ndarray) -> np.ndarray:
    """Return unit vectors, (n, 3), that look so far to the right and down: (n, 2) degrees."""
    right, down = np.radians(degrees).T
    across = np.cos(down)
    return np.column_stack([across * np.sin(right), np.sin(down), -across * np.cos(right)])
