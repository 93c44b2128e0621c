from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from deplib.errors import CohortError, ModelError, ResultError
from deplib.metrics import mae
from deplib.models import MODELS, build
from deplib.protocol import Protocol
from deplib.training import (
    PREDICTION_COLUMNS,
    permute_labels,
    predict,
    recording_table,
    train,
)
from deplib.windows import build_windows

WIDTH = 8
PROTOCOL = replace(
    Protocol(),
    sequence_length=40,
    window_length=16,
    feature_dim=WIDTH,
    learning_rate=3e-3,
    epochs=4,
)
SMALL = {"channels": WIDTH}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_windows(signal=1.0, n=60, seed=0):
    """Recordings whose frames carry their label along one direction, and a person's own offset."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "recording": [f"r{i}" for i in range(n)],
            "person": [f"p{i % 35}" for i in range(n)],
            "split": [("train", "dev", "test")[i % 3] for i in range(n)],
            "task": "freeform",
            "bdi": rng.integers(0, 45, n).astype(float),
            "n_frames": rng.integers(5, 60, n),
        }
    ).set_index("recording", drop=False)

    def read(recording):
        row = table.loc[recording]
        own = np.random.default_rng(int(recording[1:]))
        frames = own.normal(size=(row["n_frames"], WIDTH))
        frames[:, 0] += signal * (row["bdi"] - 22) / 6
        valid = own.random(row["n_frames"]) < 0.9
        valid[0] = True
        return frames, valid

    return build_windows(table, read, PROTOCOL)


@pytest.fixture(scope="module")
def windows():
    return make_windows()


def run(name, windows, *, seed=0, **change):
    return train(name, windows, replace(PROTOCOL, **change), seed=seed, config=SMALL)


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_run_other_seed_another(name, windows):
    a, b, other = (run(name, windows, seed=s, epochs=2) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in a.state_dict)
    assert not np.array_equal(a.predictions["y_hat"], other.predictions["y_hat"])


@pytest.mark.parametrize("name", MODELS)
def test_learns_what_can_be_learnt(name, windows):
    result = run(name, windows, epochs=25)
    assert result.history["train_loss"].iloc[-1] < 0.6 * result.history["train_loss"].iloc[0]
    table = recording_table(result.predictions, result.label_mean, result.label_std)
    test = table[table["split"] == "test"]
    median = table.loc[table["split"] == "train", "bdi"].median()
    assert mae(test["bdi"], test["bdi_hat"]) < 0.7 * mae(test["bdi"], np.full(len(test), median))
    assert not result.collapsed


def test_predictions_are_those_of_the_chosen_epoch(windows):
    rows = []
    result = train(
        "MambaGRU", windows, PROTOCOL, seed=3, config=SMALL, on_epoch=lambda row: rows.append(row)
    )
    assert result.history.to_dict("records") == rows
    assert result.history["epoch"].tolist() == [1, 2, 3, 4]
    assert result.epoch == result.history.set_index("epoch")["dev_mae"].idxmin()
    model = build("MambaGRU", seed=0, **SMALL)
    model.load_state_dict(result.state_dict)
    np.testing.assert_allclose(predict(model, windows), result.predictions["y_hat"], atol=2e-6)
    table = recording_table(result.predictions, result.label_mean, result.label_std)
    dev = table[table["split"] == "dev"]
    assert mae(dev["bdi"], dev["bdi_hat"]) == pytest.approx(
        result.history["dev_mae"].min(), abs=1e-9
    )


def test_prediction_table_has_a_row_a_window(windows):
    result = run("TemporalMeanMLP", windows, seed=5)
    assert tuple(result.predictions) == PREDICTION_COLUMNS
    pd.testing.assert_frame_equal(
        result.predictions[["recording", "person", "split", "window", "y"]],
        windows.index[["recording", "person", "split", "window", "y"]],
    )
    for column, value in (("model", "TemporalMeanMLP"), ("seed", 5), ("chosen_by", "dev_mae")):
        assert (result.predictions[column] == value).all()
    assert result.n_parameters == WIDTH * 256 + 256 + 257
    assert result.seconds > 0


def test_of_equal_epochs_the_earliest_is_kept(windows):
    result = run("TemporalMeanMLP", windows, learning_rate=0.0)
    assert np.ptp(result.history["dev_mae"]) == 0
    assert result.epoch == 1


def test_test_labels_and_features_choose_nothing(windows):
    test = (windows.index["split"] == "test").to_numpy()
    features = windows.features.copy()
    features[test] *= -1
    index = windows.index.assign(y=windows.index["y"].where(~test, 9.0))
    other = replace(windows, features=features, index=index)
    a, b = run("LDBM", windows), run("LDBM", other)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert not np.array_equal(a.predictions["y_hat"][test], b.predictions["y_hat"][test])


def test_mean_model_trained_on_pooled_frames_is_the_plain_loop(windows):
    """The same batches through ``forward`` of whole windows."""
    protocol = replace(PROTOCOL, epochs=2)
    result = train("TemporalMeanMLP", windows, protocol, seed=4, config=SMALL)
    model = build("TemporalMeanMLP", seed=4, **SMALL)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    data = windows.subset("train")
    x = torch.from_numpy(data.features).transpose(1, 2)
    mask, y = torch.from_numpy(data.mask), torch.tensor(data.index["y"], dtype=torch.float32)
    order = np.random.default_rng(4)
    for epoch in range(1, 3):
        for rows in torch.from_numpy(order.permutation(len(data))).split(32):
            optimizer.zero_grad()
            (model(x[rows], mask[rows]) - y[rows]).abs().mean().backward()
            optimizer.step()
        if epoch == result.epoch:
            expected = predict(model, windows)
    np.testing.assert_allclose(result.predictions["y_hat"], expected, atol=2e-6)


def test_predict_keeps_the_remainder_of_a_batch_and_the_mode(windows):
    model = build("VanillaTransformer", seed=0, **SMALL).train()
    whole = predict(model, windows, batch_size=1000)
    np.testing.assert_allclose(predict(model, windows, batch_size=7), whole, atol=1e-5)
    assert whole.shape == (len(windows),)
    assert model.training


def test_zero_features_collapse_and_the_flag_says_so(windows):
    zeros = replace(windows, features=np.zeros_like(windows.features))
    seen = []
    result = train(
        "TemporalMeanMLP",
        zeros,
        PROTOCOL,
        seed=0,
        config=SMALL,
        on_epoch=lambda row: seen.append(row["collapsed"]),
    )
    assert seen == [False, False, True, True]  # after three epochs, not at the first
    assert result.collapsed
    assert (result.history["dev_sigma_ratio"] == 0).all()
    assert result.history["dev_pcc"].isna().all()


def test_recording_table_averages_then_denormalises(windows):
    result = run("TemporalMeanMLP", windows)
    both = pd.concat([result.predictions, result.predictions.assign(seed=1, y_hat=0.0)])
    table = recording_table(both, result.label_mean, result.label_std)
    assert table.columns.tolist() == [
        "recording",
        "person",
        "split",
        "bdi",
        "bdi_hat",
        "model",
        "seed",
    ]
    assert len(table) == 2 * windows.index["recording"].nunique()
    rows = result.predictions[result.predictions["recording"] == "r4"]
    row = table[(table["recording"] == "r4") & (table["seed"] == 0)].iloc[0]
    expected = np.mean(rows["y_hat"]) * windows.label_std + windows.label_mean
    assert row["bdi_hat"] == pytest.approx(expected)
    label = windows.index.set_index("recording")["bdi"]["r4"]
    assert row["bdi"] == pytest.approx(np.unique(label)[0])
    constant = table.loc[table["seed"] == 1, "bdi_hat"]
    np.testing.assert_allclose(constant, result.label_mean)


def test_recording_table_refuses_doubled_and_failed_predictions(windows):
    predictions = run("TemporalMeanMLP", windows, epochs=1).predictions
    with pytest.raises(ResultError, match="predicted twice"):
        recording_table(pd.concat([predictions, predictions.iloc[:2]]), 15.0, 12.0)
    with pytest.raises(ResultError, match="NaN or infinite"):
        recording_table(predictions.assign(y_hat=np.nan), 15.0, 12.0)


def test_permuted_labels_keep_each_split_and_break_the_link(windows):
    before = windows.index.copy()
    permuted = permute_labels(windows, rng=np.random.default_rng(0))
    pd.testing.assert_frame_equal(windows.index, before)
    assert permuted.features is windows.features
    a, b = (w.index.drop_duplicates("recording") for w in (windows, permuted))
    for split in ("train", "dev", "test"):
        old, new = (t.loc[t["split"] == split, "bdi"].to_numpy() for t in (a, b))
        assert sorted(old) == sorted(new)
        assert (old != new).mean() > 0.5
    assert (permuted.index.groupby("recording")["bdi"].agg(np.ptp) == 0).all()
    z = (permuted.index["bdi"] - windows.label_mean) / windows.label_std
    np.testing.assert_allclose(permuted.index["y"], z)
    again = permute_labels(windows, rng=np.random.default_rng(0))
    other = permute_labels(windows, rng=np.random.default_rng(1))
    pd.testing.assert_frame_equal(again.index, permuted.index)
    assert not other.index["bdi"].equals(permuted.index["bdi"])


def test_bad_input_is_refused(windows):
    nan = windows.features.copy()
    nan[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinity"):
        run("LDBM", replace(windows, features=nan))
    with pytest.raises(ModelError, match="expected \\(batch, 512, time\\)"):
        train("LDBM", windows, PROTOCOL, seed=0)
    with pytest.raises(ModelError, match="unknown model"):
        run("Mamba", windows)
    with pytest.raises(ModelError, match="the loss is"):
        run("TemporalMeanMLP", windows, learning_rate=1e30)
    keep = (windows.index["split"] != "test").to_numpy()
    without_test = replace(
        windows,
        features=windows.features[keep],
        mask=windows.mask[keep],
        index=windows.index[keep].reset_index(drop=True),
    )
    with pytest.raises(CohortError, match="'test' has no window"):
        run("TemporalMeanMLP", without_test)
