"""The check of a corpus: each fault planted in a simulated one is found, and nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from avec_layout import clip_folder, encoded, frame_files, label_file

from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.label_files import read_label
from deplib.errors import CohortError

Damage = Callable[[Path, str], None]


def damage_label(content: str | bytes) -> Damage:
    data = content.encode() if isinstance(content, str) else content
    return lambda root, recording: void(label_file(root, recording).write_bytes(data))


def void(_: object) -> None:
    """Drop what a call returns."""


def remove_label(root: Path, recording: str) -> None:
    label_file(root, recording).unlink()


def label_that_loops(root: Path, recording: str) -> None:
    label = label_file(root, recording)
    label.unlink()
    label.symlink_to(label)


def contradict_label(root: Path, recording: str) -> None:
    label = label_file(root, recording)
    other = root / "label" / label.name
    other.parent.mkdir()
    other.write_text(str((float(label.read_text()) + 1) % 60))


def empty_folder(root: Path, recording: str) -> None:
    for file in frame_files(root, recording):
        file.unlink()


def remove_clip(root: Path, recording: str) -> None:
    shutil.rmtree(clip_folder(root, recording))


def leave_only_video(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.rmtree(folder)
    (folder.parent / f"{recording}_Freeform_video.mp4").write_bytes(b"video")


def replace_all(content: bytes) -> Damage:
    def change(root: Path, recording: str) -> None:
        for file in frame_files(root, recording):
            file.write_bytes(content)

    return change


def second_image_of_a_frame(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.copy(folder / "frame_det_00_000003.png", folder / "frame_det_01_000003.png")


def unnumbered_frame(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.copy(folder / "frame_det_00_000003.png", folder / "thumb\nnail.png")


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


EXCLUDING = {
    "label is text": (damage_label("n/a"), "one whole number"),
    "label is empty": (damage_label(""), "label file is empty"),
    "label is white space": (damage_label(" \r\n"), "label file is empty"),
    "label is a table": (damage_label("1,2\n3,4"), "one whole number"),
    "label has a heading": (damage_label("BDI\n12"), "one whole number"),
    "label is NaN": (damage_label("nan"), "one whole number"),
    "label is an exponent": (damage_label("1e1"), "one whole number"),
    "label is negative": (damage_label("-1"), "one whole number"),
    "label has a decimal comma": (damage_label("12,0"), "one whole number"),
    "label is no sum of items": (damage_label("12.5"), "one whole number"),
    "label has other digits": (damage_label("\u0661\u0662"), "one whole number"),
    "label is binary": (damage_label(bytes(range(256)) * 9), "one whole number"),
    "label is UTF-16": (damage_label("12".encode("utf-16")), "one whole number"),
    "label is above the scale": (damage_label("64"), "above 63"),
    "label cannot be read": (label_that_loops, r"cannot be read \("),
    "label is missing": (remove_label, "no label"),
    "labels disagree": (contradict_label, "2 label files of one session disagree"),
    "clip is missing": (remove_clip, "neither frames nor a video"),
    "empty folder": (empty_folder, "without frames"),
    "video only": (leave_only_video, "without aligned frames"),
    "all zero bytes": (replace_all(b""), "is empty"),
    "all HTML": (replace_all(b"<html>Log in</html>"), "no PNG, JPEG or BMP"),
    "all of another size": (replace_all(encoded(np.zeros((224, 224, 3), np.uint8))), "224x224"),
    "all grey": (replace_all(encoded(np.zeros((112, 112), np.uint8))), "greyscale"),
    "two images of a frame": (second_image_of_a_frame, "two images of one frame"),
    "no number": (unnumbered_frame, r"thumb\\nnail.png"),
    "two splits": (other_split, "several splits"),
    "two folders": (same_split_twice, "2 places"),
    "no split": (outside_any_split, "names a split"),
}


def check_one_line(report) -> None:
    for column in ("recording", "where", "problem", "remedy"):
        assert report[column].map(str.isprintable).all()
    assert (report["remedy"].str.len() > 5).all()


@pytest.mark.parametrize(("damage", "text"), EXCLUDING.values(), ids=EXCLUDING)
def test_unusable_recordings_are_excluded_and_reported(root, source, damage, text):
    victim = source.recordings["recording"][2]
    damage(root, victim)
    cohort = Avec2014Cohort(root)
    report = cohort.check()
    assert len(cohort.recordings) == 5
    assert f"{victim}_Freeform" not in set(cohort.recordings["recording"])
    assert set(report["recording"]) == {f"{victim}_Freeform"}
    assert report["problem"].str.contains(text).any()
    assert report.loc[report["problem"].str.contains(text), "excluded"].all()
    check_one_line(report)
    with pytest.raises(CohortError, match="check"):
        cohort.frames(f"{victim}_Freeform")


def zero_byte_frame(root: Path, recording: str) -> None:
    frame_files(root, recording)[5].write_bytes(b"")


def dangling_frame(root: Path, recording: str) -> None:
    file = frame_files(root, recording)[5]
    file.unlink()
    file.symlink_to(root / "nowhere")


def truncated_frame(root: Path, recording: str) -> None:
    file = frame_files(root, recording)[0]
    file.write_bytes(file.read_bytes()[:-200])


def garbage_frame(root: Path, recording: str) -> None:
    frame_files(root, recording)[-1].write_bytes(b"no image at all")


def gap(root: Path, recording: str) -> None:
    for number in (4, 5, 9):
        (clip_folder(root, recording) / f"frame_det_00_{number:06d}.png").unlink()


REPORTED = {
    "zero bytes": (zero_byte_frame, "1 files of zero bytes, the first frame_det_00_000006.png"),
    "link to nothing": (dangling_frame, "1 files that lead nowhere"),
    "truncated": (truncated_frame, "000001.png is truncated or damaged"),
    "garbage": (garbage_frame, "000012.png is no PNG, JPEG or BMP"),
    "gap": (gap, "3 frame numbers are missing between first and last"),
}


@pytest.mark.parametrize(("damage", "text"), REPORTED.values(), ids=REPORTED)
def test_single_bad_frames_are_reported_and_their_recording_stays(root, source, damage, text):
    victim = source.recordings["recording"][2]
    damage(root, victim)
    cohort = Avec2014Cohort(root)
    report = cohort.check()
    assert len(cohort.recordings) == 6
    assert list(report["recording"]) == [f"{victim}_Freeform"]
    assert text in report["problem"][0]
    assert not report["excluded"].any()
    check_one_line(report)


@pytest.mark.parametrize("content", ["9871", "7x", "-33", "58.5", "1e1"])
def test_report_never_repeats_a_label(root, source, content):
    label_file(root, source.recordings["recording"][2]).write_text(content)
    report = Avec2014Cohort(root).check().drop(columns="where").astype(str)
    assert len(report) == 1
    assert not report.apply(lambda column: column.str.contains(content, regex=False)).any().any()


def test_disagreeing_label_files_are_both_named(root, source):
    victim = source.recordings["recording"][2]
    contradict_label(root, victim)
    where = Avec2014Cohort(root).check()["where"][0]
    assert where.count(f"{victim}_Depression.csv") == 2


def test_labels_with_byte_order_mark_and_spaces_are_read(tmp_path):
    file = tmp_path / "203_1_Depression.csv"
    for content in (b"\xef\xbb\xbf12\r\n", b" 12.0 ", b"12.", b"012"):
        file.write_bytes(content)
        assert read_label(file) == 12
    file.unlink()
    with pytest.raises(CohortError, match=r"cannot be read \(No such file"):
        read_label(file)


def test_a_task_that_most_sessions_have_is_missed_where_it_is_absent(root, source):
    names = list(source.recordings["recording"])
    for name in names[:4]:
        folder = clip_folder(root, name)
        northwind = folder.parent.parent / "Northwind" / f"{name}_Northwind_video_aligned"
        shutil.copytree(folder, northwind)
    report = Avec2014Cohort(root).check()
    missed = report[report["problem"].str.contains("neither")]
    assert list(missed["recording"]) == sorted(f"{name}_Northwind" for name in names[4:])
    assert Avec2014Cohort(root, tasks=["Freeform"]).check().empty


def test_persons_in_several_splits_are_no_problem(written):
    """The official split is by recording: a person's sessions may lie in different splits."""
    cohort = Avec2014Cohort(written)
    assert (cohort.recordings.groupby("person")["split"].nunique() > 1).any()
    assert cohort.check().empty


