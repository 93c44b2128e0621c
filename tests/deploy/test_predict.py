"""A folder of frames and an exported pair give what the library's own path gives."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_pair import SEQUENCE, WINDOW, card_for, small_model, write_frames, write_pair
from tiny import TINY_DIM, TinyCohort

from deplib.deploy import Bundle, open_bundle, predict_folder, predict_windows
from deplib.deploy.export import export_model
from deplib.deploy.predict import FPS, cut
from deplib.deploy.quantise import quantise_dynamic
from deplib.errors import CohortError, ModelError, VerificationError
from deplib.extraction import OnnxEncoder, embed_recording
from deplib.protocol import Protocol
from deplib.training import predict
from deplib.windows import build_windows

CLIP = "202_1"  # 60 frames of TinyCohort, of which SEQUENCE are used
SMALL = replace(
    Protocol(), feature_dim=TINY_DIM, window_length=WINDOW, sequence_length=SEQUENCE
)  # fmt: skip


@pytest.fixture(scope="session")
def pair(tiny_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_onnx)


@pytest.fixture
def bundle(pair: Path) -> Bundle:
    return open_bundle(pair)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "frames", TinyCohort().frames(CLIP))


def damage(frames: Path, *numbers: int) -> None:
    for number in numbers:
        file = frames / f"frame_{number:06d}.png"
        file.write_bytes(file.read_bytes()[:200])


def scored_by_the_library(cohort: TinyCohort, encoder: OnnxEncoder, lost: set[int]) -> np.ndarray:
    """Return z-units of the clip's windows by extraction, build_windows and PyTorch."""

    def read(recording: str) -> tuple[np.ndarray, np.ndarray]:
        n = int(table.set_index("recording").loc[recording, "n_frames"])
        features, valid, _ = embed_recording(cohort, encoder, recording, n)
        if recording == CLIP:
            valid[list(lost)] = False
        return features, valid

    table = cohort.recordings
    windows = build_windows(table, read, SMALL)
    mine = (windows.index["recording"] == CLIP).to_numpy()
    x = torch.from_numpy(windows.features[mine].transpose(0, 2, 1).copy())
    with torch.inference_mode():
        return small_model().eval()(x, torch.from_numpy(windows.mask[mine])).numpy()


def test_the_score_is_that_of_the_librarys_own_path(
    bundle: Bundle, frames: Path, tiny_encoder: OnnxEncoder
) -> None:
    damage(frames, 5, 20)  # numbered from 1
    black = np.zeros((112, 112, 3), np.uint8)
    Image.fromarray(black).save(frames / "frame_000031.png")
    z = scored_by_the_library(TinyCohort(blank={CLIP: (30,)}), tiny_encoder, {4, 19, 30})
    assert len(z) == 3
    assert np.ptp(z) > 0.01  # or any order of the windows would pass
    read: list[int] = []
    answer = predict_folder(bundle, frames, progress=read.append)
    assert sum(read) == SEQUENCE
    np.testing.assert_allclose(answer.windows["prediction"], 20 + 10 * z, atol=1e-3)
    assert answer.score == pytest.approx(20 + 10 * z.mean(), abs=1e-3)
    assert (answer.n_frames, answer.n_missing) == (SEQUENCE, 3)
    assert [fault.kind for fault in answer.faults] == ["unreadable", "unreadable", "blank"]
    assert answer.windows["n_frames"].tolist() == [15, 14, 8]
    assert answer.windows["start"].tolist() == [0, 16 / FPS, 32 / FPS]
    assert answer.windows["end"].tolist() == [16 / FPS, 32 / FPS, 40 / FPS]


@settings(deadline=None, max_examples=60)
@given(
    valid=st.lists(st.booleans(), min_size=1, max_size=60).filter(any),
    window_length=st.sampled_from([1, 7, 16, 64]),
)
def test_a_clip_is_cut_as_build_windows_cuts_it(valid: list[bool], window_length: int) -> None:
    features = np.random.default_rng(0).standard_normal((len(valid), 3)).astype(np.float32)
    seen = np.array(valid)
    features[~seen] = np.nan
    table = pd.DataFrame(
        {"recording": ["a", "b"], "person": ["p", "q"], "split": ["train"] * 2, "task": ["t"] * 2,
         "bdi": [3.0, 5.0], "n_frames": [len(valid)] * 2}
    )  # fmt: skip
    protocol = replace(SMALL, feature_dim=3, window_length=window_length, sequence_length=100)
    expected = build_windows(table, lambda _: (features, seen), protocol)
    mine = (expected.index["recording"] == "a").to_numpy()
    x, mask, numbers = cut(features, seen, window_length)
    np.testing.assert_array_equal(x, expected.features[mine])
    np.testing.assert_array_equal(mask, expected.mask[mine])
    assert numbers.tolist() == expected.index.loc[mine, "window"].tolist()


def test_the_mean_label_and_the_contributions_add_up_to_the_score(
    bundle: Bundle, frames: Path
) -> None:
    answer = predict_folder(bundle, frames)
    total = answer.label_mean + answer.windows["contribution"].sum()
    assert total == pytest.approx(answer.unclipped, abs=1e-9)
    assert answer.score == pytest.approx(answer.windows["prediction"].mean(), abs=1e-9)
    assert not answer.as_dict()["clipped"]
    assert (answer.low, answer.high, answer.level) == (answer.score - 15, answer.score + 15, 0.9)


