import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from planted import PLANTED, plant, refilmed, sound_extraction, unit

from deplib.alignment import align
from deplib.errors import CohortError, VerificationError
from deplib.extraction import CHECKS, Bounds, FeatureStore, StoreHeader, embedded_reference, verify

DIM = 64
NAMES = [f"20{person}_{session}" for person in (1, 2, 3) for session in (1, 2)]


def person_like(name: str, n: int = 80) -> np.ndarray:
    """Unit rows that wander slowly around a direction of the person's own."""
    rng = np.random.default_rng([int(part) for part in name.split("_")])
    identity = np.random.default_rng(int(name[:3])).standard_normal(DIM)
    drift = np.cumsum(rng.standard_normal((n, DIM)), axis=0) / 20
    return unit(identity + drift)


@pytest.fixture
def table():
    return pd.DataFrame({"recording": NAMES, "person": [n[:3] for n in NAMES], "n_frames": 80})


Change = Callable[[dict[str, np.ndarray], dict[str, np.ndarray]], None]


def store_with(root: Path, change: Change | None = None) -> FeatureStore:
    features = {name: person_like(name) for name in NAMES}
    valid = {name: np.ones(80, bool) for name in NAMES}
    if change is not None:
        change(features, valid)
    header = StoreHeader("encoder", DIM, "test", "ff", len(NAMES), 2000)
    store = FeatureStore(root, header=header)
    for name in features:
        store.write(name, features[name], valid[name])
    return store


def lost(first: int, stop: int) -> Change:
    def change(features: dict, valid: dict) -> None:
        valid["201_2"][first:stop] = False

    return change


def random_rows(features: dict, valid: dict) -> None:
    features["201_2"][30:38] = unit(np.random.default_rng(0).standard_normal((8, DIM)))


def scaled(index: int, factor: float) -> Change:
    def change(features: dict, valid: dict) -> None:
        features["201_2"][index] *= factor

    return change


MEASURED = [
    (scaled(5, 0), [("all_zero", "fault", 1)]),
    (scaled(70, 1.01), [("norm", "fault", 0.01)]),
    (random_rows, [("incoherent", "fault", 8 / 79)]),
    (scaled(40, -1), []),  # 2 of 79 pairs are unrelated: a cut may do that
    (lost(10, 20), [("invalid_rate", "warning", 0.125)]),
    (lost(0, 80), [("invalid_rate", "fault", 1), ("invalid_rate", "fault", 1 / 6)]),
]


@pytest.mark.parametrize(("change", "expected"), MEASURED)
def test_bounds_decide_and_values_are_measured(change, expected, tmp_path, table):
    report = verify(store_with(tmp_path, change), table)
    found = report.findings
    assert list(zip(found["check"], found["severity"], strict=True)) == [e[:2] for e in expected]
    assert list(found["value"]) == pytest.approx([e[2] for e in expected], rel=0.02)
    assert all("201_2" in text or "of all 480" in text for text in found["message"])
    graves = [severity for _, severity, _ in expected if severity == "fault"]
    assert report.counts == {"fault": len(graves), "warning": len(expected) - len(graves)}
    assert report.ok is (not graves)
    if graves:
        with pytest.raises(VerificationError, match=r"must not be used:\n  .*201_2"):
            report.raise_for_faults()


