"""Where every point of a head goes: expression, pose, alignment and the camera as maps.

A frame is one displacement field, linear in the parameters: a block of frames is a matrix product
of coefficients with basis fields on a coarse grid. A field maps a point of the posed head back to
the canonical head; a similarity then places the posed head in the crop or in the scene, which share
the field and so agree.
"""

import numpy as np

from deplib.cohorts.simulated.anatomy import CENTRE_X, Anatomy, blend, column, depth, hill

TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]], np.float32
)
"""Eyes, nose tip and mouth corners of the ArcFace alignment template, (x, y), to two decimals: the
cohort's pixels depend on them."""

SPACING = 3.0
"""Units between the knots of a displacement field; the fields are smooth over several knots."""
ORIGIN = np.array([-62.0, -68.0], np.float32)
"""Head coordinates of a field's first knot."""
FIELD_SHAPE = (82, 80)
"""Knots down and across."""
_AXES = [o + SPACING * np.arange(n) for o, n in zip(ORIGIN, FIELD_SHAPE[::-1], strict=True)]
KNOTS = np.stack(np.meshgrid(*_AXES), -1)
"""Head coordinates of every knot, shape (rows, columns, 2)."""

FACE_DEPTH = 38.0
"""Depth of the face itself, in units: turning the head moves the whole by this lever."""

_POSE_CENTRE_Y = 60.0

# channel, anchor, then: centre relative to the anchor, extent (sx, sy) and movement (dx, dy) on the
# image's right side; the left side mirrors it, so a centre on the axis moves twice as far
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
    ("jaw_open", "chin", (0.0, -2.0, 26.0, 11.0, 0.0, 3.75)),
    ("jaw_open", "mouth", (27.0, 8.0, 9.0, 14.0, -2.0, 3.0)),
    ("lip_pucker", "mouth", (15.0, 0.0, 8.0, 8.0, -1.6, 0.0)),
    ("blink", "eye", (0.0, -6.5, 8.0, 3.5, 0.0, 1.0)),
)


def warp_basis(anatomy: Anatomy) -> np.ndarray:
    """Return a head's basis fields, float32 (K, rows, columns, 2): canonical minus posed (x, y)."""
    x, y = np.moveaxis(KNOTS, -1, 0)
    anchors = {
        "mouth": (CENTRE_X, anatomy.mouth_y),
        "eye": (CENTRE_X + anatomy.eye_gap, anatomy.eye_y),
        "brow": (CENTRE_X + anatomy.eye_gap, anatomy.brow_y),
        "chin": (CENTRE_X, anatomy.chin),
    }
    fields = []
    for _, anchor, (ox, oy, sx, sy, dx, dy) in _BLENDSHAPES:
        centre_x, centre_y = anchors[anchor]
        field = np.zeros((*FIELD_SHAPE, 2))
        for side in (1, -1):
            bump_x = CENTRE_X + side * (centre_x + ox - CENTRE_X)
            bump = hill(x, y, bump_x, centre_y + oy, sx, sy)
            field -= bump[..., None] * (side * dx, dy)
        fields.append(field)
    # only depth relative to the face is a displacement; the rest is ``pose_shift``'s, so that a
    # nose keeps its own depth wherever the turn takes it
    height = depth(anatomy, x, y) - FACE_DEPTH
    zero = np.zeros_like(height)
    pairs = [(-height, zero), (x - CENTRE_X, zero), (zero, -height), (zero, y - _POSE_CENTRE_Y)]
    fields += [np.stack(pair, -1) for pair in pairs]
    return np.stack(fields).astype(np.float32)


def warp_fields(basis: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Return the displacement fields, shape (n, rows, columns, 2), of a block of parameters."""
    yaw, pitch = np.radians(column(params, "yaw")), np.radians(column(params, "pitch"))
    coefficients = [column(params, channel) for channel, _, _ in _BLENDSHAPES]
    coefficients += [np.sin(yaw), 1 - np.cos(yaw), np.sin(pitch), 1 - np.cos(pitch)]
    return blend(coefficients, basis)


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
