"""The corpus reader, on simulated recordings written in the corpus's layouts."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from deplib.cohorts.avec2014 import SIMULATED_MARKER, Avec2014Cohort
from deplib.cohorts.base import COLUMNS, Cohort
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.writer import write_avec_layout
from deplib.errors import CohortError

N_FRAMES = 12


@pytest.fixture(scope="module")
def source() -> SimulatedCohort:
    return SimulatedCohort(n_recordings=6, max_frames=N_FRAMES)


@pytest.fixture(scope="module")
def written(source, tmp_path_factory) -> Path:
    return write_avec_layout(source, tmp_path_factory.mktemp("avec"))


@pytest.fixture
def root(written, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / "corpus"))


def clip_folder(root: Path, recording: str) -> Path:
    return next(path for path in root.rglob(f"{recording}_Freeform_video_aligned"))


def label_file(root: Path, recording: str) -> Path:
    return next(root.rglob(f"{recording}_Depression.csv"))


def encoded(image: np.ndarray, extension: str = ".png") -> bytes:
    return cv2.imencode(extension, image)[1].tobytes()


def rewrite(folder: Path, name: Callable[[int], str], extension: str = ".png") -> None:
    """Store a folder's frames again under other names, without loss."""
    for number, file in enumerate(sorted(folder.iterdir()), start=1):
        image = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        file.unlink()
        (folder / name(number)).write_bytes(encoded(image, extension))


def test_round_trip_keeps_every_pixel_label_split_and_person(written, source):
    cohort = Avec2014Cohort(written)
    assert isinstance(cohort, Cohort)
    assert tuple(cohort.recordings.columns) == COLUMNS
    expected = source.recordings.assign(recording=source.recordings["recording"] + "_Freeform")
    got = cohort.recordings.set_index("recording").loc[expected["recording"]].reset_index()
    assert got.equals(expected[list(COLUMNS)])
    assert cohort.check().empty
    for recording in source.recordings["recording"]:
        frames = cohort.frames(f"{recording}_Freeform")
        np.testing.assert_array_equal(frames, source.frames(recording))
        np.testing.assert_array_equal(cohort.frames(f"{recording}_Freeform", 3, 8), frames[3:8])


def test_rendered_frames_are_never_taken_for_the_corpus(written, root):
    assert Avec2014Cohort(written).simulated
    assert Avec2014Cohort(written).name != "AVEC2014"
    (root / SIMULATED_MARKER).unlink()
    filmed = Avec2014Cohort(root)
    assert not filmed.simulated
    assert filmed.name == "AVEC2014"
    assert filmed.fingerprint != Avec2014Cohort(written).fingerprint


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        (lambda k: f"frame_{k:06d}.bmp", ".bmp"),
        (lambda k: f"frame_{k}.png", ".png"),  # 2 comes before 10
        (lambda k: f"frame_det_00_{k:06d}.PNG", ".png"),
        (lambda k: f'it\'s "frame"\n no. {k}.png', ".png"),
        (lambda k: f"{k - 1}.bmp", ".bmp"),  # counted from 0
    ],
    ids=["bmp", "unpadded", "capitals", "quotes and newline", "from zero"],
)
def test_repacked_corpus_reads_the_same(written, tmp_path, name, extension):
    root = tmp_path / 'it\'s\n my "corpus"'
    splits = {"Training": "train", "Development": "dev", "Testing": "test"}
    for folder in written.rglob("*_aligned"):
        split = splits[folder.parent.parent.name]
        target = root / split / "Freeform" / folder.name.removesuffix("_video_aligned")
        shutil.copytree(folder, target)
        rewrite(target, name, extension)
        (target / "._frame_1.png").write_bytes(b"resource fork")
    (root / "label" / "DepressionLabels").mkdir(parents=True)
    for label in written.rglob("*_Depression.csv"):
        shutil.copy(label, root / "label" / "DepressionLabels")
    shutil.copy(written / SIMULATED_MARKER, root)

    original, repacked = Avec2014Cohort(written), Avec2014Cohort(root)
    assert repacked.check().empty
    assert repacked.recordings.equals(original.recordings)
    for recording in original.recordings["recording"]:
        np.testing.assert_array_equal(repacked.frames(recording), original.frames(recording))


def test_jpeg_frames_are_read_as_rgb(root, source):
    first = source.recordings["recording"][0]
    rewrite(clip_folder(root, first), lambda k: f"frame_{k:06d}.jpg", ".jpg")
    frames = Avec2014Cohort(root).frames(f"{first}_Freeform").astype(int)
    lossless = source.frames(first)
    assert np.abs(frames - lossless).mean() < 3 < np.abs(frames - lossless[..., ::-1]).mean()


