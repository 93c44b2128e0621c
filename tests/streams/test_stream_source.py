import warnings
from pathlib import Path

import numpy as np
import pytest
from stream_files import expected, openface_rows, write_openface, write_pulse
from tiny import TinyCohort

from deplib.cohorts.avec2014 import Avec2014Cohort
from deplib.cohorts.simulated import SimulatedCohort, write_avec_layout
from deplib.errors import CohortError
from deplib.streams.action import SimulatedAction
from deplib.streams.missing import StreamMissingError
from deplib.streams.pulse import SimulatedPulse
from deplib.streams.source import open_stream

RECORDINGS = TinyCohort().recordings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """OpenFace's files of all recordings of the tiny cohort."""
    for k, (recording, n) in enumerate(
        RECORDINGS[["recording", "n_frames"]].itertuples(index=False)
    ):
        write_openface(tmp_path / f"{recording}.csv", openface_rows(n, seed=k))
    return tmp_path


def test_a_simulated_cohort_measures_itself() -> None:
    cohort = SimulatedCohort(n_recordings=6, max_frames=30)
    assert isinstance(open_stream("action", cohort), SimulatedAction)
    assert isinstance(open_stream("pulse", cohort), SimulatedPulse)
    with pytest.raises(CohortError, match="simulates its own action"):
        open_stream("action", cohort, folder=Path())


def test_a_filmed_cohort_needs_files(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"tiny has no action of its own.*OpenFace"):
        open_stream("action", TinyCohort())
    with pytest.raises(CohortError, match=r"tiny has no pulse of its own.*pulse_file"):
        open_stream("pulse", TinyCohort())
    with pytest.raises(CohortError, match="no folder"):
        open_stream("action", TinyCohort(), folder=tmp_path / "none")
    with pytest.raises(CohortError, match=r"no file of the cohort's 6 recordings.*201_1\.csv"):
        open_stream("action", TinyCohort(), folder=tmp_path)


@pytest.mark.parametrize("name", ["identity", "random", "action+pulse"])
def test_only_single_streams_beside_the_embeddings_are_opened(name: str) -> None:
    with pytest.raises(CohortError, match="action, pulse"):
        open_stream(name, TinyCohort())


def test_openfaces_files_come_as_the_recordings_frames(folder: Path) -> None:
    read = open_stream("action", TinyCohort(), folder=folder)
    for k, (recording, n) in enumerate(
        RECORDINGS[["recording", "n_frames"]].itertuples(index=False)
    ):
        values, valid = read(recording)
        assert valid.all()
        np.testing.assert_allclose(values, expected(openface_rows(n, seed=k)), rtol=1e-6)


def test_files_are_found_by_the_clips_name_in_any_folder_and_case(folder: Path) -> None:
    (folder / "train").mkdir()
    (folder / "201_1.csv").rename(folder / "train" / "201_1_VIDEO.CSV")
    (folder / "202_1.csv").rename(folder / "202_1_video_aligned.csv")
    (folder / "notes.csv").write_text("not ours")
    (folder / "201_1_details.txt").write_text("nor this")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = open_stream("action", TinyCohort(), folder=folder)
    assert read("201_1")[1].all()
    assert read("202_1")[1].all()


def test_recordings_without_a_file_are_counted_and_missing(folder: Path) -> None:
    (folder / "201_2.csv").unlink()
    with pytest.warns(UserWarning, match="1 of 6 recordings have no file of stream 'action'"):
        read = open_stream("action", TinyCohort(), folder=folder)
    with pytest.raises(StreamMissingError, match="'201_2' has no file"):
        read("201_2")
    with pytest.raises(CohortError, match="no recording 'nobody'"):
        read("nobody")


def test_two_files_of_one_recording_are_refused(folder: Path) -> None:
    (folder / "201_1_video.csv").write_bytes((folder / "201_1.csv").read_bytes())
    with pytest.raises(CohortError, match=r"'201_1' has two files, 201_1.csv and 201_1_video.csv"):
        open_stream("action", TinyCohort(), folder=folder)


def test_a_file_of_another_film_is_refused_and_named(folder: Path) -> None:
    write_openface(folder / "201_1.csv", openface_rows(40 + 31))
    read = open_stream("action", TinyCohort(), folder=folder)
    with pytest.raises(CohortError, match=r"201_1.csv lasts 2\.37 s .* 1\.33 s"):
        read("201_1")
    write_openface(folder / "201_1.csv", openface_rows(38))  # a tracker that stopped early
    values, valid = read("201_1")
    assert values.shape == (40, 29)
    assert valid.sum() == 38


def test_hostile_names_are_only_compared(folder: Path, tmp_path: Path) -> None:
    for name in ("$(touch hacked).csv", "*.csv", "-rf.csv", "a\nb.csv"):
        (folder / name).write_text("x")
    read = open_stream("action", TinyCohort(), folder=folder)
    assert len(read.files) == 6
    with pytest.raises(CohortError, match="no recording"):
        read("../201_1")
    assert not list(tmp_path.rglob("hacked"))


def test_the_fingerprint_follows_the_files(folder: Path) -> None:
    first = open_stream("action", TinyCohort(), folder=folder).fingerprint
    assert open_stream("action", TinyCohort(), folder=folder).fingerprint == first
    write_openface(folder / "201_1.csv", openface_rows(39))
    assert open_stream("action", TinyCohort(), folder=folder).fingerprint != first


def test_pulse_files_are_held_for_each_frame(tmp_path: Path) -> None:
    cohort = TinyCohort(n_frames=(450, 450, 450))
    written = write_pulse(tmp_path / "201_1.csv", [float(k) for k in range(5, 13)])
    with pytest.warns(UserWarning, match="2 of 3"):
        read = open_stream("pulse", cohort, folder=tmp_path)
    values, valid = read("201_1")
    assert np.flatnonzero(valid).tolist() == list(range(150, 390))
    np.testing.assert_allclose(values[valid], written.repeat(30, axis=0), rtol=1e-6)


def test_recordings_of_the_corpus_find_their_clips(tmp_path: Path) -> None:
    """File names as OpenFace derives them from the corpus's videos."""
    source = SimulatedCohort(n_recordings=6, max_frames=3)
    root = write_avec_layout(source, tmp_path / "corpus")
    cohort = Avec2014Cohort(root)
    out = tmp_path / "processed"
    out.mkdir()
    for recording in cohort.recordings["recording"]:
        write_openface(out / f"{recording}_video.csv", openface_rows(3))
    read = open_stream("action", cohort, folder=out)
    assert set(read.files) == set(cohort.recordings["recording"])
    assert read(cohort.recordings["recording"][0])[1].all()
