"""Alignment: the five-point template of the ArcFace family, and the warp to it."""

import cv2
import numpy as np

from deplib.errors import EncoderError

SIZE = 112
"""Height and width of an aligned crop, pixels."""
TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]]
)
"""Eyes, nose and mouth corners (x, y) in an aligned crop, image left first; insightface."""


def align(image: np.ndarray, landmarks: np.ndarray, *, size: int = SIZE) -> np.ndarray:
    """Warp a face to the five-point template, as encoders of the ArcFace family expect.

    Parameters
    ----------
    image
        RGB, uint8, shape ``(height, width, 3)``.
    landmarks
        Shape ``(5, 2)``: x, y of the eyes, nose and mouth corners, image left first.
    size
        Height and width of the crop, pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Black where the crop reaches over the image's edge.

    Raises
    ------
    EncoderError
        If the landmarks are not five distinct, finite points.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all() or np.ptp(points, axis=0).max() == 0:
        raise EncoderError(
            f"landmarks have shape {points.shape}; give five distinct, finite points (x, y): eyes, "
            "nose, mouth corners"
        )
    matrix = similarity_transform(points, TEMPLATE * (size / SIZE))
    return cv2.warpAffine(image, matrix, (size, size))


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the least-squares rotation, scale and shift from points to points.

    That of Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", IEEE TPAMI 13(4), 1991.

    Parameters
    ----------
    source, target
        Shape ``(n, 2)``, n at least 2.

    Returns
    -------
    ndarray, shape (2, 3)
        ``A`` with ``target ~ source @ A[:, :2].T + A[:, 2]``; without reflection.
    """
    # A similarity of the plane is multiplication by one complex number, then a shift.
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    z_mean, w_mean = z.mean(), w.mean()
    a = np.vdot(z - z_mean, w - w_mean) / np.vdot(z - z_mean, z - z_mean).real
    b = w_mean - a * z_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
