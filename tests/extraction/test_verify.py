import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import TinyCohort

from deplib.errors import VerificationError
from deplib.extraction.encoder import OnnxEncoder
from deplib.extraction.pipeline import extract
from deplib.extraction.preprocess import Preprocess
from deplib.extraction.store import FeatureStore, StoreHeader
from deplib.extraction.verify import Bounds, check_reference, verify

DIM = 64
NAMES = [f"20{person}_{session}" for person in (1, 2, 3) for session in (1, 2)]


def person_like(name: str, n: int = 80) -> np.ndarray:
    """Unit rows that wander slowly around a direction of the person's own."""
    rng = np.random.default_rng([int(part) for part in name.split("_")])
    identity = np.random.default_rng(int(name[:3])).standard_normal(DIM)
    drift = np.cumsum(rng.standard_normal((n, DIM)), axis=0) / 20
    rows = identity + drift
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"recording": NAMES, "person": [name[:3] for name in NAMES], "n_frames": 80}
    )


Change = Callable[[dict[str, np.ndarray], dict[str, np.ndarray]], None]


def store_with(root: Path, change: Change | None = None) -> FeatureStore:
    features = {name: person_like(name) for name in NAMES}
    valid = {name: np.ones(80, bool) for name in NAMES}
    if change is not None:
        change(features, valid)
    header = StoreHeader("encoder", DIM, "test", "ff", len(NAMES), 2000)
    store = FeatureStore(root, header=header)
    for name in features:
        store.write(name, features[name], valid[name][: len(features[name])])
    return store


def test_a_sound_store_has_no_findings(tmp_path: Path, table: pd.DataFrame) -> None:
    report = verify(store_with(tmp_path), table)
    assert report.findings.empty
    assert report.ok
    assert report.raise_for_faults() is report
    assert (report.n_recordings, report.n_frames) == (6, 480)
    assert str(report) == "6 recordings, 480 frames: sound"