@pytest.mark.parametrize(("label_mean", "expected"), [(500.0, (63, 48, 63)), (-500.0, (0, 0, 15))])
def test_scores_and_intervals_stay_on_the_scale(
    bundle: Bundle, frames: Path, label_mean: float, expected: tuple[float, ...]
) -> None:
    moved = replace(bundle, card=replace(bundle.card, label_mean=label_mean))
    answer = predict_folder(moved, frames)
    assert (answer.score, answer.low, answer.high) == expected
    assert answer.as_dict()["clipped"]
    assert answer.unclipped == pytest.approx(label_mean + answer.windows["contribution"].sum())


def test_frame_numbers_that_are_not_there_are_told_and_time_closes_over_them(
    bundle: Bundle, tmp_path: Path
) -> None:
    content = TinyCohort().frames(CLIP, 0, 30)
    whole = predict_folder(bundle, write_frames(tmp_path / "whole", content))
    numbers = [*range(1, 11), *range(14, 34)]
    answer = predict_folder(bundle, write_frames(tmp_path / "gaps", content, numbers))
    assert (answer.n_gaps, answer.n_missing, whole.n_gaps) == (3, 0, 0)
    assert [fault.kind for fault in answer.faults] == ["gap"]
    assert answer.score == whole.score


def test_too_few_frames_are_no_ground_for_a_score(bundle: Bundle, frames: Path) -> None:
    damage(frames, *range(1, 22))
    with pytest.raises(VerificationError, match=r"21 of the 40 frames.*50%.*\n.*unreadable"):
        predict_folder(bundle, frames)
    assert predict_folder(bundle, frames, max_miss_rate=0.6).n_missing == 21
    assert predict_folder(bundle, frames, max_miss_rate=0.6).windows["window"].tolist() == [1, 2]
    damage(frames, *range(22, 41))
    with pytest.raises(VerificationError, match="40 of the 40"):
        predict_folder(bundle, frames, max_miss_rate=1.0)
    black = write_frames(frames.with_name("black"), np.zeros((8, 112, 112, 3), np.uint8))
    with pytest.raises(VerificationError, match="8 blank"):
        predict_folder(bundle, black)
    large = write_frames(frames.with_name("large"), np.ones((40, 64, 80, 3), np.uint8))
    with pytest.raises(VerificationError, match=r"80x64.*not 8-bit RGB of 112x112"):
        predict_folder(bundle, large)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no image"),
        (["notes.txt"], "holds no image"),
        (["a_1.png", "face.png"], "no frame number"),
        (["a_1.png", "b_1.png"], "two images of frame 1"),
    ],
)
def test_folders_that_are_no_clip_are_refused(
    bundle: Bundle, tmp_path: Path, names: list[str], message: str
) -> None:
    frame = Image.fromarray(TinyCohort().frames(CLIP, 0, 1)[0])
    for name in names:
        frame.save(tmp_path / name, format="png")
    with pytest.raises(CohortError, match=message):
        predict_folder(bundle, tmp_path)


def test_what_is_no_folder_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no folder at"):
        predict_folder(bundle, tmp_path / "nowhere")
    (film := tmp_path / "film.mp4").write_bytes(b"film")
    with pytest.raises(CohortError, match=r"is a file: align the video"):
        predict_folder(bundle, film)


@pytest.mark.parametrize("features", ["identity+action", "action", "identity+affect"])
def test_frames_alone_are_not_enough_for_some_pairs(bundle: Bundle, features: str) -> None:
    other = replace(bundle, card=replace(bundle.card, features=features))
    with pytest.raises(ModelError, match=r"identity, affect, random only"):
        predict_folder(other, "nowhere")  # told before anything is read


def test_the_answer_is_json_and_never_without_its_caveats(bundle: Bundle, frames: Path) -> None:
    damage(frames, 2)
    answer = predict_folder(bundle, frames)
    again = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
    assert again["score"] == answer.score
    assert pd.DataFrame(again["windows"]).equals(answer.windows)
    assert again["faults"][0]["frame"] == 1
    assert "This is no diagnosis" in again["caveats"][0]
    assert "says nothing about a person" in again["caveats"][1]
    real = replace(bundle, card=replace(bundle.card, simulated=False, cohort="AVEC2014"))
    (only,) = predict_folder(real, frames).caveats
    assert "This is no diagnosis" in only


def test_many_recordings_are_predicted_each_as_if_it_were_alone(
    tiny_onnx: Path, tiny_encoder: OnnxEncoder, tmp_path: Path
) -> None:
    cohort, whole, small = TinyCohort(), tmp_path / "float32.onnx", tmp_path / "int8.onnx"
    export_model(small_model(), whole, card_for(tiny_onnx))
    quantise_dynamic(whole, small)
    windows = build_windows(
        cohort.recordings, lambda r: tiny_encoder.embed(cohort.frames(r)), SMALL
    )
    y = predict_windows(whole, windows)
    np.testing.assert_allclose(y, predict(small_model(), windows), atol=1e-5)
    together = predict_windows(small, windows)
    assert 0 < np.abs(together - y).max() < 0.05
    for name in windows.index["recording"].unique():
        rows = (windows.index["recording"] == name).to_numpy()
        alone = replace(
            windows,
            features=windows.features[rows],
            mask=windows.mask[rows],
            index=windows.index[rows].reset_index(drop=True),
        )
        np.testing.assert_allclose(predict_windows(small, alone), together[rows], atol=1e-6)
    wide = replace(windows, features=np.repeat(windows.features, 2, axis=2))
    with pytest.raises(ModelError, match=r"takes 8 values a frame.*these windows have 16"):
        predict_windows(whole, wide)
    spoilt = replace(windows, features=np.full_like(windows.features, np.nan))
    with pytest.raises(ModelError, match="gives NaN or infinity"):
        predict_windows(whole, spoilt)
