"""Raw videos: written here with PyAV, damaged, and read through an aligner."""

import pickle
import shutil
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from avec_layout import clip_folder
from skimage.transform import SimilarityTransform

from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.base import read_frames
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.cohort import write_avec_layout
from deplib.cohorts.video import VideoClip
from deplib.errors import CohortError

TEMPLATE = np.array(
    [[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]]
)
WIDTH, HEIGHT = 176, 144
N = 60
GOP = 12  # frames from one key frame to the next


@dataclass
class Middle:
    """An aligner that takes the middle of the image, and counts its calls."""

    id: str = "middle"
    calls: list[int] = field(default_factory=list)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls.append(1)
        top, left = ((side - 112) // 2 for side in image.shape[:2])
        return image[top : top + 112, left : left + 112].copy()


def scene(index: int) -> np.ndarray:
    """A picture that tells its number by its brightness, predictable from the one before."""
    noise = np.random.default_rng(0).integers(-12, 13, (HEIGHT, WIDTH, 1))
    noise = np.roll(noise, index, axis=1)
    return np.clip(20 + 3 * index + noise, 0, 255).repeat(3, axis=2).astype(np.uint8)


def number_of(frame: np.ndarray) -> int:
    return round((float(frame.mean()) - 20) / 3)


def write_video(
    file: Path,
    *,
    n: int = N,
    codec: str = "mpeg4",
    between: int = 0,
    rotation: int = 0,
    movflags: str = "",
    images=scene,
) -> Path:
    with open(file, "wb") as opened:
        kind = {".mkv": "matroska"}.get(file.suffix, file.suffix[1:])
        options = {"movflags": movflags} if movflags else {}
        with av.open(opened, "w", format=kind, options=options) as container:
            forced = {"x264-params": "b-adapt=0:scenecut=0"} if codec == "libx264" else {}
            stream = container.add_stream(codec, rate=30, options=forced)
            stream.height, stream.width = images(0).shape[:2]
            stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
            stream.codec_context.gop_size = GOP
            stream.codec_context.max_b_frames = between
            if rotation:
                stream.set_display_rotation(rotation)
            for index in range(n):
                frame = av.VideoFrame.from_ndarray(images(index), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return file


def packets(file: Path) -> list[tuple[int, int]]:
    """Position and size of each packet, in the order of the file."""
    with av.open(str(file)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


def spoil(file: Path, packet: int, *, keep: int = 0) -> None:
    """Overwrite one packet from its byte ``keep`` on."""
    position, size = packets(file)[packet]
    content = bytearray(file.read_bytes())
    content[position + keep : position + size] = bytes(size - keep)
    file.write_bytes(content)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "203_1_Freeform_video.mp4")


FORMATS = {
    "mp4": {"codec": "mpeg4"},
    "mov": {"codec": "mpeg4", "between": 2},
    "avi": {"codec": "mpeg4"},
    "mkv": {"codec": "mpeg4", "between": 2},
}
if "libx264" in av.codecs_available:
    FORMATS |= {
        "h264.mp4": {"codec": "libx264", "between": 2},
        "h264.avi": {"codec": "libx264", "between": 2},
    }


@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_comes_in_order_in_blocks_of_any_size(tmp_path, name):
    file = write_video(tmp_path / f"clip.{name}", **FORMATS[name])
    clip = VideoClip(file, Middle())
    assert clip.n_frames == N
    whole = clip.read(0, N)
    assert whole.faults == ()
    assert [number_of(frame) for frame in whole.frames] == list(range(N))
    for size in (1, 7, 59):
        again = VideoClip(file, Middle())
        blocks = [again.read(i, min(i + size, N)).frames for i in range(0, N, size)]
        np.testing.assert_array_equal(np.concatenate(blocks), whole.frames)


def test_ascending_blocks_decode_once_and_going_back_starts_again(video, monkeypatch):
    aligner = Middle()
    clip = VideoClip(video, aligner)
    opened = []
    real = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(1) or real(*a, **k))
    for start in range(0, 50, 10):
        clip.read(start, start + 10)
    assert len(opened) == 1
    assert len(aligner.calls) == 50  # and no frame is aligned that was not asked for
    skipped = clip.read(55, 58).frames
    assert len(opened) == 1
    assert [number_of(frame) for frame in skipped] == [55, 56, 57]
    back = clip.read(3, 5).frames
    assert len(opened) == 2
    assert [number_of(frame) for frame in back] == [3, 4]
    assert clip.read(4, 4).frames.shape == (0, 112, 112, 3)


def test_memory_is_bounded_by_the_block(tmp_path):
    """Held at once are a block of faces and a few scenes, not the video."""
    import tracemalloc

    large = 480, 640

    def images(index: int) -> np.ndarray:
        return np.full((*large, 3), index % 200, np.uint8)

    clip = VideoClip(write_video(tmp_path / "clip.mp4", n=120, images=images), Middle())
    tracemalloc.start()
    for start in range(0, 120, 10):
        clip.read(start, start + 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 112 * 112 * 3 + 8 * large[0] * large[1] * 3


def test_pickled_in_the_middle_it_goes_on(video):
    clip = VideoClip(video, Middle())
    first = clip.read(0, 20).frames
    copy = pickle.loads(pickle.dumps(clip))
    assert [number_of(frame) for frame in copy.read(20, 22).frames] == [20, 21]
    np.testing.assert_array_equal(copy.read(0, 20).frames, first)
    assert [number_of(frame) for frame in clip.read(20, 22).frames] == [20, 21]


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_undone(tmp_path, rotation):
    def images(index: int) -> np.ndarray:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        image[: HEIGHT // 2, : WIDTH // 2] = 255  # the upper left quarter
        return image

    seen = []

    def aligner(image: np.ndarray) -> None:
        seen.append(image)

    aligner.id = "look"
    file = write_video(tmp_path / "clip.mp4", n=2, rotation=rotation, images=images)
    VideoClip(file, aligner).read(0, 2)
    turned = np.rot90(images(0), rotation // 90)  # counterclockwise, as the matrix means it
    assert seen[0].shape == turned.shape
    assert np.abs(seen[0].astype(int) - turned).mean() < 6


def test_portrait_of_a_phone_stands_upright(tmp_path):
    """A phone held upright writes the matrix 0 1 0 / -1 0 0: a quarter turn clockwise."""
    file = write_video(tmp_path / "clip.mp4", n=1, rotation=-90)
    at = file.read_bytes().index(b"tkhd") + 4 + 40
    assert struct.unpack(">6i", file.read_bytes()[at : at + 24])[:5] == (0, 65536, 0, -65536, 0)


# --- damage


@pytest.mark.parametrize(("broken", "keep"), [(5, 0), (17, 0), (17, 40), (30, 0), (30, 400)])
def test_frames_that_cannot_be_decoded_leave_the_others_in_place(tmp_path, broken, keep):
    """With its head intact, a frame is patched up by the decoder, and only marked as corrupt."""
    file = write_video(tmp_path / "clip.mp4")
    spoil(file, broken, keep=keep)
    block = VideoClip(file, Middle()).read(0, N)
    lost = [fault.frame for fault in block.faults]
    resumed = -(-broken // GOP) * GOP  # the next key frame
    assert lost[0] in (broken - 1, broken)  # the decoder finds out up to one frame before
    assert lost == list(range(lost[0], resumed))
    assert {fault.kind for fault in block.faults} == {"unreadable"}
    assert f"frame {broken} of {file} cannot be decoded" in {
        fault.message.split(":")[0] for fault in block.faults
    }
    for index, frame in enumerate(block.frames):
        assert (not frame.any()) if index in lost else number_of(frame) == index


@pytest.mark.skipif("libx264" not in av.codecs_available, reason="PyAV without libx264")
@pytest.mark.parametrize("between", [0, 2])
def test_a_broken_h264_stream_goes_on_after_the_next_key_frame(tmp_path, between):
    file = write_video(tmp_path / "clip.mp4", codec="libx264", between=between)
    spoil(file, 20)
    block = VideoClip(file, Middle()).read(0, N)
    lost = [fault.frame for fault in block.faults]
    assert 20 in lost
    assert 12 < min(lost) <= max(lost) < 26
    for index, frame in enumerate(block.frames):
        assert (not frame.any()) if index in lost else number_of(frame) == index


def test_a_block_after_the_damage_is_the_same_however_it_is_reached(tmp_path):
    file = write_video(tmp_path / "clip.mp4")
    spoil(file, 17)
    whole = VideoClip(file, Middle()).read(0, N)
    clip = VideoClip(file, Middle())
    parts = [clip.read(start, start + 6) for start in range(0, N, 6)]
    np.testing.assert_array_equal(np.concatenate([part.frames for part in parts]), whole.frames)
    assert tuple(fault for part in parts for fault in part.faults) == whole.faults


def test_a_video_cut_short_gives_what_is_there(tmp_path):
    file = write_video(tmp_path / "clip.mp4", movflags="faststart")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])
    clip = VideoClip(file, Middle())
    assert clip.announced == N
    assert N // 2 < clip.n_frames < N
    block = clip.read(0, clip.n_frames)
    assert {fault.frame for fault in block.faults} <= {clip.n_frames - 1, clip.n_frames - 2}
    assert [number_of(frame) for frame in block.frames[:30]] == list(range(30))


def write_sound(file: Path) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for start in range(0, 16000, 1000):
            samples = np.zeros((1, 1000), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_tail_cut(file: Path) -> None:
    content = write_video(file).read_bytes()
    file.write_bytes(content[: len(content) // 2])  # the index, at the end, is lost


def write_playlist(file: Path) -> None:
    other = write_video(file.with_name("other.mp4"))
    file.write_text(f"ffconcat version 1.0\nfile {other.name}\nfile {other}\n")


def write_all_spoiled(file: Path) -> None:
    write_video(file, n=8)
    for index in range(8):
        spoil(file, index)


USELESS = {
    "zero bytes": (lambda file: file.write_bytes(b""), "empty, cut short or no video"),
    "noise": (
        lambda file: file.write_bytes(np.random.default_rng(0).bytes(9000)),
        "no video",
    ),
    "HTML": (lambda file: file.write_text("<html>Log in</html>"), "no video"),
    "image": (
        lambda file: file.write_bytes(cv2.imencode(".png", scene(0))[1].tobytes()),
        "no video",
    ),
    "cut without its index": (write_tail_cut, "cut short"),
    "playlist of other files": (write_playlist, "no video"),
    "sound only": (write_sound, "without a video stream"),
    "no frames": (lambda file: write_video(file, n=0), "no frames|no video|without"),
    "all frames spoiled": (write_all_spoiled, "not one frame|no video"),
}


@pytest.mark.parametrize(("write", "text"), USELESS.values(), ids=USELESS)
def test_what_is_no_video_is_refused_with_file_and_remedy(tmp_path, write, text):
    file = tmp_path / "203_1_Freeform_video.mp4"
    write(file)
    with pytest.raises(CohortError, match=text) as caught:
        VideoClip(file, Middle())
    assert str(file) in str(caught.value)
    assert "copy the video from the corpus again" in str(caught.value)


def test_a_name_is_neither_a_url_nor_a_pattern(tmp_path, video):
    (tmp_path / "file:").mkdir()
    for name in ("frame%03d.mp4", "a\n'b' \"c\".mp4", "file:/x.mp4", "-i.mp4", "concat:a|b.mp4"):
        shutil.copy(video, tmp_path / name)
        assert VideoClip(tmp_path / name, Middle()).n_frames == N


def test_a_video_gone_or_changed_since_it_was_opened_is_noticed(tmp_path, video):
    file = Path(shutil.copy(video, tmp_path / "clip.mp4"))
    clip = VideoClip(file, Middle())
    write_video(file, n=30)
    with pytest.raises(CohortError, match=r"changed since .* open it again"):
        clip.read(0, 5)
    file.unlink()
    with pytest.raises(CohortError, match=r"cannot be read .*restore it"):
        clip.read(0, 5)


def test_frames_without_a_face_are_black_and_told(video):
    def every_other(image: np.ndarray) -> np.ndarray | None:
        return None if number_of(image) % 2 else image[:112, :112].copy()

    every_other.id = "every other"
    block = VideoClip(video, every_other).read(3, 9)
    assert [(fault.frame, fault.kind) for fault in block.faults] == [
        (3, "no_face"), (5, "no_face"), (7, "no_face")
    ]  # fmt: skip
    assert [bool(frame.any()) for frame in block.frames] == [False, True] * 3


def test_an_aligner_that_breaks_its_contract_is_named(video):
    def grey(image: np.ndarray) -> np.ndarray:
        return image[:112, :112, 0]

    grey.id = "grey-1"
    with pytest.raises(CohortError, match=r"aligner grey-1 returned uint8 \(112, 112\)"):
        VideoClip(video, grey).read(0, 1)


def test_without_pyav_the_message_says_what_to_install(tmp_path, video, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(CohortError, match="pip install av"):
        VideoClip(video, Middle())
    with pytest.raises(CohortError, match="pip install av"):
        write_avec_layout(SimulatedCohort(n_recordings=6), tmp_path / "new", videos=True)
    assert not (tmp_path / "new").exists()


# --- in a corpus


@pytest.fixture(scope="module")
def filmed(source, tmp_path_factory) -> Path:
    return write_avec_layout(source, tmp_path_factory.mktemp("filmed"), videos=True)


@dataclass
class KnownLandmarks:
    """Aligns by the renderer's landmarks of the scene that resembles the image most."""

    thumbnails: np.ndarray
    landmarks: np.ndarray
    id: str = "known"

    @classmethod
    def of(cls, cohort: SimulatedCohort) -> "KnownLandmarks":
        scenes = [
            cohort.scene_frame(row.recording, index)
            for row in cohort.recordings.itertuples()
            for index in range(row.n_frames)
        ]
        return cls(
            np.stack([thumbnail(scene.image) for scene in scenes]),
            np.stack([scene.landmarks for scene in scenes]),
        )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        nearest = np.square(self.thumbnails - thumbnail(image)).sum(axis=(1, 2, 3)).argmin()
        warp = SimilarityTransform.from_estimate(self.landmarks[nearest], TEMPLATE)
        return cv2.warpAffine(image, warp.params[:2], (112, 112), flags=cv2.INTER_AREA)


def thumbnail(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (80, 60), interpolation=cv2.INTER_AREA).astype(np.float32)


@pytest.fixture(scope="module")
def aligner(source) -> KnownLandmarks:
    return KnownLandmarks.of(source)


def test_round_trip_through_videos(source, filmed, aligner):
    cohort = Avec2014Cohort(filmed, aligner=aligner)
    assert cohort.check(full=True).empty
    assert cohort.simulated
    expected = source.recordings.assign(recording=source.recordings["recording"] + "_Freeform")
    got = cohort.recordings.set_index("recording").loc[expected["recording"]].reset_index()
    assert got.equals(expected)
    for row in source.recordings.itertuples():
        seen = cohort.frames(f"{row.recording}_Freeform").astype(float)
        crops = [aligner(source.scene_frame(row.recording, i).image) for i in range(row.n_frames)]
        assert np.abs(seen - np.stack(crops)).mean() < 3  # what the video's coding costs
        assert np.corrcoef(seen.ravel(), source.frames(row.recording).ravel())[0, 1] > 0.95


def test_videos_without_an_aligner_are_left_out_and_both_remedies_named(filmed, written, tmp_path):
    with pytest.raises(CohortError, match=r"video without aligned frames.*OpenFace.*--detector"):
        Avec2014Cohort(filmed)
    root = Path(shutil.copytree(written, tmp_path / "corpus"))
    first = next(root.rglob("*_aligned"))
    shutil.rmtree(first)
    name = first.name.removesuffix("_aligned")
    shutil.copy(next(filmed.rglob(f"{name}.mp4")), first.parent)
    cohort = Avec2014Cohort(root)
    assert len(cohort.recordings) == 5
    (problem,) = cohort.check().to_dict("records")
    assert problem["excluded"]
    assert "OpenFace" in problem["remedy"]
    assert "--detector" in problem["remedy"]


def test_aligned_frames_win_over_the_video(written, tmp_path, source, aligner):
    root = Path(shutil.copytree(written, tmp_path / "corpus"))
    before = Avec2014Cohort(root)
    first = source.recordings["recording"][0]
    folder = clip_folder(root, first)
    (folder.parent / f"{first}_Freeform_video.mp4").write_bytes(b"not even a video")
    for cohort in (Avec2014Cohort(root), Avec2014Cohort(root, aligner=aligner)):
        assert cohort.check().empty
        assert cohort.fingerprint == before.fingerprint
        np.testing.assert_array_equal(
            cohort.frames(f"{first}_Freeform"), before.frames(f"{first}_Freeform")
        )


def test_an_empty_folder_beside_a_video_does_no_harm(filmed, tmp_path, aligner):
    root = Path(shutil.copytree(filmed, tmp_path / "corpus"))
    file = next(root.rglob("*.mp4"))
    (file.parent / f"{file.stem}_aligned").mkdir()
    cohort = Avec2014Cohort(root, aligner=aligner)
    assert len(cohort.recordings) == 6
    assert cohort.check().empty


def test_the_fingerprint_knows_aligner_and_videos(filmed, tmp_path, aligner):
    root = Path(shutil.copytree(filmed, tmp_path / "corpus"))
    fingerprint = Avec2014Cohort(filmed, aligner=aligner).fingerprint
    assert Avec2014Cohort(root, aligner=aligner).fingerprint == fingerprint
    assert Avec2014Cohort(root, aligner=Middle()).fingerprint != fingerprint
    with open(next(root.rglob("*.mp4")), "ab") as stream:
        stream.write(b"\0\0\0\x08free")
    assert Avec2014Cohort(root, aligner=aligner).fingerprint != fingerprint


def test_bad_videos_are_reported_and_the_others_read(filmed, tmp_path, aligner):
    root = Path(shutil.copytree(filmed, tmp_path / "corpus"))
    files = sorted(root.rglob("*.mp4"))
    files[0].write_bytes(b"")
    files[1].write_bytes(files[1].read_bytes()[:3000])
    write_video(files[2], movflags="faststart")
    files[2].write_bytes(files[2].read_bytes()[:-40_000])
    shutil.copy(files[4], files[3])
    write_video(files[5])
    spoil(files[5], 17)
    cohort = Avec2014Cohort(root, aligner=Middle())
    report = cohort.check(full=True)
    names = [file.stem.removesuffix("_video") for file in files]
    problems = report.groupby("recording")["problem"].agg("; ".join)
    assert "empty, cut short or no video" in problems[names[0]]
    assert "empty, cut short or no video" in problems[names[1]]
    assert "60 frames are announced" in problems[names[2]]
    assert f"byte for byte the same as {names[4]}" in problems[names[3]]
    assert f"byte for byte the same as {names[3]}" in problems[names[4]]
    assert "frames, where the file or its place in the video" in problems[names[5]]
    assert set(report[report["excluded"]]["recording"]) == set(names[:2])
    assert len(cohort.recordings) == 4
    assert report["problem"].map(str.isprintable).all()


def test_a_cohort_of_videos_can_be_pickled_while_it_is_read(filmed, aligner):
    cohort = Avec2014Cohort(filmed, aligner=aligner)
    first, second = cohort.recordings["recording"][:2]
    head = read_frames(cohort, first, 0, 5).frames
    copy = pickle.loads(pickle.dumps(cohort))
    np.testing.assert_array_equal(copy.frames(first, 0, 5), head)
    other = copy.frames(second)
    np.testing.assert_array_equal(copy.frames(first)[:5], head)
    np.testing.assert_array_equal(copy.frames(second), other)
