"""One head: its proportions and colours, and where every point of it goes.

An identity code of 32 numbers becomes named proportions in pixels of the 112 x 112 aligned crop
("units"), so a proportion means the same whatever the resolution a head is painted at. A frame is
one displacement field, linear in the parameters: a block of frames is a matrix product of
coefficients with basis fields on a coarse grid. A field maps a point of the posed head back to the
canonical head; a similarity then places the posed head in the crop or in the scene, which share the
field and so agree.
"""

from collections.abc import Sequence

import numpy as np

from deplib.cohorts.simulated.motion import INDEX

IDENTITY_DIM = 32
"""Length of an identity code."""

TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]], np.float32
)
"""Eyes, nose tip and mouth corners of the ArcFace alignment template, (x, y), to two decimals: the
cohort's pixels depend on them."""

CENTRE_X = 56.0
"""The head's axis of symmetry."""

_SKIN = ["ceac98", "c9a088", "ba8f75", "a2775e", "825c48", "654739"]  # RGB, light to dark
_HAIR = ["1e1918", "2e211b", "4a3224", "704e32", "96764e", "96928e"]
_IRIS = ["342116", "543822", "625c3a", "546e76"]


def _pick(palette: list[str], position: float) -> np.ndarray:
    """Interpolate a palette at ``position`` in 0-1."""
    colours = np.array([list(bytes.fromhex(colour)) for colour in palette], np.float32)
    knots = np.linspace(0, 1, len(colours))
    return np.array([np.interp(position, knots, channel) for channel in colours.T], np.float32)


class Anatomy:
    """The head that an identity code stands for.

    Every number of the code moves one trait, squashed so that no head leaves the plausible range.
    Proportions are in units, colours in RGB 0-255, everything else is a fraction.

    Parameters
    ----------
    identity
        Float array, shape (32,), standard normal.
    """

    def __init__(self, identity: np.ndarray) -> None:
        code = np.asarray(identity, np.float32)
        t = np.tanh(0.75 * code.astype(np.float64))  # about uniform on -1 to 1
        unit = 0.5 + 0.5 * t
        tan, red, pink = np.array([[0.5, -0.2, -0.7], [1.2, 0.1, -0.4], [0.8, -0.6, -0.3]])
        skin = _pick(_SKIN, float(unit[0])) + np.float32(7 * t[1]) * tan
        dark = float(unit[2] ** (0.8 + 4.0 * unit[0] ** 2))  # darker skin, mostly darker hair
        hair = _pick(_HAIR, dark) + np.float32(10 * max(t[3], 0)) * red
        lip = skin * np.array([0.90, 0.66, 0.66]) + np.float32(10 * t[4]) * pink
        self.skin, self.hair, self.lip = (c.astype(np.float32) for c in (skin, hair, lip))
        self.iris = _pick(_IRIS, float(unit[6] * (1.15 - 0.9 * unit[0])))
        self.face_width = 1.0 + 0.085 * t[7]  # factor on the outline
        self.jaw_width = 1.0 + 0.11 * t[8]  # factor on the outline at the mouth
        self.chin = 118.5 + 5.0 * t[9]  # y of the chin
        self.hairline = 13.0 + 5.5 * t[10]  # y of the hairline in the middle
        self.eye_gap = 17.6 + 1.5 * t[11]  # half the distance between the pupils
        self.eye_y = 51.6 + 1.2 * t[12]
        self.eye_width = 8.7 + 0.9 * t[13]  # half the length of the opening
        self.eye_open = 1.0 + 0.22 * t[14]  # factor on its height
        self.eye_tilt = 0.5 + 1.0 * t[15]  # units that the outer corner lies above the inner one
        self.lid_crease = 2.6 + 0.9 * t[16]
        self.brow_y = 40.2 + 2.2 * t[17]
        self.brow_thickness = 1.9 + 0.75 * t[18]
        self.brow_arch = 2.2 + 1.5 * t[19]
        self.brow_tilt = 1.2 * t[20]
        self.nose_y = 71.7 + 2.2 * t[21]  # y of the tip
        self.nose_width = 7.6 + 1.5 * t[22]  # half the width of the wings
        self.nose_bridge = 1.0 + 0.5 * t[23]
        self.mouth_y = 92.3 + 1.6 * t[24]
        self.mouth_width = 14.6 + 1.7 * t[25]  # half the width
        self.upper_lip = 3.1 + 1.1 * t[26]
        self.lower_lip = 4.3 + 1.2 * t[27]
        self.hair_volume = 7.0 + 3.5 * t[28]
        long_hair = t[5] > 0.1
        self.hair_length = float(95 + 60 * unit[5]) if long_hair else 30.0  # y that it reaches
        self.parting = float(t[3])  # -1 to 1, where the hair parts
        self.fringe = float(14.0 * max(0.0, t[29] - 0.3))  # units over the forehead
        self.beard = 0.0 if long_hair else float(max(0.0, unit[30] - 0.35) / 0.65)
        self.cheek = float(unit[31])
        self.eye_bag = float(0.3 + 0.7 * unit[12])
        self.freckles = float(max(0.0, t[1] * t[31]))
        # of the small stochastic detail: pores, strands, moles
        self.seed = tuple(int(v) for v in np.ascontiguousarray(code).view(np.uint32))

    @property
    def eyes(self) -> np.ndarray:
        """Pupil centres, shape (2, 2), the image's left one first."""
        pupils = [[CENTRE_X + side * self.eye_gap, self.eye_y] for side in (-1, 1)]
        return np.array(pupils, np.float32)

    @property
    def landmarks(self) -> np.ndarray:
        """The five alignment points of the neutral, frontal face, shape (5, 2)."""
        corners = [[CENTRE_X + side * self.mouth_width, self.mouth_y] for side in (-1, 1)]
        return np.array([*self.eyes, [CENTRE_X, self.nose_y], *corners], np.float32)


