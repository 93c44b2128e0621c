"""Everything in the picture that is not the person's face and never depends on severity."""

from dataclasses import dataclass

import cv2
import numpy as np

from deplib.cohorts.simulated.anatomy import CENTRE_X, Anatomy
from deplib.cohorts.simulated.texture import ramp

HEIGHT, WIDTH = 480, 640
"""Pixels of a scene's own coordinates, those of an AVEC2014 frame."""


@dataclass(frozen=True)
class Scene:
    """A room, clothes, a seat before the camera, and the camera's noise."""

    wall: tuple[float, float, float]  # RGB
    wall_slope: tuple[float, float]  # brightness across and down the wall
    furniture: tuple[tuple[float, ...], ...]  # x, y, width, height, R, G, B
    clothes: tuple[float, float, float]  # RGB
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
    grey = rng.uniform(90, 190)
    wall = grey + rng.normal(0, 10, 3)
    furniture = tuple(
        (
            float(rng.uniform(-40, 640)),
            float(rng.uniform(-20, 420)),
            float(rng.uniform(40, 220)),
            float(rng.uniform(60, 360)),
            *(float(v) for v in np.clip(rng.uniform(50, 180) + rng.normal(0, 9, 3), 20, 220)),
        )
        for _ in range(int(rng.integers(0, 4)))
    )
    clothes = np.clip(rng.uniform(25, 170) + rng.normal(0, 16, 3), 12, 215)
    return Scene(
        wall=tuple(float(v) for v in np.clip(wall, 40, 215)),  # type: ignore[arg-type]
        wall_slope=(float(rng.normal(0, 0.10)), float(rng.normal(0, 0.08))),
        furniture=furniture,
        clothes=tuple(float(v) for v in clothes),  # type: ignore[arg-type]
        collar=float(rng.uniform()),
        scale=float(rng.uniform(1.55, 1.95)),
        seat=(float(rng.normal(320, 22)), float(rng.normal(222, 12))),
        exposure=float(np.clip(rng.normal(0, 0.12), -0.3, 0.3)),
        key_light=float(np.clip(rng.normal(0, 0.30), -0.7, 0.7)),
        warmth=float(np.clip(rng.normal(0, 0.4), -1, 1)),
        noise=float(rng.uniform(0.6, 2.0)),
        noise_seed=int(rng.integers(2**31)),
    )


def placement(scene: Scene) -> np.ndarray:
    """Return the affine map (2, 3) from head coordinates, upright, to scene coordinates."""
    shift = np.array(scene.seat) - scene.scale * np.array([CENTRE_X, 70.0])
    return np.array([[scene.scale, 0, shift[0]], [0, scene.scale, shift[1]]])


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
