"""A folder of frames and an exported pair give what the library's own path gives."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_pair import SEQUENCE, WINDOW, card_for, small_model, write_frames, write_pair
from tiny import TINY_DIM, TinyCohort

from deplib.deploy import open_bundle, predict_folder, predict_windows
from deplib.deploy.export import export_model
from deplib.deploy.predict import FPS, cut
from deplib.deploy.quantise import quantise_dynamic
from deplib.errors import CohortError, ModelError, VerificationError
from deplib.extraction import embed_recording
from deplib.protocol import Protocol
from deplib.training import predict
from deplib.windows import build_windows

CLIP = "202_1"  # 60 frames of TinyCohort, of which SEQUENCE are used
SMALL = Protocol(feature_dim=TINY_DIM, window_length=WINDOW, sequence_length=SEQUENCE)


@pytest.fixture(scope="session")
def pair(tiny_onnx, tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_onnx)


@pytest.fixture
def bundle(pair):
    return open_bundle(pair)


@pytest.fixture
def frames(tmp_path):
    return write_frames(tmp_path / "frames", TinyCohort().frames(CLIP))


def damage(frames, *numbers):
    for number in numbers:
        file = frames / f"frame_{number:06d}.png"
        file.write_bytes(file.read_bytes()[:200])


def scored_by_the_library(cohort, encoder, lost):
    """Return z-units of the clip's windows by extraction, build_windows and PyTorch."""

    def read(recording):
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


def test_the_score_is_that_of_the_librarys_own_path(bundle, frames, tiny_encoder):
    damage(frames, 5, 20)  # numbered from 1
    Image.new("RGB", (112, 112)).save(frames / "frame_000031.png")
    z = scored_by_the_library(TinyCohort(blank={CLIP: (30,)}), tiny_encoder, {4, 19, 30})
    assert len(z) == 3
    assert np.ptp(z) > 0.01  # or any order of the windows would pass
    read = []
    answer = predict_folder(bundle, frames, progress=read.append)
    assert sum(read) == SEQUENCE
    np.testing.assert_allclose(answer.windows["prediction"], 20 + 10 * z, atol=1e-3)
    assert answer.score == pytest.approx(20 + 10 * z.mean(), abs=1e-3)
    assert (answer.n_frames, answer.n_missing) == (SEQUENCE, 3)
    assert [fault.kind for fault in answer.faults] == ["unreadable", "unreadable", "blank"]
    assert answer.windows["n_frames"].tolist() == [15, 14, 8]
    assert answer.windows["start"].tolist() == [0, 16 / FPS, 32 / FPS]
    assert answer.windows["end"].tolist() == [16 / FPS, 32 / FPS, 40 / FPS]
    again = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
    assert (again["score"], again["level"], again["model"]) == (answer.score, 0.9, "AttentionMIL")
    assert pd.DataFrame(again["windows"]).equals(answer.windows)
    assert again["faults"][0]["frame"] == 4
    assert "This is no diagnosis" in again["caveats"][0]
    assert "says nothing about a person" in again["caveats"][1]
    real = replace(answer, card=replace(answer.card, simulated=False))
    assert real.caveats == again["caveats"][:1]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=60).filter(any), st.sampled_from([1, 7, 64]))
def test_a_clip_is_cut_as_build_windows_cuts_it(valid, window_length):
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


def test_contributions_add_up_and_scores_and_intervals_stay_on_the_scale(bundle, frames):
    for label_mean, clipped in ((20.0, None), (500.0, (63, 48, 63)), (-500.0, (0, 0, 15))):
        moved = replace(bundle, card=replace(bundle.card, label_mean=label_mean))
        answer = predict_folder(moved, frames)
        added, mean = answer.windows["contribution"].sum(), answer.windows["prediction"].mean()
        assert answer.unclipped == pytest.approx(label_mean + added, abs=1e-9)
        assert answer.unclipped == pytest.approx(mean, abs=1e-9)
        expected = clipped or (mean, mean - 15, mean + 15)
        assert (answer.score, answer.low, answer.high) == pytest.approx(expected)
        assert answer.as_dict()["clipped"] is bool(clipped)


