import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lessons import table as table_of
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from deplib.baselines import ALPHAS, constant, pool, references, ridge, rocket
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import ModelError
from deplib.metrics import mae, pcc
from deplib.protocol import Protocol
from deplib.windows import build_windows

WIDTH = 5
PROTOCOL = replace(Protocol(), sequence_length=64, window_length=16, feature_dim=WIDTH)


def make_windows(change=lambda i, frames, valid: (frames, valid), *, n=24, level=0.0):
    """Recordings whose channel 0 swings the faster the higher the label, as may channel 1 stand."""
    recordings = table_of(n, 40, 59, 2, 0)
    content = {}
    for i, (bdi, length) in enumerate(zip(recordings["bdi"], recordings["n_frames"], strict=True)):
        own = np.random.default_rng(i)
        frames = 0.1 * own.normal(size=(length, WIDTH)) + own.normal(size=WIDTH)  # a person's level
        frames[:, 0] += np.sin((0.3 + bdi / 40) * np.arange(length) + own.uniform(0, 6))
        frames[:, 1] += level * bdi
        content[f"r{i}"] = change(i, frames, np.ones(length, dtype=bool))
    recordings["n_frames"] = [len(frames) for frames, _ in content.values()]
    return build_windows(recordings, content.__getitem__, PROTOCOL)


@pytest.fixture(scope="module")
def windows():
    def lossy(i, frames, valid):
        return frames, np.random.default_rng(i).random(len(valid)) < 0.7

    return make_windows(lossy, n=60, level=0.2)


@pytest.fixture(scope="module")
def swinging():
    pytest.importorskip("sktime")
    pytest.importorskip("numba")
    return make_windows()


@pytest.fixture(scope="module")
def features(swinging):
    return rocket(swinging, seed=0)[0]


def test_pooling_takes_every_real_frame_of_a_recording_once(windows):
    features, table = pool(windows, "mean+sd")
    assert features.shape == (60, 2 * WIDTH)
    assert len(table) == 60
    for i in (0, 7, 59):
        rows = (windows.index["recording"] == table["recording"][i]).to_numpy()
        frames = windows.features[rows][windows.mask[rows]].astype(float)
        expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
        np.testing.assert_allclose(features[i], expected, atol=1e-12)
    np.testing.assert_array_equal(pool(windows)[0], features[:, :WIDTH])


def test_ridge_is_scikit_learns_with_the_alpha_that_dev_prefers(windows):
    features, table = pool(windows)
    result = ridge(features, table)
    splits = {s: (table["split"] == s).to_numpy() for s in ("train", "dev", "test")}
    scaler = StandardScaler().fit(features[splits["train"]])
    bdi = table["bdi"].to_numpy()
    by_alpha = {}
    z = scaler.transform(features)
    for alpha in ALPHAS:
        model = Ridge(alpha=alpha).fit(z[splits["train"]], bdi[splits["train"]])
        by_alpha[alpha] = model.predict(z)
    best = min(by_alpha, key=lambda a: mae(bdi[splits["dev"]], by_alpha[a][splits["dev"]]))
    assert (result.setting, result.chosen_by) == (best, "dev_mae")
    np.testing.assert_allclose(result.predictions["bdi_hat"], by_alpha[best], atol=1e-9)
    test = result.predictions[splits["test"]]
    assert pcc(test["bdi"], test["bdi_hat"]) > 0.9
    other = table.assign(bdi=table["bdi"].where(~splits["test"], 0.0))
    again = ridge(features, other).predictions["bdi_hat"]
    pd.testing.assert_series_equal(again, result.predictions["bdi_hat"])


def test_bad_input_is_refused(windows):
    features, table = pool(windows)
    bad = features.copy()
    bad[3, 2] = np.nan
    for message, call in [
        ("unknown pooling 'max'", lambda: pool(windows, "max")),
        ("unknown constant 'mode'", lambda: constant(table, "mode")),
        ("do not fit 60 recordings", lambda: ridge(features[:5], table)),
        ("NaN or infinite", lambda: ridge(bad, table)),
        ("no recording of split 'train'", lambda: constant(table[table["split"] == "dev"])),
        ("no recording of split 'dev'", lambda: ridge(features, table.assign(split="train"))),
    ]:
        with pytest.raises(ModelError, match=message):
            call()


