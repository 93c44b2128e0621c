"""Draw eyes and mouth, frame by frame, in small windows of the canonical texture.

Their contours open and close, which no smooth warp can do, so each is an analytic shape: lids and
lips are curves over the width, and every pixel weighs a few materials. A block of frames is drawn
at once; planes are (n, height, width).
"""

from collections.abc import Iterable, Sequence

import numpy as np

from deplib.cohorts.simulated.anatomy import CENTRE_X, Anatomy, column
from deplib.cohorts.simulated.texture import Canvas

EYE_REACH = (11.5, 8.5, 11.5, 5.5)
MOUTH_REACH = (23.5, 11.0, 23.5, 22.5)
_SCLERA = (196.0, 189.0, 183.0)
_TEETH = (198.0, 190.0, 178.0)
_CAVITY = (52.0, 20.0, 20.0)
_TONGUE = (140.0, 70.0, 68.0)


def _edge(distance: np.ndarray, sharpness: float) -> np.ndarray:
    """Return 0 outside and 1 inside of an edge; ``distance`` is overwritten."""
    distance *= np.float32(sharpness)
    distance += np.float32(0.5)
    return np.clip(distance, 0, 1, out=distance)


def _line(distance: np.ndarray, width: float) -> np.ndarray:
    """Return a soft dark line where ``distance`` is zero; a cheap stand-in for a Gaussian."""
    weight = 1 - np.abs(distance) * np.float32(1 / (1.9 * width))
    np.clip(weight, 0, 1, out=weight)
    return weight * weight * (3 - 2 * weight)


def _lay(planes: Sequence[np.ndarray], weight: np.ndarray, colour: Iterable[float]) -> None:
    """Blend one colour into the three planes, in place."""
    step = np.empty_like(planes[0])
    for plane, level in zip(planes, colour, strict=True):
        np.subtract(np.float32(level), plane, out=step)
        step *= weight
        plane += step


def _base(skin: np.ndarray, n: int) -> list[np.ndarray]:
    return [np.repeat(skin[None, ..., k].astype(np.float32), n, 0) for k in range(3)]


