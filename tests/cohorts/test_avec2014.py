"""The corpus reader, on simulated recordings written in the corpus's layouts."""

import os
import pickle
import shutil

import cv2
import numpy as np
import pytest
from avec_layout import clip_folder, encoded, frame_files

from deplib.cohorts import images
from deplib.cohorts.base import COLUMNS, SIMULATED_MARKER, Cohort, TolerantCohort, read_frames
from deplib.cohorts.corpus import Corpus
from deplib.cohorts.simulated.cohort import write_avec_layout
from deplib.errors import CohortError


def test_round_trip_keeps_every_pixel_label_split_and_person(written, source):
    cohort = Corpus(written)
    assert isinstance(cohort, Cohort)
    assert isinstance(cohort, TolerantCohort)
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
    assert Corpus(written).simulated
    assert Corpus(written).name != "AVEC2014"
    (root / SIMULATED_MARKER).unlink()
    filmed = Corpus(root)
    assert not filmed.simulated
    assert filmed.name == "AVEC2014"
    assert filmed.fingerprint != Corpus(written).fingerprint


REPACKED = {
    "bmp": "{k}.bmp",  # counted from 0, and 2 comes before 10
    "quotes, newline and capitals": 'it\'s "frame"\n no. {k}.PNG',
    "size and face at the end": "frame_{k:06d}_112x112_0.png",
}


@pytest.mark.parametrize("name", REPACKED.values(), ids=REPACKED)
def test_repacked_corpus_reads_the_same(written, tmp_path, name):
    root = tmp_path / 'it\'s\n my "corpus"'
    splits = {"Training": "train", "Development": "dev", "Testing": "test"}
    for folder in written.rglob("*_aligned"):
        split = splits[folder.parent.parent.name]
        target = root / split / "Freeform" / folder.name.removesuffix("_video_aligned")
        target.mkdir(parents=True)
        for k, file in enumerate(sorted(folder.iterdir())):
            content = encoded(cv2.imread(str(file)), name[-4:])
            (target / name.format(k=k)).write_bytes(content)
        (target / "._frame_1.png").write_bytes(b"resource fork")
    (root / "label" / "DepressionLabels").mkdir(parents=True)
    for label in written.rglob("*_Depression.csv"):
        shutil.copy(label, root / "label" / "DepressionLabels")
    shutil.copy(written / SIMULATED_MARKER, root)

    original, repacked = Corpus(written), Corpus(root)
    assert repacked.check().empty
    assert repacked.recordings.equals(original.recordings)
    for recording in original.recordings["recording"]:
        np.testing.assert_array_equal(repacked.frames(recording), original.frames(recording))


def test_both_tasks_share_one_label_and_can_be_chosen(root, source):
    names = list(source.recordings["recording"])
    for name in names[:4]:
        folder = clip_folder(root, name)
        northwind = folder.parent.parent / "Northwind" / f"{name}_Northwind_video_aligned"
        shutil.copytree(folder, northwind)
    both = Corpus(root)
    table = both.recordings.set_index("recording")
    assert len(table) == 10
    assert table.loc[f"{names[0]}_Northwind", "bdi"] == table.loc[f"{names[0]}_Freeform", "bdi"]
    assert set(Corpus(root, tasks=["Northwind"]).recordings["task"]) == {"Northwind"}
    report = both.check()  # most sessions have it, so it is missed where it is absent
    missed = report[report["problem"].str.contains("neither")]
    assert list(missed["recording"]) == sorted(f"{name}_Northwind" for name in names[4:])
    assert Corpus(root, tasks=["Freeform"]).check().empty


def test_missing_frame_numbers_keep_their_place_in_time(root, source):
    first = source.recordings["recording"][0]
    for number in (1, 4, 5, 9):
        (clip_folder(root, first) / f"frame_det_00_{number:06d}.png").unlink()
    cohort = Corpus(root)
    block = cohort.read(f"{first}_Freeform")
    assert [fault[:2] for fault in block.faults] == [(k, "gap") for k in (2, 3, 7)]
    assert "no image at 0.133 s" in block.faults[1].message
    expected = source.frames(first)[1:]
    expected[[2, 3, 7]] = 0
    np.testing.assert_array_equal(block.frames, expected)
    assert cohort.read(f"{first}_Freeform", 3, 5).faults == block.faults[1:2]
    numbers, seconds = cohort.clock(f"{first}_Freeform")
    assert numbers.tolist() == list(range(1, 12))
    np.testing.assert_allclose(seconds, numbers / 30)


