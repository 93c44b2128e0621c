import numpy as np
import pytest
from small_world import COHORT, PROTOCOL, complete

from deplib import study
from deplib.baselines import constant
from deplib.extraction import embedded_encoder
from deplib.metrics import mae
from deplib.results import Result, RunSpec
from deplib.study.runs import run_together
from deplib.training import train


@pytest.fixture
def windows(data):
    store, recordings = study.prepare_features(
        COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1
    )
    return study.load_windows(recordings, store, RunSpec(""), protocol=PROTOCOL)


def test_a_run_is_train_with_its_key(windows):
    result = study.run(RunSpec("LDBM", seed=3), windows, "key", protocol=PROTOCOL)
    fitted = train("LDBM", windows, PROTOCOL, seed=3)
    assert (result.key, result.epoch, result.chosen_by) == ("key", fitted.epoch, "dev_mae")
    np.testing.assert_array_equal(result.predictions["y_hat"], fitted.predictions["y_hat"])
    assert result.history.equals(fitted.history)


def test_seeds_run_together_are_those_run_alone(windows):
    specs = [RunSpec("TemporalMeanMLP", seed=seed) for seed in (4, 1)]
    results = run_together(specs, windows, ["a", "b"], protocol=PROTOCOL)
    assert [(r.spec, r.key) for r in results] == [(specs[0], "a"), (specs[1], "b")]
    for result in results:
        alone = study.run(result.spec, windows, result.key, protocol=PROTOCOL)
        np.testing.assert_allclose(
            result.predictions["y_hat"], alone.predictions["y_hat"], atol=1e-4
        )


@pytest.mark.parametrize("model", ["RidgeMean", "RidgeMeanSD", "MiniRocket"])
def test_a_baseline_predicts_a_recording_as_one_window(windows, model):
    if model == "MiniRocket":
        pytest.importorskip("sktime")
        pytest.importorskip("numba")
    result = study.run(RunSpec(model), windows, "key")
    assert isinstance(result, Result)
    assert set(result.predictions["window"]) == {0}
    assert result.predictions["recording"].tolist() == windows.index["recording"].unique().tolist()
    labels = result.predictions["y"] * result.label_std + result.label_mean
    bdi = windows.index.groupby("recording", sort=False)["bdi"].first()
    np.testing.assert_allclose(labels, bdi)
    assert result.chosen_by == "dev_mae"
    dev = result.predictions[result.predictions["split"] == "dev"]
    table = windows.index.drop_duplicates("recording")
    flat = constant(table, "mean").predictions.query("split == 'dev'")
    assert mae(dev["y"], dev["y_hat"]) * result.label_std <= 1.01 * mae(flat.bdi, flat.bdi_hat)


def test_minirocket_needs_no_more_than_its_library(tmp_path, data):
    pytest.importorskip("sktime")
    pytest.importorskip("numba")
    specs = [RunSpec("MiniRocket", seed=seed) for seed in (0, 1)]
    one, two = complete(specs, tmp_path)
    assert one.n_parameters == 9997
    assert not one.predictions["y_hat"].equals(two.predictions["y_hat"])
