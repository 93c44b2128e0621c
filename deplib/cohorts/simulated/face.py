"""Render a person: aligned crops by the block, and the scene that a camera would see.

Each frame is a pure function of identity, scene and the frame's parameters. The head is painted
once; a frame draws eyes and mouth into it, multiplies light and wrinkles in, and passes everything
through one warp, in which expression, pose, alignment and the landmark detector's jitter are
already composed.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import cv2
import numpy as np

from deplib.cohorts.simulated import parts, warp
from deplib.cohorts.simulated.anatomy import BLOCK, CENTRE_X, IDENTITY_DIM, Anatomy, column
from deplib.cohorts.simulated.motion import CHANNELS, INDEX
from deplib.cohorts.simulated.texture import Canvas, brightness, paint_head, ramp, shading, shoulder
from deplib.errors import CohortError

HEIGHT, WIDTH = 480, 640
"""Pixels of a scene's own coordinates, those of an AVEC2014 frame."""
CROP = 112
"""Side of an aligned crop in pixels."""

CROP_CANVAS = Canvas(-22.0, -22.0, 196, 196, 1.25)
_SCENE_CANVAS = Canvas(-24.0, -40.0, 320, 400, 2.0)
_NO_MAP = np.empty(0, np.float32)  # both coordinates are in the first map
_NECK = np.array([CENTRE_X, 120.0])  # the head rolls about this point


@dataclass(frozen=True)
class Scene:
    """A room, clothes, a seat before the camera, and the camera's noise."""

    wall: tuple[float, ...]  # RGB
    wall_slope: tuple[float, float]  # brightness across and down the wall
    furniture: tuple[tuple[float, ...], ...]  # x, y, width, height, R, G, B
    clothes: tuple[float, ...]  # RGB
    collar: float  # 0 round to 1 deep
    scale: float  # scene pixels a unit
    seat: tuple[float, float]  # scene position of the point between eyes and mouth
    exposure: float  # natural logarithm
    key_light: float  # added to light_azimuth
    warmth: float  # -1 cold to 1 warm white balance
    noise: float  # standard deviation of the sensor noise, grey levels
    noise_seed: int


def sample_scene(*, rng: np.random.Generator) -> Scene:
    """Draw a scene; nothing in it knows who sits there or how they feel."""

    def rgb(low: float, high: float, spread: float, least: float, most: float) -> tuple[float, ...]:
        colour = rng.uniform(low, high) + rng.normal(0, spread, 3)
        return tuple(np.clip(colour, least, most).tolist())

    def piece() -> tuple[float, ...]:
        box = rng.uniform((-40, -20, 40, 60), (640, 420, 220, 360)).tolist()
        return (*box, *rgb(50, 180, 9, 20, 220))

    wall = rgb(90, 190, 10, 40, 215)
    furniture = tuple(piece() for _ in range(int(rng.integers(0, 4))))
    clothes = rgb(25, 170, 16, 12, 215)
    return Scene(
        wall=wall,
        wall_slope=(float(rng.normal(0, 0.10)), float(rng.normal(0, 0.08))),
        furniture=furniture,
        clothes=clothes,
        collar=float(rng.uniform()),
        scale=float(rng.uniform(1.55, 1.95)),
        seat=(float(rng.normal(320, 22)), float(rng.normal(222, 12))),
        exposure=float(np.clip(rng.normal(0, 0.12), -0.3, 0.3)),
        key_light=float(np.clip(rng.normal(0, 0.30), -0.7, 0.7)),
        warmth=float(np.clip(rng.normal(0, 0.4), -1, 1)),
        noise=float(rng.uniform(0.6, 2.0)),
        noise_seed=int(rng.integers(2**31)),
    )


