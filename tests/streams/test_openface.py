from pathlib import Path

import numpy as np
import pytest
from stream_files import OPENFACE, expected, openface_rows, write_openface

from deplib.errors import CohortError
from deplib.streams.openface import read_openface


def test_a_file_as_openface_writes_it(tmp_path: Path) -> None:
    rows = openface_rows(20)
    values, valid = read_openface(write_openface(tmp_path / "a.csv", rows))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected(rows), rtol=1e-6)
    assert valid.all()


@pytest.mark.parametrize("how", ["no spaces", "bom", "crlf", "no face_id", "reversed columns"])
def test_other_ways_of_writing_the_same(tmp_path: Path, how: str) -> None:
    rows = openface_rows(6)
    path = write_openface(tmp_path / "a.csv", rows, "," if how == "no spaces" else ", ")
    lines = [line.split(", ") for line in path.read_text().splitlines()]
    if how == "no face_id":
        lines = [line[:1] + line[2:] for line in lines]
    if how == "reversed columns":
        lines = [line[::-1] for line in lines]
    if how != "no spaces":
        text = ("\r\n" if how == "crlf" else "\n").join(", ".join(line) for line in lines)
        path.write_bytes((b"\xef\xbb\xbf" if how == "bom" else b"") + text.encode())
    values, valid = read_openface(path)
    np.testing.assert_allclose(values, expected(rows), rtol=1e-6)
    assert valid.all()


def test_failed_and_doubtful_frames_are_invalid_whatever_their_cells_hold(tmp_path: Path) -> None:
    rows = openface_rows(5)
    rows[1] |= {"success": 0, "confidence": 0.0, "AU12_r": "-nan(ind)", "pose_Tx": ""}
    rows[2] |= {"confidence": 0.74, "AU12_r": 77}
    rows[3] |= {"confidence": 0.75}
    values, valid = read_openface(write_openface(tmp_path / "a.csv", rows))
    assert valid.tolist() == [True, False, False, True, True]
    assert (values[~valid] == 0).all()
    np.testing.assert_allclose(values[valid], expected([rows[0], rows[3], rows[4]]), rtol=1e-6)


def test_a_file_of_failures_only_is_read_and_wholly_invalid(tmp_path: Path) -> None:
    rows = [row | {"success": 0} for row in openface_rows(4)]
    values, valid = read_openface(write_openface(tmp_path / "a.csv", rows))
    assert values.shape == (4, 29)
    assert not valid.any()


def test_gaps_are_kept_as_invalid_frames(tmp_path: Path) -> None:
    rows = openface_rows(8)
    kept = [rows[k] for k in (1, 2, 5, 7)]  # frames 2, 3, 6, 8
    values, valid = read_openface(write_openface(tmp_path / "a.csv", kept))
    assert valid.tolist() == [False, True, True, False, False, True, False, True]
    np.testing.assert_allclose(values[valid], expected(kept), rtol=1e-6)


def test_frames_may_count_from_zero(tmp_path: Path) -> None:
    rows = [row | {"frame": k} for k, row in enumerate(openface_rows(4))]
    values, valid = read_openface(write_openface(tmp_path / "a.csv", rows))
    assert len(values) == 4
    assert valid.all()


def spoiled(change: dict[str, object], row: int = 2) -> list[dict[str, object]]:
    rows = openface_rows(6)
    rows[row] |= change
    return rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AU12_r": "high"}, "holds 'high' as AU12_r in row 3"),
        ({"AU12_r": "1,5"}, "has 36 cells in row 3 of its data and 35"),
        ({"gaze_1_z": ""}, "holds nothing as gaze_1_z in row 3"),
        ({"pose_Rx": "nan"}, "holds nothing as pose_Rx in row 3"),
        ({"pose_Rx": "inf"}, "holds 'inf' as pose_Rx"),
        ({"pose_Tz": "True"}, "holds 'True' as pose_Tz"),
        ({"confidence": "sure"}, "'sure' as confidence"),
        ({"frame": "third"}, "'third' as frame"),
        ({"frame": 3.5}, "no whole number"),
        ({"frame": -3}, "no whole number"),
        ({"frame": 10**12}, "no whole number"),
        ({"frame": 2}, "frame 2 twice, in row 3"),
        ({"frame": 1}, "frame 1 after 2, in row 3"),
        ({"face_id": 1}, "follows 2 faces"),
        ({"confidence": 98}, "confidence outside 0 to 1"),
        ({"success": 2}, "success that is neither"),
        ({"AU12_r": 5.2}, "AU12_r outside 0 to 5 in row 3"),
        ({"AU01_r": -0.1}, "AU01_r outside 0 to 5"),
    ],
)
def test_a_wrong_cell_is_named_with_its_place(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(CohortError, match=message) as error:
        read_openface(write_openface(tmp_path / "a.csv", spoiled(change)))
    assert "a.csv" in str(error.value)


def test_two_faces_in_one_frame_are_told_as_faces(tmp_path: Path) -> None:
    rows = [row | {"face_id": face} for row in openface_rows(3) for face in (0, 1)]
    with pytest.raises(CohortError, match="follows 2 faces"):
        read_openface(write_openface(tmp_path / "a.csv", rows))


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = write_openface(tmp_path / "a.csv", openface_rows(3))
    path.write_text(path.read_text().replace("AU09_r", "AU09_c").replace("pose_Rz", "pose_Rq"))
    with pytest.raises(CohortError, match="lacks the columns AU09_r, pose_Rz:"):
        read_openface(path)
    write_openface(path, openface_rows(3), ";")
    with pytest.raises(CohortError, match=r"lacks the columns frame.* and 27 more"):
        read_openface(path)


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    path = write_openface(tmp_path / "a.csv", openface_rows(3))
    path.write_text(path.read_text().replace("AU45_c", "AU12_r"))
    with pytest.raises(CohortError, match="column AU12_r twice"):
        read_openface(path)


def good(tmp_path: Path) -> str:
    return write_openface(tmp_path / "good.csv", openface_rows(4)).read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda text: b"", "is empty"),
        (lambda text: b"\n\n", "is empty"),
        (lambda text: text.splitlines()[0].encode(), "holds no row"),
        (lambda text: text.encode("utf-16"), "no UTF-8 text"),
        (lambda text: text.replace("frame", "fr\xe4me", 1).encode("latin-1"), "no UTF-8 text"),
        (lambda text: b"PK\x03\x04\0\0" + text.encode(), "no UTF-8 text"),
        (lambda text: text[: len(text) - 60].encode(), "cells in row 4 of its data and 35"),
        (lambda text: text.replace("0.98, ", "0.98, 1, ").encode(), "36 cells in row 1"),
        (lambda text: ('"' + text).encode(), "cannot be read"),
    ],
    ids=["empty", "blank", "header", "utf-16", "latin-1", "zip", "cut", "shifted", "quote"],
)
def test_damaged_files_are_refused(tmp_path: Path, content, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content(good(tmp_path)))
    with pytest.raises(CohortError, match=message) as error:
        read_openface(path)
    assert "bad.csv" in str(error.value)


def test_a_file_that_is_gone_or_a_folder_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CohortError, match="cannot be read"):
            read_openface(path)


def test_names_of_columns_are_openfaces() -> None:
    assert len(OPENFACE) == 5 + 29 + 1
