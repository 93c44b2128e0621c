"""Alignment: the warp against another solution, detectors on networks whose answers are planted."""

import pickle

import cv2
import numpy as np
import pytest
from tiny import openface

from deplib import alignment
from deplib.alignment import TEMPLATE, BoundedHaarDetector, Face, FaceAligner, align
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import EncoderError

BLANK = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def scenes():
    cohort = SimulatedCohort(n_recordings=6, max_frames=60)
    return [cohort.scene_frame(name, 30) for name in cohort.recordings["recording"]]


# --- the warp


@pytest.mark.parametrize("seed", range(3))
def test_the_transform_is_that_of_linear_least_squares(seed):
    source, target = np.random.default_rng(seed).uniform(0, 200, (2, 5, 2))
    x, y = source.T
    one, zero = np.ones(5), np.zeros(5)
    rows = np.hstack([[x, -y, one, zero], [y, x, zero, one]]).T
    a, b, dx, dy = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    found = alignment.similarity_transform(source, target)
    np.testing.assert_allclose(found, [[a, -b, dx], [b, a, dy]])


@pytest.mark.parametrize("size", [112, 224])
def test_alignment_puts_the_landmarks_on_the_template(size):
    """Five dots on a rotated, scaled face land where the template has them."""
    angle, scale = np.deg2rad(25), 2.2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (TEMPLATE - 56) @ turn.T + [230, 180]
    image = np.zeros((400, 460, 3), np.uint8)
    for x, y in landmarks:
        cv2.circle(image, (round(x), round(y)), 5, (255, 255, 255), -1)
    crop = align(image, landmarks, size=size)[..., 0]
    _, _, _, centres = cv2.connectedComponentsWithStats((crop > 127).astype(np.uint8))
    found = sorted(map(tuple, centres[1:] * 112 / size))
    np.testing.assert_allclose(found, sorted(map(tuple, TEMPLATE)), atol=0.6)


def test_impossible_landmarks_are_refused():
    for landmarks in (np.zeros((5, 2)), TEMPLATE[:4], np.full((5, 2), np.nan)):
        with pytest.raises(EncoderError, match="five distinct, finite points"):
            align(BLANK, landmarks)


class Planted(alignment.Detector):
    """A detector that gives the faces that it was given."""

    id, threshold, canvas = "planted", 0.5, (64, 64)

    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)

    def _find(self, canvas: np.ndarray, threshold: float) -> list[Face]:
        return [face for face in self.faces if face.score >= threshold]


def test_the_largest_sure_face_decides_the_crop_and_no_face_is_none(scenes, monkeypatch):
    image, points = scenes[0].image, scenes[0].landmarks * (64 / 640)
    big = Face(np.array([0.0, 0, 30, 30]), 0.6, points)
    small = Face(np.array([0.0, 0, 3, 3]), 0.9, TEMPLATE)
    crop = (aligner := FaceAligner(Planted(small, big)))(image)
    assert aligner.n_faces == 2
    np.testing.assert_allclose(crop.astype(int), align(image, scenes[0].landmarks), atol=1)
    monkeypatch.setattr(Planted, "doubt", 0.8)  # the larger one is no face, then
    assert (FaceAligner(Planted(small, big))(image) == align(image, TEMPLATE / (64 / 640))).all()
    assert FaceAligner(Planted(big._replace(score=0.4)))(image) is None
    assert FaceAligner(BoundedHaarDetector(1.0))(np.zeros((480, 640, 3), np.uint8)) is None


def test_crops_as_openface_cuts_them_lie_far_from_the_template(scenes):
    right = np.stack([align(scene.image, scene.landmarks) for scene in scenes])
    other = np.stack([openface(scene.image, scene.landmarks) for scene in scenes])
    assert alignment.template_distance(right) < 3
    assert alignment.template_distance(other) > 13
    assert np.isnan(alignment.template_distance(np.zeros_like(right)))


def test_both_are_told_apart_on_real_faces(real_faces):
    for faces in real_faces.values():
        assert alignment.template_distance(np.stack([align(*face) for face in faces])) < 7
        assert alignment.template_distance(np.stack([openface(*face) for face in faces])) > 10


# --- Haar


def padded(crop: np.ndarray) -> np.ndarray:
    return np.pad(crop, ((28, 28), (28, 28), (0, 0)))


def test_the_bounded_detector_finds_the_scene_and_not_the_crop(scenes):
    bounded, control = BoundedHaarDetector(), BoundedHaarDetector(max_size_fraction=1.0)
    for scene in scenes:
        crop = align(scene.image, scene.landmarks)
        assert bounded.detect(crop) == []
        assert 0 <= bounded.best_score(crop) < bounded.threshold
        assert len(control.detect(crop)) == 1
        for image in (padded(crop), scene.image):
            (face,) = bounded.detect(image)
            assert face.landmarks is None
            assert bounded.best_score(image) == face.score >= bounded.threshold
        assert (face.box[:2] < scene.landmarks.min(axis=0)).all()
        assert (face.box[2:] > scene.landmarks.max(axis=0)).all()


def test_detections_are_those_of_opencv(scenes):
    """The hits are counted once and the threshold set afterwards: the same boxes come out."""
    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_alt.xml")
    for image in (scenes[0].image[:, 100:580], padded(align(*vars(scenes[0]).values()))):
        grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (256, 256))
        wanted = cascade.detectMultiScale(grey, 1.1, 10, minSize=(48, 48), maxSize=(140, 140))
        found = BoundedHaarDetector().detect(image)
        assert len(found) == len(wanted) == 1
        x, y, width, height = wanted[0] * len(image) / 256
        np.testing.assert_allclose(found[0].box, [x, y, x + width, y + height], atol=1.5)


def test_a_box_alone_is_nearly_aligned(scenes):
    distances = []
    for scene in scenes:
        box = BoundedHaarDetector(max_size_fraction=1.0).detect(scene.image)[0].box
        scale = 98 / (box[2] - box[0])
        points = (scene.landmarks - box[:2]) * scale + (8, 12)
        distances.append(np.linalg.norm(points - TEMPLATE, axis=1))
        warped = align(scene.image, (np.array(TEMPLATE) - (8, 12)) / scale + box[:2])
        np.testing.assert_array_equal(alignment.align_box(scene.image, box), warped)
    assert np.median(distances) < 2.5


def test_haar_says_what_decides_its_boxes_and_travels():
    settings = [{}, {"max_size_fraction": 0.8}, {"max_size_fraction": 1.0}]
    detectors = [BoundedHaarDetector(**one) for one in settings]
    assert len({one.id for one in detectors}) == len(detectors)
    assert f"opencv={cv2.__version__}" in detectors[0].id
    aligner = pickle.loads(pickle.dumps(FaceAligner(detectors[1])))
    assert aligner.id == FaceAligner(detectors[1]).id != FaceAligner(detectors[0]).id
    for shape in ((200, 300, 3), (1, 1, 3), (4, 900, 3)):  # nothing found is no error
        assert BoundedHaarDetector().detect(np.zeros(shape, np.uint8)) == []
