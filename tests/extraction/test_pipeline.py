from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import cpu_count
from planted import content
from tiny import TinyCohort, write_tiny_onnx

from deplib import extraction
from deplib.cohorts.base import FrameBlock, FrameFault
from deplib.errors import CohortError, StoreError, VerificationError
from deplib.extraction import FeatureStore, OnnxEncoder, estimate, extract, store_header
from deplib.paths import data_root


@pytest.fixture
def finished(tiny_cohort, tiny_encoder, tmp_path):
    extract(tiny_cohort, tiny_encoder, tmp_path / "finished")
    return FeatureStore(tmp_path / "finished")


@pytest.mark.parametrize("options", [{"block": 1}, {"block": 7}, {"block": 1000}, {"jobs": 2}])
def test_blocks_and_processes_change_nothing(options, tiny_encoder, tmp_path):
    cohort = TinyCohort(blank={"201_1": (3,)})
    for name, how in {"a": {}, "b": options}.items():
        extract(cohort, tiny_encoder, tmp_path / name, **how)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_only_what_is_asked_for(tiny_cohort, tiny_encoder, tmp_path):
    root = tmp_path / "s"
    for done in (("203_1",), ()):  # a second call does nothing
        assert extract(tiny_cohort, tiny_encoder, root, recordings=["203_1"]).extracted == done
    todo = extraction.plan(tiny_cohort, FeatureStore(root), recordings=["203_1", "201_1"])
    assert todo == {"201_1": 40}
    with pytest.raises(CohortError, match="no recording '999_9'"):
        extract(tiny_cohort, tiny_encoder, root, recordings=["999_9"])


def test_a_film_in_a_network_of_rendered_faces_is_warned_about(tiny_cohort, tmp_path, recwarn):
    filmed = replace(tiny_cohort, simulated=False)
    for k, cohort in enumerate((tiny_cohort, filmed)):
        extract(cohort, extraction.embedded_encoder(), tmp_path / str(k), recordings=["203_1"])
    (said,) = [str(one.message) for one in recwarn if "rendered faces" in str(one.message)]
    assert "tiny was filmed" in said


def test_damage_is_reported_and_mended(tiny_cohort, tiny_encoder, finished):
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


def test_a_store_made_otherwise_is_refused_and_has_a_folder_of_its_own(
    tiny_cohort, tiny_encoder, finished, tmp_path
):
    before = content(finished.root)
    folders = {extraction.store_folder(finished.header, tiny_cohort)}
    other_file = OnnxEncoder(write_tiny_onnx(tmp_path / "other.onnx", seed=3))
    swapped = OnnxEncoder(tiny_encoder.path, extraction.Preprocess("BGR"))
    for cohort, encoder, limit in [
        (tiny_cohort, other_file, 2000),
        (tiny_cohort, swapped, 2000),
        (replace(tiny_cohort, n_frames=(40, 25)), tiny_encoder, 2000),
        (replace(tiny_cohort, name="simulated/null"), tiny_encoder, 2000),
        (tiny_cohort, tiny_encoder, 30),
    ]:
        for store in (finished, finished.root):
            with pytest.raises(StoreError, match="was made otherwise"):
                extract(cohort, encoder, store, frame_limit=limit)
        header = store_header(cohort, encoder, frame_limit=limit)
        folders.add(extraction.store_folder(header, cohort))
    assert content(finished.root) == before
    assert len(folders) == 6
    assert {folder.parent for folder in folders} == {data_root() / "features"}
    assert any(folder.name.startswith("simulated-null-") for folder in folders)


def test_a_lost_face_keeps_its_place(tiny_encoder, tmp_path):
    cohort = TinyCohort((50, 30), blank={"201_1": (0, 17), "201_2": (0,)})
    report = extract(cohort, tiny_encoder, tmp_path)
    store = FeatureStore(tmp_path)
    features, valid = store.read("201_1")
    assert report.n_invalid == 3
    assert np.flatnonzero(~valid).tolist() == [0, 17]
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=2e-3)
    for other in (features[17], store.read("201_2")[0][0]):  # no two place-holders are alike
        assert not np.allclose(features[0], other)


