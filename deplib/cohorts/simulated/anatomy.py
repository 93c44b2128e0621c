"""One head: its proportions, its colours and its depth.

An identity code of 32 numbers becomes named proportions in pixels of the 112 x 112 aligned crop
("units"), so a proportion means the same whatever the resolution a head is painted at.
"""

from collections.abc import Sequence

import numpy as np

from deplib.cohorts.simulated.motion import INDEX

IDENTITY_DIM = 32
"""Length of an identity code."""

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


def column(params: np.ndarray, name: str) -> np.ndarray:
    """Return one channel of a block of parameters, shape (n,)."""
    return params[:, INDEX[name]]


def blend(coefficients: Sequence[np.ndarray], basis: np.ndarray) -> np.ndarray:
    """Return the mixtures of a basis, float32 (n, ...), for n of at most ``BLOCK`` frames.

    A matrix product's rounding depends on its shape. The shape is therefore always the same, padded
    with empty rows, and a frame's bytes do not depend on what it is rendered with.

    Parameters
    ----------
    coefficients
        One array (n,) a basis row.
    basis
        Shape (K, ...).
    """
    n = len(coefficients[0])
    rows = np.zeros((BLOCK, len(basis)), np.float32)
    rows[:n] = np.stack(coefficients, 1)
    return (rows @ basis.reshape(len(basis), -1))[:n].reshape(n, *basis.shape[1:])


def hill(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """Return a Gaussian of height one."""
    return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def depth(anatomy: Anatomy, x: np.ndarray, y: np.ndarray, *, features: float = 1.0) -> np.ndarray:
    """Return the height of the head's surface above its axis of rotation, in units.

    A paraboloid, whose slope stays finite at the outline where an ellipsoid's does not (else a
    turned face folds), with a nose, a chin and eye sockets scaled by ``features``.
    """
    across, down = x - CENTRE_X, y - 58.0
    skull = 44.0 * (1.0 - (across / 62.0) ** 2 - (down / 112.0) ** 2)
    skull = 0.5 * (skull + np.sqrt(skull**2 + 100.0))  # flattens out behind the outline

    nose, mouth = anatomy.nose_y, anatomy.mouth_y
    bumps = [(10.0, CENTRE_X, nose - 1, 5.5, 6.0), (5.0, CENTRE_X, nose - 12, 4.5, 8.0)]
    bumps += [(3.0, CENTRE_X, mouth, 13.0, 6.0), (4.0, CENTRE_X, anatomy.chin - 8, 10.0, 7.0)]
    bumps += [(-3.0, eye_x, eye_y, 8.0, 5.0) for eye_x, eye_y in anatomy.eyes]
    return skull + features * sum(height * hill(x, y, *bump) for height, *bump in bumps)
