"""From the latents of a recording to per-frame expression, gaze, head, light and alignment.

Expressions are trains of raised-cosine pulses, tone and head pose are smoothed Ornstein-Uhlenbeck
processes, gaze moves in saccades, speech opens the jaw. Light, camera and alignment are drawn
apart, from nothing but their own stream: they know neither severity nor behaviour.
"""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from scipy import stats
from scipy.signal import lfilter

from deplib.cohorts.simulated.behaviour import LATENT_NAMES

FPS = 30
"""Frames a second, as in AVEC2014."""

CHANNELS = (
    "smile", "cheek_raise", "brow_lower", "brow_raise", "lid_tighten", "dimpler",
    "lip_corner_down", "jaw_open", "lip_pucker", "blink",
    "gaze_x", "gaze_y", "yaw", "pitch", "roll", "light_gain", "light_azimuth",
    "align_x", "align_y", "align_rotation", "align_scale",
)  # fmt: skip
"""What moves a rendered face.

- 0 to 1: ``smile`` (AU12), ``cheek_raise`` (AU6), ``brow_lower`` (AU4), ``brow_raise`` (AU1 + AU2),
  ``lid_tighten`` (AU7), ``dimpler`` (AU14), ``lip_corner_down`` (AU15), ``jaw_open`` (AU26),
  ``lip_pucker`` (AU18), ``blink`` (AU45, 0 open to 1 closed);
- -1 to 1: ``gaze_x``, positive to the image's right, ``gaze_y``, positive down, and
  ``light_azimuth``, the side that the key light comes from;
- degrees: ``yaw``, positive to the image's right, ``pitch``, positive down, and ``roll``, positive
  clockwise in the image, which alignment removes from the crop;
- natural logarithm of the exposure: ``light_gain``;
- the landmark detector's jitter: ``align_x`` and ``align_y`` in pixels of the 112-pixel crop,
  ``align_rotation`` in degrees, ``align_scale`` as natural logarithm.
"""
INDEX = {name: column for column, name in enumerate(CHANNELS)}
"""A trajectory is a float32 array ``(n_frames, len(CHANNELS))``: what behaviour writes and the
renderer reads. All zero is a neutral, frontal, evenly lit, perfectly aligned face with open eyes
and a closed mouth."""

TEMPO = {
    "brow_lower": 3.0, "dimpler": 4.0, "corner": 4.0, "tone": 5.0,
    "yaw": 1.6, "pitch": 1.2, "roll": 2.0,
}  # fmt: skip
"""Seconds: time constants of tone and head pose, the processes whose order a world may change."""

_UNIT = slice(INDEX["smile"], INDEX["blink"] + 1)  # activations, 0 to 1