def _pack(planes: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([plane + np.float32(0.5) for plane in planes], -1).astype(np.uint8)


def draw_eye(
    outer: int, a: Anatomy, window: Canvas, skin: np.ndarray, params: np.ndarray
) -> np.ndarray:
    """Draw one eye of one head for a block of parameters.

    Parameters
    ----------
    outer
        1 for the image's right eye, -1 for the left: the direction of the outer corner.
    a
        The head.
    window
        The eye's part of a canvas.
    skin
        The canvas's RGB in that window, shape (h, w, 3).
    params
        Shape (n, len(CHANNELS)).

    Returns
    -------
    ndarray of uint8, shape (n, h, w, 3)
    """
    x, y = window.grid()
    centre = a.eyes[(outer + 1) // 2]
    x = (x - centre[0])[None]
    u = np.clip(x[:, :1] / np.float32(a.eye_width) * outer, -1.05, 1.05)  # 1 at the outer corner
    y = (y - centre[1])[None] + np.float32(a.eye_tilt * 0.5) * u
    ends = np.clip((1.04 - np.abs(u)) * 8, 0, 1).astype(np.float32)
    sharp = min(window.density, 1.6)

    def channel(name: str) -> np.ndarray:
        return np.clip(column(params, name), -1, 1)[:, None, None]

    blink, gaze_y = np.clip(channel("blink"), 0, 1), channel("gaze_y")
    tighten, cheek = channel("lid_tighten"), channel("cheek_raise")
    surprise = channel("brow_raise")
    u2 = u**2
    # the upper lid is highest a little towards the nose, the lower one towards the temple
    arch = (1 - u2) * (1 - 0.18 * u)
    bowl = (1 - u2) * (1 + 0.15 * u)
    high = a.eye_open * (3.9 - 1.2 * tighten - 1.4 * np.clip(gaze_y, -0.6, 1) + 0.5 * surprise)
    low = a.eye_open * (2.6 - 1.1 * tighten - 1.1 * cheek) + 0.25 * gaze_y
    opened, lower = -high * arch, np.maximum(low, 0.3) * bowl
    upper = opened + blink * (lower - opened)  # n 1 w
    openness = (1 - blink) * (high + low) / (6.5 * a.eye_open)
    planes = _base(skin, len(params))

    crease = opened - a.lid_crease * (1 - 0.55 * blink) * (0.5 + 0.5 * arch)
    weight = _line(y - crease, 0.75) * ends * (0.42 - 0.20 * blink)
    _lay(planes, weight, a.skin * 0.42)
    gap = _edge(y - upper, sharp) * _edge(lower - y, sharp) * ends
    shade = np.clip((y - upper) * 0.30 + 0.52, 0, 1) * (1 - 0.22 * u2)
    for plane, level in zip(planes, _SCLERA, strict=True):
        plane += gap * (shade * np.float32(level) - plane)
    iris_x, iris_y = 3.4 * channel("gaze_x"), -0.5 + 1.9 * gaze_y
    radius = np.sqrt((x - iris_x) ** 2 + (y - iris_y) ** 2)
    disc = _edge(3.6 - radius, sharp) * gap
    tone = np.clip(1.25 - 0.16 * radius, 0.55, 1.25) * (0.6 + 0.4 * shade)
    for plane, level in zip(planes, a.iris, strict=True):
        plane += disc * (tone * np.float32(level) - plane)
    _lay(planes, _edge(1.5 - radius, sharp) * gap, (14.0, 11.0, 11.0))
    glint = np.sqrt((x - iris_x + 1.2) ** 2 + (y - iris_y + 1.3) ** 2)
    _lay(planes, _edge(0.75 - glint, sharp) * gap * 0.85, (235.0, 235.0, 235.0))
    lash = _line(y - upper + 0.15, 0.85 + 0.15 * (outer > 0)) * ends
    _lay(planes, lash * 0.78, (34.0, 23.0, 21.0))
    rim = _line(y - lower - 0.35, 0.8) * ends * np.clip(0.25 + 0.4 * openness, 0, 1)
    _lay(planes, rim * 0.55, a.skin * np.array([0.55, 0.42, 0.40]))
    return _pack(planes)


def mouth_corners(params: np.ndarray) -> np.ndarray:
    """Return how far the image's right mouth corner moves, (outwards, down), shape (n, 2)."""
    smile, down = column(params, "smile"), column(params, "lip_corner_down")
    dimple, pucker = column(params, "dimpler"), column(params, "lip_pucker")
    jaw = column(params, "jaw_open")
    outward = 2.0 * smile + 0.7 * dimple - 2.9 * pucker - 1.2 * jaw + 0.2 * down
    return np.stack([outward, -1.7 * smile + 1.9 * down - 0.3 * dimple + 0.8 * jaw], 1)


def draw_mouth(a: Anatomy, window: Canvas, skin: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Draw the mouth of one head for a block of parameters, as ``draw_eye`` draws an eye."""
    x, y = window.grid()
    x = (x[:1] - CENTRE_X)[None]  # 1 1 w
    y = (y - np.float32(a.mouth_y))[None]  # 1 h w
    sharp = min(window.density, 1.6) * 0.9

    def channel(name: str) -> np.ndarray:
        return np.clip(column(params, name), 0, 1)[:, None, None]

    smile, jaw, pucker = channel("smile"), channel("jaw_open"), channel("lip_pucker")
    dimple, down = channel("dimpler"), channel("lip_corner_down")
    moved = mouth_corners(params).astype(np.float32)[:, :, None, None]
    u = x / (a.mouth_width + moved[:, 0])  # n 1 w
    inside = np.clip((1 - np.abs(u)) * 7, 0, 1)
    v = np.clip(u, -1, 1)
    v2 = v * v
    rest = np.float32(0.45) * np.cos(2 * np.pi * v) * (1 - v2)
    seam = moved[:, 1] * v2 + (1.3 * smile - 0.8 * down) * (1 - v2) + rest * (1 - jaw)
    arch = 1 - v2
    teeth_gap = np.clip(smile - 0.35, 0, 1)
    top = seam - (0.8 * jaw + 2.4 * teeth_gap + 0.4 * pucker) * arch
    bottom = seam + (10.5 * jaw + 1.6 * teeth_gap + 0.6 * pucker) * arch**0.8
    press = 1 - 0.32 * smile - 0.22 * dimple - 0.12 * jaw + 0.4 * pucker
    bow = arch**0.75 * (1 - 0.26 * np.exp(-((v / 0.16) ** 2)))
    outer_top = top - a.upper_lip * press * bow
    outer_bottom = bottom + a.lower_lip * press * arch**0.7
    planes = _base(skin, len(params))

    below = _line(y - outer_bottom - 2.6, 2.4) * inside
    _lay(planes, below * 0.26, a.skin * 0.55)
    lips = _edge(y - outer_top, sharp * 0.8) * _edge(outer_bottom - y, sharp * 0.8) * inside
    middle = 0.5 * (top + bottom)
    round_ = _line(y - bottom - 0.45 * a.lower_lip, 1.5) * (1 - 0.6 * v2)
    tone = np.float32(0.86) + 0.14 * _edge(y - middle, 0.5) + 0.15 * round_
    for plane, level in zip(planes, a.lip, strict=True):
        plane += lips * np.float32(0.88) * (tone * np.float32(level) - plane)
    hollow = _edge(y - top, sharp) * _edge(bottom - y, sharp)
    hollow *= np.clip((bottom - top) * 1.2, 0, 1) * inside
    if hollow.any():  # darkness, upper teeth, tongue
        _lay(planes, hollow, _CAVITY)
        deep = np.clip((bottom - top) * 0.25, 0, 1)
        teeth = hollow * _edge(top + 0.6 + 2.4 * deep * (1 + 0.5 * smile) - y, 1.2)
        _lay(planes, teeth * np.clip(2.2 * deep, 0, 0.92), _TEETH)
        tongue = hollow * _edge(y - bottom + 4.2 * jaw * deep, 0.6) * jaw
        _lay(planes, tongue * 0.75, _TONGUE)
    closed = _line(y - seam, 0.85) * inside * np.clip(1 - (bottom - top) * 0.5, 0, 1)
    _lay(planes, closed * 0.80, a.lip * np.array([0.42, 0.34, 0.36]))
    corner = _line(np.abs(x) - a.mouth_width - moved[:, 0] - 0.2, 1.6)
    corner = corner * _line(y - moved[:, 1], 1.5)
    _lay(planes, corner * (0.30 + 0.30 * dimple), a.skin * 0.38)
    return _pack(planes)