def test_references_are_the_constants_of_train_and_the_known_truth():
    cohort = SimulatedCohort("default")
    table = references(cohort.recordings, cohort.truth).set_index("model")
    assert [*dict.fromkeys(table.index)] == ["constant", "constant (mean)", "oracle"]
    train = cohort.recordings.query("split == 'train'")["bdi"]
    assert table.loc["constant", "bdi_hat"].eq(train.median()).all()
    assert table.loc["constant (mean)", "bdi_hat"].eq(train.mean()).all()
    assert table.loc["oracle", "bdi_hat"].tolist() == cohort.truth["oracle_median"].tolist()
    assert (table["seed"] == 0).all()
    assert "oracle" not in references(cohort.recordings)["model"].to_list()
    result = constant(cohort.recordings)
    assert (result.setting, result.chosen_by) == (train.median(), "train")


def test_one_row_a_recording_with_the_table_of_pool(swinging, features):
    again, table = rocket(swinging, seed=0)
    np.testing.assert_array_equal(again, features)
    pd.testing.assert_frame_equal(table, pool(swinging)[1])
    assert features.shape == (24, 9996)
    assert features.dtype == np.float32
    assert 0 <= features.min() < 0.1 < 0.9 < features.max() <= 1
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    other, _ = rocket(swinging, seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert (other != features).mean() > 0.8


def test_ridge_reads_what_no_average_over_time_tells(swinging, features):
    table = pool(swinging)[1]
    fitted = ridge(features, table, name="MiniRocket").predictions
    test = fitted[fitted["split"] == "test"]
    assert pcc(test["bdi"], test["bdi_hat"]) > 0.8
    by_mean = ridge(*pool(swinging, "mean+sd")).predictions
    by_mean = by_mean[by_mean["split"] == "test"]
    assert mae(test["bdi"], test["bdi_hat"]) < 0.6 * mae(by_mean["bdi"], by_mean["bdi_hat"])


def test_only_train_enters_the_fit(swinging, features):
    train = (pool(swinging)[1]["split"] == "train").to_numpy()
    outside = make_windows(lambda i, f, v: (f if i % 3 == 0 else 9 * f[::-1] ** 2, v))
    changed, _ = rocket(outside, seed=0)
    np.testing.assert_array_equal(changed[train], features[train])
    assert (changed[~train] != features[~train]).mean() > 0.5
    labels = swinging.index.assign(bdi=swinging.index["bdi"].iloc[::-1].to_numpy(), y=0.0)
    np.testing.assert_array_equal(rocket(replace(swinging, index=labels), seed=0)[0], features)


def test_masked_frames_are_as_if_they_had_never_been(features):
    def with_a_gap(i, frames, valid):
        at, hole = [3 + i] * 4, np.full((4, WIDTH), 1e3)
        return np.insert(frames, at, hole, axis=0), np.insert(valid, at, False)

    np.testing.assert_array_equal(rocket(make_windows(with_a_gap), seed=0)[0], features)


def test_the_level_of_a_recording_counts_for_nothing(features):
    raised, _ = rocket(make_windows(lambda i, f, v: (f + 2.0 * (i % 5), v)), seed=0)
    assert np.abs(raised - features).max() < 0.1  # a frame at the bias itself may change sides
    assert np.abs(raised - features).mean() < 1e-3


@pytest.mark.parametrize(("n_frames", "step"), [(1, 9), (8, 1)])
def test_a_recording_shorter_than_a_kernel_is_completed(features, n_frames, step):
    """Some of Train and of the others, or all."""

    def cut(i, frames, valid):
        return (frames, valid) if i % step else (frames[:n_frames], valid[:n_frames])

    shares, _ = rocket(make_windows(cut), seed=0)
    assert np.isfinite(shares).all()
    assert shares.shape == features.shape


def test_what_cannot_be_transformed_is_refused(swinging, monkeypatch):
    nan = swinging.features.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinity"):
        rocket(replace(swinging, features=nan), seed=0)
    with pytest.raises(ModelError, match="no recording of split 'train'"):
        rocket(swinging.subset("dev"), seed=0)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ModelError, match=r"pip install 'deplib\[sweep\]'"):
        rocket(swinging, seed=0)
