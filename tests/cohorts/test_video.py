"""Raw videos: written here with PyAV, damaged, and read through an aligner."""

import pickle
import shutil
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from avec_layout import clip_folder, encoded

from deplib.alignment import TEMPLATE, similarity_transform
from deplib.cohorts.corpus import Corpus
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.cohorts.video import VideoClip
from deplib.errors import CohortError

WIDTH, HEIGHT = 176, 144
N = 60
GOP = 12  # frames from one key frame to the next
H264 = "libx264" in av.codecs_available


class Middle:
    """An aligner that takes the middle of the image, and counts its calls."""

    id = "middle"

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.seen.append(image.shape)
        top, left = ((side - 112) // 2 for side in image.shape[:2])
        return image[top : top + 112, left : left + 112].copy()


def scene(index: int) -> np.ndarray:
    """A picture that tells its number by its brightness, predictable from the one before."""
    noise = np.random.default_rng(0).integers(-12, 13, (HEIGHT, WIDTH, 1))
    noise = np.roll(noise, index, axis=1)
    return np.clip(20 + 3 * index + noise, 0, 255).repeat(3, axis=2).astype(np.uint8)


def numbers(frames: np.ndarray) -> list[int]:
    return [round((float(frame.mean()) - 20) / 3) for frame in frames]


def write_video(
    file: Path, *, n=N, codec="mpeg4", between=0, movflags="", images=scene, shape=1, steps=None
) -> Path:
    """Write frames, at 30 a second or so many seconds from each to the next; pixels of a shape."""
    ticks = [round(30000 * sum(steps[:k])) for k in range(len(steps))] if steps else []
    kind = {".mkv": "matroska"}.get(file.suffix, file.suffix[1:])
    options = {"movflags": movflags} if movflags else {}
    forced = {"x264-params": "b-adapt=0:scenecut=0"} if codec == "libx264" else {}
    with open(file, "wb") as opened, av.open(opened, "w", format=kind, options=options) as out:
        stream = out.add_stream(codec, rate=30, options=forced)
        stream.sample_aspect_ratio = Fraction(shape)
        stream.height, stream.width = images(0).shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
        stream.codec_context.gop_size = GOP
        stream.codec_context.max_b_frames = between
        if ticks and kind != "avi":
            stream.time_base = stream.codec_context.time_base = Fraction(1, 30000)
        for index in range(len(ticks) or n):
            frame = av.VideoFrame.from_ndarray(images(index), format="rgb24")
            if ticks:
                frame.pts, frame.time_base = ticks[index], Fraction(1, 30000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return file


def spoil(file: Path, packet: int, *, keep: int = 0) -> None:
    """Overwrite one packet, in the order of the file, from its byte ``keep`` on."""
    with av.open(str(file)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    position, size = places[packet]
    content = bytearray(file.read_bytes())
    content[position + keep : position + size] = bytes(size - keep)
    file.write_bytes(content)


def set_matrix(file: Path, abcd: tuple[float, ...]) -> None:
    """Write a display matrix into an mp4's track header."""
    content = bytearray(file.read_bytes())
    start = content.find(b"tkhd") + 44
    a, b, c, d = (int(65536 * value) for value in abcd)
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    file.write_bytes(content)


def edit(file: Path, parts: list[tuple[int, int]]) -> None:
    """Write an mp4's edit list: of each part its ms, and where it begins in the media, or -1."""
    content = bytearray(file.read_bytes())
    start = content.find(b"elst") - 4
    size = int.from_bytes(content[start : start + 4])
    new = struct.pack(">I4sII", 16 + 12 * len(parts), b"elst", 0, len(parts))
    new += b"".join(struct.pack(">IiI", *part, 1 << 16) for part in parts)
    content[start : start + size] = new
    for box in (b"edts", b"trak", b"moov"):
        at = content.find(box) - 4
        longer = int.from_bytes(content[at : at + 4]) + len(new) - size
        content[at : at + 4] = longer.to_bytes(4)
    file.write_bytes(content)


def cut(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "203_1_Freeform_video.mp4")


FORMATS = {"mp4": {}, "mov": {"between": 2}, "avi": {}, "mkv": {"between": 2}}
if H264:
    both = {"codec": "libx264", "between": 2}
    FORMATS |= {"h264.mp4": both, "h264.avi": both}


def test_ascending_blocks_decode_once_and_going_back_or_pickling_starts_again(video, monkeypatch):
    aligner, opened, real = Middle(), [], av.open
    clip = VideoClip(video, aligner)
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(1) or real(*a, **k))
    for start in range(0, 50, 10):
        clip.read(start, start + 10)
    assert (len(opened), len(aligner.seen)) == (1, 50)  # nothing is aligned that was not asked for
    assert numbers(clip.read(55, 58).frames) == [55, 56, 57]
    assert len(opened) == 1
    copy = pickle.loads(pickle.dumps(clip))
    for one in (clip, copy):
        assert numbers(one.read(3, 5).frames) == [3, 4]
    assert len(opened) == 3
    assert clip.read(4, 4).frames.shape == (0, 112, 112, 3)


TURNED = {  # a, b, c, d: (x, y) is shown at (ax + cy, bx + dy)
    "left": ((0, -1, 1, 0), lambda image: np.rot90(image)),
    "upside down": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "right": ((0, 1, -1, 0), lambda image: np.rot90(image, 3)),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "flipped": ((1, 0, 0, -1), lambda image: image[::-1]),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    "turned and mirrored": ((0, -1, -1, 0), lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
}


@pytest.mark.parametrize("shape", [1, 2, Fraction(1, 2)])
@pytest.mark.parametrize(("matrix", "turn"), TURNED.values(), ids=TURNED)
def test_pictures_are_shown_as_a_player_shows_them(tmp_path, matrix, turn, shape):
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 4] = 255
    aligner, pictures = lambda picture: pictures.append(picture), []
    aligner.id = "none"
    file = write_video(tmp_path / "clip.mp4", n=1, images=lambda _: image, shape=shape)
    set_matrix(file, matrix)
    VideoClip(file, aligner).read(0, 1)
    stretched = image.repeat(max(shape, 1), axis=1).repeat(max(1 // shape, 1), axis=0)
    assert pictures[0].shape == turn(stretched).shape
    assert np.abs(pictures[0].astype(int) - turn(stretched)).mean() < 6


# --- time


STEADY = [Fraction(1, 30)] * N
TIMES = {  # steps between frames in seconds, the rate said, and frames expected at some places
    "30": (STEADY, "30", {0: 0, 7: 7, N - 1: N - 1}),
    "29.97": ([Fraction(1001, 30000)] * N, "30", {0: 0, 31: 31, N - 1: N - 1}),
    "25": ([Fraction(1, 25)] * N, "25", {0: 0, 6: 5, 12: 10, 60: 50}),
    "15": ([Fraction(1, 15)] * N, "15", {0: 0, 20: 10, 60: 30}),
    "60": ([Fraction(1, 60)] * N, "60", {0: 0, 10: 20, 29: 58}),
    "in the dark": (
        STEADY[:30] + [Fraction(1, 10)] * 30, "10 to 30", {29: 29, 33: 31, 44: 35, 45: 35, 46: 35}
    ),
    "a gap": ([*STEADY[:20], Fraction(1), *STEADY[21:]], "30", {20: 20, 21: -1, 49: -1, 50: 21}),
    "at once": ([Fraction(1, 15), *STEADY[1:]], "30", {0: 0, 1: -1, 2: 1}),
    "one frame": ([*STEADY[:9], Fraction(1, 15), *STEADY[10:]], "30", {9: 9, 10: -1, 11: 10}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("steps", "rate", "expected"), TIMES.values(), ids=TIMES)
def test_each_place_has_the_frame_of_its_time(tmp_path, name, steps, rate, expected):
    """Read as a whole and in blocks of any size."""
    if "avi" in name and steps[0] * 30 % 1:
        name = "mov"  # AVI has one rate, here 30
    file = write_video(tmp_path / f"clip.{name}", steps=steps, **FORMATS[name])
    clip = VideoClip(file, Middle())
    assert clip.timeline.rate == rate
    assert {place: int(clip.numbers[place]) for place in expected} == expected
    assert clip.n_frames == len(clip.seconds) == pytest.approx(30 * float(sum(steps[:-1])) + 1, 1)
    there = np.flatnonzero(clip.numbers >= 0)
    for size in (clip.n_frames, 1, 7, 59):
        again = VideoClip(file, Middle())
        ends = range(0, clip.n_frames, size)
        blocks = [again.read(k, min(k + size, clip.n_frames)) for k in ends]
        frames = np.concatenate([block.frames for block in blocks])
        assert numbers(frames[there]) == clip.numbers[there].tolist()
        lost = {(fault.frame, fault.kind) for block in blocks for fault in block.faults}
        assert lost == {(int(k), "gap") for k in np.flatnonzero(clip.numbers < 0)}


def test_a_film_askew_or_too_slow_or_with_parts_shown_twice_is_refused(tmp_path):
    for matrix in ((0.7, 0.7, -0.7, 0.7), (0, 0, 0, 0)):
        set_matrix(file := write_video(tmp_path / "clip.mp4", n=2), matrix)
        with pytest.raises(CohortError, match=r"clip.mp4 .*no right angle: convert it"):
            VideoClip(file, Middle())
    slow = write_video(tmp_path / "slow.mp4", steps=[Fraction(1, 12)] * 10)
    with pytest.raises(CohortError, match=r"slow.mp4 has 12 frames a second .* must have 15"):
        VideoClip(slow, Middle())
    edit(twice := write_video(tmp_path / "twice.mp4"), [(500, 0), (500, -1), (500, 15360)])
    with pytest.raises(CohortError, match=r"twice.mp4 has an edit list.* without edits"):
        VideoClip(twice, Middle())
    edit(cut_off := write_video(tmp_path / "cut.mp4"), [(500, 7680)])
    clip = VideoClip(cut_off, Middle())
    assert (clip.n_frames, clip.announced) == (15, 0)
    assert numbers(clip.read(0, 15).frames) == list(range(15, 30))


def test_films_of_several_rates_are_told(filmed, tmp_path):
    root = Path(shutil.copytree(filmed, tmp_path / "corpus"))
    files = sorted(root.rglob("*.mp4"))
    for k, file in enumerate(files):
        write_video(file, steps=[Fraction(1, 25)] * (9 + k))
    told = Corpus(root, aligner=Middle()).check()
    assert told["problem"].str.contains("25 frames a second").tolist() == [True]
    write_video(files[0], n=9)
    told = Corpus(root, aligner=Middle()).check()
    assert told["recording"].tolist() == ["", files[0].stem.removesuffix("_video")]
    assert told["problem"].str.contains("most clips have 25").all()
    assert not told["excluded"].any()


# --- damage


SPOILT = [("mpeg4", 0, 5, 0), ("mpeg4", 0, 17, 40), ("mpeg4", 0, 30, 400)]
SPOILT += [("libx264", 0, 20, 0), ("libx264", 2, 20, 0)] * H264


@pytest.mark.parametrize(("codec", "between", "broken", "keep"), SPOILT)
def test_frames_that_cannot_be_decoded_leave_the_others_in_place(
    tmp_path, codec, between, broken, keep
):
    """With its head intact, a frame is patched up by the decoder, and only marked as corrupt."""
    file = write_video(tmp_path / "clip.mp4", codec=codec, between=between)
    spoil(file, broken, keep=keep)
    block = VideoClip(file, Middle()).read(0, N)
    lost = [fault.frame for fault in block.faults]
    assert broken - max(1, between) <= lost[0] <= broken  # the decoder finds out a bit before
    assert lost == list(range(lost[0], -(-broken // GOP) * GOP))  # up to the next key frame
    assert {fault.kind for fault in block.faults} == {"unreadable"}
    assert f"frame {broken} of {file} cannot be decoded" in str(block.faults)
    assert not block.frames[lost].any()
    sound = [index for index in range(N) if index not in lost]
    assert numbers(block.frames[sound]) == sound
    clip = VideoClip(file, Middle())  # and the same in blocks
    parts = [clip.read(start, start + 6) for start in range(0, N, 6)]
    np.testing.assert_array_equal(np.concatenate([part.frames for part in parts]), block.frames)
    assert tuple(fault for part in parts for fault in part.faults) == block.faults


def test_a_video_cut_short_gives_what_is_there(tmp_path):
    file = write_video(tmp_path / "clip.mp4", movflags="faststart")
    cut(file, 2 / 3)
    clip = VideoClip(file, Middle())
    assert clip.announced == N
    assert N // 2 < clip.n_frames < N
    block = clip.read(0, clip.n_frames)
    assert {fault.frame for fault in block.faults} <= {clip.n_frames - 1, clip.n_frames - 2}
    assert numbers(block.frames[:30]) == list(range(30))


def write_playlist(file: Path) -> None:
    other = write_video(file.with_name("other.mp4"))
    file.write_text(f"ffconcat version 1.0\nfile {other.name}\nfile {other}\n")


def write_all_spoiled(file: Path) -> None:
    write_video(file, n=8)
    for index in range(8):
        spoil(file, index)


USELESS = {
    "zero bytes": (lambda file: file.write_bytes(b""), "empty, cut short or no video"),
    "HTML": (lambda file: file.write_text("<html>Log in</html>"), "no video"),
    "image": (lambda file: file.write_bytes(encoded(scene(0))), "no video"),
    "cut without its index": (lambda file: cut(write_video(file), 0.5), "cut short"),
    "playlist of other files": (write_playlist, "no video"),
    "no frames": (lambda file: write_video(file, n=0), "no frames|no video|without"),
    "all frames spoiled": (write_all_spoiled, "not one frame|no video"),
}  # fmt: skip


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


def test_a_video_gone_or_changed_since_it_was_opened_is_noticed(tmp_path):
    file = write_video(tmp_path / "clip.mp4", n=8)
    clip = VideoClip(file, Middle())
    write_video(file, n=9)
    with pytest.raises(CohortError, match=r"changed since .* open it again"):
        clip.read(0, 5)
    file.unlink()
    with pytest.raises(CohortError, match=r"cannot be read .*restore it"):
        clip.read(0, 5)


def test_frames_without_a_face_are_black_and_told_and_a_bad_aligner_is_named(video):
    def every_other(image: np.ndarray) -> np.ndarray | None:
        return None if numbers([image])[0] % 2 else image[:112, :112].copy()

    def grey(image: np.ndarray) -> np.ndarray:
        return image[:112, :112, 0]

    every_other.id, grey.id = "every other", "grey-1"
    every_other.n_faces = 1
    block = VideoClip(video, every_other).read(3, 9)
    assert [fault[:2] for fault in block.faults] == [(k, "no_face") for k in (3, 5, 7)]
    assert [bool(frame.any()) for frame in block.frames] == [False, True] * 3
    every_other.n_faces = 2
    block = VideoClip(video, every_other).read(3, 7)
    assert [fault.kind for fault in block.faults] == ["no_face", "several"] * 2
    assert "largest sure one was taken" in block.faults[1].message
    assert [bool(frame.any()) for frame in block.frames] == [False, True] * 2
    with pytest.raises(CohortError, match=r"aligner grey-1 returned uint8 \(112, 112\)"):
        VideoClip(video, grey).read(0, 1)


def test_a_film_left_open_says_nothing_when_python_ends(video):
    code = (
        "import sys\nfrom deplib.cohorts.video import VideoClip\n"
        "def aligner(image): pass\naligner.id = ''\n"
        "clip = VideoClip(sys.argv[1], aligner)\nclip.read(0, 1)\n"
        "clip.mine = VideoClip.mine = clip  # a circle, as objects with caches are"
    )
    done = subprocess.run([sys.executable, "-c", code, video], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


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
    return write_avec_layout(source, tmp_path_factory.mktemp("filmed"), videos=True, max_frames=4)


def test_round_trip_through_videos(source, filmed):
    """Aligned by the renderer's own landmarks, a video gives the crops but for its coding."""
    name = source.recordings["recording"][0]
    scenes = [source.scene_frame(name, index) for index in range(4)]
    warps = [similarity_transform(s.landmarks.astype(float), TEMPLATE) for s in scenes]

    class Known:
        id = "known"
        order = iter(warps)

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return cv2.warpAffine(image, next(self.order), (112, 112))

    cohort = Corpus(filmed, aligner=Known())
    assert (cohort.simulated, set(cohort.recordings["n_frames"])) == (True, {4})
    seen = cohort.frames(f"{name}_Freeform").astype(float)
    crops = [cv2.warpAffine(s.image, w, (112, 112)) for s, w in zip(scenes, warps, strict=True)]
    assert np.abs(seen - np.stack(crops)).mean() < 3  # what the video's coding costs
    assert np.corrcoef(seen.ravel(), source.frames(name, 0, 4).ravel())[0, 1] > 0.95


def test_videos_without_an_aligner_are_left_out_and_the_remedy_named(filmed, root):
    with pytest.raises(CohortError, match=r"video without aligned frames.*--detector"):
        Corpus(filmed)
    first = next(root.rglob("*_aligned"))
    shutil.rmtree(first)
    shutil.copy(next(filmed.rglob(f"{first.name.removesuffix('_aligned')}.mp4")), first.parent)
    cohort = Corpus(root)
    assert len(cohort.recordings) == 5
    assert cohort.check()["excluded"].tolist() == [True]


def test_aligned_frames_win_over_a_video_and_a_video_over_an_empty_folder(root, filmed, source):
    before = Corpus(root).fingerprint
    own = Corpus(root).fingerprint_of
    first = source.recordings["recording"][0]
    folder = clip_folder(root, first)
    (folder.parent / f"{first}_Freeform_video.mp4").write_bytes(b"not even a video")
    for cohort in (Corpus(root), Corpus(root, aligner=Middle())):
        assert cohort.check().empty
        assert cohort.fingerprint == before
        assert cohort.fingerprint_of(f"{first}_Freeform") == own(f"{first}_Freeform")
    other = Path(shutil.copytree(filmed, root.parent / "other"))
    file = next(other.rglob("*.mp4"))
    (file.parent / f"{file.stem}_aligned").mkdir()
    assert Corpus(other, aligner=Middle()).check().empty


def test_the_fingerprint_knows_aligner_and_videos(filmed, tmp_path):
    root = Path(shutil.copytree(filmed, tmp_path / "corpus"))
    other = Middle()
    other.id = "another"
    file = next(root.rglob("*.mp4"))
    name = file.stem.removesuffix("_video")
    opened = [Corpus(root, aligner=one) for one in (Middle(), Middle(), other)]
    assert opened[2].aligned == "another, each 1/30 s of upright films"
    prints = [cohort.fingerprint_of(name) for cohort in opened]
    with open(file, "ab") as stream:
        stream.write(b"\0\0\0\x08free")
    prints.append(opened[0].fingerprint_of(name))
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_bad_videos_are_reported_and_the_others_read(filmed, tmp_path):
    root = Path(shutil.copytree(filmed, tmp_path / "corpus"))
    files = sorted(root.rglob("*.mp4"))
    files[0].write_bytes(b"")
    cut(write_video(files[1], movflags="faststart"), 0.7)
    spoil(write_video(files[2]), 17)
    cohort = Corpus(root, aligner=Middle())
    report = cohort.check(full=True).set_index("recording")
    texts = ["empty, cut short or no video", "60 frames are announced", "frames, where the file or"]
    for file, text, excluded in zip(files, texts, (True, False, False), strict=False):
        rows = report.loc[[file.stem.removesuffix("_video")]]
        assert rows["problem"].str.contains(text).any()
        assert rows["excluded"].all() == excluded
    assert len(cohort.recordings) == 5
