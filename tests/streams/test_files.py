"""Streams of filmed recordings, from files that other programs wrote and tests spoil."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from stream_files import expected, openface_rows, write_openface, write_pulse
from tiny import TinyCohort

from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import CohortError
from deplib.streams.files import open_stream, read_openface, read_pulse
from deplib.streams.join import StreamMissingError
from deplib.streams.measured import SimulatedAction, SimulatedPulse

RECORDINGS = TinyCohort().recordings


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    values, valid, rate = read_openface(path)
    assert rate == pytest.approx(30, rel=0.02)
    return values, valid


@pytest.mark.parametrize("how", ["as it is", "no spaces", "bom", "crlf", "no face_id", "reversed"])
def test_a_file_as_openface_writes_it_and_other_ways(tmp_path: Path, how: str) -> None:
    rows = openface_rows(6)
    path = write_openface(tmp_path / "a.csv", rows, "," if how == "no spaces" else ", ")
    lines = [line.split(", ") for line in path.read_text().splitlines()]
    if how == "no face_id":
        lines = [line[:1] + line[2:] for line in lines]
    if how == "reversed":
        lines = [line[::-1] for line in lines]
    text = "".join(", ".join(line) + ("\r\n" if how == "crlf" else "\n") for line in lines)
    path.write_bytes((b"\xef\xbb\xbf" if how == "bom" else b"") + text.encode())
    values, valid = read(path)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected(rows), rtol=1e-6)
    assert valid.all()


def test_failed_and_doubtful_frames_are_invalid_whatever_their_cells_hold(tmp_path: Path) -> None:
    rows = openface_rows(5)
    rows[1] |= {"success": 0, "confidence": 0.0, "AU12_r": "-nan(ind)", "pose_Tx": ""}
    rows[2] |= {"confidence": 0.74, "AU12_r": 77}
    rows[3] |= {"confidence": 0.75}
    values, valid = read(write_openface(tmp_path / "a.csv", rows))
    assert valid.tolist() == [True, False, False, True, True]
    assert (values[~valid] == 0).all()
    np.testing.assert_allclose(values[valid], expected([rows[0], rows[3], rows[4]]), rtol=1e-6)
    failed = [row | {"success": 0} for row in openface_rows(4)]
    assert not read(write_openface(tmp_path / "a.csv", failed))[1].any()


def test_gaps_are_kept_as_invalid_frames_and_counts_may_start_at_zero(tmp_path: Path) -> None:
    rows = openface_rows(8)
    kept = [rows[k] for k in (1, 2, 5, 7)]  # frames 2, 3, 6, 8
    values, valid = read(write_openface(tmp_path / "a.csv", kept))
    assert np.flatnonzero(valid).tolist() == [1, 2, 5, 7]
    np.testing.assert_allclose(values[valid], expected(kept), rtol=1e-6)
    from_zero = [row | {"frame": k} for k, row in enumerate(rows)]
    assert read(write_openface(tmp_path / "a.csv", from_zero))[1].all()


def test_rows_left_out_are_noticed(tmp_path: Path) -> None:
    rows = openface_rows(40)
    for kept, message in (
        (rows[:10] + rows[20:], "timestamp .* in row 11"),  # failed rows dropped
        (rows[8:], "timestamp .* in row 1 "),
        (rows[::5], "no row of a neighbouring frame"),
    ):
        if "timestamp" in message:
            kept = [row | {"frame": k} for k, row in enumerate(kept, 1)]  # numbered anew
        with pytest.raises(CohortError, match=message):
            read(write_openface(tmp_path / "a.csv", kept))


WRONG_CELLS = [
    ({"AU12_r": "high"}, "holds 'high' as AU12_r in row 3"),
    ({"AU12_r": "1,5"}, "has 36 cells in row 3 of its data and 35"),
    ({"gaze_1_z": ""}, "holds '' as gaze_1_z in row 3"),
    ({"pose_Rx": "inf"}, "holds 'inf' as pose_Rx"),
    ({"confidence": "sure"}, "'sure' as confidence"),
    ({"frame": 3.5}, "no whole number"),
    ({"frame": 10**12}, "no whole number"),
    ({"frame": 2}, "frame number that does not ascend in row 3"),
    ({"frame": 2, "face_id": 1}, "another face in row 3"),
    ({"confidence": 98}, "confidence outside 0 to 1"),
    ({"success": 2}, "success that is neither"),
    ({"AU12_r": 5.2}, "AU12_r outside 0 to 5 in row 3"),
    ({"timestamp": 0.3}, "timestamp that does not go with its frame number in row 3"),
]


@pytest.mark.parametrize(("change", "message"), WRONG_CELLS)
def test_a_wrong_cell_is_named_with_its_place(tmp_path: Path, change: dict, message: str) -> None:
    rows = openface_rows(6)
    rows[2] |= change
    with pytest.raises(CohortError, match=rf"a\.csv.*{message}"):
        read(write_openface(tmp_path / "a.csv", rows))


DAMAGED = {
    "empty": (lambda text: b"", "is empty"),
    "header": (lambda text: text.splitlines(True)[0].encode(), "holds no row"),
    "utf-16": (lambda text: text.encode("utf-16"), "no UTF-8 text"),
    "cut": (lambda text: (text[:-60] + "\n").encode(), "cells in row 4 of its data and 35"),
    "cut in a cell": (lambda text: text[:-2].encode(), "does not end with a line break"),
    "shifted": (lambda text: text.replace("0.98, ", "0.98, 1, ").encode(), "36 cells in row 1"),
    "columns": (
        lambda text: text.replace("AU09_r", "AU09_c").replace("pose_Rz", "pose_Rq").encode(),
        r"lacks AU09_r, pose_Rz \(2 columns\): ",
    ),
    "semicolons": (lambda text: text.replace(",", ";").encode(), r"lacks frame.*\(32 columns\)"),
    "twice": (lambda text: text.replace("AU45_c", "AU12_r").encode(), "names AU12_r twice"),
}


@pytest.mark.parametrize(("spoil", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused(tmp_path: Path, spoil, message: str) -> None:
    path = write_openface(tmp_path / "bad.csv", openface_rows(4))
    path.write_bytes(spoil(path.read_text()))
    with pytest.raises(CohortError, match=rf"bad\.csv.*{message}"):
        read(path)
    path.unlink()
    with pytest.raises(CohortError, match="cannot be read"):
        read(path)


def test_estimates_of_the_pulse_keep_their_rate_and_gaps_are_invalid(tmp_path: Path) -> None:
    for rate in (1.0, 0.5, 30.0):
        written = write_pulse(tmp_path / "a.csv", [round(k / rate, 3) for k in range(60)])
        values, valid, found = read_pulse(tmp_path / "a.csv")
        assert (found, valid.all()) == (pytest.approx(rate, rel=1e-3), True)
        np.testing.assert_allclose(values, written, rtol=1e-6)
    written = write_pulse(tmp_path / "a.csv", [5.5, 6.5, 7.5, 12.5])
    values, valid, rate = read_pulse(tmp_path / "a.csv")
    assert (rate, np.flatnonzero(valid).tolist()) == (1, [5, 6, 7, 12])
    np.testing.assert_allclose(values[valid], written, rtol=1e-6)


def test_other_times_are_refused(tmp_path: Path) -> None:
    for seconds, message in (
        ([3.0], "two rows or more"),
        ([-1.0, 0.0], "ascending timestamps from 0"),
        ([1.0, 1.0], "ascending"),
        ([0.0, 1.0, 2.5, 4.0], "no constant rate"),
        ([0.0, 1e-5, 1e3], "no constant rate"),
    ):
        write_pulse(tmp_path / "a.csv", seconds)
        with pytest.raises(CohortError, match=rf"a\.csv.*{message}"):
            read_pulse(tmp_path / "a.csv")


# --- folders of files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """OpenFace's files of all recordings of the tiny cohort."""
    for k, row in enumerate(RECORDINGS.itertuples()):
        write_openface(tmp_path / f"{row.recording}.csv", openface_rows(row.n_frames, seed=k))
    return tmp_path


