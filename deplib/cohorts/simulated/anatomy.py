"""From a 32-number identity code to named proportions and colours of one head.

Lengths are in pixels of the 112 x 112 aligned crop ("units"), the space of the five-point template,
so a proportion means the same whatever the resolution a head is painted at.
"""

from dataclasses import dataclass

import numpy as np

IDENTITY_DIM = 32
"""Length of an identity code."""

TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]], np.float32
)
"""Eyes, nose tip and mouth corners of the ArcFace 112 x 112 alignment template, (x, y)."""

CENTRE_X = 56.0
"""The head's axis of symmetry."""

_SKIN = np.array(
    [
        [206, 172, 152],
        [201, 160, 136],
        [186, 143, 117],
        [162, 119, 94],
        [130, 92, 72],
        [101, 71, 57],
    ],
    np.float32,
)
_HAIR = np.array(
    [[30, 25, 24], [46, 33, 27], [74, 50, 36], [112, 78, 50], [150, 118, 78], [150, 146, 142]],
    np.float32,
)
_IRIS = np.array([[52, 33, 22], [84, 56, 34], [98, 92, 58], [84, 110, 118]], np.float32)


@dataclass(frozen=True)
class Anatomy:
    """Proportions in units, colours in RGB 0-255, everything else a fraction."""

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    lip: np.ndarray
    face_width: float  # factor on the outline
    jaw_width: float  # factor on the outline at the mouth
    chin: float  # y of the chin
    hairline: float  # y of the hairline in the middle
    eye_gap: float  # half the distance between the pupils
    eye_y: float
    eye_width: float  # half the length of the opening
    eye_open: float  # factor on its height
    eye_tilt: float  # units that the outer corner lies above the inner one
    lid_crease: float
    brow_y: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    nose_y: float  # y of the tip
    nose_width: float  # half the width of the wings
    nose_bridge: float
    mouth_y: float
    mouth_width: float  # half the width
    upper_lip: float
    lower_lip: float
    hair_volume: float
    hair_length: float  # y that the hair behind the head reaches
    parting: float  # -1 to 1, where the hair parts
    fringe: float  # units that it falls over the forehead
    beard: float
    cheek: float
    eye_bag: float
    freckles: float
    seed: tuple[int, ...]  # of the small stochastic detail: pores, strands, moles

    @property
    def eyes(self) -> np.ndarray:
        """Pupil centres, shape (2, 2), the image's left one first."""
        return np.array(
            [[CENTRE_X - self.eye_gap, self.eye_y], [CENTRE_X + self.eye_gap, self.eye_y]],
            np.float32,
        )

    @property
    def landmarks(self) -> np.ndarray:
        """The five alignment points of the neutral, frontal face, shape (5, 2)."""
        corners = [[CENTRE_X + side * self.mouth_width, self.mouth_y] for side in (-1, 1)]
        return np.array([*self.eyes, [CENTRE_X, self.nose_y], *corners], np.float32)


def _pick(palette: np.ndarray, position: float) -> np.ndarray:
    """Interpolate a palette at ``position`` in 0-1."""
    knots = np.linspace(0, 1, len(palette))
    return np.array([np.interp(position, knots, channel) for channel in palette.T], np.float32)


def anatomy_of(identity: np.ndarray) -> Anatomy:
    """Return the head that an identity code stands for.

    Every number of the code moves one trait, squashed so that no head leaves the plausible range.

    Parameters
    ----------
    identity
        Float array, shape (32,), standard normal.
    """
    code = np.asarray(identity, np.float32)
    t = np.tanh(0.75 * code.astype(np.float64))  # about uniform on -1 to 1
    unit = 0.5 + 0.5 * t
    skin = _pick(_SKIN, float(unit[0])) + np.float32(7 * t[1]) * np.array([0.5, -0.2, -0.7])
    hair_position = float(unit[2] ** (0.8 + 4.0 * unit[0] ** 2))  # darker skin, mostly darker hair
    hair = _pick(_HAIR, hair_position) + np.float32(10 * max(t[3], 0)) * np.array([1.2, 0.1, -0.4])
    lip = skin * np.array([0.90, 0.66, 0.66]) + np.float32(10 * t[4]) * np.array([0.8, -0.6, -0.3])
    long_hair = t[5] > 0.1
    return Anatomy(
        skin=skin.astype(np.float32),
        hair=hair.astype(np.float32),
        iris=_pick(_IRIS, float(unit[6] * (1.15 - 0.9 * unit[0]))),
        lip=lip.astype(np.float32),
        face_width=1.0 + 0.085 * t[7],
        jaw_width=1.0 + 0.11 * t[8],
        chin=118.5 + 5.0 * t[9],
        hairline=13.0 + 5.5 * t[10],
        eye_gap=17.6 + 1.5 * t[11],
        eye_y=51.6 + 1.2 * t[12],
        eye_width=8.7 + 0.9 * t[13],
        eye_open=1.0 + 0.22 * t[14],
        eye_tilt=0.5 + 1.0 * t[15],
        lid_crease=2.6 + 0.9 * t[16],
        brow_y=40.2 + 2.2 * t[17],
        brow_thickness=1.9 + 0.75 * t[18],
        brow_arch=2.2 + 1.5 * t[19],
        brow_tilt=1.2 * t[20],
        nose_y=71.7 + 2.2 * t[21],
        nose_width=7.6 + 1.5 * t[22],
        nose_bridge=1.0 + 0.5 * t[23],
        mouth_y=92.3 + 1.6 * t[24],
        mouth_width=14.6 + 1.7 * t[25],
        upper_lip=3.1 + 1.1 * t[26],
        lower_lip=4.3 + 1.2 * t[27],
        hair_volume=7.0 + 3.5 * t[28],
        hair_length=float(95 + 60 * unit[5]) if long_hair else 30.0,
        parting=float(t[3]),
        fringe=float(14.0 * max(0.0, t[29] - 0.3)),
        beard=0.0 if long_hair else float(max(0.0, unit[30] - 0.35) / 0.65),
        cheek=float(unit[31]),
        eye_bag=float(0.3 + 0.7 * unit[12]),
        freckles=float(max(0.0, t[1] * t[31])),
        seed=tuple(int(v) for v in np.ascontiguousarray(code).view(np.uint32)),
    )
