"""The check of a corpus: each fault planted in a simulated one is found, and nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from avec_layout import clip_folder, encoded, frame_files, label_file

from deplib.cohorts.avec2014 import read_label
from deplib.cohorts.corpus import Corpus
from deplib.errors import CohortError

Damage = Callable[[Path, Path], object]
"""Does something to a clip's folder or to its label file."""
BLACK = encoded(np.zeros((112, 112, 3), np.uint8))


def label(content: bytes) -> Damage:
    return lambda clip, file: file.write_bytes(content)


def loop(clip: Path, file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def contradict(clip: Path, file: Path) -> None:
    (clip.parent / file.name).write_text(str((float(file.read_text()) + 1) % 60))


def leave_only_video(clip: Path, file: Path) -> None:
    shutil.rmtree(clip)
    clip.with_name(clip.name.replace("_aligned", ".mp4")).write_bytes(b"video")


def replace(content: bytes | None, which: slice = slice(None)) -> Damage:
    """Write the same content into some frames; without one, remove them."""

    def change(clip: Path, file: Path) -> None:
        for frame in sorted(clip.iterdir())[which]:
            frame.unlink()
            if content is not None:
                frame.write_bytes(content)

    return change


def dangle(clip: Path, file: Path) -> None:
    frame = clip / "frame_det_00_000006.png"
    frame.unlink()
    frame.symlink_to("nowhere")


def copy_frame_to(name: str) -> Damage:
    return lambda clip, file: shutil.copy(clip / "frame_det_00_000003.png", clip / name)


def copy_clip_to(place: str) -> Damage:
    """Copy a clip, from the folder of its task."""
    return lambda clip, file: shutil.copytree(clip, clip.parent / place)


def keep_every(nth: int) -> Damage:
    return lambda clip, file: [p.unlink() for k, p in enumerate(sorted(clip.iterdir())) if k % nth]


TWICE = "../../Training/Freeform/001_2_Freeform"
EXCLUDING: dict[str, tuple[Damage, str]] = {
    f"label {content!r}"[:20]: (label(content), "one whole number")
    for content in (b"1,2\n3,4", b",0\n0,12", b"nan", b"1e1", b"-1", b"12,0", b"12.5",
                    "\u0661".encode(), b"12\n30", b"BDI\nNA", b"\0\0\0", bytes(range(256)))
} | {
    "label is white space": (label(b" \r\n"), "label file is empty"),
    "label is above the scale": (label(b"64"), "above 63"),
    "label cannot be read": (loop, r"cannot be read \("),
    "label is missing": (lambda clip, file: file.unlink(), "no label"),
    "labels disagree": (contradict, "label files of one session disagree"),
    "clip is missing": (lambda clip, file: shutil.rmtree(clip), "neither frames nor a video"),
    "empty folder": (replace(None), "without frames"),
    "video only": (leave_only_video, "without aligned frames"),
    "all zero bytes": (replace(b""), "is empty"),
    "all of another size": (replace(encoded(np.zeros((224, 224, 3), np.uint8))), "224x224"),
    "two images of a frame": (copy_frame_to("frame_det_0_3.png"), "two images of one frame"),
    "two faces": (copy_frame_to("frame_det_01_000003.png"), "2 numbers that change"),
    "every third frame": (keep_every(3), "has 10 frames a second .*extract each frame"),
    "two splits": (copy_clip_to(TWICE), "several splits"),
    "two folders": (copy_clip_to("001_2_Freeform"), "several places"),
    "no split": (lambda *both: [one.rename(both[0].parents[2] / one.name) for one in both],
                 "names a split"),
}  # fmt: skip
REPORTED: dict[str, tuple[Damage, str]] = {
    "zero bytes": (replace(b"", slice(5, 6)), "000006.png is empty: extract"),
    "link to nothing": (dangle, r"000006.png cannot be read \(No such"),
    "garbage": (replace(b"no image", slice(11, 12)), "000012.png is no PNG, JPEG or BMP"),
    "gap": (replace(None, slice(3, 9, 2)), "3 of 12 places in time hold no frame"),
    "every second frame": (keep_every(2), "15 frames a second, where most clips have 30 and"),
    "no number": (copy_frame_to("thumb\nnail.png"), r"not used: thumb\\nnail.png"),
    "copy": (copy_frame_to("frame_det_00_000003 (1).png"), r"1 images .*not used: .*3 \(1\).png"),
}


def check_one_line(report) -> None:
    for column in ("recording", "where", "problem", "remedy"):
        assert report[column].map(str.isprintable).all()
    assert (report["remedy"].str.len() > 5).all()


@pytest.mark.parametrize("fault", [*EXCLUDING, *REPORTED])
def test_a_fault_is_reported_and_costs_the_recording_only_if_it_must(root, source, fault):
    (damage, text), excluded = (EXCLUDING | REPORTED)[fault], fault in EXCLUDING
    victim = source.recordings["recording"][2]
    damage(clip_folder(root, victim), label_file(root, victim))
    cohort = Corpus(root)
    report = cohort.check()
    assert set(report["recording"]) == {f"{victim}_Freeform"}
    assert report["problem"].str.contains(text).any()
    assert report["excluded"].any() == excluded
    assert len(cohort.recordings) == 6 - excluded
    check_one_line(report)
    if excluded:
        with pytest.raises(CohortError, match="check"):
            cohort.frames(f"{victim}_Freeform")


@pytest.mark.parametrize("content", ["9871", "7x", "58.5"])
def test_report_never_repeats_a_label(root, source, content):
    label_file(root, source.recordings["recording"][2]).write_text(content)
    report = Corpus(root).check().drop(columns="where")
    assert len(report) == 1
    assert content not in report.to_csv()


def test_labels_with_byte_order_mark_and_spaces_are_read(tmp_path):
    file = tmp_path / "203_1_Depression.csv"
    others = (b"\xef\xbb\xbf12\r\n", '"12"\t'.encode("utf-16"), "12\u00a0".encode())
    for content in (b" 12.0 ", b"12.", b"012", b"BDI\n12\n\n", b"12;", b"12,\r", *others):
        file.write_bytes(content)
        assert read_label(file) == (12, None), content


def test_copies_under_two_names_are_found(root, source):
    first, second, third = source.recordings["recording"][:3]
    for name in (second, third):
        for file, other in zip(frame_files(root, first), frame_files(root, name), strict=True):
            shutil.copy(file, other)
    last = frame_files(root, third)[-1]
    content = bytearray(last.read_bytes())
    content[-1] ^= 1  # same number and sizes of files, but not the same
    last.write_bytes(content)
    report = Corpus(root).check()
    copies = report[report["problem"].str.contains("byte for byte")]
    assert set(copies["recording"]) == {f"{first}_Freeform", f"{second}_Freeform"}
    assert copies["problem"].str.endswith(f"{first}_Freeform, {second}_Freeform").all()
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
    cohort = Corpus(root)
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
    assert report["problem"].str.contains("frame_det_00_000005.png is empty").any()
    check_one_line(report)


def test_strange_names_are_escaped_on_one_line(root, source):
    folder = clip_folder(root, source.recordings["recording"][0])
    moved = folder.parent.parent / 'it\'s "Freeform"\n no. 2\x1b[31m' / folder.name
    shutil.move(folder, moved)
    (moved / "frame_det_00_000002.png").unlink()
    (moved / 'a\n"b" 2.png').write_bytes(b"")
    (root / "preview").mkdir()
    (root / "preview" / "1.png").write_bytes(BLACK)
    report = Corpus(root).check(full=True)
    check_one_line(report)
    assert not report["excluded"].any()
    preview, gap, strange = report.to_dict("records")
    assert "1 of 12 places" in gap["problem"]
    assert preview["where"] == "preview"
    assert r"no. 2\x1b[31m" in strange["where"]
    assert r'a\n"b" 2.png' in strange["problem"]


def test_folders_that_cannot_be_listed_are_named(root, monkeypatch):
    real = os.scandir

    def refuse(path):
        if str(path).endswith(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    closed = "Freeform"
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CohortError, match=r"Freeform cannot be listed .*mend its permissions"):
        Corpus(root)
    (root / (closed := "lost+found")).mkdir()
    cohort = Corpus(root)
    assert (len(cohort.recordings), cohort.check().empty) == (6, True)
    assert "lost+found cannot be listed" in cohort.notes[0]


FILMS = [f"{name}.mp4" for name in ("{}_Freeform_video (1)", "{}_Freeform_video_converted")]


@pytest.mark.parametrize("name", [*FILMS, "{}_Freeform.wmv", "{}.avi.MTS", "x/a.tif", "x/1.png"])
def test_what_is_not_used_is_named(root, name):
    file = root / name.format("203_1")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"content")
    lone = root / "Final_Labels" / "999_1_Depression.csv"
    lone.write_text("3")
    report = Corpus(root).check()
    named = file.name if file.parent == root else "x"
    assert report.query("recording == ''")["where"].tolist() == [named]
    assert report.query("recording != ''")["recording"].tolist() == ["999_1_Freeform"]