def test_frame_numbers_that_are_not_there_are_told_and_masked_at_their_place(bundle, tmp_path):
    content = TinyCohort().frames(CLIP, 0, 30)
    gone = write_frames(tmp_path / "gone", content)
    for file in sorted(gone.iterdir())[10:13]:
        file.unlink()
    black = write_frames(tmp_path / "black", content)
    damage(black, 11, 12, 13)
    answer, other = predict_folder(bundle, gone), predict_folder(bundle, black)
    assert (answer.n_gaps, answer.n_missing, other.n_gaps, other.n_missing) == (3, 3, 0, 3)
    assert [fault[:2] for fault in answer.faults] == [(k, "gap") for k in (10, 11, 12)]
    assert answer.score == other.score


def test_too_few_frames_are_no_ground_for_a_score(bundle, frames):
    damage(frames, *range(1, 21))
    answer = predict_folder(bundle, frames)
    assert (answer.n_missing, answer.windows["window"].tolist()) == (20, [1, 2])
    damage(frames, 21)
    with pytest.raises(VerificationError, match=r"21 of 40 frames.*50.0%.*\n.*unreadable"):
        predict_folder(bundle, frames)
    black = write_frames(frames.with_name("black"), np.zeros((8, 112, 112, 3), np.uint8))
    with pytest.raises(VerificationError, match="8 blank"):
        predict_folder(bundle, black)
    large = write_frames(frames.with_name("large"), np.ones((40, 64, 80, 3), np.uint8))
    with pytest.raises(VerificationError, match=r"80x64.*not 8-bit RGB of 112x112"):
        predict_folder(bundle, large)


NO_CLIP = [
    (["notes.txt"], ".", "holds no image"),
    (["face.png"], ".", r"without a frame number \(face.png\)"),
    (["a_1.png", "a_2.png", "face.png"], ".", "not named like the others: face.png"),
    (["a_1.png", "b_1.png"], ".", r"named in 2 ways \(a_1.png, b_1.png\)"),
    (["a_1.png", "a_01.jpg"], ".", "two images of one frame number"),
    ([], "nowhere", "no folder to read at .*No such file"),
    (["film.mp4"], "film.mp4", "Not a directory.*: give the folder of"),
]


@pytest.mark.parametrize(("names", "given", "message"), NO_CLIP)
def test_what_is_no_clip_is_refused(bundle, tmp_path, names, given, message):
    for name in names:
        Image.new("RGB", (112, 112)).save(tmp_path / name, format="png")
    with pytest.raises(CohortError, match=message):
        predict_folder(bundle, tmp_path / given)


def test_frames_alone_are_not_enough_for_some_pairs(bundle):
    for features in ("identity+action", "action", "identity+affect"):
        other = replace(bundle, card=replace(bundle.card, features=features))
        with pytest.raises(ModelError, match=r"identity, affect, random only"):
            predict_folder(other, "nowhere")  # told before anything is read


def test_many_recordings_are_predicted_each_as_if_it_were_alone(tiny_onnx, tiny_encoder, tmp_path):
    cohort, whole, small = TinyCohort(), tmp_path / "float32.onnx", tmp_path / "int8.onnx"
    export_model(small_model(), whole, card_for(tiny_onnx))
    quantise_dynamic(whole, small)
    read = lambda name: tiny_encoder.embed(cohort.frames(name))  # noqa: E731
    windows = build_windows(cohort.recordings, read, SMALL)
    y = predict_windows(whole, windows)
    np.testing.assert_allclose(y, predict(small_model(), windows), atol=1e-5)
    together = predict_windows(small, windows)
    assert 0 < np.abs(together - y).max() < 0.05
    for name in windows.index["recording"].unique():
        rows = (windows.index["recording"] == name).to_numpy()
        index, mask = windows.index[rows].reset_index(drop=True), windows.mask[rows]
        alone = replace(windows, features=windows.features[rows], mask=mask, index=index)
        np.testing.assert_allclose(predict_windows(small, alone), together[rows], atol=1e-6)
    wide = replace(windows, features=np.repeat(windows.features, 2, axis=2))
    with pytest.raises(ModelError, match=r"x is float32 \(.*, 16, 16\); AttentionMIL was exported"):
        predict_windows(whole, wide)