def test_a_simulated_cohort_measures_itself_and_a_filmed_one_needs_files(tmp_path: Path) -> None:
    cohort = SimulatedCohort(n_recordings=6, max_frames=30)
    assert isinstance(open_stream("action", cohort), SimulatedAction)
    assert isinstance(open_stream("pulse", cohort), SimulatedPulse)
    with pytest.raises(CohortError, match="simulates its own action"):
        open_stream("action", cohort, folder=Path())
    for name, folder, message in (
        ("action", None, "tiny has no action of its own.*OpenFace"),
        ("action", tmp_path / "none", "no folder"),
        ("action", tmp_path, r"no file of the cohort's 6 recordings.*201_1\.csv"),
        ("identity", None, "action and pulse"),
        ("action+pulse", None, "action and pulse"),
    ):
        with pytest.raises(CohortError, match=message):
            open_stream(name, TinyCohort(), folder=folder)


def test_files_are_found_by_the_clips_name_in_any_folder_and_case(folder: Path) -> None:
    (folder / "train").mkdir()
    (folder / "201_1.csv").rename(folder / "train" / "201_1_VIDEO.CSV")
    (folder / "202_1.csv").rename(folder / "202_1_video_aligned.csv")
    for name in ("notes.csv", "201_1_details.txt", "$(touch hacked).csv", "*.csv", "a\nb.csv"):
        (folder / name).write_text("not ours")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream = open_stream("action", TinyCohort(), folder=folder)
    for k, row in enumerate(RECORDINGS.itertuples()):
        values, valid = stream(row.recording)
        assert valid.all()
        np.testing.assert_allclose(values, expected(openface_rows(row.n_frames, seed=k)), rtol=1e-6)
    with pytest.raises(CohortError, match="no recording"):
        stream("../201_1")