def test_copies_under_two_names_are_found(root, source):
    first, second, third = source.recordings["recording"][:3]
    for name in (second, third):
        for file, other in zip(frame_files(root, first), frame_files(root, name), strict=True):
            shutil.copy(file, other)
    last = frame_files(root, third)[-1]
    content = bytearray(last.read_bytes())
    content[-1] ^= 1  # same number and sizes of files, but not the same
    last.write_bytes(content)
    report = Avec2014Cohort(root).check()
    copies = report[report["problem"].str.contains("byte for byte")].set_index("recording")
    assert set(copies.index) == {f"{first}_Freeform", f"{second}_Freeform"}
    assert f"{second}_Freeform" in copies.loc[f"{first}_Freeform", "problem"]
    assert not copies["excluded"].any()


@pytest.mark.parametrize("jobs", [1, 2])
def test_full_check_decodes_every_frame(root, source, jobs):
    first, second, third = source.recordings["recording"][:3]
    for index in (2, 3, 5, 7):
        frame_files(root, first)[index].write_bytes(b"no image")
    for index in (4, 6):
        black = np.zeros((112, 112, 3), np.uint8)
        frame_files(root, first)[index].write_bytes(encoded(black))
    file = frame_files(root, second)[8]
    file.write_bytes(file.read_bytes()[:-300])
    remove_label(root, third)  # left out, and yet decoded
    frame_files(root, third)[4].write_bytes(b"")
    cohort = Avec2014Cohort(root)
    assert set(cohort.check()["recording"]) == {
        f"{third}_Freeform"
    }  # of the rest, it sees no bad one

    seen: list[str] = []
    report = cohort.check(full=True, jobs=jobs, progress=seen.append)
    assert sorted(seen) == sorted(f"{name}_Freeform" for name in source.recordings["recording"])
    rows = report[report["recording"] == f"{first}_Freeform"]["problem"].tolist()
    assert len(rows) == 2
    blank, unreadable = sorted(rows, key=lambda row: "cannot be decoded" in row)
    names = ", ".join(f"frame_det_00_{number:06d}.png" for number in (3, 4, 6))
    assert unreadable.startswith("4 frames")
    assert f": {names} ...; the first: " in unreadable
    assert blank.startswith("2 frames")
    assert blank.endswith(": frame_det_00_000005.png, frame_det_00_000007.png")
    assert "1 frame," in report.set_index("recording").loc[f"{second}_Freeform", "problem"]
    assert report["problem"].str.contains("frame_det_00_000005.png; it: ").any()
    check_one_line(report)


