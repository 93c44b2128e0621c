"""The check of a corpus: each fault planted in a simulated one is found, and nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from avec_layout import clip_folder, encoded, frame_files, label_file

from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.scan import read_label
from deplib.errors import CohortError

Damage = Callable[[Path, str], object]
BLACK = encoded(np.zeros((112, 112, 3), np.uint8))


def label(content: str | bytes) -> Damage:
    data = content.encode() if isinstance(content, str) else content
    return lambda root, recording: label_file(root, recording).write_bytes(data)


def label_that_loops(root: Path, recording: str) -> None:
    file = label_file(root, recording)
    file.unlink()
    file.symlink_to(file)


def contradict_label(root: Path, recording: str) -> None:
    file = label_file(root, recording)
    (root / "label").mkdir()
    (root / "label" / file.name).write_text(str((float(file.read_text()) + 1) % 60))


def leave_only_video(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.rmtree(folder)
    (folder.parent / f"{recording}_Freeform_video.mp4").write_bytes(b"video")


def replace(content: bytes, which: slice = slice(None)) -> Damage:
    """Write the same content into some frames; none at all removes them."""

    def change(root: Path, recording: str) -> None:
        for file in frame_files(root, recording)[which]:
            file.write_bytes(content) if content != b"gone" else file.unlink()

    return change


def copy_frame_to(name: str) -> Damage:
    def copy(root: Path, recording: str) -> None:
        folder = clip_folder(root, recording)
        shutil.copy(folder / "frame_det_00_000003.png", folder / name)

    return copy


def copy_clip(root: Path, recording: str, *, split: bool) -> None:
    folder = clip_folder(root, recording)
    task = folder.parent
    other = "Testing" if task.parent.name != "Testing" else "Training"
    target = task.parent.parent / other / "Freeform" / folder.name if split else task / folder.name
    shutil.copytree(folder, target if split else task / f"{recording}_Freeform")


def move_outside(root: Path, recording: str) -> None:
    folder = clip_folder(root, recording)
    shutil.move(folder, root / folder.name)


EXCLUDING: dict[str, tuple[Damage, str]] = {
    f"label {content!r}"[:20]: (label(content), "one whole number")
    for content in ("1,2\n3,4", "BDI\n12", "nan", "1e1", "-1", "12,0", "12.5", "\u0661")
} | {
    "label is binary": (label(bytes(range(256)) * 9), "one whole number"),
    "label is UTF-16": (label("12".encode("utf-16")), "one whole number"),
    "label is white space": (label(" \r\n"), "label file is empty"),
    "label is above the scale": (label("64"), "above 63"),
    "label cannot be read": (label_that_loops, r"cannot be read \("),
    "label is missing": (lambda root, name: label_file(root, name).unlink(), "no label"),
    "labels disagree": (contradict_label, "label files of one session disagree"),
    "clip is missing": (
        lambda root, name: shutil.rmtree(clip_folder(root, name)), "neither frames nor a video"
    ),
    "empty folder": (replace(b"gone"), "without frames"),
    "video only": (leave_only_video, "without aligned frames"),
    "all zero bytes": (replace(b""), "is empty"),
    "all of another size": (replace(encoded(np.zeros((224, 224, 3), np.uint8))), "224x224"),
    "two images of a frame": (copy_frame_to("frame_det_01_000003.png"), "two images of one frame"),
    "no number": (copy_frame_to("thumb\nnail.png"), r"thumb\\nnail.png"),
    "two splits": (lambda root, name: copy_clip(root, name, split=True), "several splits"),
    "two folders": (lambda root, name: copy_clip(root, name, split=False), "several places"),
    "no split": (move_outside, "names a split"),
}  # fmt: skip


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
    assert report.loc[report["problem"].str.contains(text), "excluded"].any()
    check_one_line(report)
    with pytest.raises(CohortError, match="check"):
        cohort.frames(f"{victim}_Freeform")


def dangling_frame(root: Path, recording: str) -> None:
    file = frame_files(root, recording)[5]
    file.unlink()
    file.symlink_to(root / "nowhere")


REPORTED: dict[str, tuple[Damage, str]] = {
    "zero bytes": (replace(b"", slice(5, 6)), "000006.png is empty: extract"),
    "link to nothing": (dangling_frame, "000006.png cannot be read (No such file or directory): restore it"),
    "garbage": (replace(b"no image", slice(11, 12)), "000012.png is no PNG, JPEG or BMP"),
    "gap": (replace(b"gone", slice(3, 9, 2)), "3 frame numbers are missing between first and last"),
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


@pytest.mark.parametrize("content", ["9871", "7x", "58.5"])
def test_report_never_repeats_a_label(root, source, content):
    label_file(root, source.recordings["recording"][2]).write_text(content)
    report = Avec2014Cohort(root).check().drop(columns="where")
    assert len(report) == 1
    assert content not in report.to_csv()


def test_labels_with_byte_order_mark_and_spaces_are_read(tmp_path):
    file = tmp_path / "203_1_Depression.csv"
    for content in (b"\xef\xbb\xbf12\r\n", b" 12.0 ", b"12.", b"012"):
        file.write_bytes(content)
        assert read_label(file) == (12, None)


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


def test_full_check_decodes_every_frame(root, source):
    first, second, third = source.recordings["recording"][:3]
    for index in (2, 3, 5, 7):
        frame_files(root, first)[index].write_bytes(b"no image")
    for index in (4, 8):
        frame_files(root, first)[index].write_bytes(BLACK)
    file = frame_files(root, second)[8]
    file.write_bytes(file.read_bytes()[:-300])
    label_file(root, third).unlink()  # left out, and yet decoded
    frame_files(root, third)[4].write_bytes(b"")
    cohort = Avec2014Cohort(root)
    assert set(cohort.check()["recording"]) == {f"{third}_Freeform"}  # of the rest, no bad one

    seen: list[str] = []
    report = cohort.check(full=True, jobs=2, progress=seen.append)
    assert sorted(seen) == sorted(f"{name}_Freeform" for name in source.recordings["recording"])
    rows = report[report["recording"] == f"{first}_Freeform"]["problem"].tolist()
    blank, unreadable = sorted(rows, key=lambda row: "cannot be decoded" in row)
    names = ", ".join(f"frame_det_00_{number:06d}.png" for number in (3, 4, 6))
    assert unreadable.startswith("4 frames")
    assert f": {names} ...; " in unreadable
    assert blank.startswith("2 frames")
    assert blank.endswith(": frame_det_00_000005.png, frame_det_00_000009.png")
    assert "1 frame," in report.set_index("recording").loc[f"{second}_Freeform", "problem"]
    assert report["problem"].str.contains("000005.png is empty").any()
    check_one_line(report)


def test_strange_names_are_escaped_on_one_line(root, source):
    folder = clip_folder(root, source.recordings["recording"][0])
    moved = folder.parent.parent / 'it\'s "Freeform"\n no. 2\x1b[31m' / folder.name
    shutil.move(folder, moved)
    (moved / "frame_det_00_000002.png").unlink()
    (moved / 'a\n"b" 2.png').write_bytes(b"")
    (root / "preview").mkdir()
    (root / "preview" / "1.png").write_bytes(BLACK)
    report = Avec2014Cohort(root).check(full=True)
    check_one_line(report)
    assert not report["excluded"].any()
    preview, strange = report.to_dict("records")
    assert preview["where"] == "preview"
    assert r"no. 2\x1b[31m" in strange["where"]
    assert r'a\n"b" 2.png' in strange["problem"]


def test_folders_that_cannot_be_listed_are_named(root, monkeypatch):
    real = os.scandir

    def refuse(path):
        if str(path).endswith("Freeform"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CohortError, match=r"Freeform cannot be listed .*mend its permissions"):
        Avec2014Cohort(root)


def test_a_corpus_without_one_usable_recording_names_the_first_problem(root):
    for file in root.rglob("*_Depression.csv"):
        file.unlink()
    with pytest.raises(CohortError, match=r"no label: add the corpus's .*\(6 problems in all\)"):
        Avec2014Cohort(root)