def test_common_layouts_are_seen(written, tmp_path):
    """Clips without a task's name or a split's folder, and other words for the splits."""
    expected = Corpus(written).recordings
    for row in expected.itertuples():
        session = row.recording.removesuffix("_Freeform")
        (split,) = {"train": ["Train"], "dev": ["validate"], "test": ["test_clips"]}[row.split]
        for clip in (tmp_path / "a" / split / session, tmp_path / "b" / session / "Freeform"):
            shutil.copytree(clip_folder(written, session), clip)
        for folder in (tmp_path / "a", tmp_path / "b" / f"{split}_labels"):
            folder.mkdir(exist_ok=True)
            shutil.copy(label_file(written, session), folder)
    for root, task in ((tmp_path / "a", ""), (tmp_path / "b", "Freeform")):
        cohort = Corpus(root)
        found = cohort.recordings.assign(recording=cohort.recordings["recording"].str[:5])
        wanted = expected.assign(recording=expected["recording"].str[:5], task=task)
        pd.testing.assert_frame_equal(found, wanted, check_dtype=False)
        assert cohort.check().empty


def test_a_corpus_without_one_usable_recording_names_the_first_problem(root):
    for file in root.rglob("*_Depression.csv"):
        file.unlink()
    with pytest.raises(CohortError, match=r"no label: add the corpus's .*\(6 problems in all\)"):
        Corpus(root)
