import cv2
import numpy as np
import pytest
import skimage
from skimage.transform import SimilarityTransform

from deplib.chapters.extraction import ASTRONAUT_LANDMARKS
from deplib.errors import EncoderError
from deplib.extraction.detector import (
    TEMPLATE,
    BoundedHaarDetector,
    align,
    detect_then_embed_with_zeros,
    similarity_transform,
)
from deplib.extraction.encoder import OnnxEncoder


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """Eileen Collins; a photograph by NASA in the public domain."""
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def crop(photograph: np.ndarray) -> np.ndarray:
    return align(photograph, ASTRONAUT_LANDMARKS)


def padded(crop: np.ndarray, share: float = 0.25) -> np.ndarray:
    edge = round(share * len(crop))
    return np.pad(crop, ((edge, edge), (edge, edge), (0, 0)))


def test_the_bounded_detector_finds_the_scene_and_not_the_crop(
    photograph: np.ndarray, crop: np.ndarray
) -> None:
    bounded = BoundedHaarDetector()
    assert len(bounded.detect(photograph)) == 1
    assert bounded.detect(crop).shape == (0, 4)
    assert len(bounded.detect(padded(crop))) == 1


def test_the_control_without_the_bound_finds_all(photograph: np.ndarray, crop: np.ndarray) -> None:
    control = BoundedHaarDetector(max_size_fraction=1.0)
    for image in (photograph, crop, padded(crop)):
        assert len(control.detect(image)) == 1


def test_so_it_is_with_the_simulated_faces() -> None:
    from deplib.cohorts.simulated.cohort import SimulatedCohort

    cohort = SimulatedCohort(n_recordings=12, max_frames=60)
    bounded, control = BoundedHaarDetector(), BoundedHaarDetector(max_size_fraction=1.0)
    names = cohort.recordings["recording"]
    crops = [cohort.frames(name, 30, 31)[0] for name in names]
    scenes = [cohort.scene_frame(name, 30).image for name in names]
    assert found(bounded, scenes) == found(control, scenes) == 12
    assert found(bounded, crops) == 0
    assert found(control, crops) == 12
    assert found(bounded, [padded(crop) for crop in crops]) == 12


def found(detector: BoundedHaarDetector, images: list[np.ndarray]) -> int:
    return sum(len(detector.detect(image)) > 0 for image in images)


def test_boxes_are_in_pixels_of_the_image(photograph: np.ndarray) -> None:
    for image, shift in (
        (photograph, 0),
        (photograph[:300], 0),  # wide: padded at the bottom
        (photograph[:, 100:360], 100),  # tall: padded at the right
        (cv2.resize(photograph, (1024, 1024)), None),
    ):
        left, top, right, bottom = BoundedHaarDetector().detect(image)[0]
        if shift is None:
            left, top, right, bottom = (value / 2 for value in (left, top, right, bottom))
            shift = 0
        x, y = ASTRONAUT_LANDMARKS.min(axis=0) - [shift, 0]
        assert left < x
        assert top < y
        x, y = ASTRONAUT_LANDMARKS.max(axis=0) - [shift, 0]
        assert x < right
        assert y < bottom
        assert 90 < right - left < 160


def test_nothing_found_is_no_error() -> None:
    # The same as insightface: an empty list, which is how zeros could go unnoticed.
    for shape in ((200, 300, 3), (112, 112, 3), (1, 1, 3), (4, 900, 3)):
        assert BoundedHaarDetector().detect(np.zeros(shape, np.uint8)).shape == (0, 4)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((112, 112), np.uint8),
        np.zeros((112, 112, 3)),
        np.zeros((0, 112, 3), np.uint8),
        np.zeros((112, 112, 4), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(EncoderError, match="give one RGB image"):
        BoundedHaarDetector().detect(image)


def test_the_bug_leaves_zeros_for_crops_and_only_for_them(
    photograph: np.ndarray, crop: np.ndarray, tiny_encoder: OnnxEncoder
) -> None:
    bounded, control = BoundedHaarDetector(), BoundedHaarDetector(max_size_fraction=1.0)
    crops = np.stack([crop, crop[:, ::-1]])
    assert not detect_then_embed_with_zeros(crops, bounded, tiny_encoder).any()
    for frames, detector in ((photograph[None], bounded), (crops, control)):
        features = detect_then_embed_with_zeros(frames, detector, tiny_encoder)
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)


def test_the_largest_of_several_faces_is_embedded(
    photograph: np.ndarray, tiny_encoder: OnnxEncoder
) -> None:
    scene = np.zeros((512, 1024, 3), np.uint8)
    scene[:, :512] = photograph
    scene[:400, 600:1000] = cv2.resize(photograph, (400, 400))
    boxes = BoundedHaarDetector(det_size=640).detect(scene)
    assert len(boxes) >= 2
    sizes = boxes[:, 2] - boxes[:, 0]
    assert (np.diff(sizes) <= 0).all()
    assert boxes[0, 0] < 512


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