def test_a_bad_frame_stays_black_keeps_its_place_and_is_told(root, source):
    first = source.recordings["recording"][0]
    bad = {2: b"", 5: b"no image", 6: encoded(np.zeros((111, 112, 3), np.uint8))}
    files = frame_files(root, first)
    for index, content in bad.items():
        files[index].write_bytes(content)
    cohort = Corpus(root)
    block = read_frames(cohort, f"{first}_Freeform", 1, 9)
    expected = source.frames(first)[1:9]
    expected[[1, 4, 5]] = 0
    np.testing.assert_array_equal(block.frames, expected)
    assert [fault[:2] for fault in block.faults] == [(index, "unreadable") for index in bad]
    for fault in block.faults:
        assert str(files[fault.frame]) in fault.message
    assert cohort.frames(f"{first}_Freeform", 3, 5).shape == (2, 112, 112, 3)
    with pytest.raises(CohortError, match=r"000003\.png is empty"):
        cohort.frames(f"{first}_Freeform")


def test_recordings_linked_into_their_split_belong_to_it(written, root, tmp_path, source):
    first = source.recordings["recording"][0]
    folder = clip_folder(root, first)
    shutil.move(folder, root / "all" / folder.name)
    folder.symlink_to(root / "all" / folder.name)
    outside = clip_folder(root, source.recordings["recording"][1])
    shutil.move(outside, tmp_path / "elsewhere")
    outside.symlink_to(tmp_path / "elsewhere")
    (folder.parent / "loop").symlink_to(folder.parent / "loop")
    for name in ("up", "again", "and again"):  # without end, if they were followed
        (folder.parent / name).symlink_to(root)
    cohort = Corpus(root)
    assert cohort.recordings.equals(Corpus(written).recordings)
    assert cohort.check(full=True).empty


def fingerprints(cohort):
    return {name: cohort.fingerprint_of(name) for name in cohort.recordings["recording"]}


def test_fingerprint_follows_content_and_not_place(written, root, source):
    before = fingerprints(Corpus(written))
    assert fingerprints(Corpus(root)) == before
    first = source.recordings["recording"][0]
    frame = frame_files(root, first)[3]
    size, whole = frame.stat().st_size, frame.read_bytes()
    found = []
    for content in (whole[:-1] + b"?", whole[:-1] + b"!", whole):  # of one size, in one moment
        frame.write_bytes(content)
        os.utime(frame, (0, 0))
        assert frame.stat().st_size == size
        found.append(fingerprints(Corpus(root)))
        assert {name for name in before if found[-1][name] != before[name]} <= {f"{first}_Freeform"}
    assert found[0] != found[1] != found[2] == before
    frame.unlink()
    assert fingerprints(Corpus(root)) != before


def test_content_is_read_once_as_long_as_nothing_is_written(root, source, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(images, "_SETTLED", -1e18)  # else only files of some age
    before = fingerprints(Corpus(root))
    for folder in root.iterdir():  # as a corpus that is moved
        shutil.move(folder, tmp_path / "elsewhere" / folder.name)
    with monkeypatch.context() as patch:
        patch.setattr(images.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
        assert fingerprints(Corpus(tmp_path / "elsewhere")) == before
    first = frame_files(tmp_path / "elsewhere", source.recordings["recording"][0])[0]
    first.write_bytes(bytes(first.stat().st_size))
    assert fingerprints(Corpus(tmp_path / "elsewhere")) != before


def test_folder_changed_after_opening_is_noticed(root, source):
    cohort = pickle.loads(pickle.dumps(Corpus(root)))
    first = source.recordings["recording"][0]
    (clip_folder(root, first) / "frame_det_00_000002.png").unlink()
    with pytest.raises(CohortError, match="open it again"):
        cohort.frames(f"{first}_Freeform")


def test_what_no_corpus_has_is_refused(written, source, tmp_path):
    with pytest.raises(CohortError, match="no usable recording"):
        Corpus(tmp_path)
    with pytest.raises(CohortError, match=r"no recording of task Northwind: .* has Freeform"):
        Corpus(written, tasks=["Northwind"])
    with pytest.raises(CohortError, match="999_9"):
        write_avec_layout(source, tmp_path, recordings=["999_9"])
    cohort = Corpus(written)
    for block in ((0, 13), (-1, 2), (5, 4)):
        with pytest.raises(CohortError, match="frames 0 to 12"):
            cohort.frames(cohort.recordings["recording"][0], *block)
