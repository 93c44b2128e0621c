import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from deplib.alignment.template import TEMPLATE, align, similarity_transform
from deplib.chapters.detectors import ASTRONAUT_LANDMARKS
from deplib.errors import EncoderError


@pytest.mark.parametrize("seed", range(5))
def test_the_transform_equals_that_of_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, target = rng.uniform(0, 200, (2, 5, 2))
    reference = SimilarityTransform.from_estimate(source, target)
    np.testing.assert_allclose(
        similarity_transform(source, target), np.asarray(reference.params)[:2], atol=1e-9
    )


def test_alignment_puts_the_landmarks_on_the_template() -> None:
    """Five dots on a rotated, scaled face land where the template has them."""
    angle, scale = np.deg2rad(25), 2.2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (TEMPLATE - 56) @ turn.T + [230, 180]
    image = np.zeros((400, 460, 3), np.uint8)
    for x, y in landmarks:
        cv2.circle(image, (round(x), round(y)), 5, (255, 255, 255), -1)
    crop = align(image, landmarks)[..., 0]
    _, _, _, centres = cv2.connectedComponentsWithStats((crop > 127).astype(np.uint8))
    found = sorted(map(tuple, centres[1:]))
    np.testing.assert_allclose(found, sorted(map(tuple, TEMPLATE)), atol=0.6)


def test_the_crop_scales_with_its_size(photograph: np.ndarray, crop: np.ndarray) -> None:
    double = align(photograph, ASTRONAUT_LANDMARKS, size=224)
    assert double.shape == (224, 224, 3)
    difference = cv2.resize(double, (112, 112), interpolation=cv2.INTER_AREA).astype(int) - crop
    assert np.abs(difference).mean() < 8


@pytest.mark.parametrize(
    "landmarks", [np.zeros((5, 2)), np.zeros((4, 2)), np.full((5, 2), np.nan), np.zeros(10)]
)
def test_impossible_landmarks_are_refused(photograph: np.ndarray, landmarks: np.ndarray) -> None:
    with pytest.raises(EncoderError, match="five distinct, finite points"):
        align(photograph, landmarks)
