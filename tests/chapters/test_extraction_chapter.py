"""The story of the zeros: what the chapter computes, on data small enough to check by hand."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from tiny import TINY_DIM, TinyCohort

from deplib.alignment.faces import Face
from deplib.alignment.haar import BoundedHaarDetector
from deplib.chapters import checks, detectors, extraction
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import EncoderError
from deplib.extraction.encoders.encoder import OnnxEncoder


@pytest.fixture(scope="module")
def crops() -> list[np.ndarray]:
    cohort = SimulatedCohort(n_recordings=6, max_frames=2)
    return [cohort.frames(name, 0, 1)[0] for name in cohort.recordings["recording"]]


@pytest.fixture
def stores(tiny_encoder: OnnxEncoder) -> dict[str, extraction.SmallFeatures]:
    cohort = TinyCohort()
    frames = extraction.few_frames(cohort)
    mended = extraction.direct_features(cohort, frames, tiny_encoder)
    zeros = extraction.SmallFeatures(
        cohort, {name: np.zeros_like(rows) for name, rows in mended.features.items()}
    )
    return {"zeros": zeros, "mended": mended, "random": extraction.random_features(zeros)}


def test_the_bug_leaves_zeros_for_crops_and_only_for_them(tiny_encoder: OnnxEncoder) -> None:
    views = detectors.photograph_views()
    crop = views["aligned crop"][0]
    bounded, control = BoundedHaarDetector(), BoundedHaarDetector(max_size_fraction=1.0)
    pair = np.stack([crop, crop[:, ::-1]])
    assert not detectors.detect_then_embed_with_zeros(pair, bounded, tiny_encoder).any()
    photograph = np.stack(views["whole photograph"])
    for frames, detector in ((photograph, bounded), (pair, control)):
        features = detectors.detect_then_embed_with_zeros(frames, detector, tiny_encoder)
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)


def test_the_largest_face_is_embedded(tiny_encoder: OnnxEncoder) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)

    class TwoFaces(BoundedHaarDetector):
        def detect(self, image: np.ndarray) -> list[Face]:
            boxes = np.array([[10.0, 20, 210, 220], [0, 0, 40, 40]])
            return [Face(box, 20.0, None) for box in boxes]

    found = detectors.detect_then_embed_with_zeros(frame[None], TwoFaces(), tiny_encoder)
    face = cv2.resize(frame[20:220, 10:210], (112, 112))
    np.testing.assert_array_equal(found, tiny_encoder.embed(face[None]).features)


def test_the_listing_is_the_code_that_runs() -> None:
    text = detectors.listing(detectors.detect_then_embed_with_zeros).data
    code = text.removeprefix("```python\n").removesuffix("\n```")
    names: dict = {"np": np, "cv2": cv2, "Detector": object, "OnnxEncoder": object}
    exec(compile(code, "listing", "exec"), names)  # it is whole without its docstring
    assert names["detect_then_embed_with_zeros"].__doc__ is None
    assert "np.zeros" in code
    assert "if faces:" in code


def test_a_growing_face_is_lost_by_the_bounded_detector_only(crops: list[np.ndarray]) -> None:
    curves = detectors.outgrowing(crops[:3], detectors.DETECTORS, steps=4)
    bounded = curves[curves["detector"] == detectors.STAND_IN]
    control = curves[curves["detector"] != detectors.STAND_IN]
    assert bounded["share"].is_monotonic_increasing
    assert bounded["share"].iloc[-1] == 98 / 112
    assert bounded["found"].iloc[0] == 1
    assert bounded["found"].iloc[-1] == 0
    assert bounded["score"].iloc[-1] < 1 < bounded["score"].iloc[0]
    assert (control["found"] == 1).all()
    assert (control["score"] >= 1).all()


def test_tipping_is_read_off_the_curve() -> None:
    curves = pd.DataFrame(
        {
            "detector": ["a"] * 5 + ["b"] * 2,
            "share": [0.3, 0.4, 0.5, 0.6, 0.7, 0.3, 0.4],
            "found": [1, 1, 0.5, 0, 0, 1, 1],
        }
    )
    assert detectors.tipping(curves, "a") == (0.4, 0.6)
    all_found, blind = detectors.tipping(curves, "b")
    assert all_found == 0.4
    assert np.isnan(blind)


def test_local_detectors_are_those_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv(detectors.LOCAL_FOLDER, raising=False)
    assert detectors.local_detectors() == {}
    monkeypatch.setenv(detectors.LOCAL_FOLDER, str(tmp_path / "no buffalo"))
    with pytest.raises(EncoderError, match=r"no detector at .*no buffalo.*det_10g\.onnx"):
        detectors.local_detectors()

    opened = []
    monkeypatch.setattr(
        detectors, "ScrfdDetector", lambda path, side: opened.append((path, side)) or (path, side)
    )
    folder = tmp_path / ".insightface" / "models" / "buffalo_l"
    folder.mkdir(parents=True)
    (folder / "det_10g.onnx").write_bytes(b"weights")
    monkeypatch.setenv(detectors.LOCAL_FOLDER, "")
    assert detectors.local_detectors() == {}  # empty: none, whatever is there
    monkeypatch.delenv(detectors.LOCAL_FOLDER)
    found = detectors.local_detectors()
    assert opened == [(folder / "det_10g.onnx", 640), (folder / "det_10g.onnx", 320)]
    assert detectors.failing(detectors.DETECTORS | found) == opened[0]
    assert detectors.failing(detectors.DETECTORS) is detectors.DETECTORS[detectors.STAND_IN]


def test_every_row_check_catches_zeros(stores: dict) -> None:
    for name, check in checks.ROW_CHECKS.items():
        assert check(stores["zeros"].rows[:2]).caught, name
        assert not check(stores["mended"].rows[:2]).caught, name


def test_random_vectors_pass_all_but_the_check_of_neighbours() -> None:
    rows = np.random.default_rng(0).standard_normal((4, 512)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    caught = [name for name, check in checks.ROW_CHECKS.items() if check(rows).caught]
    assert caught == ["are neighbouring frames alike?"]


def test_each_check_is_caught_by_its_own_fault() -> None:
    assert checks._unit_length(np.full((2, 4), 0.6)).caught
    assert checks._changes(np.full((2, 4), 0.5)).caught
    one_zero = np.eye(4)[:2]
    one_zero[1] = 0
    assert checks._any_zero(one_zero) == (True, "1 of a recording's 2 rows")


def test_the_table_counts_what_was_read(
    stores: dict, tiny_encoder: OnnxEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "train_on", lambda *_: pd.DataFrame({"sigma_ratio": [0.0]}))
    zeros = checks.by_cost(stores["zeros"], tiny_encoder)
    assert (zeros["verdict"] == "caught").all()
    n = len(stores["zeros"].rows)
    assert zeros["rows read"].tolist() == [extraction.FRAMES] * 4 + [1, n]
    assert zeros["frames embedded"].tolist() == [0, 0, 0, 0, 1, 0]
    mended = checks.by_cost(stores["mended"], tiny_encoder)
    assert (mended["verdict"][:5] == "passes").all()
    assert (mended["rows read"][:4] == n).all()
    assert mended["finds"][4] == "cosine 1.00"


def test_verify_finds_zeros_and_nothing_in_the_mended_store(
    stores: dict, tiny_encoder: OnnxEncoder
) -> None:
    zeros = checks.findings(stores["zeros"], tiny_encoder)
    assert "zero" in zeros["check"].iloc[0]
    assert str(Path("/tmp")) not in " ".join(zeros["example"])
    sound = checks.findings(stores["mended"], tiny_encoder)
    assert not (sound["severity"] == "fault").any()


def test_random_rows_have_unit_length_and_stand_only_for_zeros(stores: dict) -> None:
    mended = stores["mended"]
    name = next(iter(mended.features))
    rows = {**mended.features, name: np.zeros((extraction.FRAMES, TINY_DIM), np.float32)}
    filled = extraction.random_features(extraction.SmallFeatures(mended.cohort, rows))
    np.testing.assert_allclose(np.linalg.norm(filled.features[name], axis=1), 1, rtol=1e-6)
    for other in list(rows)[1:]:
        np.testing.assert_array_equal(filled.features[other], rows[other])


def test_shares_of_detection_are_counted() -> None:
    views = detectors.photograph_views()
    rates = detectors.detection_rates(views, detectors.DETECTORS)
    assert rates[detectors.STAND_IN].tolist() == [1, 0, 1]
    assert rates["no bound (control)"].tolist() == [1, 1, 1]
    images, boxes = detectors.detector_view(views, detectors.DETECTORS[detectors.STAND_IN])
    assert [len(box) for box in boxes.values()] == [1, 0, 1]
    assert all(box.shape[1] == 4 for box in boxes.values())
    assert list(images) == list(views)