@dataclass(frozen=True)
class FaultyCohort(TinyCohort):
    """A tiny cohort that can go on past frames and recordings that fail."""

    faults: dict[str, dict[int, str]] = field(default_factory=dict)  # kind by recording and frame
    gone: tuple[str, ...] = ()  # recordings whose files are not there any more
    asked: list[tuple[str, int, int]] = field(default_factory=list)  # what was read

    def read(self, recording: str, start: int = 0, stop: int | None = None) -> FrameBlock:
        if recording in self.gone:
            raise CohortError(f"{recording}: its folder is gone: open the cohort again")
        frames = self.frames(recording, start, stop)
        self.asked.append((recording, start, start + len(frames)))
        found = []
        for frame, kind in self.faults.get(recording, {}).items():
            if start <= frame < start + len(frames):
                found.append(FrameFault(frame, kind, f"{recording}/{frame}.png is {kind}"))
                frames[frame - start] *= kind == "several"
        return FrameBlock(frames, tuple(found))


@pytest.mark.parametrize("jobs", [1, 2])
def test_bad_frames_cost_their_embedding_and_bad_recordings_themselves(
    jobs, tiny_encoder, tmp_path
):
    cohort = FaultyCohort(
        blank={"201_1": (3,)},
        faults={
            "201_1": {7: "unreadable", 9: "gap", 11: "several"},
            "202_1": {59: "no_face"},
            "203_1": dict.fromkeys(range(7), "no_face"),  # 7 of 12
        },
        gone=("202_2",),
    )
    report = extract(cohort, tiny_encoder, tmp_path / "s", jobs=jobs, max_miss_rate=0.1)
    store = FeatureStore(tmp_path / "s")
    assert set(report.extracted) == {"201_1", "201_2", "202_1", "203_2"}
    assert store.done() == {*report.extracted, "203_1"}  # it is remembered
    assert not report.ok
    assert set(report.refused) == {"203_1", "202_2"}
    assert "7 of 12 frames of 203_1" in report.refused["203_1"]
    assert report.refused["202_2"] == "202_2: its folder is gone: open the cohort again"
    assert report.faults == {"blank": 1, "unreadable": 1, "gap": 1, "several": 1, "no_face": 8}
    assert (report.n_frames, report.n_invalid) == (173, 4)
    assert "2 refused: " in str(report)
    assert store.entry("201_1").faults == {"blank": 1, "unreadable": 1, "gap": 1, "several": 1}
    valid = store.read("201_1")[1]
    assert np.flatnonzero(~valid).tolist() == [3, 7, 9]

    mended = replace(cohort, gone=())  # its fingerprint is the same
    again = extract(mended, tiny_encoder, store, jobs=jobs, max_miss_rate=0.1)
    assert again.extracted == ("202_2",)
    assert set(again.refused) == {"203_1"}
    bold = extract(mended, tiny_encoder, store, max_miss_rate=0.1, max_recording_miss_rate=0.6)
    assert "203_1" in bold.kept
    assert bold.ok


@pytest.mark.parametrize("jobs", [1, 2])
def test_too_many_misses_stop_the_work_and_say_what_they_were(jobs, tiny_encoder, tmp_path):
    cohort = FaultyCohort(  # 218 frames; a miss rate of 0.05 allows 10 misses
        faults={
            "202_1": dict.fromkeys(range(4), "no_face"),
            "201_1": dict.fromkeys(range(5), "unreadable"),
            "203_1": {0: "no_face"},
        }
    )
    assert extract(cohort, tiny_encoder, tmp_path / "few", jobs=jobs).n_invalid == 10
    cohort.faults["201_2"] = {24: "blank"}
    with pytest.raises(VerificationError) as caught:
        extract(cohort, tiny_encoder, tmp_path / "many", jobs=jobs)
    for said in ("11 of 218 planned", "5 no_face: ", "e.g. 201_1/0.png is unreadable", "run again"):
        assert said in str(caught.value)
    store = FeatureStore(tmp_path / "many")
    assert "202_1" in store.done()  # what was finished is kept
    assert store.discard_damaged() == {}
    with pytest.raises(VerificationError, match="11 of 218 planned frames"):
        extract(cohort, tiny_encoder, store, jobs=jobs)  # the store's own misses count
    extract(cohort, tiny_encoder, store, max_miss_rate=0.06, jobs=jobs)
    whole = extract(cohort, tiny_encoder, tmp_path / "whole", max_miss_rate=0.06)
    assert len(whole.extracted) == 6
    assert content(store.root) == content(tmp_path / "whole")