def test_strange_names_are_escaped_on_one_line(root, source):
    first = source.recordings["recording"][0]
    folder = clip_folder(root, first)
    moved = folder.parent.parent / 'it\'s "Freeform"\n no. 2\x1b[31m' / folder.name
    shutil.move(folder, moved)
    (moved / "frame_det_00_000002.png").unlink()
    (moved / 'a\n"b" 2.png').write_bytes(b"")
    report = Avec2014Cohort(root).check(full=True)
    assert len(report) == 1
    check_one_line(report)
    assert report["where"].str.contains(r"no. 2\x1b[31m", regex=False).all()
    assert report["problem"].str.contains(r'a\n"b" 2.png', regex=False).any()


def test_names_that_are_no_utf8_are_read_and_reported(root, source):
    first = source.recordings["recording"][0]
    file = frame_files(root, first)[3]
    strange = file.with_name(os.fsdecode(b"\xff\xfe_000004.png"))
    try:
        file.rename(strange)
    except OSError:
        pytest.skip("this file system refuses the name")
    cohort = Avec2014Cohort(root)
    assert cohort.check().empty
    strange.write_bytes(b"")
    report = Avec2014Cohort(root).check(full=True)
    assert report["problem"].str.contains(r"\udcff", regex=False).all()
    report.to_json().encode("utf-8")


def test_images_of_no_recording_are_mentioned(root):
    (root / "preview").mkdir()
    (root / "preview" / "1.png").write_bytes(encoded(np.zeros((112, 112, 3), np.uint8)))
    report = Avec2014Cohort(root).check()
    assert list(report["where"]) == ["preview"]
    assert not report["excluded"].any()


def test_folders_that_cannot_be_listed_are_named(root, monkeypatch):
    real = os.scandir

    def refuse(path):
        if str(path).endswith("Freeform"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CohortError, match=r"Freeform cannot be listed .*mend its permissions"):
        Avec2014Cohort(root)


def test_a_corpus_without_one_usable_recording_names_the_first_problem(root, source):
    for name in source.recordings["recording"]:
        remove_label(root, name)
    with pytest.raises(CohortError, match=r"no label: add the corpus's .*\(6 problems in all\)"):
        Avec2014Cohort(root)