def test_both_tasks_share_one_label_and_can_be_chosen(root, source):
    first = source.recordings["recording"][0]
    folder = clip_folder(root, first)
    northwind = folder.parent.parent / "Northwind" / f"{first}_Northwind_video_aligned"
    shutil.copytree(folder, northwind)
    both = Avec2014Cohort(root)
    table = both.recordings.set_index("recording")
    assert len(table) == 7
    assert table.loc[f"{first}_Northwind", "bdi"] == table.loc[f"{first}_Freeform", "bdi"]
    assert list(Avec2014Cohort(root, tasks=["Northwind"]).recordings["task"]) == ["Northwind"]
    assert len(Avec2014Cohort(root, tasks=["Freeform"]).recordings) == 6


def damage_label(text: str) -> Callable[[Path, str], None]:
    return lambda root, recording: label_file(root, recording).write_text(text)


def remove_label(root: Path, recording: str) -> None:
    label_file(root, recording).unlink()


def contradict_label(root: Path, recording: str) -> None:
    label = label_file(root, recording)
    other = root / "label" / label.name
    other.parent.mkdir()
    other.write_text(str((float(label.read_text()) + 1) % 60))


def empty_folder(root: Path, recording: str) -> None:
    for file in clip_folder(root, recording).iterdir():
        file.unlink()


