import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from deplib.baselines import constant, pool, references, ridge
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import ModelError
from deplib.metrics import mae, pcc
from deplib.windows import WindowSet

WIDTH = 6


def windows(n=60, seed=0):
    """Recordings of 1 to 3 windows of 10 frames whose mean of column 0 follows the label."""
    rng = np.random.default_rng(seed)
    features, mask, rows = [], [], []
    for i in range(n):
        bdi = float(rng.integers(0, 45))
        for window in range(1 + i % 3):
            real = rng.random(10) < 0.7
            real[0] = True
            frames = rng.normal(size=(10, WIDTH))
            frames[:, 0] += bdi / 5
            frames[~real] = 0
            features.append(frames)
            mask.append(real)
            rows.append((f"r{i}", f"p{i // 2}", ("train", "dev", "test")[i * 3 // n], window, bdi))
    index = pd.DataFrame(rows, columns=["recording", "person", "split", "window", "bdi"])
    index["y"] = (index["bdi"] - 20) / 12
    return WindowSet(np.array(features, np.float32), np.array(mask), index, 20.0, 12.0)


def test_pooling_takes_every_real_frame_of_a_recording_once():
    data = windows()
    features, table = pool(data, "mean+sd")
    assert features.shape == (60, 2 * WIDTH)
    assert len(table) == 60
    for i in (0, 7, 59):
        rows = (data.index["recording"] == table["recording"][i]).to_numpy()
        frames = data.features[rows][data.mask[rows]].astype(float)
        expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
        np.testing.assert_allclose(features[i], expected, atol=1e-12)
    np.testing.assert_array_equal(pool(data)[0], features[:, :WIDTH])


def test_constants_come_from_train():
    _, table = pool(windows())
    train = table.loc[table["split"] == "train", "bdi"]
    assert constant(table).setting == train.median()
    assert constant(table, "mean").setting == pytest.approx(train.mean())
    result = constant(table)
    assert result.chosen_by == "train"
    assert (result.predictions["bdi_hat"] == result.setting).all()
    assert set(result.predictions["model"]) == {"constant (median)"}


def test_ridge_is_scikit_learns_with_the_alpha_that_dev_prefers():
    features, table = pool(windows())
    result = ridge(features, table, alphas=[0.1, 10.0, 1e5])
    splits = {s: (table["split"] == s).to_numpy() for s in ("train", "dev", "test")}
    scaler = StandardScaler().fit(features[splits["train"]])
    bdi = table["bdi"].to_numpy()
    by_alpha = {}
    for alpha in (0.1, 10.0, 1e5):
        model = Ridge(alpha=alpha).fit(
            scaler.transform(features[splits["train"]]), bdi[splits["train"]]
        )
        by_alpha[alpha] = model.predict(scaler.transform(features))
    best = min(by_alpha, key=lambda a: mae(bdi[splits["dev"]], by_alpha[a][splits["dev"]]))
    assert (result.setting, result.chosen_by) == (best, "dev_mae")
    np.testing.assert_allclose(result.predictions["bdi_hat"], by_alpha[best], atol=1e-9)
    test = result.predictions[splits["test"]]
    assert pcc(test["bdi"], test["bdi_hat"]) > 0.9


def test_test_labels_choose_nothing():
    features, table = pool(windows())
    other = table.assign(bdi=table["bdi"].where(table["split"] != "test", 0.0))
    pd.testing.assert_series_equal(
        ridge(features, other).predictions["bdi_hat"], ridge(features, table).predictions["bdi_hat"]
    )
    assert constant(other).setting == constant(table).setting


def test_bad_input_is_refused():
    features, table = pool(windows())
    bad = features.copy()
    bad[3, 2] = np.nan
    for message, call in [
        ("unknown pooling 'max'", lambda: pool(windows(), "max")),
        ("unknown constant 'mode'", lambda: constant(table, "mode")),
        ("do not fit 60 recordings", lambda: ridge(features[:5], table)),
        ("NaN or infinite", lambda: ridge(bad, table)),
        ("alphas is empty", lambda: ridge(features, table, alphas=[])),
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


def test_the_oracle_beats_the_constant_where_there_is_something_to_know():
    cohort = SimulatedCohort("published", n_recordings=600)
    table = references(cohort.recordings, cohort.truth).set_index("model")
    oracle, constant = (
        mae(*table.loc[m, ["bdi", "bdi_hat"]].to_numpy().T) for m in ("oracle", "constant")
    )
    assert oracle < 0.8 * constant
