import pickle

import cv2
import numpy as np
import pytest

from deplib.alignment.haar import BoundedHaarDetector, align_box
from deplib.alignment.template import TEMPLATE, similarity_transform
from deplib.chapters.detectors import ASTRONAUT_LANDMARKS
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import EncoderError
from deplib.extraction.encoders.encoder import embedded_encoder


def padded(crop: np.ndarray, share: float = 0.25) -> np.ndarray:
    edge = round(share * len(crop))
    return np.pad(crop, ((edge, edge), (edge, edge), (0, 0)))


def found(detector: BoundedHaarDetector, images: list[np.ndarray]) -> int:
    return sum(len(detector.detect(image)) > 0 for image in images)


def test_the_bounded_detector_finds_the_scene_and_not_the_crop(
    photograph: np.ndarray, crop: np.ndarray
) -> None:
    bounded = BoundedHaarDetector()
    assert len(bounded.detect(photograph)) == 1
    assert bounded.detect(crop) == []
    assert len(bounded.detect(padded(crop))) == 1


def test_the_control_without_the_bound_finds_all(photograph: np.ndarray, crop: np.ndarray) -> None:
    control = BoundedHaarDetector(max_size_fraction=1.0)
    for image in (photograph, crop, padded(crop)):
        assert len(control.detect(image)) == 1


def test_so_it_is_with_the_simulated_faces() -> None:
    cohort = SimulatedCohort(n_recordings=12, max_frames=60)
    bounded, control = BoundedHaarDetector(), BoundedHaarDetector(max_size_fraction=1.0)
    names = cohort.recordings["recording"]
    crops = [cohort.frames(name, 30, 31)[0] for name in names]
    scenes = [cohort.scene_frame(name, 30).image for name in names]
    assert found(bounded, scenes) == found(control, scenes) == 12
    assert found(bounded, crops) == 0
    assert found(control, crops) == 12
    assert found(bounded, [padded(crop) for crop in crops]) == 12


def test_boxes_are_in_pixels_of_the_image(photograph: np.ndarray) -> None:
    for image, shift in (
        (photograph, 0),
        (photograph[:300], 0),  # wide: padded at the bottom
        (photograph[:, 100:360], 100),  # tall: padded at the right
        (cv2.resize(photograph, (1024, 1024)), None),
    ):
        left, top, right, bottom = BoundedHaarDetector().detect(image)[0].box
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


def test_detections_are_those_of_opencv(photograph: np.ndarray, crop: np.ndarray) -> None:
    """The hits are counted once and the threshold set afterwards: the same boxes come out."""
    path = f"{cv2.data.haarcascades}haarcascade_frontalface_alt.xml"
    cascade = cv2.CascadeClassifier(path)
    for image in (photograph, padded(crop), crop):
        for bound in (0.55, 1.0):
            grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (256, 256))
            wanted = cascade.detectMultiScale(
                grey, 1.1, 10, minSize=(48, 48), maxSize=(int(bound * 256),) * 2
            )
            faces = BoundedHaarDetector(max_size_fraction=bound).detect(image)
            assert len(faces) == len(wanted)
            for face, (x, y, width, height) in zip(faces, wanted, strict=True):
                scale = len(image) / 256
                np.testing.assert_allclose(
                    face.box, np.array([x, y, x + width, y + height]) * scale
                )


def test_the_score_falls_below_the_threshold_where_nothing_is_found(
    photograph: np.ndarray, crop: np.ndarray
) -> None:
    bounded = BoundedHaarDetector()
    (face,) = bounded.detect(photograph)
    assert bounded.best_score(photograph) == face.score >= bounded.threshold
    assert face.landmarks is None
    assert 0 <= bounded.best_score(crop) < bounded.threshold
    assert bounded.best_score(np.zeros((9, 9, 3), np.uint8)) == 0


def test_nothing_found_is_no_error() -> None:
    # The same as insightface: an empty list, which is how zeros could go unnoticed.
    for shape in ((200, 300, 3), (112, 112, 3), (1, 1, 3), (4, 900, 3)):
        assert BoundedHaarDetector().detect(np.zeros(shape, np.uint8)) == []


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


def test_the_largest_of_several_faces_comes_first(photograph: np.ndarray) -> None:
    scene = np.zeros((512, 1024, 3), np.uint8)
    scene[:, :512] = photograph
    scene[:400, 600:1000] = cv2.resize(photograph, (400, 400))
    boxes = np.array([face.box for face in BoundedHaarDetector(det_size=640).detect(scene)])
    assert len(boxes) >= 2
    sizes = boxes[:, 2] - boxes[:, 0]
    assert (np.diff(sizes) <= 0).all()
    assert boxes[0, 0] < 512


def test_the_id_tells_what_decides_the_boxes() -> None:
    detectors = [
        BoundedHaarDetector(),
        BoundedHaarDetector(det_size=320),
        BoundedHaarDetector(min_neighbors=3),
        BoundedHaarDetector(min_size=24),
        BoundedHaarDetector(max_size_fraction=1.0),
        BoundedHaarDetector(scale_factor=1.2),
    ]
    assert len({one.id for one in detectors}) == len(detectors)
    assert all(f"opencv={cv2.__version__}" in one.id for one in detectors)
    assert pickle.loads(pickle.dumps(detectors[3])).id == detectors[3].id


def test_a_box_alone_is_nearly_aligned() -> None:
    """The figures of align_box's docstring, on persons and frames of their own."""
    cohort, encoder = SimulatedCohort(n_recordings=40), embedded_encoder()
    detector = BoundedHaarDetector(max_size_fraction=1.0)
    distances, cosines = [], []
    for recording in cohort.recordings.drop_duplicates("person")["recording"]:
        scene = cohort.scene_frame(recording, 90)
        box = detector.detect(scene.image)[0].box
        to_template = np.array([[box[0], box[1]], [box[2], box[1]]])
        crop_corners = np.array([[8.0, 12.0], [106.0, 12.0]])
        matrix = similarity_transform(to_template, crop_corners)
        points = scene.landmarks @ matrix[:, :2].T + matrix[:, 2]
        distances.append(np.linalg.norm(points - TEMPLATE, axis=1))
        aligned = cv2.warpAffine(
            scene.image,
            similarity_transform(scene.landmarks.astype(float), TEMPLATE),
            (112, 112),
        )
        pair = encoder.embed(np.stack([aligned, align_box(scene.image, box)])).features
        cosines.append(pair[0] @ pair[1])
    assert np.median(distances) < 2.3
    assert np.percentile(distances, 90) < 4.5
    assert np.median(cosines) > 0.88
