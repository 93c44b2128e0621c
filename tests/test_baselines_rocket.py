import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deplib.baselines import pool, ridge, rocket
from deplib.errors import ModelError
from deplib.metrics import mae, pcc
from deplib.protocol import Protocol
from deplib.windows import build_windows

pytest.importorskip("sktime")
pytest.importorskip("numba")

WIDTH = 5
PROTOCOL = replace(Protocol(), sequence_length=64, window_length=16, feature_dim=WIDTH)


def make_windows(change=lambda i, frames, valid: (frames, valid), n=24):
    """Recordings of unequal lengths whose first channel swings the faster the higher the label."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "recording": [f"r{i}" for i in range(n)],
            "person": [f"p{i // 2}" for i in range(n)],
            "split": [("train", "dev", "test")[i % 3] for i in range(n)],
            "task": "Freeform",
            "bdi": rng.integers(0, 45, n).astype(float),
            "n_frames": rng.integers(40, 60, n),
        }
    )
    content = {}
    for i, (bdi, length) in enumerate(zip(table["bdi"], table["n_frames"], strict=True)):
        own = np.random.default_rng(i)
        frames = 0.1 * own.normal(size=(length, WIDTH)) + own.normal(size=WIDTH)  # a person's level
        frames[:, 0] += np.sin((0.3 + bdi / 40) * np.arange(length) + own.uniform(0, 6))
        content[f"r{i}"] = change(i, frames, np.ones(length, dtype=bool))
    table["n_frames"] = [len(frames) for frames, _ in content.values()]
    return build_windows(table, content.__getitem__, PROTOCOL)


@pytest.fixture(scope="module")
def windows():
    return make_windows()


@pytest.fixture(scope="module")
def features(windows):
    return rocket(windows, seed=0)[0]


def test_one_row_a_recording_with_the_table_of_pool(windows, features):
    again, table = rocket(windows, seed=0)
    np.testing.assert_array_equal(again, features)
    pd.testing.assert_frame_equal(table, pool(windows)[1])
    assert features.shape == (24, 9996)
    assert features.dtype == np.float32
    assert 0 <= features.min() < 0.1
    assert 0.9 < features.max() <= 1
    assert (features.std(axis=0) > 0).mean() > 0.9


def test_another_seed_draws_others_and_the_global_generator_is_left_alone(windows, features):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    other, _ = rocket(windows, seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert (other != features).mean() > 0.8


def test_ridge_reads_what_no_average_over_time_tells(windows, features):
    table = pool(windows)[1]
    fitted = ridge(features, table, name="MiniRocket").predictions
    test = fitted[fitted["split"] == "test"]
    assert pcc(test["bdi"], test["bdi_hat"]) > 0.8
    by_mean = ridge(*pool(windows, "mean+sd")).predictions
    by_mean = by_mean[by_mean["split"] == "test"]
    assert mae(test["bdi"], test["bdi_hat"]) < 0.6 * mae(by_mean["bdi"], by_mean["bdi_hat"])


def test_only_train_enters_the_fit(windows, features):
    train = (pool(windows)[1]["split"] == "train").to_numpy()
    outside = make_windows(lambda i, f, v: (f if i % 3 == 0 else 9 * f[::-1] ** 2, v))
    changed, _ = rocket(outside, seed=0)
    np.testing.assert_array_equal(changed[train], features[train])
    assert (changed[~train] != features[~train]).mean() > 0.5
    inside = make_windows(lambda i, f, v: (f if i % 3 else 9 * f, v))
    changed, _ = rocket(inside, seed=0)
    assert (changed[~train] != features[~train]).mean() > 0.5
    labels = windows.index.assign(bdi=windows.index["bdi"].iloc[::-1].to_numpy(), y=0.0)
    np.testing.assert_array_equal(
        rocket(replace(windows, index=labels), seed=0)[0], features
    )


def test_masked_frames_are_as_if_they_had_never_been(features):
    def with_a_gap(i, frames, valid):
        at = 3 + i
        hole = np.full((4, WIDTH), 1e3)
        return (
            np.insert(frames, [at] * 4, hole, axis=0),
            np.insert(valid, [at] * 4, np.zeros(4, dtype=bool)),
        )

    np.testing.assert_array_equal(rocket(make_windows(with_a_gap), seed=0)[0], features)


def test_the_level_of_a_recording_counts_for_nothing(features):
    raised, _ = rocket(make_windows(lambda i, f, v: (f + 2.0 * (i % 5), v)), seed=0)
    assert np.abs(raised - features).max() < 0.1  # a frame at the bias itself may change sides
    assert np.abs(raised - features).mean() < 1e-3


@pytest.mark.parametrize("n_frames", [1, 3, 8])
def test_a_recording_shorter_than_a_kernel_is_completed(features, n_frames):
    def cut(i, frames, valid):
        return (frames[:n_frames], valid[:n_frames]) if i in (1, 3) else (frames, valid)

    short, _ = rocket(make_windows(cut), seed=0)
    assert np.isfinite(short).all()
    assert short.shape == features.shape
    only_one = make_windows(lambda i, f, v: (f[:n_frames], v[:n_frames]))
    assert np.isfinite(rocket(only_one, seed=0)[0]).all()


def test_bad_input_is_refused(windows, monkeypatch):
    nan = windows.features.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinity"):
        rocket(replace(windows, features=nan), seed=0)
    with pytest.raises(ModelError, match="no recording of split 'train'"):
        rocket(windows.subset("dev"), seed=0)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ModelError, match=r"pip install 'deplib\[sweep\]'"):
        rocket(windows, seed=0)