def paint_surroundings(anatomy: Anatomy, scene: Scene) -> np.ndarray:
    """Paint room, shoulders and neck: what stays still while the head moves.

    Returns
    -------
    ndarray of uint8, shape (480, 640, 3)
    """
    # at half the resolution: the room is out of focus, and this is most of a person's cost
    row, column = 2 * np.mgrid[: HEIGHT // 2, : WIDTH // 2].astype(np.float32) + np.float32(0.5)
    tilt = 1 + scene.wall_slope[0] * (column / 320 - 1) + scene.wall_slope[1] * (row / 240 - 1)
    image = np.array(scene.wall, np.float32) * tilt[..., None]
    for x, y, width, height, *colour in scene.furniture:
        inside = ramp(width / 2 - np.abs(column - x), 6) * ramp(height / 2 - np.abs(row - y), 6)
        image += inside[..., None] * (np.array(colour, np.float32) * tilt[..., None] - image)
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    x = (column - scene.seat[0]) / scene.scale  # units from the head's axis
    y = (row - scene.seat[1]) / scene.scale + 70.0
    side = np.abs(x)
    neck = 25.0 * anatomy.face_width + 0.010 * np.clip(y - 118, 0, 60) ** 2
    skin = ramp(neck - side, 1.5) * ramp(y - 92 - 20 * (side / 25) ** 4, 4)
    shadow = 0.50 + 0.30 * np.clip((y - 116) / 28, 0, 1) - 0.10 * (side / 26) ** 2
    image += skin[..., None] * (anatomy.skin * shadow[..., None] - image)
    shoulders = 136 + 0.16 * side + 34 * np.clip((side - 70) / 42, 0, None) ** 2.2
    neckline = 145 + (6 + 22 * scene.collar) * (1 - (side / 30) ** 2)
    cloth = ramp(y - np.maximum(shoulders, neckline), 1.5) * ramp(116 - side, 3)
    fold = 0.92 - 0.16 * (side / 110) ** 2 - 0.05 * np.cos(side / 9) * np.clip((y - 170) / 60, 0, 1)
    image += cloth[..., None] * (np.array(scene.clothes, np.float32) * fold[..., None] - image)
    image = np.clip(image * white_balance(scene) + 0.5, 0, 255).astype(np.uint8)
    return cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def white_balance(scene: Scene) -> np.ndarray:
    """Return the camera's factors on R, G and B."""
    return np.array([1 + 0.04 * scene.warmth, 1.0, 1 - 0.05 * scene.warmth], np.float32)


@lru_cache(maxsize=8)
def _bare(identity: bytes, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Return what a head looks like in any scene; painting it is most of a renderer's cost."""
    anatomy = Anatomy(np.frombuffer(identity, np.float32))
    return paint_head(anatomy, canvas), shading(anatomy, canvas)


class PaintedHead:
    """One head on one canvas, ready to be drawn at any parameters."""

    def __init__(self, identity: np.ndarray, scene: Scene, canvas: Canvas) -> None:
        anatomy, self._canvas, self._key_light = Anatomy(identity), canvas, scene.key_light
        texture, self._shading = _bare(identity.tobytes(), canvas)
        balance = np.append(white_balance(scene), np.float32(1))
        self._texture = np.clip(texture * balance + 0.5, 0, 255).astype(np.uint8)
        self._painters: list[tuple[tuple[slice, slice], Callable[[np.ndarray], np.ndarray]]] = []
        mouth = np.array([CENTRE_X, anatomy.mouth_y])
        for outer, centre in zip((-1, 1, 0), (*anatomy.eyes, mouth), strict=True):
            window, place = canvas.window(centre, parts.EYE_REACH if outer else parts.MOUTH_REACH)
            skin = self._texture[place][..., :3]
            draw = partial(parts.draw_eye, outer) if outer else parts.draw_mouth
            self._painters.append((place, partial(draw, anatomy, window, skin)))

    def drawn(self, params: np.ndarray, fields: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield each frame's texture, brightness factors, and where a field's knots lie on both.

        The texture is valid until the next frame.
        """
        patches = [(place, draw(params)) for place, draw in self._painters]
        factors = brightness(self._shading, params, key_light=self._key_light)
        canvas, texture = self._canvas, self._texture.copy()
        start = (warp.KNOTS - (canvas.left, canvas.top)) * canvas.density
        maps = fields * np.float32(canvas.density) + start.astype(np.float32)
        for k in range(len(params)):
            for place, patch in patches:
                texture[place][..., :3] = patch[k]
            yield texture, factors[k], maps[k]


def sample_identity(*, rng: np.random.Generator) -> np.ndarray:
    """Draw an identity code, float32 (32,), standard normal."""
    return rng.standard_normal(IDENTITY_DIM).astype(np.float32)


@dataclass(frozen=True)
class SceneFrame:
    """One camera image, and where a perfect landmark detector finds the five points.

    Attributes
    ----------
    image
        RGB uint8, shape (height, width, 3).
    landmarks
        Eyes, nose tip and mouth corners, float32 (5, 2), (x, y) in pixels.
    """

    image: np.ndarray
    landmarks: np.ndarray


class FaceRenderer:
    """A person in a scene.

    Parameters
    ----------
    identity
        Identity code, shape (32,).
    scene
        The recording's room, clothes, seat and camera.

    Raises
    ------
    CohortError
        If the identity code has another shape or is not finite.
    """

    def __init__(self, identity: np.ndarray, scene: Scene) -> None:
        identity = np.array(identity, np.float32)
        if identity.shape != (IDENTITY_DIM,) or not np.isfinite(identity).all():
            text = f"an identity code is {IDENTITY_DIM} finite numbers, got shape {identity.shape}"
            raise CohortError(f"{text}; draw one with sample_identity(rng=...)")
        self._identity, self._scene, anatomy = identity, scene, Anatomy(identity)
        self._landmarks, self._warp = anatomy.landmarks, warp.warp_basis(anatomy)
        self._surroundings = paint_surroundings(anatomy, scene)
        shift = np.array(scene.seat) - scene.scale * np.array([CENTRE_X, 70.0])
        self._placement = np.array([[scene.scale, 0, shift[0]], [0, scene.scale, shift[1]]])
        self._close = PaintedHead(identity, scene, CROP_CANVAS)
        rng = np.random.default_rng(scene.noise_seed)
        self._noise = rng.normal(0, scene.noise, (2 * CROP, 2 * CROP, 3)).astype(np.float32)

    def crops(self, params: np.ndarray) -> np.ndarray:
        """Render aligned crops.

        Parameters
        ----------
        params
            Per-frame parameters, shape (n, len(CHANNELS)), in the order of ``CHANNELS``.

        Returns
        -------
        ndarray of uint8, shape (n, 112, 112, 3)
            RGB. Each frame depends on its own row alone.

        Raises
        ------
        CohortError
            If the parameters have another shape or are not finite.
        """
        params = _checked(params)
        frames = np.empty((len(params), CROP, CROP, 3), np.uint8)
        for start in range(0, len(params), BLOCK):
            block = params[start : start + BLOCK]
            fields, landmarks = self._posed(block)
            from_crop = warp.invert(warp.compose(_jitter(block), warp.align(landmarks)))
            to_scene = warp.compose(self._head_to_scene(block), from_crop)
            images = self._rendered(self._close, block, fields, from_crop, to_scene, (CROP, CROP))
            for k, image in enumerate(images):
                # the noise is the frame's own, whatever block it is rendered in
                draw = zlib.crc32(block[k].tobytes())
                top, left = draw % CROP, (draw >> 16) % CROP
                noise = self._noise[top : top + CROP, left : left + CROP]
                cv2.convertScaleAbs(image + noise, dst=frames[start + k])
        return frames

    def scene_frame(self, params_row: np.ndarray) -> SceneFrame:
        """Render the camera's image of one frame.

        Alignment jitter is the detector's, not the face's: it moves no pixel here.

        Parameters
        ----------
        params_row
            One frame's parameters, shape (len(CHANNELS),).

        Raises
        ------
        CohortError
            If the parameters have another shape or are not finite.
        """
        params = _checked(np.asarray(params_row)[None])
        fields, landmarks = self._posed(params)
        to_image = self._head_to_scene(params)
        maps = warp.invert(to_image), np.eye(2, 3)[None]
        [image] = self._rendered(self._far, params, fields, *maps, (HEIGHT, WIDTH))
        points = landmarks[0] @ to_image[0, :, :2].T + to_image[0, :, 2]
        return SceneFrame(cv2.convertScaleAbs(image), points.astype(np.float32))

    @cached_property
    def _far(self) -> PaintedHead:
        return PaintedHead(self._identity, self._scene, _SCENE_CANVAS)

    def _posed(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return displacement fields and head-space landmarks of a block."""
        fields = warp.warp_fields(self._warp, params)
        moved = parts.mouth_corners(params).astype(np.float32)
        canonical = np.repeat(self._landmarks[None], len(params), 0)
        canonical[:, 3] += moved * np.array([-1, 1], np.float32)
        canonical[:, 4] += moved
        return fields, warp.posed(canonical, fields)

    def _head_to_scene(self, params: np.ndarray) -> np.ndarray:
        roll = np.radians(column(params, "roll")).astype(np.float64)
        turned = warp.similarity(roll, np.ones_like(roll), np.tile(_NECK, (len(params), 1)))
        return warp.compose(self._placement, warp.compose(turned, warp.pose_shift(params)))

    def _rendered(
        self,
        painted: PaintedHead,
        params: np.ndarray,
        fields: np.ndarray,
        to_head: np.ndarray,
        to_scene: np.ndarray,
        shape: tuple[int, int],
    ) -> Iterator[np.ndarray]:
        """Warp, light and lay each head over its surroundings: float32 (height, width, 3)."""
        to_knots = to_head.copy()
        to_knots[..., 2] -= warp.ORIGIN
        to_knots /= warp.SPACING
        edge = cv2.BORDER_REPLICATE
        for k, (texture, factors, knots) in enumerate(painted.drawn(params, fields)):
            position = _pull(knots, to_knots[k], shape)
            head = cv2.remap(texture, position, _NO_MAP, cv2.INTER_LINEAR)
            light = cv2.remap(factors, position, _NO_MAP, cv2.INTER_LINEAR, borderMode=edge)
            gain = np.exp(params[k, INDEX["light_gain"]] + np.float32(self._scene.exposure))
            light = cv2.cvtColor(shoulder(light * gain), cv2.COLOR_GRAY2RGB)
            lit = cv2.multiply(cv2.cvtColor(head, cv2.COLOR_RGBA2RGB), light, dtype=cv2.CV_32F)
            around = _pull(self._surroundings, to_scene[k], shape)
            clear = cv2.cvtColor(255 - cv2.extractChannel(head, 3), cv2.COLOR_GRAY2RGB)
            strength = float(shoulder(gain)) / 255.0
            yield cv2.add(lit, cv2.multiply(around, clear, scale=strength, dtype=cv2.CV_32F))


def _pull(image: np.ndarray, where: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fetch each pixel from where an affine map (2, 3) says, the edge repeated."""
    flags, edge = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, where, shape[::-1], flags=flags, borderMode=edge)


def _jitter(params: np.ndarray) -> np.ndarray:
    """Return the alignment's error as affine maps (n, 2, 3) of the crop."""
    angle = np.radians(column(params, "align_rotation")).astype(np.float64)
    scale = np.exp(column(params, "align_scale")).astype(np.float64)
    maps = warp.similarity(angle, scale, np.full((len(params), 2), (CROP - 1) / 2))
    maps[:, 0, 2] += column(params, "align_x")
    maps[:, 1, 2] += column(params, "align_y")
    return maps


def _checked(params: np.ndarray) -> np.ndarray:
    params = np.ascontiguousarray(params, np.float32)
    if params.ndim != 2 or params.shape[1] != len(CHANNELS):
        text = f"got shape {params.shape}, one column a channel of CHANNELS is needed"
        raise CohortError(f"frame parameters have shape (n, {len(CHANNELS)}): {text}")
    bad = np.flatnonzero(~np.isfinite(params).all(1))
    if len(bad):
        text = f"row {bad[0]} of {len(params)} holds NaN or infinity"
        raise CohortError(f"frame parameters must be finite: {text}; mend the trajectory")
    return params