def test_another_real_person_is_found_and_a_hand_before_the_face_is_none(
    real_faces, free_weights, tmp_path
):
    """Whole clips, clips joined, and a second face for five frames, through a real encoder."""
    sface = cv2.FaceRecognizerSF.create(str(free_weights["sface"]), "")
    clips = {
        name: unit(np.stack([sface.feature(align(*face)[..., ::-1])[0] for face in faces]))
        for name, faces in real_faces.items()
    }
    other = {"again": "bird", "book": "eat", "eat": "hungry", "hungry": "again", "milk": "learn"}
    joined = {f"{a}-{b}": np.concatenate([clips[a], clips[b]]) for a, b in other.items()}
    glimpsed = {f"{a}-in-{b}": np.insert(clips[b], 6, clips[a][:5], 0) for a, b in other.items()}
    pairs = {f"{a}-turns": zip(clips[a], clips[b], strict=False) for a, b in other.items()}
    turns = {name: np.concatenate([*map(np.stack, pair)]) for name, pair in pairs.items()}
    every = clips | joined | glimpsed | turns
    store = FeatureStore(tmp_path, header=StoreHeader("SFace", 128, "real", "ff", len(every), 2000))
    for name, rows in every.items():
        store.write(name, rows, np.ones(len(rows), bool))
    found = verify(store).findings
    assert set(found["check"]) == {"second_person"}
    assert set(found["recording"]) == every.keys() - clips.keys()


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return sound_extraction(tmp_path_factory.mktemp("sound") / "store")


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_fault_is_found_and_only_it(name, sound, tmp_path):
    before = sound.store.digest()
    report = plant(name, sound, tmp_path / "damaged").examine()
    assert set(report.findings["check"]) == set(PLANTED[name][1].split())
    for finding in report.findings.itertuples():
        severities = CHECKS[finding.check].severity.split(" or ")
        assert finding.severity in severities
        assert all(recording in finding.message for recording in finding.recording.split())
    assert sound.store.digest() == before
    json.loads(report.to_json())


def test_every_check_has_a_planted_fault():
    assert {check for _, checks in PLANTED.values() for check in checks.split()} == set(CHECKS)


def test_without_the_reference_wrong_channels_pass(sound, tmp_path):
    bgr = plant("BGR", sound, tmp_path / "bgr")
    report = verify(bgr.store, cohort=bgr.cohort, encoder=bgr.encoder)
    assert report.ok
    assert report.not_checked == {"reference": "no reference given"}
    with pytest.raises(VerificationError, match="needs the encoder"):
        verify(bgr.store, reference=embedded_reference())


def test_a_spot_check_looks_at_valid_frames_of_every_recording(sound):
    seen: dict[str, set[int]] = {}

    def frames(recording: str, start: int, stop: int | None) -> np.ndarray:
        seen.setdefault(recording, set()).add(start)
        return sound.cohort.frames(recording, start, stop)

    cohort, four = refilmed(sound.cohort, frames), Bounds(spot_frames=4)
    assert verify(sound.store, cohort=cohort, encoder=sound.encoder, bounds=four).ok
    assert set(seen) == sound.store.done()
    assert {len(numbers) for numbers in seen.values()} == {4}
    first = {name: set(numbers) for name, numbers in seen.items()}
    verify(sound.store, cohort=cohort, encoder=sound.encoder, bounds=four)
    assert seen == first  # the same frames again


def test_frames_that_are_gone_are_a_warning(sound):
    def frames(recording: str, start: int, stop: int | None) -> np.ndarray:
        if recording == "002_1":
            raise CohortError("its folder is gone")
        return sound.cohort.frames(recording, start, stop)

    cohort = refilmed(sound.cohort, frames)
    report = verify(sound.store, cohort=cohort, encoder=sound.encoder)
    assert list(report.findings["check"]) == ["spot_check"]
    assert report.ok
    assert "its folder is gone" in report.findings["message"].iloc[0]


def test_a_sound_store_has_no_findings_and_the_header_says_how_many_there_must_be(tmp_path, table):
    store = store_with(tmp_path)
    report = verify(store, table)
    assert report.findings.empty
    assert report.raise_for_faults() is report
    assert str(report).startswith("6 recordings, 480 frames: sound; not checked: wrong_encoder")
    store.discard("201_2")
    report = verify(store)
    assert list(report.findings["check"]) == ["missing"]
    assert "1 of 6 recordings" in report.findings["message"].iloc[0]
    assert verify(store, table[table["recording"] != "201_2"]).ok


def test_the_report_is_json(tmp_path, table):
    store = store_with(tmp_path, scaled(5, 0))
    store.path("203_1").unlink()
    content = json.loads(verify(store, table).to_json())
    assert content["ok"] is False
    assert content["counts"] == {"fault": 2, "warning": 0}
    assert content["store_digest"] == store.digest()
    assert content["bounds"]["norm"] == Bounds().norm
    assert content["not_checked"]["reference"] == "no encoder given"
    assert set(content["checked"]) | set(content["not_checked"]) == set(CHECKS)
    values = {finding["check"]: finding["value"] for finding in content["findings"]}
    assert values == {"all_zero": 1, "integrity": None}
