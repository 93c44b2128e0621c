import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from tiny import TINY_DIM, TinyCohort, write_tiny_onnx

from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.pipeline import (
    extract,
    fill_invalid,
    is_blank,
    plan,
    store_folder,
    store_header,
)
from deplib.extraction.preprocess import Preprocess
from deplib.extraction.store import FeatureStore


def content(root: Path) -> dict[str, bytes]:
    """All that a store holds, by name."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def finished(tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, tmp_path: Path) -> FeatureStore:
    extract(tiny_cohort, tiny_encoder, tmp_path / "finished")
    return FeatureStore(tmp_path / "finished")


def test_every_frame_is_embedded_in_its_place(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, finished: FeatureStore
) -> None:
    for recording in tiny_cohort.recordings["recording"]:
        features, valid = finished.read(recording)
        direct = tiny_encoder.embed(tiny_cohort.frames(recording)).features
        np.testing.assert_allclose(features, direct, atol=5e-4)  # stored as float16
        assert valid.all()


@pytest.mark.parametrize("options", [{"block": 7}, {"block": 1000}, {"jobs": 2}, {"block": 1}])
def test_blocks_and_processes_change_nothing(
    options: dict, tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder,
    finished: FeatureStore, tmp_path: Path,
) -> None:  # fmt: skip
    cohort = replace(tiny_cohort, blank={"201_1": (3,)})
    for name, how in {"a": {}, "b": options}.items():
        extract(cohort, tiny_encoder, tmp_path / name, **how)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_memory_is_bounded_by_the_block(tiny_encoder: OnnxEncoder, tmp_path: Path) -> None:
    asked = []

    class Watched(TinyCohort):
        def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
            asked.append((start, stop))
            return super().frames(recording, start, stop)

    extract(Watched((50,)), tiny_encoder, tmp_path / "s", block=20)
    assert asked == [(0, 20), (20, 40), (40, 50)]


def test_progress_tells_each_recording_longest_first(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    seen: list = []
    report = extract(tiny_cohort, tiny_encoder, tmp_path / "s", progress=seen.append)
    assert [entry.n_frames for entry in seen] == [60, 48, 40, 33, 25, 12]
    assert report.n_frames == 218
    assert report.extracted == tuple(entry.recording for entry in seen)
    assert report.n_invalid == 0


def test_longer_clips_are_cut(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    extract(tiny_cohort, tiny_encoder, tmp_path / "s", frame_limit=30)
    store = FeatureStore(tmp_path / "s")
    assert {r: store.entry(r).n_frames for r in store.done()} == {
        "201_1": 30, "201_2": 25, "202_1": 30, "202_2": 30, "203_1": 12, "203_2": 30,
    }  # fmt: skip


def test_a_second_call_does_nothing(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, finished: FeatureStore
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.root.rglob("2*")}
    report = extract(tiny_cohort, tiny_encoder, finished)
    assert report.extracted == ()
    assert len(report.kept) == 6
    assert {path: path.stat().st_mtime_ns for path in finished.root.rglob("2*")} == before


def test_only_what_is_asked_for(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    root = tmp_path / "s"
    assert extract(tiny_cohort, tiny_encoder, root, recordings=["203_1"]).extracted == ("203_1",)
    assert extract(tiny_cohort, tiny_encoder, root, recordings=[]).extracted == ()
    assert plan(tiny_cohort, FeatureStore(root), recordings=["203_1", "201_1"]) == {"201_1": 40}
    with pytest.raises(CohortError, match="no recording '999_9'"):
        extract(tiny_cohort, tiny_encoder, root, recordings=["999_9"])


def test_damage_is_reported_and_mended(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, finished: FeatureStore
) -> None:
    whole = content(finished.root)
    folder = finished.root / "recordings"
    (folder / "201_1.safetensors").write_bytes(b"half")
    (folder / "201_2.json").write_text("{")
    (folder / "202_1.safetensors").unlink()
    (folder / "202_2.json").unlink()  # as a kill leaves it: missing, not damaged
    report = extract(tiny_cohort, tiny_encoder, finished)
    assert set(report.recomputed) == {"201_1", "201_2", "202_1"}
    assert set(report.extracted) == {"201_1", "201_2", "202_1", "202_2"}
    assert "201_1" in str(report)
    assert content(finished.root) == whole


def test_a_store_made_otherwise_is_refused(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, finished: FeatureStore, tmp_path: Path
) -> None:
    before = content(finished.root)
    other_file = OnnxEncoder(write_tiny_onnx(tmp_path / "other.onnx", seed=3))
    swapped = OnnxEncoder(tiny_encoder.path, Preprocess("BGR"))
    for cohort, encoder, options in [
        (tiny_cohort, other_file, {}),
        (tiny_cohort, swapped, {}),
        (replace(tiny_cohort, n_frames=(40, 25)), tiny_encoder, {}),
        (tiny_cohort, tiny_encoder, {"frame_limit": 30}),
    ]:
        for store in (finished, finished.root):
            with pytest.raises(StoreError, match="was made otherwise"):
                extract(cohort, encoder, store, **options)
    assert content(finished.root) == before


def test_a_lost_face_keeps_its_place(tiny_encoder: OnnxEncoder, tmp_path: Path) -> None:
    cohort = TinyCohort((50, 30), blank={"201_1": (0, 17)})
    report = extract(cohort, tiny_encoder, tmp_path / "s")
    features, valid = FeatureStore(tmp_path / "s").read("201_1")
    assert report.n_invalid == 2
    assert np.flatnonzero(~valid).tolist() == [0, 17]
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=2e-3)
    assert not np.allclose(features[0], features[17])
    other_seed = extract(cohort, tiny_encoder, tmp_path / "t", seed=1)
    again = FeatureStore(tmp_path / "t").read("201_1")[0]
    assert other_seed.n_invalid == 2
    assert not np.allclose(again[0], features[0])
    np.testing.assert_array_equal(again[1:17], features[1:17])


def test_too_many_lost_faces_stop_the_work(tiny_encoder: OnnxEncoder, tmp_path: Path) -> None:
    cohort = TinyCohort((50, 30), blank={"201_2": (1, 2)})  # 2 of 30 is more than 5 %
    with pytest.raises(VerificationError, match="2 of 30 frames of 201_2"):
        extract(cohort, tiny_encoder, tmp_path / "s")
    assert FeatureStore(tmp_path / "s").done() == {"201_1"}
    assert not list((tmp_path / "s").rglob("201_2*"))
    report = extract(cohort, tiny_encoder, tmp_path / "s", max_miss_rate=0.1)
    assert report.extracted == ("201_2",)


def test_errors_come_back_from_workers(tiny_encoder: OnnxEncoder, tmp_path: Path) -> None:
    cohort = TinyCohort((50, 30, 20), blank={"201_2": (1, 2)})
    with pytest.raises(VerificationError, match="2 of 30 frames of 201_2"):
        extract(cohort, tiny_encoder, tmp_path / "s", jobs=2)


def test_a_short_clip_is_not_padded_in_silence(tiny_encoder: OnnxEncoder, tmp_path: Path) -> None:
    class Short(TinyCohort):
        def frames(self, recording: str, start: int = 0, stop: int | None = None) -> np.ndarray:
            return super().frames(recording, start, stop)[:-1]

    with pytest.raises(CohortError, match="gives 49 frames of 201_1"):
        extract(Short((50,)), tiny_encoder, tmp_path / "s")


@pytest.mark.parametrize(
    "options", [{"jobs": 0}, {"block": 0}, {"max_miss_rate": 2}, {"frame_limit": 0}]
)
def test_impossible_options_are_refused(
    options: dict, tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=next(iter(options))):
        extract(tiny_cohort, tiny_encoder, tmp_path / "s", **options)


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from tiny import TinyCohort
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.pipeline import extract
cohort = TinyCohort(tuple(range(8, 28)), blank={{"201_2": ()}}, delay=0.02)
extract(cohort, OnnxEncoder(sys.argv[2]), sys.argv[3], jobs={jobs}, block=8,
        progress=lambda entry: print(entry.recording, flush=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_again_and_again_it_ends_with_the_same_bytes(
    jobs: int, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    command = [
        sys.executable, "-c", SCRIPT.format(jobs=jobs), str(Path(__file__).parents[1]),
        str(tiny_encoder.path), str(tmp_path / "killed"),
    ]  # fmt: skip
    finished_before_kill = 0
    for finish in (1, 4):  # recordings of one run before it is killed
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(finish):
            assert process.stdout.readline()
            finished_before_kill += 1
        time.sleep(0.013 * finish)  # somewhere within a later recording
        workers = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        process.stdout.close()
        _, orphans = psutil.wait_procs(workers, timeout=20)
        assert not orphans
    store = FeatureStore(tmp_path / "killed")
    assert finished_before_kill <= len(store.done()) < 20
    final = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(final.stdout.split()) <= 20 - finished_before_kill
    cohort = TinyCohort(tuple(range(8, 28)), blank={"201_2": ()})
    extract(cohort, tiny_encoder, tmp_path / "uninterrupted")
    assert content(tmp_path / "killed") == content(tmp_path / "uninterrupted")


def test_header_names_cohort_and_encoder(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder
) -> None:
    header = store_header(tiny_cohort, tiny_encoder, dtype="float32")
    assert (header.cohort, header.encoder, header.dim) == ("tiny", tiny_encoder.id, TINY_DIM)
    assert (header.n_recordings, header.frame_limit, header.dtype) == (6, 2000, "float32")


def test_each_way_of_making_a_store_has_a_folder_of_its_own(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("DEPLIB_DATA", str(tmp_path))
    named = replace(tiny_cohort, name="simulated/null")
    folders = {
        store_folder(store_header(cohort, encoder, frame_limit=limit))
        for cohort in (named, replace(named, n_frames=(9,)))
        for encoder in (tiny_encoder, OnnxEncoder(tiny_encoder.path, Preprocess("BGR")))
        for limit in (2000, 100)
    }
    assert len(folders) == 8
    assert {folder.parent for folder in folders} == {tmp_path / "features"}
    assert all(folder.name.startswith("simulated-null-") for folder in folders)


def test_blank_frames_are_those_of_one_tone() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3), np.uint8)
    frames[1] = 0
    frames[2] = np.random.default_rng(1).integers(250, 255, (112, 112, 3))
    assert is_blank(frames).tolist() == [False, True, True, False]
    assert is_blank(frames[:0]).shape == (0,)


def test_place_holders_are_unit_vectors_in_all_directions() -> None:
    features = np.full((2000, 16), 7.0, np.float32)
    valid = np.arange(2000) % 2 == 0
    filled = fill_invalid(features, valid, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(filled[valid], 7)
    np.testing.assert_allclose(np.linalg.norm(filled[~valid], axis=1), 1, atol=1e-6)
    assert np.abs(filled[~valid].mean(axis=0)).max() < 4 * 0.25 / np.sqrt(1000)
    assert (features == 7).all()
    for seed, same in ((0, True), (1, False)):
        again = fill_invalid(features, valid, rng=np.random.default_rng(seed))
        assert np.array_equal(again, filled) is same
