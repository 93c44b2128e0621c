"""What deployment costs is measured on this machine, survives its file, and is held to limits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_pair import write_frames, write_pair
from tiny import TinyCohort, write_onnx

from deplib.deployment import record
from deplib.deployment.iresnet50 import write_iresnet50
from deplib.deployment.latency import (
    AS_WRITTEN,
    FLOAT,
    INT8,
    clip_windows,
    encoder_rows,
    model_rows,
)
from deplib.deployment.whole_clip import (
    CLOCK,
    CPU,
    EMBEDDING,
    MODEL,
    READING,
    START,
    WHOLE,
    predict_rows,
)
from deplib.errors import ResultError


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    return pd.DataFrame(model_rows(folder, ["TemporalMeanMLP"], width=512, rounds=2, rng=rng))


@pytest.fixture
def measured(models: pd.DataFrame) -> record.Measured:
    encoders = pd.DataFrame(
        [
            {"encoder": "small", "form": FLOAT, "bytes": 9, "seconds": [0.002, 0.001]},
            {"encoder": "large", "form": FLOAT, "bytes": 99, "seconds": [0.15, 0.2]},
        ]
    )
    rows = [(WHOLE, CLOCK, [2.5, 3.0]), (WHOLE, CPU, [9.0, 8.0]), (START, CLOCK, [1.0, 1.0])]
    whole = pd.DataFrame(rows, columns=["part", "by", "seconds"])
    return record.Measured(record.this_machine(), models, encoders, whole)


def test_models_are_timed_in_both_precisions_on_one_clip(models: pd.DataFrame) -> None:
    assert models["precision"].tolist() == [FLOAT, INT8]
    assert models["frames"].tolist() == [2000, 2000]
    assert models["windows"].tolist() == [4, 4]
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in models["seconds"])
    wide, small = models["bytes"]
    assert small < 0.5 * wide


def test_a_clip_is_windows_of_unit_vectors_with_a_padded_end() -> None:
    x, mask = clip_windows(2000, 8, 512, rng=np.random.default_rng(0))
    assert x.shape == (4, 8, 512)
    assert mask.sum() == 2000
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), mask, atol=1e-6)


def convolution(path: Path, *, prelu: bool) -> Path:
    """Write an encoder of one convolution, with a PReLU or a ReLU behind it."""
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((8, 3, 8, 8)) / 8,
        "slope": rng.uniform(0.1, 0.4, (8, 1, 1)),
    }
    nodes = [
        helper.make_node("Conv", ["frames", "w"], ["c"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("PRelu", ["c", "slope"], ["r"])
        if prelu
        else helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["embedding"]),
    ]
    return write_onnx(
        path,
        nodes,
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
        inputs={"frames": ["N", 3, 112, 112]},
        outputs={"embedding": ["N", 8 * 14 * 14]},
    )


def test_encoders_are_timed_a_frame_and_with_prelu_in_one_form_more(tmp_path: Path) -> None:
    files = {
        name: convolution(tmp_path / f"{name}.onnx", prelu=prelu)
        for name, prelu in (("plain", False), ("prelu", True))
    }
    frames = np.random.default_rng(0).integers(0, 256, (9, 112, 112, 3), np.uint8)
    rows = pd.DataFrame(
        encoder_rows(tmp_path, files, {"plain": frames, "prelu": frames[:2]}, rounds=2)
    )
    forms = rows.groupby("encoder")["form"].agg(set).to_dict()
    assert forms == {"plain": {FLOAT, INT8}, "prelu": {FLOAT, INT8, AS_WRITTEN}}
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in rows["seconds"])
    by = rows.set_index(["encoder", "form"])["bytes"]
    assert by["prelu", FLOAT] == by["prelu", AS_WRITTEN] == files["prelu"].stat().st_size
    assert by["plain", INT8] != by["plain", FLOAT]


def test_the_whole_verb_is_timed_as_a_process_and_in_its_parts(
    tiny_onnx: Path, tmp_path: Path
) -> None:
    pair = write_pair(tmp_path / "pair", tiny_onnx)
    clip = write_frames(tmp_path / "clip", TinyCohort().frames("202_1"))
    rows = pd.DataFrame(predict_rows(pair, clip, rounds=1)).set_index(["part", "by"])["seconds"]
    assert set(rows.index) == {
        (WHOLE, CLOCK), (WHOLE, CPU), (START, CLOCK), (START, CPU),
        (READING, CPU), (EMBEDDING, CPU), (MODEL, CPU),
    }  # fmt: skip
    assert all(len(seconds) == 1 and seconds[0] > 0 for seconds in rows)


def test_the_iresnet50_has_the_size_of_the_real_one(tmp_path: Path) -> None:
    parameters, multiply_adds = write_iresnet50(tmp_path / "iresnet50.onnx")
    assert 43.5e6 < parameters < 43.7e6
    assert 6.2e9 < multiply_adds < 6.4e9


def test_models_are_compared_in_size_and_time(measured: record.Measured) -> None:
    seconds = [[0.4, 0.2], [0.1, 0.1]]
    table = replace(
        measured, models=measured.models.assign(seconds=seconds, bytes=[4_000_000, 1_000_000])
    ).model_table()
    (row,) = table.to_dict("records")
    assert row == pytest.approx(
        {
            "model": "TemporalMeanMLP", "mb": 4, "mb_int8": 1, "ms": 200, "ms_int8": 100,
            "ms_frame": 0.1, "size_ratio": 0.25, "time_ratio": 0.375,
        }
    )  # fmt: skip


def test_a_frame_and_a_clip_are_held_to_their_limits(measured: record.Measured) -> None:
    slowed = replace(measured, models=measured.models.assign(seconds=[[0.4, 0.2], [0.1, 0.1]]))
    table = slowed.against_limits()
    assert table["what"].tolist() == [
        "a frame, small (float32)", "a frame, large (float32)", "deplib predict",
    ]  # fmt: skip
    np.testing.assert_allclose(table["seconds"], [0.0011, 0.1501, 2.5])
    np.testing.assert_allclose(table["share"], [0.011, 1.501, 0.5])
    assert table["met"].tolist() == [True, False, True]


def test_measurements_survive_the_file(measured: record.Measured, tmp_path: Path) -> None:
    measured.save(tmp_path / "new" / "deployment.json")
    again = record.load(tmp_path / "new" / "deployment.json")
    assert again.machine == measured.machine
    for name in ("models", "encoders", "whole"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(measured, name))


def test_the_file_names_no_host_and_no_path(measured: record.Measured, tmp_path: Path) -> None:
    import platform

    measured.save(tmp_path / "d.json")
    text = (tmp_path / "d.json").read_text()
    assert platform.node() not in text
    assert str(Path.cwd()) not in text


def test_measurements_of_other_code_are_refused(measured: record.Measured, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    measured.save(path)
    content = json.loads(path.read_text())
    content["key"] = "0" * 64
    path.write_text(json.dumps(content))
    with pytest.raises(ResultError, match=r"stale.*000000.*run `python bench/deployment.py`"):
        record.load(path)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "key": "x", "models": 3}'])
def test_a_damaged_or_missing_file_says_how_to_make_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    with pytest.raises(ResultError, match=r"does not exist; run `python bench/deployment.py`"):
        record.load(path)
    path.write_text(text)
    with pytest.raises(ResultError, match=r"no whole file.*run `python bench/deployment.py`"):
        record.load(path)


def test_the_key_changes_with_a_model_and_with_what_measures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = record.key()
    monkeypatch.setattr(record, "MEASURING", record.MEASURING[:-1])
    assert record.key() != before
    monkeypatch.undo()
    monkeypatch.setattr(record, "REGISTRY", record.REGISTRY[:-1])
    assert record.key() != before
    monkeypatch.undo()
    assert record.key() == before
