import numpy as np
import pandas as pd
import pytest
from deplib.study.pooled import POOLED, has_pooled, pooled_features, pooled_key, write_pooled
from safetensors.numpy import load, save
from small_world import COHORT, PROTOCOL

from deplib import baselines, evaluation, study
from deplib.errors import ResultError
from deplib.extraction import embedded_encoder
from deplib.results import RunSpec


@pytest.fixture
def windows(data):
    store, recordings = study.prepare_features(
        COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1
    )
    return study.load_windows(recordings, store, RunSpec(""), protocol=PROTOCOL)


@pytest.fixture
def key():
    return pooled_key(COHORT(), embedded_encoder())


def test_what_is_written_is_read_in_the_order_of_the_cohort(windows, key, tmp_path):
    folder = tmp_path / "world"
    write_pooled(windows, folder, key)
    assert has_pooled(folder, key)
    features, table = baselines.pool(windows, "mean+sd")
    cohort = COHORT()
    order = table.reset_index().set_index("recording").loc[cohort.recordings["recording"], "index"]
    read = pooled_features(cohort, folder)
    np.testing.assert_allclose(read, features[order], rtol=1e-3, atol=1e-6)
    assert [p.name for p in folder.iterdir()] == [POOLED]


def test_other_features_have_another_key(key):
    assert pooled_key(COHORT("null"), embedded_encoder()) != key
    assert pooled_key(COHORT(), embedded_encoder(flip=True)) != key


def test_missing_stale_and_broken_files_are_refused(windows, key, tmp_path):
    with pytest.raises(ResultError, match="does not exist; make it with `make sweep`"):
        pooled_features(COHORT(), tmp_path)
    write_pooled(windows, tmp_path, "0" * 64)
    with pytest.raises(ResultError, match="is stale"):
        pooled_features(COHORT(), tmp_path)
    write_pooled(windows, tmp_path, key)
    with pytest.raises(ResultError, match="lacks recording"):
        study.pooled.pooled_features(_one_more(), tmp_path)
    path = tmp_path / POOLED
    whole = path.read_bytes()
    for damage in (whole[:200], b"<html>", save(load(whole)), save({"features": np.zeros((2, 3))})):
        path.write_bytes(damage)
        assert not has_pooled(tmp_path, key)
        with pytest.raises(ResultError, match="no whole file of pooled features"):
            pooled_features(COHORT(), tmp_path)


def _one_more():
    cohort = COHORT()
    more = cohort.recordings.iloc[[0]].assign(recording="999_1")
    cohort.recordings = pd.concat([cohort.recordings, more], ignore_index=True)
    return cohort


def test_a_full_disk_is_told(windows, key, tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deplib.study.pooled.write_atomically", full)
    with pytest.raises(ResultError, match="No space left"):
        write_pooled(windows, tmp_path, key)


@pytest.mark.parametrize("world", ["default", "null"])
def test_the_versioned_features_are_those_that_the_results_were_made_from(world):
    cohort = study.open_cohort(world)
    features = pooled_features(cohort, study.results_dir() / world)
    assert features.shape == (150, 1024)
    (result,) = study.published([RunSpec("RidgeMeanSD", world=world)])
    made = evaluation.recordings(result).set_index("recording")["bdi_hat"]
    fitted = baselines.ridge(features, cohort.recordings)
    ours = fitted.predictions.set_index("recording")["bdi_hat"]
    np.testing.assert_allclose(ours, made[ours.index], atol=0.05)  # of float16