def leave_only_video(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.rmtree(folder)
    (folder.parent / f"{recording}_Freeform_video.mp4").write_bytes(b"video")


def zero_byte_frame(root: Path, recording: str) -> None:
    sorted(clip_folder(root, recording).iterdir())[5].write_bytes(b"")


def garbage_frame(root: Path, recording: str) -> None:
    sorted(clip_folder(root, recording).iterdir())[-1].write_bytes(b"no image at all")


def truncated_frame(root: Path, recording: str) -> None:
    file = sorted(clip_folder(root, recording).iterdir())[0]
    file.write_bytes(file.read_bytes()[:-200])


def replace_first(image: np.ndarray) -> Callable[[Path, str], None]:
    def change(root: Path, recording: str) -> None:
        sorted(clip_folder(root, recording).iterdir())[0].write_bytes(encoded(image))

    return change


def second_image_of_a_frame(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.copy(folder / "frame_det_00_000003.png", folder / "frame_det_01_000003.png")


def unnumbered_frame(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.copy(folder / "frame_det_00_000003.png", folder / "thumbnail.png")


def other_split(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    task = folder.parent
    other = "Testing" if task.parent.name != "Testing" else "Training"
    shutil.copytree(folder, task.parent.parent / other / "Freeform" / folder.name)


def same_split_twice(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.copytree(folder, folder.parent / f"{recording}_Freeform")


def outside_any_split(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.move(folder, root / folder.name)


DAMAGES = {
    "label is text": (damage_label("n/a"), "one whole number"),
    "label is empty": (damage_label(""), "one whole number"),
    "label is a table": (damage_label("1,2\n3,4"), "one whole number"),
    "label is NaN": (damage_label("nan"), "one whole number"),
    "label is negative": (damage_label("-1"), "one whole number"),
    "label is no sum of items": (damage_label("12.5"), "one whole number"),
    "label is above the scale": (damage_label("64"), "above 63"),
    "label is missing": (remove_label, "no label"),
    "labels disagree": (contradict_label, "disagree"),
    "empty folder": (empty_folder, "without frames"),
    "video only": (leave_only_video, "without aligned frames"),
    "zero bytes": (zero_byte_frame, "zero bytes"),
    "garbage": (garbage_frame, "no image"),
    "truncated": (truncated_frame, "no image"),
    "wrong size": (replace_first(np.zeros((224, 224, 3), np.uint8)), r"\(224, 224, 3\)"),
    "grey": (replace_first(np.zeros((112, 112), np.uint8)), r"\(112, 112\)"),
    "alpha": (replace_first(np.zeros((112, 112, 4), np.uint8)), r"\(112, 112, 4\)"),
    "16 bit": (replace_first(np.zeros((112, 112, 3), np.uint16)), "uint16"),
    "two images of a frame": (second_image_of_a_frame, "two images of one frame"),
    "no number": (unnumbered_frame, "thumbnail.png"),
    "two splits": (other_split, "several splits"),
    "two folders": (same_split_twice, "2 folders"),
    "no split": (outside_any_split, "names a split"),
}


@pytest.mark.parametrize(("damage", "text"), DAMAGES.values(), ids=DAMAGES)
def test_unusable_recordings_are_excluded_and_reported(root, source, damage, text):
    victim = source.recordings["recording"][2]
    damage(root, victim)
    cohort = Avec2014Cohort(root)
    report = cohort.check()
    assert len(cohort.recordings) == 5
    assert f"{victim}_Freeform" not in set(cohort.recordings["recording"])
    assert set(report["recording"]) == {f"{victim}_Freeform"}
    assert report["excluded"].all()
    assert report["problem"].str.contains(text).any()
    assert (report["remedy"].str.len() > 5).all()
    with pytest.raises(CohortError, match="check"):
        cohort.frames(f"{victim}_Freeform")


def test_report_never_repeats_a_label(root, source):
    victim = source.recordings["recording"][2]
    label_file(root, victim).write_text("9871")
    assert (
        not Avec2014Cohort(root)
        .check()
        .astype(str)
        .apply(lambda c: c.str.contains("9871"))
        .any()
        .any()
    )


def test_gap_in_the_numbers_is_reported_and_the_rest_is_read(root, source):
    first = source.recordings["recording"][0]
    for number in (4, 5, 9):
        (clip_folder(root, first) / f"frame_det_00_{number:06d}.png").unlink()
    cohort = Avec2014Cohort(root)
    report = cohort.check()
    assert list(report["problem"]) == ["3 frame numbers are missing between first and last"]
    assert not report["excluded"].any()
    kept = [0, 1, 2, 5, 6, 7, 9, 10, 11]
    np.testing.assert_array_equal(cohort.frames(f"{first}_Freeform"), source.frames(first)[kept])


@pytest.mark.parametrize("size", [(56, 56, 3), (113, 112, 3)])
def test_frame_of_another_size_within_a_clip_is_named_and_not_resized(root, source, size):
    first = source.recordings["recording"][0]
    file = clip_folder(root, first) / "frame_det_00_000006.png"
    file.write_bytes(encoded(np.zeros(size, np.uint8)))
    cohort = Avec2014Cohort(root)
    assert cohort.frames(f"{first}_Freeform", 0, 5).shape == (5, 112, 112, 3)
    with pytest.raises(CohortError, match=r"000006\.png .*never resized"):
        cohort.frames(f"{first}_Freeform")


def test_images_of_no_recording_are_mentioned(root):
    (root / "preview").mkdir()
    (root / "preview" / "1.png").write_bytes(encoded(np.zeros((112, 112, 3), np.uint8)))
    report = Avec2014Cohort(root).check()
    assert list(report["where"]) == ["preview"]
    assert not report["excluded"].any()


def test_videos_beside_aligned_frames_are_no_problem(root, source):
    first = source.recordings["recording"][0]
    folder = clip_folder(root, first)
    (folder.parent / f"{first}_Freeform_video.mp4").write_bytes(b"video")
    assert Avec2014Cohort(root).check().empty


def test_linked_folders_are_followed_but_not_in_circles(written, tmp_path):
    (tmp_path / "linked").symlink_to(written)
    (tmp_path / "circle").symlink_to(tmp_path)
    assert len(Avec2014Cohort(tmp_path).recordings) == 6


def test_fingerprint_follows_content_and_not_place(written, root, source):
    fingerprint = Avec2014Cohort(written).fingerprint
    assert Avec2014Cohort(root).fingerprint == fingerprint
    first = source.recordings["recording"][0]
    label = label_file(root, first)
    value = label.read_text()
    label.write_text(str((int(value) + 1) % 60))
    assert Avec2014Cohort(root).fingerprint != fingerprint
    label.write_text(value)
    assert Avec2014Cohort(root).fingerprint == fingerprint
    (clip_folder(root, first) / f"frame_det_00_{N_FRAMES:06d}.png").unlink()
    assert Avec2014Cohort(root).fingerprint != fingerprint


def test_folder_changed_after_opening_is_noticed(root, source):
    cohort = pickle.loads(pickle.dumps(Avec2014Cohort(root)))
    first = source.recordings["recording"][0]
    (clip_folder(root, first) / "frame_det_00_000002.png").unlink()
    with pytest.raises(CohortError, match="open it again"):
        cohort.frames(f"{first}_Freeform")


@pytest.mark.parametrize(("start", "stop"), [(0, N_FRAMES + 1), (-1, 2), (5, 4)])
def test_blocks_outside_the_clip_are_refused(written, start, stop):
    cohort = Avec2014Cohort(written)
    with pytest.raises(CohortError, match=f"frames 0 to {N_FRAMES}"):
        cohort.frames(cohort.recordings["recording"][0], start, stop)


def test_roots_without_a_corpus_are_refused(written, tmp_path):
    with pytest.raises(CohortError, match="no folder"):
        Avec2014Cohort(tmp_path / "nowhere")
    with pytest.raises(CohortError, match="no usable recording"):
        Avec2014Cohort(tmp_path)
    with pytest.raises(CohortError, match="no usable recording of Northwind"):
        Avec2014Cohort(written, tasks=["Northwind"])
    with pytest.raises(CohortError, match="not among"):
        Avec2014Cohort(written, tasks=["Reading"])


def test_writer_takes_some_recordings_and_some_frames(source, tmp_path):
    chosen = list(source.recordings["recording"][1:3])
    write_avec_layout(source, tmp_path, recordings=chosen, max_frames=4)
    table = Avec2014Cohort(tmp_path).recordings
    assert list(table["recording"]) == [f"{name}_Freeform" for name in chosen]
    assert list(table["n_frames"]) == [4, 4]


def test_writer_mixes_with_nothing_and_knows_its_recordings(source, tmp_path):
    with pytest.raises(CohortError, match="999_9"):
        write_avec_layout(source, tmp_path, recordings=["999_9"])
    (tmp_path / "real.txt").write_text("something")
    with pytest.raises(CohortError, match="not empty"):
        write_avec_layout(source, tmp_path)
