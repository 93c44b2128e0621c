"""One head on one canvas: painted once, then opened, closed and lit frame by frame."""

from functools import lru_cache

import numpy as np

from deplib.cohorts.simulated.anatomy import CENTRE_X, anatomy_of
from deplib.cohorts.simulated.parts import EYE_REACH, MOUTH_REACH, EyePainter, MouthPainter
from deplib.cohorts.simulated.scene import Scene, white_balance
from deplib.cohorts.simulated.shading import ShadingModel
from deplib.cohorts.simulated.texture import Canvas, paint_head


@lru_cache(maxsize=8)
def _bare(identity: bytes, canvas: Canvas) -> tuple[np.ndarray, ShadingModel]:
    """Return what a head looks like in any scene; painting it is most of a renderer's cost."""
    anatomy = anatomy_of(np.frombuffer(identity, np.float32))
    return paint_head(anatomy, canvas), ShadingModel(anatomy, canvas)


class PaintedHead:
    """One head on one canvas, ready to be drawn at any parameters."""

    def __init__(self, identity: np.ndarray, scene: Scene, canvas: Canvas) -> None:
        anatomy = anatomy_of(identity)
        self.canvas = canvas
        self._key_light = scene.key_light
        texture, self._shading = _bare(identity.tobytes(), canvas)
        balance = np.append(white_balance(scene), np.float32(1))
        self.texture = np.clip(texture * balance + 0.5, 0, 255).astype(np.uint8)
        self._painters: list[tuple[tuple[slice, slice], EyePainter | MouthPainter]] = []
        for outer, eye in zip((-1, 1), anatomy.eyes, strict=True):
            window = canvas.window(eye, EYE_REACH)
            place = canvas.slices(window)
            skin = self.texture[place][..., :3]
            self._painters.append((place, EyePainter(anatomy, window, skin, outer)))
        window = canvas.window(np.array([CENTRE_X, anatomy.mouth_y]), MOUTH_REACH)
        place = canvas.slices(window)
        skin = self.texture[place][..., :3]
        self._painters.append((place, MouthPainter(anatomy, window, skin)))

    def patches(self, params: np.ndarray) -> list[tuple[tuple[slice, slice], np.ndarray]]:
        """Return eyes and mouth of a block: where they go, and uint8 (n, h, w, 3)."""
        return [(place, painter.draw(params)) for place, painter in self._painters]

    def factors(self, params: np.ndarray) -> np.ndarray:
        """Return the brightness factors of a block, float32 (n, height, width)."""
        return self._shading.factors(params, key_light=self._key_light)