def test_an_extracted_store_is_sound(
    tiny_cohort: TinyCohort, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    extract(tiny_cohort, tiny_encoder, tmp_path / "s")
    assert verify(FeatureStore(tmp_path / "s"), tiny_cohort.recordings).ok


def zero_rows(features: dict, valid: dict) -> None:
    features["201_2"][5:8] = 0


def nan_rows(features: dict, valid: dict) -> None:
    features["201_2"][5] = np.nan


def infinite_rows(features: dict, valid: dict) -> None:
    features["201_2"][5, 3] = np.inf


def raw_output(features: dict, valid: dict) -> None:
    features["201_2"] *= 21.5


def slightly_off(features: dict, valid: dict) -> None:
    features["201_2"][70] *= 1.01


def stuck_decoder(features: dict, valid: dict) -> None:
    features["201_2"][:] = features["201_2"][0]


def unmarked_random(features: dict, valid: dict) -> None:
    rows = np.random.default_rng(0).standard_normal((80, DIM))
    features["201_2"][:] = rows / np.linalg.norm(rows, axis=1, keepdims=True)


def many_gaps(features: dict, valid: dict) -> None:
    valid["201_2"][10:20] = False


def nothing_valid(features: dict, valid: dict) -> None:
    valid["201_2"][:] = False


def read_twice(features: dict, valid: dict) -> None:
    features["201_2"] = features["203_1"].copy()


def too_short(features: dict, valid: dict) -> None:
    features["201_2"] = features["201_2"][:79]


def not_extracted(features: dict, valid: dict) -> None:
    del features["201_2"]


@pytest.mark.parametrize(
    ("change", "check", "value"),
    [
        (zero_rows, "all_zero", 3),
        (nan_rows, "not_finite", 1),
        (infinite_rows, "not_finite", 1),
        (raw_output, "norm", 20.505),
        (slightly_off, "norm", 0.01),
        (stuck_decoder, "near_constant", 0),
        (unmarked_random, "incoherent", 0),
        (many_gaps, "invalid_rate", 0.125),
        (nothing_valid, "invalid_rate", 1),
        (read_twice, "identical", 2),
        (too_short, "length", 79),
        (not_extracted, "missing", 0),
    ],
)
def test_each_fault_is_found_and_only_it(
    change: Change, check: str, value: float, tmp_path: Path, table: pd.DataFrame
) -> None:
    report = verify(store_with(tmp_path, change), table)
    faults = report.findings[report.findings["severity"] == "fault"]
    assert list(faults["check"]) == [check]
    finding = faults.iloc[0]
    assert "201_2" in finding["recording"].split()
    assert "201_2" in finding["message"]
    assert finding["value"] == pytest.approx(value, abs=0.05 if check == "incoherent" else 6e-3)
    assert not report.ok
    with pytest.raises(VerificationError, match=r"must not be used:\n  .*201_2"):
        report.raise_for_faults()


def test_marked_place_holders_are_not_examined(tmp_path: Path, table: pd.DataFrame) -> None:
    def one_gap(features: dict, valid: dict) -> None:
        valid["201_2"][[3, 30]] = False
        features["201_2"][[3, 30]] = np.nan

    assert verify(store_with(tmp_path, one_gap), table).ok


def all_zero(features: dict, valid: dict) -> None:
    for name in features:
        features[name][:] = 0


def test_an_all_zero_store_is_refused_and_explained(tmp_path: Path) -> None:
    report = verify(store_with(tmp_path, all_zero))
    assert report.findings["check"].iloc[0] == "all_zero_store"
    assert {"all_zero", "identical"} <= set(report.findings["check"])
    with pytest.raises(VerificationError, match="detector that finds no face in frames that are"):
        report.raise_for_faults()


def test_faces_that_the_encoder_does_not_tell_apart_are_a_warning(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    def one_face(features: dict, valid: dict) -> None:
        for name in features:
            rows = features[name] + 20 * np.eye(DIM)[0]
            features[name] = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    store = store_with(tmp_path, one_face)
    report = verify(store, table)
    assert list(report.findings["check"]) == ["similar_persons"]
    assert report.findings["message"].iloc[0].startswith("12 pairs")  # not those of one person
    assert report.ok
    assert verify(store, table, bounds=Bounds(person_cosine=0.9999)).findings.empty


def test_damage_is_a_fault(tmp_path: Path, table: pd.DataFrame) -> None:
    store = store_with(tmp_path)
    store.path("201_2").write_bytes(b"half")
    (tmp_path / "recordings" / "203_1.json").write_text("{")
    report = verify(store, table)
    assert list(report.findings["check"]) == ["integrity", "integrity"]
    assert list(report.findings["recording"]) == ["201_2", "203_1"]
    assert report.n_recordings == 4


def test_without_a_table_the_header_says_how_many_there_must_be(tmp_path: Path) -> None:
    report = verify(store_with(tmp_path, not_extracted))
    assert list(report.findings["check"]) == ["missing"]
    assert "1 of 6 recordings" in report.findings["message"].iloc[0]
    assert verify(FeatureStore(tmp_path), ["201_1", "203_2"]).ok


def test_an_empty_store_is_no_sound_store(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, header=StoreHeader("encoder", DIM, "test", "ff", 6, 2000))
    report = verify(store)
    assert not report.ok
    assert "6 of 6" in report.findings["message"].iloc[0]


def test_the_report_is_json(tmp_path: Path, table: pd.DataFrame) -> None:
    store = store_with(tmp_path, zero_rows)
    store.path("203_1").unlink()
    content = json.loads(verify(store, table).to_json())
    assert content["ok"] is False
    assert {finding["check"] for finding in content["findings"]} == {"all_zero", "integrity"}
    values = {finding["check"]: finding["value"] for finding in content["findings"]}
    assert values == {"all_zero": 3, "integrity": None}


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (112, 112, 3), np.uint8)


def test_the_reference_frame_finds_wrong_preprocessing(tiny_encoder: OnnxEncoder) -> None:
    frame = TinyCohort().frames("201_1", 0, 1)[0]
    expected = tiny_encoder.embed(frame[None]).features[0]
    assert check_reference(tiny_encoder, frame, 7.5 * expected) == pytest.approx(1, abs=1e-6)
    for wrong in (Preprocess("BGR"), Preprocess(mean=(0, 0, 0), std=(255, 255, 255))):
        encoder = OnnxEncoder(tiny_encoder.path, wrong)
        with pytest.raises(VerificationError, match="check channel order, mean and std"):
            check_reference(encoder, frame, expected)


@pytest.mark.parametrize("expected", [np.zeros(8), np.full(8, np.nan), np.ones(9), np.eye(8)])
def test_an_impossible_reference_is_refused(
    tiny_encoder: OnnxEncoder, expected: np.ndarray
) -> None:
    with pytest.raises(VerificationError, match="belongs to another encoder"):
        check_reference(tiny_encoder, noise(), expected)