def trajectory(
    latents: np.ndarray,
    n_frames: int,
    *,
    rng: Generator,
    nuisance_rng: Generator,
    moved: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Write the renderer's parameters of one clip at 30 frames a second.

    Parameters
    ----------
    latents
        The recording's row of ``LATENTS``, shape ``(len(LATENTS),)``.
    n_frames
        Length of the clip.
    rng
        Randomness of behaviour.
    nuisance_rng
        Randomness of light, camera and alignment.
    moved
        What tone and head pose follow in place of their Ornstein-Uhlenbeck processes: a name of
        ``TEMPO`` each, shape ``(n_frames,)``, unit variance. No latent then changes their speed.

    Returns
    -------
    ndarray of float32, shape (n_frames, len(CHANNELS))
    """
    columns = _expression(latents, n_frames, rng, moved) | _nuisance(n_frames, nuisance_rng)
    for name, most in (("yaw", 24.0), ("pitch", 18.0), ("roll", 15.0)):
        seen = columns[name] + columns.get(f"camera_{name}", 0.0)
        columns[name] = most * np.tanh(seen / most)  # saturates as a head before a camera does
    out = np.column_stack([columns[name] for name in CHANNELS]).astype(np.float32)
    out[:, _UNIT] = np.clip(out[:, _UNIT], 0.0, 1.0)
    signed = [INDEX["gaze_x"], INDEX["gaze_y"], INDEX["light_azimuth"]]
    out[:, signed] = np.clip(out[:, signed], -1.0, 1.0)
    return out


def _expression(
    latents: np.ndarray, n: int, rng: Generator, moved: Mapping[str, np.ndarray] | None
) -> dict[str, np.ndarray]:
    """Return all that behaviour moves. Latents act on rates and sizes as log-normal factors."""

    def process(name: str, speed: float = 1.0) -> np.ndarray:
        # Drawn in any case: what else is drawn from the stream stays the same in all worlds.
        drawn = _process(n, TEMPO[name] * speed, rng)
        return drawn if moved is None else moved[name]

    z = dict(zip(LATENT_NAMES, latents, strict=True))
    liveliness = np.exp(0.35 * z["expressivity"])  # one factor on the size of every change

    strength = 0.40 * np.exp(0.30 * z["smile_intensity"]) * liveliness**0.5
    duration = 2.2 * np.exp(0.25 * z["smile_intensity"])
    smile = _pulses(n, 4 / 60 * np.exp(0.4 * z["smile_rate"]), strength, duration, rng)
    brow_raise = _pulses(n, 7 / 60 * liveliness, 0.35 * liveliness, 0.9, rng)
    frown = _pulses(n, 3 / 60, 0.25 * liveliness, 1.5, rng)
    press = _pulses(n, 3 / 60 * np.exp(0.3 * z["dimpler"]), 0.35, 1.2, rng)

    brow = 0.14 * np.exp(0.55 * z["brow_lower"]) + frown + 0.05 * liveliness * process("brow_lower")
    dimpler = 0.10 * np.exp(0.45 * z["dimpler"]) + press + 0.03 * liveliness * process("dimpler")
    corner = 0.10 * np.exp(0.45 * z["lip_corner_down"]) + 0.03 * liveliness * process("corner")
    tone = 0.04 * liveliness * process("tone")

    # Speech comes in turns of some seconds; syllables open the jaw about four times a second.
    share = 0.55 + 0.12 * z["speech"]
    turn = _process(n, 2.0, rng) < stats.norm.ppf(np.clip(share, 0.1, 0.9))
    voice = _smooth(turn.astype(float), np.exp(-1 / (FPS * 0.08)))
    syllables = _pulses(n, 4.0, 0.30, 0.28, rng)
    rounding = _pulses(n, 1.0, 0.35, 0.30, rng)

    speed = np.exp(-0.30 * z["head_velocity"])  # a faster head has a shorter time constant
    own = rng.standard_normal()
    reach = np.exp(0.30 * (0.83 * z["head_velocity"] + np.sqrt(1 - 0.83**2) * own))
    yaw = 5.0 * reach * process("yaw", speed)
    pitch = 2.0 + 3.0 * z["look_down"] + 3.5 * reach * process("pitch", speed)
    roll = 2.5 * reach * process("roll", speed)

    gaze_x, gaze_y = _saccades(n, rng)
    return {
        "smile": smile + np.maximum(tone, 0.0),
        "cheek_raise": 0.75 * smile * strength / 0.5,  # strong smiles reach the eyes
        "brow_lower": brow,
        "brow_raise": brow_raise + np.maximum(-tone, 0.0),
        "lid_tighten": 0.6 * brow + 0.3 * smile,
        "dimpler": dimpler,
        "lip_corner_down": corner,
        "jaw_open": voice * syllables + 0.15 * smile,
        "lip_pucker": voice * rounding,
        "blink": _pulses(n, 17 / 60 * np.exp(0.35 * z["blink"]), 1.0, 0.25, rng, spread=0.05),
        # Eyes partly hold their target while the head turns.
        "gaze_x": 0.22 * gaze_x - 0.012 * yaw,
        "gaze_y": 0.06 + 0.12 * z["look_down"] + 0.15 * gaze_y - 0.008 * (pitch - pitch.mean()),
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
    }


def _nuisance(n: int, rng: Generator) -> dict[str, np.ndarray]:
    """Return light drift, the camera's place and the landmark detector's jitter."""
    camera_yaw, camera_pitch = rng.standard_normal(2)
    return {
        "camera_yaw": np.full(n, 2.5 * camera_yaw),
        "camera_pitch": np.full(n, 2.0 * camera_pitch),
        "light_gain": 0.05 * _process(n, 20.0, rng),
        "light_azimuth": 0.08 * _process(n, 30.0, rng),
        "align_x": 0.35 * rng.standard_normal(n) + 0.5 * _process(n, 0.7, rng),
        "align_y": 0.35 * rng.standard_normal(n) + 0.5 * _process(n, 0.7, rng),
        "align_rotation": 0.3 * rng.standard_normal(n) + 0.5 * _process(n, 0.7, rng),
        "align_scale": 0.004 * rng.standard_normal(n) + 0.008 * _process(n, 1.0, rng),
    }


def _process(n: int, seconds: float, rng: Generator) -> np.ndarray:
    """Return a unit-variance Ornstein-Uhlenbeck process, low-passed so that it has a velocity.

    The low pass has a fifth of the time constant; the variance of the cascade of two first-order
    filters is known, so the result needs no empirical scaling.
    """
    a, b = np.exp(-1 / (FPS * seconds)), np.exp(-5 / (FPS * seconds))
    noise = rng.standard_normal(n) * np.sqrt(1 - a**2)
    noise[0] = rng.standard_normal()
    rough = lfilter([1.0], [1.0, -a], noise)
    variance = (1 - b) / (1 + b) * (1 + a * b) / (1 - a * b)
    return _smooth(rough, b) / np.sqrt(variance)


def _smooth(values: np.ndarray, b: float) -> np.ndarray:
    """Return a first-order low pass of pole ``b`` that has rested at the first value."""
    return lfilter([1 - b], [1.0, -b], values, zi=[b * values[0]])[0]


def _pulses(
    n: int, rate: float, amplitude: float, seconds: float, rng: Generator, *, spread: float = 0.35
) -> np.ndarray:
    """Return a Poisson train of raised-cosine pulses, the higher one where two overlap.

    Parameters
    ----------
    n
        Frames.
    rate
        Pulses a second.
    amplitude, seconds
        Median height and length of a pulse; each varies log-normally by ``spread``.
    rng
        Source of randomness.
    """
    count = rng.poisson(rate * n / FPS)
    centre = rng.uniform(0, n, count)
    height = amplitude * np.exp(spread * rng.standard_normal(count))
    half = 0.5 * FPS * seconds * np.exp(spread * rng.standard_normal(count))
    out = np.zeros(n)
    if count == 0:
        return out
    reach = np.arange(-int(half.max()) - 1, int(half.max()) + 2)
    frame = centre.astype(int)[:, None] + reach
    phase = np.minimum(np.abs(frame - centre[:, None]) / half[:, None], 1.0)
    pulse = height[:, None] * 0.5 * (1 + np.cos(np.pi * phase))
    inside = (frame >= 0) & (frame < n)
    np.maximum.at(out, frame[inside], pulse[inside])
    return out


def _saccades(n: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return horizontal and vertical gaze: fixations of about 0.6 s, jumps of about 60 ms."""
    mean = 0.6 * FPS
    count = int(n / mean * 2) + 10  # enough fixations to fill any clip
    length = np.maximum(rng.gamma(2.0, mean / 2, count), 4.0)
    starts = np.concatenate([[0.0], np.cumsum(length)])
    target = rng.standard_normal((count + 1, 2))
    which = np.minimum(np.searchsorted(starts, np.arange(n), side="right") - 1, count)
    b = np.exp(-1 / (FPS * 0.03))
    return _smooth(target[which, 0], b), _smooth(target[which, 1], b)