BLOCK = 32
"""Frames that are rendered together, at most."""

SPACING = 3.0
"""Units between the knots of a displacement field; the fields are smooth over several knots."""
ORIGIN = np.array([-62.0, -68.0], np.float32)
"""Head coordinates of a field's first knot."""
FIELD_SHAPE = (82, 80)
"""Knots down and across."""

FACE_DEPTH = 38.0
"""Depth of the face itself, in units: turning the head moves the whole by this lever."""

_POSE_CENTRE_Y = 60.0


def column(params: np.ndarray, name: str) -> np.ndarray:
    """Return one channel of a block of parameters, shape (n,)."""
    return params[:, INDEX[name]]


def blend(coefficients: Sequence[np.ndarray], basis: np.ndarray) -> np.ndarray:
    """Return the mixtures of a basis, float32 (n, size), for n of at most ``BLOCK`` frames.

    A matrix product's rounding depends on its shape. The shape is therefore always the same, padded
    with empty rows, and a frame's bytes do not depend on what it is rendered with.

    Parameters
    ----------
    coefficients
        One array (n,) a basis row.
    basis
        Shape (K, size).
    """
    n = len(coefficients[0])
    rows = np.zeros((BLOCK, len(basis)), np.float32)
    rows[:n] = np.stack(coefficients, 1)
    return (rows @ basis)[:n]


def depth(anatomy: Anatomy, x: np.ndarray, y: np.ndarray, *, features: float = 1.0) -> np.ndarray:
    """Return the height of the head's surface above its axis of rotation, in units.

    A paraboloid, whose slope stays finite at the outline where an ellipsoid's does not (else a
    turned face folds), with a nose, a chin and eye sockets scaled by ``features``.
    """
    across, down = x - CENTRE_X, y - 58.0
    skull = 44.0 * (1.0 - (across / 62.0) ** 2 - (down / 112.0) ** 2)
    skull = 0.5 * (skull + np.sqrt(skull**2 + 100.0))  # flattens out behind the outline

    def bump(cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
        return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))

    relief = 10.0 * bump(CENTRE_X, anatomy.nose_y - 1, 5.5, 6.0)
    relief = relief + 5.0 * bump(CENTRE_X, anatomy.nose_y - 12, 4.5, 8.0)
    relief = relief + 3.0 * bump(CENTRE_X, anatomy.mouth_y, 13.0, 6.0)
    relief = relief + 4.0 * bump(CENTRE_X, anatomy.chin - 8, 10.0, 7.0)
    for eye_x, eye_y in anatomy.eyes:
        relief = relief - 3.0 * bump(eye_x, eye_y, 8.0, 5.0)
    return skull + features * relief


