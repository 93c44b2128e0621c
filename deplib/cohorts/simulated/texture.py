"""Paint one head once: skin, brows, nose and hair as an RGBA canonical texture.

Everything is a function of head coordinates in units, noise included, so a head looks the same on
every canvas whatever its domain and density. Eyes and mouth are left out: ``parts`` draws them
frame by frame.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from deplib.cohorts.simulated.anatomy import CENTRE_X, Anatomy, blend, column, depth

_NOISE_SIDE = 256
_WRINKLES = ["smile", "cheek_raise", "brow_lower", "brow_raise", "lid_tighten", "dimpler"]
_WRINKLES += ["lip_corner_down", "lip_pucker", "jaw_open"]  # channels, as the basis below
_CEILING = 0.22
"""How far above the neutral exposure a highlight may go: no colour channel clips, so hue stays."""


@dataclass(frozen=True)
class Canvas:
    """A rectangle of head coordinates and the pixels a unit that it is painted with."""

    left: float
    top: float
    width: int
    height: int
    density: float

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of every pixel, each float32 of shape (height, width)."""
        x = self.left + np.arange(self.width, dtype=np.float32) / np.float32(self.density)
        y = self.top + np.arange(self.height, dtype=np.float32) / np.float32(self.density)
        xx, yy = np.meshgrid(x, y)
        return xx, yy

    def window(
        self, centre: np.ndarray, reach: tuple[float, float, float, float]
    ) -> tuple["Canvas", tuple[slice, slice]]:
        """Return the pixels that reach (left, up, right, down) around a point, and their place."""
        column = int((centre[0] - reach[0] - self.left) * self.density)
        row = int((centre[1] - reach[1] - self.top) * self.density)
        width, height = (int((reach[k] + reach[k + 2]) * self.density) + 1 for k in (0, 1))
        left, top = self.left + column / self.density, self.top + row / self.density
        place = slice(row, row + height), slice(column, column + width)
        return Canvas(left, top, width, height, self.density), place


def ramp(distance: np.ndarray, softness: float) -> np.ndarray:
    """Return 0 below and 1 above an edge that is ``softness`` units wide."""
    return np.clip(distance / np.float32(softness) + np.float32(0.5), 0, 1)


def bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """Return a Gaussian of height one on a grid whose ``x`` varies along columns only."""
    across, down = (x[:1] - np.float32(cx)) / sx, (y[:, :1] - np.float32(cy)) / sy
    return np.exp(-0.5 * across**2) * np.exp(-0.5 * down**2)


def stroke(x: np.ndarray, y: np.ndarray, points: np.ndarray, width: float) -> np.ndarray:
    """Return a soft line through ``points`` (k, 2), fading at its ends, of height one."""
    line = np.zeros(x.shape, np.float32)
    near = np.abs(y[:, 0] - 0.5 * np.ptp(points[:, 1]) - points[:, 1].min())
    rows = near < 0.5 * np.ptp(points[:, 1]) + 4 * width
    x, y = x[rows], y[rows]
    best = np.full(x.shape, np.inf, np.float32)
    along = np.zeros(x.shape, np.float32)
    for k, (a, b) in enumerate(pairwise(points)):
        step = b - a
        t = np.clip(((x - a[0]) * step[0] + (y - a[1]) * step[1]) / (step @ step), 0, 1)
        squared = (x - a[0] - t * step[0]) ** 2 + (y - a[1] - t * step[1]) ** 2
        nearer = squared < best
        best = np.where(nearer, squared, best)
        along = np.where(nearer, k + t, along)
    position = along / (len(points) - 1)
    fade = np.clip(4.5 * position * (1 - position), 0, 1)
    line[rows] = np.exp(-0.5 * best / width**2) * fade
    return line


def curve(*points: tuple[float, float], samples: int = 7) -> np.ndarray:
    """Return points on the quadratic Bezier curve through three control points."""
    a, b, c = np.asarray(points, np.float32)
    t = np.linspace(0, 1, samples, dtype=np.float32)[:, None]
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c


