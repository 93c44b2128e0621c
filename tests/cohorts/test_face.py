import dataclasses

import cv2
import numpy as np
import pytest

from deplib.alignment import TEMPLATE, similarity_transform
from deplib.cohorts.simulated.anatomy import Anatomy
from deplib.cohorts.simulated.face import FaceRenderer, sample_identity, sample_scene
from deplib.cohorts.simulated.motion import CHANNELS, INDEX
from deplib.cohorts.simulated.texture import Canvas, paint_head
from deplib.errors import CohortError

NEUTRAL = np.zeros(len(CHANNELS), np.float32)


def frame(**channels):
    row = NEUTRAL.copy()
    for name, value in channels.items():
        row[INDEX[name]] = value
    return row


def renderer(seed, **scene):
    rng = np.random.default_rng(seed)
    identity = sample_identity(rng=rng)
    return FaceRenderer(identity, dataclasses.replace(sample_scene(rng=rng), **scene))


@pytest.fixture(scope="module")
def quiet():
    """A renderer without sensor noise or side light of its own."""
    return renderer(3, noise=0.0, key_light=0.0, exposure=0.0)


def trajectory(n, seed=0):
    rng = np.random.default_rng(seed)
    params = np.abs(rng.normal(0, 0.3, (n, len(CHANNELS)))).astype(np.float32)
    for name, spread in {"yaw": 8, "pitch": 6, "roll": 6, "align_scale": 0.02}.items():
        params[:, INDEX[name]] = rng.normal(0, spread, n)
    return params


def aligned(scene_frame):
    """Align as a user would, by the landmarks."""
    warp = similarity_transform(scene_frame.landmarks.astype(float), TEMPLATE)
    return cv2.warpAffine(scene_frame.image, warp, (112, 112), flags=cv2.INTER_AREA)


# --- crops


def test_crops_are_pure_and_a_frame_does_not_depend_on_its_block():
    params, face = trajectory(70), renderer(8)
    kept = params.copy()
    whole = face.crops(params)
    assert (whole.shape, whole.dtype) == ((70, 112, 112, 3), np.uint8)
    np.testing.assert_array_equal(params, kept)
    np.testing.assert_array_equal(renderer(8).crops(params[41:67]), whole[41:67])
    np.testing.assert_array_equal(face.crops(params[69:]), whole[69:])
    np.testing.assert_array_equal(face.crops(params[::-1].copy()), whole[::-1])
    assert face.crops(params[:0]).shape == (0, 112, 112, 3)


def test_bad_parameters_and_identities_are_refused():
    for shape in ((3,), (3, len(CHANNELS) + 1), (2, 2, len(CHANNELS))):
        with pytest.raises(CohortError, match="shape"):
            renderer(1).crops(np.zeros(shape, np.float32))
    params = trajectory(4)
    params[2, 5] = np.nan
    with pytest.raises(CohortError, match="must be finite: row 2 of 4"):
        renderer(1).crops(params)
    for identity in (np.zeros(31), np.full(32, np.nan)):
        with pytest.raises(CohortError, match="32 finite numbers"):
            FaceRenderer(identity, sample_scene(rng=np.random.default_rng(0)))


# --- scene, landmarks and alignment


@pytest.mark.parametrize("seed", range(3))
def test_the_aligned_scene_is_the_crop(seed):
    face = renderer(seed, noise=0.0)
    row = trajectory(1, seed)[0]
    row[[INDEX[name] for name in CHANNELS if name.startswith("align_")]] = 0
    seen, crop = aligned(face.scene_frame(row)).astype(float), face.crops(row[None])[0]
    assert np.abs(seen - crop).mean() < 2.5
    match = np.corrcoef(seen.ravel(), crop.ravel())[0, 1]
    shifted = np.corrcoef(np.roll(seen, 2, axis=1).ravel(), crop.ravel())[0, 1]
    assert match > 0.99
    assert match > shifted + 0.01  # so the agreement is one of place, too