# channel, anchor, then: centre relative to the anchor, extent (sx, sy) and movement (dx, dy) on the
# image's right side; the left side mirrors it, a centre on the axis has one bump
_BLENDSHAPES: tuple[tuple[str, str, tuple[float, float, float, float, float, float]], ...] = (
    ("smile", "mouth", (20.0, -12.0, 10.0, 8.0, 1.4, -3.2)),
    ("smile", "mouth", (16.0, 0.0, 8.0, 7.0, 1.0, -0.8)),
    ("cheek_raise", "eye", (3.0, 15.0, 10.0, 7.0, 0.6, -3.8)),
    ("brow_lower", "brow", (-9.0, 0.0, 7.0, 6.0, -2.6, 4.0)),
    ("brow_lower", "brow", (4.0, 0.0, 9.0, 5.0, -1.2, 2.4)),
    ("brow_raise", "brow", (0.0, -3.0, 13.0, 5.2, 0.0, -5.2)),
    ("lid_tighten", "eye", (0.0, 8.0, 9.0, 4.0, 0.0, -1.6)),
    ("dimpler", "mouth", (18.0, 0.0, 6.0, 7.0, 1.2, -0.6)),
    ("lip_corner_down", "mouth", (15.0, 6.0, 7.0, 6.0, 0.4, 1.5)),
    ("jaw_open", "chin", (0.0, -2.0, 26.0, 11.0, 0.0, 7.5)),
    ("jaw_open", "mouth", (27.0, 8.0, 9.0, 14.0, -2.0, 3.0)),
    ("lip_pucker", "mouth", (15.0, 0.0, 8.0, 8.0, -1.6, 0.0)),
    ("blink", "eye", (0.0, -6.5, 8.0, 3.5, 0.0, 1.0)),
)


class WarpModel:
    """The basis fields of one head.

    Attributes
    ----------
    basis
        Float32, shape (K, rows * columns * 2): canonical minus posed position, (x, y) interleaved.
    """

    def __init__(self, anatomy: Anatomy) -> None:
        rows, columns = FIELD_SHAPE
        knots = [o + SPACING * np.arange(n) for o, n in zip(ORIGIN, (columns, rows), strict=True)]
        x, y = np.meshgrid(*knots)
        anchors = {
            "mouth": (CENTRE_X, anatomy.mouth_y),
            "eye": (CENTRE_X + anatomy.eye_gap, anatomy.eye_y),
            "brow": (CENTRE_X + anatomy.eye_gap, anatomy.brow_y),
            "chin": (CENTRE_X, anatomy.chin),
        }
        fields = []
        for _, anchor, (ox, oy, sx, sy, dx, dy) in _BLENDSHAPES:
            centre_x, centre_y = anchors[anchor]
            right_x, mid_y = centre_x + ox, centre_y + oy
            field = np.zeros((*FIELD_SHAPE, 2))
            for side in (1, -1) if right_x > CENTRE_X else (1,):
                bump_x = CENTRE_X + side * (right_x - CENTRE_X)
                bump = np.exp(-0.5 * (((x - bump_x) / sx) ** 2 + ((y - mid_y) / sy) ** 2))
                field[..., 0] -= side * dx * bump
                field[..., 1] -= dy * bump
            fields.append(field)
        # only depth relative to the face is a displacement; the rest is ``pose_shift``'s, so that a
        # nose keeps its own depth wherever the turn takes it
        height = depth(anatomy, x, y) - FACE_DEPTH
        zero = np.zeros_like(height)
        pairs = [(-height, zero), (x - CENTRE_X, zero), (zero, -height), (zero, y - _POSE_CENTRE_Y)]
        fields += [np.stack(pair, -1) for pair in pairs]
        self.basis = np.stack(fields).reshape(len(fields), -1).astype(np.float32)

    def fields(self, params: np.ndarray) -> np.ndarray:
        """Return the displacement fields, shape (n, rows, columns, 2), of a block of parameters."""
        yaw, pitch = np.radians(column(params, "yaw")), np.radians(column(params, "pitch"))
        coefficients = [column(params, channel) for channel, _, _ in _BLENDSHAPES]
        coefficients += [np.sin(yaw), 1 - np.cos(yaw), np.sin(pitch), 1 - np.cos(pitch)]
        return blend(coefficients, self.basis).reshape(len(params), *FIELD_SHAPE, 2)