def test_a_systemic_failure_ends_after_the_first_recordings(tiny_encoder, tmp_path):
    lengths = (30,) * 20
    names = TinyCohort(lengths).recordings["recording"]
    nobody = {name: dict.fromkeys(range(30), "no_face") for name in names}
    cohort = FaultyCohort(lengths, faults=nobody)
    with pytest.raises(VerificationError, match="60 of 600 planned frames"):
        extract(cohort, tiny_encoder, tmp_path / "s")
    assert len({name for name, start, stop in cohort.asked if stop - start > 1}) == 2


@pytest.mark.parametrize(("dtype", "atol"), [("float16", 5e-4), ("float32", 0)])
def test_every_frame_is_embedded_in_its_place_and_stored_as_chosen(
    dtype, atol, tiny_cohort, tiny_encoder, tmp_path
):
    store = FeatureStore(tmp_path, header=store_header(tiny_cohort, tiny_encoder, dtype=dtype))
    extract(tiny_cohort, tiny_encoder, tmp_path)
    for recording in tiny_cohort.recordings["recording"]:
        features, valid = store.read(recording)
        direct = tiny_encoder.embed(tiny_cohort.frames(recording)).features
        np.testing.assert_allclose(features, direct, rtol=0, atol=atol)
        assert valid.all()
    with pytest.raises(StoreError, match="a store holds float16 or float32"):
        store_header(tiny_cohort, tiny_encoder, dtype="float64")


def test_the_log_tells_the_run(tiny_encoder, tmp_path):
    cohort = FaultyCohort(faults={"202_1": {5: "no_face", 6: "no_face", 8: "gap"}}, gone=("203_1",))
    path = tmp_path / "new folder" / "run.jsonl"
    extract(cohort, tiny_encoder, tmp_path / "s", log=path)
    with pytest.raises(VerificationError):
        extract(cohort, tiny_encoder, tmp_path / "s", log=path, max_miss_rate=0)
    log = pd.read_json(path, lines=True, dtype=False)
    assert list(log["event"]) == ["start", *["recording"] * 6, "done", "start", "stop"]
    told = log.set_index("recording").loc[["202_1", "203_1"]]
    assert told["faults"].tolist() == [{"no_face": [5, 6], "gap": [8]}, {}]
    gone = "203_1: its folder is gone: open the cohort again"
    assert told["refused"].fillna("").tolist() == ["", gone]
    assert log["frames"].iloc[0] == 218
    assert log["error"].iloc[-1] == "VerificationError"
    if Path("/dev/full").exists():
        with pytest.warns(UserWarning, match="No space left.*the run goes on"):
            report = extract(cohort, tiny_encoder, tmp_path / "t", log="/dev/full")
        assert len(report.extracted) == 5


def test_blocks_are_whole_batches(tiny_onnx):
    cohort = FaultyCohort((50,))
    extraction.embed_recording(cohort, OnnxEncoder(tiny_onnx, batch_size=16), "201_1", 50, block=20)
    assert cohort.asked == [("201_1", 0, 32), ("201_1", 32, 50)]


def test_impossible_options_are_refused(tiny_cohort, tiny_encoder, tmp_path):
    for option, value in {"jobs": 0, "block": 0, "max_miss_rate": 2, "frame_limit": 0}.items():
        with pytest.raises(StoreError, match=option):
            extract(tiny_cohort, tiny_encoder, tmp_path / "s", **{option: value})


# --- foreseeing it