def test_recordings_without_a_file_or_with_two_are_told(folder: Path) -> None:
    (folder / "201_2.csv").unlink()
    with pytest.warns(UserWarning, match="1 of 6 recordings have no file of stream 'action'"):
        stream = open_stream("action", TinyCohort(), folder=folder)
    with pytest.raises(StreamMissingError, match="'201_2' has no file"):
        stream("201_2")
    (folder / "201_1_video.csv").write_bytes((folder / "201_1.csv").read_bytes())
    with pytest.raises(CohortError, match=r"'201_1' has two files, 201_1.csv and 201_1_video.csv"):
        open_stream("action", TinyCohort(), folder=folder)


def test_a_file_of_another_film_is_refused_and_a_short_one_filled(folder: Path) -> None:
    before = open_stream("action", TinyCohort(), folder=folder).fingerprint
    assert open_stream("action", TinyCohort(), folder=folder).fingerprint == before
    write_openface(folder / "201_1.csv", openface_rows(40 + 31))
    stream = open_stream("action", TinyCohort(), folder=folder)
    assert stream.fingerprint != before
    with pytest.raises(CohortError, match=r"201_1.csv lasts 2\.37 s .* 1\.33 s"):
        stream("201_1")
    write_openface(folder / "201_1.csv", openface_rows(38))  # a tracker that stopped early
    values, valid = stream("201_1")
    assert values.shape == (40, 29)
    assert valid.tolist() == [True] * 38 + [False] * 2


class Filmed(TinyCohort):
    """Recordings that begin with the film's 11th frame, at so many frames a second."""

    rate = 30

    def clock(self, recording: str) -> tuple[np.ndarray, np.ndarray]:
        numbers = 10 + np.arange(40)
        return np.where(numbers == 20, -1, numbers), numbers / self.rate


def test_rows_are_joined_by_number_and_estimates_by_time(folder: Path) -> None:
    rows = openface_rows(70)
    rows[60:] = [row | {"success": 0} for row in rows[60:]]  # the face was lost, and no crop made
    write_openface(folder / "201_1.csv", rows)
    values, valid = open_stream("action", Filmed(), folder=folder)("201_1")
    assert np.flatnonzero(~valid).tolist() == [10]
    np.testing.assert_allclose(values[valid], expected(rows[10:20] + rows[21:50]), rtol=1e-6)
    written = write_pulse(folder / "201_1.csv", [0.0, 1.0, 2.0])
    values, _ = open_stream("pulse", Filmed(), folder=folder)("201_1")
    np.testing.assert_allclose(values, written[[0] * 20 + [1] * 20], rtol=1e-6)


def test_a_film_of_another_rate_and_rows_that_all_failed_are_told(folder: Path) -> None:
    other = Filmed()
    other.rate = 25
    with pytest.raises(CohortError, match=r"30 rows a second .* its recording 25 frames"):
        open_stream("action", other, folder=folder)("201_1")
    write_openface(folder / "201_1.csv", [row | {"success": 0} for row in openface_rows(40)])
    with pytest.warns(UserWarning, match=r"201_1.csv has no valid row"):
        assert not open_stream("action", TinyCohort(), folder=folder)("201_1")[1].any()
