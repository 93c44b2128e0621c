"""Light and wrinkles: brightness factors on the canonical head, linear in the parameters."""

import numpy as np

from deplib.cohorts.simulated.anatomy import CENTRE_X, Anatomy
from deplib.cohorts.simulated.texture import Canvas, bump, curve, stroke
from deplib.cohorts.simulated.warp import blend, column, depth

_WRINKLES = (
    "smile",
    "cheek_raise",
    "brow_lower",
    "brow_raise",
    "lid_tighten",
    "dimpler",
    "lip_corner_down",
    "lip_pucker",
    "jaw_open",
)
_CEILING = 0.22
"""How far above the neutral exposure a highlight may go: no colour channel clips, so hue stays."""


def shoulder(factor: np.ndarray) -> np.ndarray:
    """Return brightness factors with those above 1 compressed to below ``1 + _CEILING``."""
    excess = np.maximum(factor - 1, 0)
    return np.minimum(factor, 1) + excess / (1 + excess * np.float32(1 / _CEILING))


class ShadingModel:
    """The shading basis of one head on one canvas."""

    def __init__(self, anatomy: Anatomy, canvas: Canvas) -> None:
        x, y = canvas.grid()
        side = np.abs(x - CENTRE_X)
        self._shape = x.shape
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
        crow = sum(
            stroke(
                side,
                y,
                curve((outer + 2, eye_y + d), (outer + 5, eye_y + 1.6 * d), (outer + 8, eye_y + s)),
                1.1,
            )
            for d, s in ((-1.0, -4.0), (0.5, 0.5), (2.0, 5.0))
        )
        under = stroke(
            side, y, curve((eye - 8, eye_y + 4), (eye, eye_y + 7.6), (eye + 9, eye_y + 4)), 0.8
        )
        forehead = sum(
            stroke(side, y, curve((-1, h), (12, h - 1.5), (26, h + 2)), 1.1)
            for h in (brow - 9.0, brow - 14.5, brow - 20.0)
        )
        glabella = stroke(side, y, curve((3.2, brow - 6.5), (2.6, brow - 1), (3.8, brow + 4)), 1.3)
        marionette = stroke(
            side, y, curve((16, mouth + 2), (18.5, mouth + 7), (18, mouth + 13)), 1.5
        )
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
        self._basis = np.stack(bases).reshape(len(bases), -1).astype(np.float32)

    def factors(self, params: np.ndarray, *, key_light: float) -> np.ndarray:
        """Return brightness factors at even exposure, float32 (n, height, width).

        Parameters
        ----------
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
        factors = blend(coefficients, self._basis)
        factors += 1
        return np.maximum(factors, 0.12, out=factors).reshape(len(params), *self._shape)