LONG = (400, 250, 600, 330, 120, 480, 500, 500, 300, 200, 100, 100)
NAMES = list(TinyCohort(LONG).recordings["recording"])


def test_the_estimate_looks_at_64_frames_spread_over_the_cohort(tiny_encoder):
    cohort = FaultyCohort(LONG)
    told = estimate(cohort, tiny_encoder)
    probed = [(name, start) for name, start, stop in cohort.asked if stop - start == 8]
    assert len(probed) == 8
    assert (probed[0][0], probed[-1][0]) == (NAMES[0], NAMES[-1])
    places = [start / LONG[NAMES.index(name)] for name, start in probed]
    assert places == sorted(places)  # beginnings of clips are not typical
    assert 0.7 < places[-1] < 0.95
    assert (told.recordings, told.frames, told.probed) == (12, sum(LONG), 64)
    assert told.misses == 0 < told.seconds
    for name in NAMES:  # a video is read forwards
        spans = [(start, stop) for asked, start, stop in cohort.asked if asked == name]
        assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))
    shared = estimate(TinyCohort((400, 50, 50)), tiny_encoder, jobs=3)  # waits for the longest
    longest = 500 if cpu_count() == 1 else 400
    assert shared.seconds == pytest.approx(shared.frame_seconds * longest)


def test_the_estimate_does_not_count_what_the_store_holds(tiny_cohort, tiny_encoder, tmp_path):
    store = FeatureStore(tmp_path, header=store_header(tiny_cohort, tiny_encoder, dtype="float32"))
    assert estimate(tiny_cohort, tiny_encoder, store).frames == 218
    assert store.done() == set()  # nothing is written
    extract(tiny_cohort, tiny_encoder, store, recordings=["202_1", "201_1"])
    told = estimate(tiny_cohort, tiny_encoder, store)
    assert (told.recordings, told.frames) == (4, 118)
    extract(tiny_cohort, tiny_encoder, store)
    done = estimate(tiny_cohort, tiny_encoder, store)
    assert (done.seconds, done.frames, done.probed) == (0, 0, 0)
    assert str(done) == "nothing to do: every recording is in the store"


def test_the_estimate_says_a_systemic_failure_at_once(tiny_encoder, tmp_path):
    empty = {name: dict.fromkeys(range(600), "no_face") for name in NAMES}
    half = FaultyCohort(LONG, faults={name: empty[name] for name in NAMES[:5]})
    assert estimate(half, tiny_encoder).misses == 32
    with pytest.raises(VerificationError) as caught:
        estimate(replace(half, faults=empty), tiny_encoder)
    for said in ("64 of 64 frames", "64 no_face", ".png is no_face", "without a detector"):
        assert said in str(caught.value)
    with pytest.raises(VerificationError, match="its folder is gone"):
        estimate(FaultyCohort(LONG, gone=tuple(NAMES)), tiny_encoder)
    assert estimate(FaultyCohort(LONG, gone=("201_1",)), tiny_encoder).misses == 8
    # Bad recordings that are left over are no systemic failure.
    cohort = TinyCohort(blank={"203_1": tuple(range(12))})
    report = extract(cohort, tiny_encoder, tmp_path / "s", max_miss_rate=0.1)
    assert list(report.refused) == ["203_1"]
    told = estimate(cohort, tiny_encoder, FeatureStore(tmp_path / "s"))
    assert (told.recordings, told.probed, told.misses) == (0, 0, 0)  # it is remembered


def test_the_estimate_reads_as_a_sentence():
    told = extraction.Estimate(
        9600, 300, 486_000, jobs=2, frame_seconds=0.0391, probed=64, misses=1, template_distance=1.6
    )
    assert str(told) == (
        "about 2 h 40 min for 486,000 frames of 300 recordings in 2 processes (39 ms a frame; "
        "1 of 64 frames tried could not be embedded); faces lie 1.6 pixels from the "
        "template (right ones about 2)"
    )
    assert [extraction.duration(seconds) for seconds in (0.2, 89, 100)] == ["1 s", "89 s", "2 min"]