class _Noise:
    """Smooth noise on a fixed lattice in head units: the same at every density."""

    def __init__(self, seed: tuple[int, ...]) -> None:
        rng = np.random.default_rng(seed)
        self._tile = rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE)).astype(np.float32)
        self.rng = rng

    def __call__(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Sample at lattice coordinates; the tile repeats."""
        u, v = (place.astype(np.float32, copy=False) for place in (u, v))
        return cv2.remap(self._tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _outline(anatomy: Anatomy, angle: np.ndarray) -> np.ndarray:
    """Return the head's radius about (CENTRE_X, 52) at angles from straight up."""
    chin, jaw, wide = anatomy.chin, anatomy.jaw_width, anatomy.face_width
    side = [0.0, 22.0, 36.0, 42.3, 43.2, 42.3, 40.5]
    side += [37.8 * (0.5 + 0.5 * jaw), 31.5 * jaw, 22.5 * jaw, 12.5 * jaw, 0.0]
    down = [-8.0, -4.0, 8.0, 25.0, 42.0, 58.0, 72.0, 86.0, 100.0, chin - 8.0, chin - 2.0, chin]
    across, below = np.array(side) * wide, np.array(down) - 52.0
    smooth = PchipInterpolator(np.arctan2(across, -below), np.hypot(across, below))
    knots = np.linspace(0, np.pi, 361)
    return np.interp(angle, knots, smooth(knots)).astype(np.float32)


def _skin(anatomy: Anatomy, x: np.ndarray, y: np.ndarray, noise: _Noise) -> np.ndarray:
    """Return the bare face's RGB, float32 (h, w, 3)."""
    side = np.abs(x - CENTRE_X)
    eyes_y, nose, mouth = anatomy.eye_y, anatomy.nose_y, anatomy.mouth_y
    gap, wing, middle = anatomy.eye_gap, anatomy.nose_width, 0.5 * (nose + mouth)
    fold = curve((wing + 2, nose + 1), (16, nose + 9), (19.5, mouth + 1))
    # brightness, then place and size on both sides of the head's axis
    spots = [
        # sockets, and the bridge between them
        (-0.15, gap - 1, eyes_y - 3.5, 10.0, 5.0), (-0.09, 8.0, eyes_y - 1.0, 3.2, 5.5),
        (-0.07 * anatomy.eye_bag, gap - 1, eyes_y + 7.0, 7.0, 2.0),
        (0.07 * anatomy.nose_bridge, 0.0, nose - 14, 2.4, 13.0), (0.09, 0.0, nose - 1.0, 2.6, 2.6),
        (-0.08, 5.6, nose - 8.0, 2.0, 8.5), (-0.05, 0.95 * wing, nose - 2.0, 1.6, 2.4),
        # wings, nostrils, the nose's shadow, philtrum
        (-0.15, wing + 0.8, nose + 2.0, 1.2, 2.8), (0.04, wing - 2.2, nose + 0.8, 1.8, 2.0),
        (-0.40, 0.50 * wing, nose + 4.8, 0.22 * wing, 0.95),
        (-0.11, 0.0, nose + 6.6, wing * 0.8, 1.7),
        (-0.05, 0.0, middle + 3.0, 1.3, 3.0), (0.03, 2.6, middle + 3.0, 1.0, 3.0),
        # cheeks, forehead, chin
        (0.03 + 0.05 * anatomy.cheek, 21.0, eyes_y + 17.0, 8.0, 6.0),
        (-0.06 * anatomy.cheek, 27.0, mouth - 4.0, 5.0, 10.0), (0.05, 0.0, 24.0, 18.0, 9.0),
        (-0.12, 0.0, mouth + anatomy.lower_lip + 5.0, 8.0, 2.2),
        (0.05, 0.0, anatomy.chin - 8.0, 7.0, 4.0),
    ]  # fmt: skip
    slope_y, slope_x = np.gradient(depth(anatomy, x, y, features=0.55))
    step = float(x[0, 1] - x[0, 0])
    facing = 1.0 / np.sqrt(1.0 + (slope_x / step) ** 2 + (slope_y / step) ** 2)
    light = 0.60 + 0.40 * np.clip(facing * 1.12, 0, 1)
    # the light stands a little above: upward slopes gain, undersides lose
    light += 0.07 * np.clip(slope_y / step, -0.8, 0.8)
    for gain, *place in spots:
        light += gain * bump(side, y, *place)
    light -= 0.05 * stroke(side, y, fold, 1.1)
    pores = 0.6 * noise(1.7 * x + 11, 1.7 * y + 5) + 0.4 * noise(0.45 * x, 0.45 * y + 90)
    light += 0.012 * pores
    rgb = anatomy.skin * light[..., None]
    blush = bump(side, y, 23.0, eyes_y + 20.0, 9.0, 8.0) + 0.8 * bump(side, y, 0.0, nose, 5.0, 4.0)
    rgb += (5.0 * blush)[..., None] * np.array([0.5, -0.6, -0.5], np.float32)
    freckle = np.clip(noise(0.9 * x + 40, 0.9 * y + 70) - 0.9, 0, 1) * anatomy.freckles
    freckle *= bump(side, y, 0.0, nose - 6, 22.0, 9.0)
    rgb *= 1 - (0.55 * freckle)[..., None] * np.array([0.5, 0.8, 1.0], np.float32)
    for _ in range(int(noise.rng.integers(0, 3))):
        across, down = noise.rng.uniform(-30, 30), noise.rng.uniform(14, 110)
        mole = bump(x, y, CENTRE_X + across, down, *[noise.rng.uniform(0.6, 1.0)] * 2)
        rgb *= 1 - 0.38 * mole[..., None] * np.array([0.85, 1.0, 1.0], np.float32)
    return _beard(anatomy, x, y, rgb, noise)


def _beard(a: Anatomy, x: np.ndarray, y: np.ndarray, rgb: np.ndarray, noise: _Noise) -> np.ndarray:
    side = np.abs(x - CENTRE_X)
    mouth = a.mouth_y
    jaw = ramp(y - (mouth - 5.0 - 0.030 * np.clip(side - 14, 0, 40) ** 2), 9.0)
    moustache = bump(side, y, 6.0, mouth - a.upper_lip - 4.5, 7.5, 2.6)
    area = np.clip(jaw * ramp(side - 5.0 + (y - mouth - 6), 8.0) + moustache, 0, 1)
    strands = 0.75 + 0.25 * np.clip(noise(1.9 * x, 0.9 * y + 33), -1.5, 1.5)
    cover = (0.72 * a.beard * area * strands)[..., None]
    return rgb * (1 - cover) + a.hair * 0.9 * cover


def _brows(a: Anatomy, x: np.ndarray, y: np.ndarray, rgb: np.ndarray, noise: _Noise) -> np.ndarray:
    side = np.abs(x - CENTRE_X)
    u = (side - a.eye_gap - 0.6) / 11.2  # -1 at the nose, 1 at the temple
    middle = a.brow_y - a.brow_arch * (1 - (u - 0.25) ** 2) - a.brow_tilt * u
    taper = np.clip(1.05 - u, 0, 1) ** 0.55 * np.clip((u + 1.12) * 5.0, 0, 1)
    half = a.brow_thickness * np.clip(taper, 0, 1)
    inside = ramp(half - np.abs(y - middle), 1.4) * ramp(1.05 - np.abs(u), 0.12)
    strands = 0.8 + 0.25 * np.clip(noise(2.2 * (x + 0.8 * y), 0.5 * y + 17), -1.5, 1.5)
    cover = (np.clip(inside * strands, 0, 1) * 0.85)[..., None]
    colour = a.hair * 0.66 + a.skin * 0.08
    return rgb * (1 - cover) + colour * cover


def _hair(
    anatomy: Anatomy, x: np.ndarray, y: np.ndarray, radius: np.ndarray, noise: _Noise
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return RGB, the cover in front of the face and the cover behind it."""
    across, side = x - CENTRE_X, np.abs(x - CENTRE_X)
    angle = np.arctan2(side, 52.0 - y)
    distance = np.hypot(across, y - 52.0)
    grown = radius + anatomy.hair_volume * np.clip(1.25 - angle / 1.75, 0, 1) ** 0.6
    wave = 0.9 * noise(0.10 * x + 7, 0.10 * y + 3)
    cap = ramp(grown + wave - distance, 1.6)
    part = np.clip(across / 34.0, -1.2, 1.2) - 0.55 * anatomy.parting
    line = anatomy.hairline + 3.0 - 5.0 * np.exp(-(part**2) / 0.10) + 3.0 * part * anatomy.parting
    line = line + anatomy.fringe * np.exp(-((part / 0.9) ** 4)) * (1 + 0.3 * part)
    line = line + 40.0 * np.clip(side / (41.5 * anatomy.face_width), 0, 1.3) ** 6
    sideburn = ramp(58.0 - y, 16.0) if anatomy.hair_length < 60 else np.ones_like(y)
    strand = noise(26.0 * angle * np.sign(across) + 60, 0.07 * distance + 0.02 * y)
    front = cap * ramp(line + 1.1 * strand - y, 3.5) * sideburn
    width = (45.5 + 0.5 * anatomy.hair_volume) * anatomy.face_width
    spread = width + 2.5 * np.sin((y - 40) / 24.0)
    behind = ramp(spread - side, 2.0) * ramp(anatomy.hair_length - y + 2 * strand, 6.0)
    behind = np.maximum(cap, behind * ramp(y - 30.0, 10.0))
    behind = behind * (1 - ramp(y - anatomy.chin + 14.0, 10.0) * ramp(25.0 - side, 5.0))
    vertical = noise(0.9 * across + 2.0 * np.sin(y / 30.0) + 100, 0.05 * y)
    flow = strand + ramp(y - 48, 36) * (vertical - strand)
    light = 1.0 + 0.16 * np.clip(flow, -2, 2) - 0.25 * np.clip((side - 24) / 30, 0, 1)
    light = light + 0.30 * np.exp(-(((distance - 58.0) / 7.0) ** 2)) * np.clip(1.2 - angle, 0, 1)
    return anatomy.hair * light[..., None], front, behind


def paint_head(anatomy: Anatomy, canvas: Canvas) -> np.ndarray:
    """Paint a head without eyes and mouth.

    Returns
    -------
    ndarray of uint8, shape (height, width, 4)
        RGB premultiplied by alpha, so that a warp may interpolate it.
    """
    noise = _Noise(anatomy.seed)
    x, y = canvas.grid()
    side = np.abs(x - CENTRE_X)
    radius = _outline(anatomy, np.arctan2(side, 52.0 - y))
    distance = np.hypot(side, y - 52.0)
    face = ramp(radius - distance, 1.4)[..., None]
    rgb = _brows(anatomy, x, y, _skin(anatomy, x, y, noise), noise)
    rgb = rgb * (1 - 0.28 * ramp(distance - radius + 2.0, 9.0))[..., None]
    hair, front, behind = _hair(anatomy, x, y, radius, noise)
    front = front[..., None]
    shadow = cv2.GaussianBlur(front, (0, 0), 2.2 * canvas.density)[..., None]
    rgb = rgb * (1 - 0.22 * shadow) * (1 - front) + hair * front
    back = hair * (0.72 + 0.28 * front)
    if anatomy.hair_length < 60:  # the ears lie over short hair, under long hair
        ear_x = 43.3 * anatomy.face_width
        ear = ramp(1 - np.hypot((side - ear_x) / 4.6, (y - 60.0) / 10.5), 0.2)
        inner = bump(side, y, ear_x + 0.8, 59.0, 1.6, 5.5)
        ear_rgb = anatomy.skin * (0.74 - 0.22 * inner)[..., None]
        back = back * (1 - ear[..., None]) + ear_rgb * ear[..., None]
        behind = np.maximum(behind, ear)
    behind = behind[..., None] * (1 - face)
    premultiplied = rgb * face + back * behind
    return np.clip(np.dstack([premultiplied, 255 * (face + behind)]) + 0.5, 0, 255).astype(np.uint8)


def shoulder(factor: np.ndarray) -> np.ndarray:
    """Return brightness factors with those above 1 compressed to below ``1 + _CEILING``."""
    excess = np.maximum(factor - 1, 0)
    return np.minimum(factor, 1) + excess / (1 + excess * np.float32(1 / _CEILING))


def shading(anatomy: Anatomy, canvas: Canvas) -> np.ndarray:
    """Return the shading basis of one head, float32 (K, height, width)."""
    x, y = canvas.grid()
    side = np.abs(x - CENTRE_X)
    # the slope of a smooth surface that goes on behind the outline: a side light that followed
    # every contour would draw ghost edges
    slope_y, slope_x = np.gradient(depth(anatomy, x, y, features=0.32))
    slope_x, slope_y = slope_x * canvas.density, slope_y * canvas.density
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    bases = [-slope_x / length, -slope_y / length]
    eye, mouth, nose = anatomy.eye_gap, anatomy.mouth_y, anatomy.nose_y
    eye_y, brow, wing = anatomy.eye_y, anatomy.brow_y, anatomy.nose_width
    fold = curve((wing + 1.5, nose + 1), (wing + 9.5, nose + 7), (22.5, mouth - 1))
    outer = eye + anatomy.eye_width

    def line(width: float, *points: tuple[float, float]) -> np.ndarray:
        return stroke(side, y, curve(*points), width)

    ends = ((-1.0, -4.0), (0.5, 0.5), (2.0, 5.0))
    at = [((outer + 2, eye_y + d), (outer + 5, eye_y + 1.6 * d), (outer + 8, eye_y + s))
          for d, s in ends]  # fmt: skip
    crow = sum(line(1.1, *points) for points in at)
    under = line(0.8, (eye - 8, eye_y + 4), (eye, eye_y + 7.6), (eye + 9, eye_y + 4))
    folds = (brow - 9.0, brow - 14.5, brow - 20.0)
    forehead = sum(line(1.1, (-1, h), (12, h - 1.5), (26, h + 2)) for h in folds)
    glabella = line(1.3, (3.2, brow - 6.5), (2.6, brow - 1), (3.8, brow + 4))
    marionette = line(1.5, (16, mouth + 2), (18.5, mouth + 7), (18, mouth + 13))
    bases += [
        0.13 * bump(side, y, 22, mouth - 17, 7, 5) - 0.24 * stroke(side, y, fold, 1.7),
        -0.11 * crow - 0.22 * under + 0.08 * bump(side, y, eye + 2, eye_y + 12, 8, 4),
        -0.28 * glabella - 0.12 * bump(x, y, CENTRE_X, brow, 7, 6),
        -0.17 * forehead,
        -0.22 * under,
        -0.34 * bump(side, y, 19.0, mouth - 0.5, 1.7, 3.4),
        -0.22 * marionette - 0.12 * bump(x, y, CENTRE_X, mouth + 11, 9, 2.5),
        -0.12 * bump(side, y, 13.5, mouth, 3, 5) + 0.06 * bump(x, y, CENTRE_X, mouth, 6, 5),
        -0.14 * bump(side, y, 27, mouth + 2, 5, 14),
    ]
    return np.stack(bases).astype(np.float32)


def brightness(basis: np.ndarray, params: np.ndarray, *, key_light: float) -> np.ndarray:
    """Return brightness factors at even exposure, float32 (n, height, width).

    Parameters
    ----------
    basis
        The head's ``shading``.
    params
        A block of frame parameters.
    key_light
        Side that the scene's own light comes from, added to ``light_azimuth``.
    """
    yaw, pitch = np.radians(column(params, "yaw")), np.radians(column(params, "pitch"))
    side = np.clip(column(params, "light_azimuth") + np.float32(key_light), -1.3, 1.3)
    across = 0.50 * side * np.cos(yaw) - 0.30 * np.sin(yaw)
    coefficients = [across, -0.35 * np.sin(pitch)]
    coefficients += [column(params, name) for name in _WRINKLES]
    return np.maximum(blend(coefficients, basis) + 1, np.float32(0.12))