def pose_shift(params: np.ndarray) -> np.ndarray:
    """Return the affine maps (n, 2, 3) by which yaw and pitch carry the whole face along."""
    shift = np.tile(np.eye(2, 3), (len(params), 1, 1))
    shift[:, 0, 2] = FACE_DEPTH * np.sin(np.radians(column(params, "yaw")))
    shift[:, 1, 2] = FACE_DEPTH * np.sin(np.radians(column(params, "pitch")))
    return shift


def posed(canonical: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Return where canonical points (n, 5, 2) lie on the posed heads: the field, inverted.

    The field maps posed to canonical, so the posed point is the fixed point of
    ``canonical - field(posed)``; slopes are below one half and four steps suffice.
    """
    block = np.arange(len(fields))[:, None]
    points = canonical.copy()
    for _ in range(4):
        knot = (points - ORIGIN) / np.float32(SPACING)
        low = np.floor(knot).astype(np.intp)
        part = (knot - low).astype(np.float32)
        column_, row = low[..., 0], low[..., 1]
        u, v = part[..., :1], part[..., 1:]
        points = canonical - (
            (1 - u) * (1 - v) * fields[block, row, column_]
            + u * (1 - v) * fields[block, row, column_ + 1]
            + (1 - u) * v * fields[block, row + 1, column_]
            + u * v * fields[block, row + 1, column_ + 1]
        )
    return points


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the affine map (..., 2, 3) that applies ``inner`` first, then ``outer``."""
    linear = outer[..., :2] @ inner[..., :2]
    shift = outer[..., :2] @ inner[..., 2:] + outer[..., 2:]
    return np.concatenate([linear, shift], -1)


def invert(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of affine maps (..., 2, 3)."""
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -linear @ matrix[..., 2:]], -1)


def similarity(angle: np.ndarray, scale: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return maps (n, 2, 3) that turn by ``angle`` (radians, clockwise) and scale about a point."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shift = centre[..., None] - linear @ centre[..., None]
    return np.concatenate([linear, np.broadcast_to(shift, (*linear.shape[:-1], 1))], -1)


def align(landmarks: np.ndarray, template: np.ndarray = TEMPLATE) -> np.ndarray:
    """Return the least-squares similarity from five landmarks to the template.

    The plane's points as complex numbers: minimising ``|a z + b - w|`` gives
    ``a = <z - mean, w - mean> / |z - mean|^2``, the solution of Umeyama (1991) without reflection.

    Parameters
    ----------
    landmarks
        Shape (n, 5, 2) or (5, 2).

    Returns
    -------
    ndarray
        Shape (n, 2, 3) or (2, 3), float64: ``template = M @ (x, y, 1)``.
    """
    z = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1]
    w = template[..., 0].astype(np.float64) + 1j * template[..., 1]
    z_mean, w_mean = z.mean(-1, keepdims=True), w.mean(-1, keepdims=True)
    centred = z - z_mean
    a = (np.conj(centred) * (w - w_mean)).sum(-1) / (np.abs(centred) ** 2).sum(-1)
    b = w_mean[..., 0] - a * z_mean[..., 0]
    rows = (a.real, -a.imag, b.real), (a.imag, a.real, b.imag)
    return np.stack([np.stack(row, -1) for row in rows], -2)