def test_landmarks_follow_the_head(quiet):
    def points(**channels):
        return quiet.scene_frame(frame(**channels)).landmarks

    def nose(p):  # relative to the middle of the eyes
        return p[2] - p[:2].mean(0)

    still = points()
    assert still[0, 0] < still[2, 0] < still[1, 0]
    assert still[0, 1] < still[2, 1] < still[3, 1]
    assert nose(points(yaw=15))[0] > nose(still)[0] + 4
    assert nose(points(yaw=-15))[0] < nose(still)[0] - 4
    assert nose(points(pitch=12))[1] > nose(still)[1] + 2
    assert points(yaw=15)[:, 0].mean() > still[:, 0].mean() + 8  # and the whole face turns
    eyes = np.diff(points(roll=10)[:2], axis=0)[0]
    assert np.degrees(np.arctan2(eyes[1], eyes[0])) == pytest.approx(10, abs=0.5)
    width = np.diff(still[3:], axis=0)[0, 0]
    assert np.diff(points(smile=1)[3:], axis=0)[0, 0] > 1.1 * width
    assert np.diff(points(lip_pucker=1)[3:], axis=0)[0, 0] < 0.85 * width


JITTER = [
    ("align_x", 3.0, [[1, 0, 3], [0, 1, 0]]),
    ("align_y", -2.0, [[1, 0, 0], [0, 1, -2]]),
    ("align_rotation", 4.0, cv2.getRotationMatrix2D((55.5, 55.5), -4, 1)),
    ("align_scale", 0.05, cv2.getRotationMatrix2D((55.5, 55.5), 0, np.exp(0.05))),
]


@pytest.mark.parametrize(("channel", "value", "warp"), JITTER)
def test_alignment_jitter_is_a_known_warp_of_the_crop(quiet, channel, value, warp):
    before, after = quiet.crops(np.stack([NEUTRAL, frame(**{channel: value})]))
    expected = cv2.warpAffine(before, np.asarray(warp, np.float64), (112, 112))
    inner = np.s_[10:-10, 10:-10]
    residual = np.abs(after[inner].astype(int) - expected[inner]).mean()
    untouched = np.abs(after[inner].astype(int) - before[inner]).mean()
    assert residual < 1.5
    assert residual < 0.4 * untouched


# --- what each channel shows

EYES, BROWS = np.s_[44:60, 26:86], np.s_[22:47, 26:86]
MOUTH, CHEEKS = np.s_[82:110, 30:82], np.s_[54:80, 20:92]


WHERE = dict.fromkeys(("smile", "dimpler", "lip_corner_down", "jaw_open", "lip_pucker"), MOUTH)
WHERE |= dict.fromkeys(("brow_lower", "brow_raise"), BROWS) | {"cheek_raise": CHEEKS}
WHERE |= dict.fromkeys(("blink", "lid_tighten", "gaze_x", "gaze_y"), EYES)


@pytest.mark.parametrize(("channel", "place"), WHERE.items(), ids=WHERE)
def test_an_action_changes_its_part_of_the_face(quiet, channel, place):
    # both aligned by the neutral landmarks: mouth corners that move would shift the whole face
    before, after = (quiet.scene_frame(frame(**{channel: value})) for value in (0.0, 1.0))
    after = dataclasses.replace(after, landmarks=before.landmarks)
    change = np.abs(aligned(after).astype(int) - aligned(before)).sum(-1)
    part = change[place]
    rest = (change.sum() - part.sum()) / (change.size - part.size)
    assert part.mean() > 4
    assert part.mean() > 3 * rest


def test_the_key_light_comes_from_the_side_it_names(quiet):
    lights = quiet.crops(np.stack([frame(light_azimuth=side) for side in (-1, 0, 1)])).astype(float)
    for cheek, sign in ((np.s_[66:84, 74:90], 1), (np.s_[66:84, 22:38], -1)):  # the right one first
        assert (sign * np.diff([light[cheek].mean() for light in lights]) > 0).all()


# --- the texture


def test_a_head_is_the_same_on_every_canvas():
    anatomy = Anatomy(sample_identity(rng=np.random.default_rng(12)))
    coarse = paint_head(anatomy, Canvas(-20.0, -20.0, 152, 152, 1.0)).astype(float)
    wide = paint_head(anatomy, Canvas(-26.0, -23.0, 170, 166, 1.0)).astype(float)
    np.testing.assert_allclose(wide[3:155, 6:158][4:-4, 4:-4], coarse[4:-4, 4:-4], atol=1.01)
    fine = paint_head(anatomy, Canvas(-20.0, -20.0, 456, 456, 3.0))[::3, ::3].astype(float)
    assert np.abs(fine - coarse).mean() < 1.5
    assert np.abs(fine - coarse)[40:140, 40:112].max() < 40  # no mole moves or is lost
