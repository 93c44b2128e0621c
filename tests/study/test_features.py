import json
from dataclasses import replace

import numpy as np
import pytest
from small_world import COHORT, N_RECORDINGS, PROTOCOL

from deplib import study
from deplib.errors import ResultError
from deplib.extraction import embedded_encoder
from deplib.results import RunSpec
from deplib.study.signature import SIGNATURE, same_features, signature, write_signature
from deplib.windows import split_as


@pytest.fixture
def prepared(data):
    return study.prepare_features(COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1)


@pytest.fixture
def windows(prepared):
    store, recordings = prepared
    return study.load_windows(recordings, store, RunSpec("LDBM"), protocol=PROTOCOL)


def test_windows_are_what_a_run_sees(prepared, windows):
    store, recordings = prepared
    assert len(recordings) == N_RECORDINGS
    assert windows.mask.shape[1] == PROTOCOL.window_length
    permuted = study.load_windows(
        recordings, store, RunSpec("LDBM", labels="permuted"), protocol=PROTOCOL
    )
    np.testing.assert_array_equal(permuted.features, windows.features)
    assert not permuted.index["bdi"].equals(windows.index["bdi"])
    lost = study.load_windows(recordings, store, RunSpec("LDBM", lost=0.5), protocol=PROTOCOL)
    assert 0.3 < lost.mask.sum() / windows.mask.sum() < 0.7
    assert lost.index["bdi"].isin(windows.index["bdi"]).all()


def test_another_split_has_other_train_labels_to_scale_by(prepared, windows):
    store, recordings = prepared
    disjoint = study.load_windows(
        recordings, store, RunSpec("LDBM", split="disjoint"), protocol=PROTOCOL
    )
    expected = split_as(recordings, "disjoint").set_index("recording")["split"]
    found = disjoint.index.drop_duplicates("recording").set_index("recording")
    assert found["split"].sort_index().equals(expected.sort_index())
    assert found.groupby("person")["split"].nunique().max() == 1
    train = found.loc[found["split"] == "train", "bdi"]
    assert (disjoint.label_mean, disjoint.label_std) == (train.mean(), train.std(ddof=0))
    assert disjoint.label_mean != windows.label_mean
    features = {r: disjoint.features[disjoint.index["recording"] == r] for r in found.index}
    for recording, part in features.items():
        np.testing.assert_array_equal(
            part, windows.features[windows.index["recording"] == recording]
        )


def test_a_signature_tells_features_apart_and_no_rounding(windows, tmp_path):
    assert same_features(windows, tmp_path) is None
    write_signature(windows, tmp_path)
    assert same_features(windows, tmp_path) is True
    table = signature(windows)
    assert len(table) == N_RECORDINGS
    assert table["n_frames"].sum() == windows.mask.sum()
    rng = np.random.default_rng(0)

    def changed(features=None, mask=None, rows=slice(None)):
        return replace(
            windows,
            features=(windows.features if features is None else features)[rows],
            mask=(windows.mask if mask is None else mask)[rows],
            index=windows.index[rows].reset_index(drop=True),
        )

    noise = 1e-3 * rng.standard_normal(windows.features.shape).astype(np.float32)
    real = windows.mask[..., None]
    assert same_features(changed(windows.features + noise * real), tmp_path) is True
    assert same_features(changed(np.roll(windows.features, 1, axis=2)), tmp_path) is False
    mask = windows.mask.copy()
    mask[0, 0] = False
    assert same_features(changed(windows.features * mask[..., None], mask), tmp_path) is False
    assert same_features(changed(rows=slice(0, -2)), tmp_path) is False


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"n_frames": [1]}'])
def test_a_damaged_signature_is_named(windows, tmp_path, content):
    (tmp_path / SIGNATURE).write_bytes(content)
    with pytest.raises(ResultError, match=r"features\.json cannot be read"):
        same_features(windows, tmp_path)


def test_a_signature_of_other_columns_is_named(windows, tmp_path):
    write_signature(windows, tmp_path)
    path = tmp_path / SIGNATURE
    content = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in content.items() if k != "mean_0"}))
    with pytest.raises(ResultError, match=r"features\.json cannot be read"):
        same_features(windows, tmp_path)
