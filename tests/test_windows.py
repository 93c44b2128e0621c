from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lessons import table as table_of

from deplib.errors import CohortError, StoreError
from deplib.protocol import Protocol
from deplib.windows import build_windows, permute_labels

PROTOCOL = replace(Protocol(), sequence_length=20, window_length=8, feature_dim=4)
RECORDINGS = pd.DataFrame(
    {
        "recording": ["t1", "d1", "e1", "t2", "t3"],
        "person": ["a", "b", "a", "c", "c"],
        "split": ["train", "dev", "test", "train", "train"],
        "task": "freeform",
        "bdi": [0.0, 10.0, 63.0, 12.0, 24.0],
        "n_frames": [20, 5, 8, 17, 50],
    }
)


def features_of(recording):
    n = int(RECORDINGS.set_index("recording")["n_frames"][recording])
    rng = np.random.default_rng(sum(map(ord, recording)))
    return rng.normal(size=(n, 4)).astype(np.float16), np.ones(n, dtype=bool)


def build(recordings=RECORDINGS, read=features_of, protocol=PROTOCOL):
    return build_windows(recordings, read, protocol)


def altered(**change):
    """A reader that alters the features or valid flags of recording t2."""

    def read(recording):
        features, valid = features_of(recording)
        if recording == "t2":
            features = change.get("features", lambda f: f)(features)
            valid = change.get("valid", lambda v: v)(valid)
        return features, valid

    return read


def test_windows_are_cut_padded_and_ordered_by_split():
    windows = build()
    where = (windows.index["recording"] + " " + windows.index["window"].astype(str)).tolist()
    assert where == ["t1 0", "t1 1", "t1 2", "t2 0", "t2 1", "t2 2", "t3 0", "t3 1", "t3 2",
                     "d1 0", "e1 0"]  # fmt: skip
    assert windows.features.shape == (11, 8, 4)
    assert windows.features.dtype == np.float32
    assert windows.features.flags.c_contiguous
    assert windows.mask.sum(axis=1).tolist() == [8, 8, 4, 8, 8, 1, 8, 8, 4, 5, 8]
    assert (windows.features[~windows.mask] == 0).all()
    assert len(windows) == 11


def test_real_frames_of_a_recording_come_back_in_order():
    windows = build()
    for recording, n in (("t1", 20), ("t3", 20), ("d1", 5)):
        rows = (windows.index["recording"] == recording).to_numpy()
        frames = windows.features[rows][windows.mask[rows]]
        np.testing.assert_array_equal(frames, features_of(recording)[0][:n].astype(np.float32))


def test_invalid_frames_are_masked_and_zero_even_if_nan():
    bad = np.isin(np.arange(17), [0, 9])
    spoilt = {"features": lambda f: np.where(bad[:, None], np.nan, f), "valid": lambda v: v & ~bad}
    windows = build(read=altered(**spoilt))
    rows = windows.index["recording"] == "t2"
    mask = windows.mask[rows.to_numpy()]
    assert not mask[0, 0]
    assert not mask[1, 1]
    assert mask.sum() == 15
    assert np.isfinite(windows.features).all()


def test_window_without_a_real_frame_is_dropped_and_the_others_keep_their_number():
    outside = np.arange(17) // 8 != 1
    index = build(read=altered(valid=lambda v: v & outside)).index
    assert index.loc[index["recording"] == "t2", "window"].tolist() == [0, 2]


def test_labels_are_scaled_by_the_train_recordings_each_once():
    windows = build()
    assert windows.label_mean == 12.0
    assert windows.label_std == pytest.approx(np.std([0.0, 12.0, 24.0]), abs=1e-12)
    restored = windows.index["y"] * windows.label_std + windows.label_mean
    np.testing.assert_allclose(restored, windows.index["bdi"], atol=1e-12)
    assert windows.subset("test").index["bdi"].tolist() == [63.0]


def test_subset_is_a_view():
    windows = build()
    dev = windows.subset("dev")
    assert dev.index["recording"].tolist() == ["d1"]
    assert np.shares_memory(dev.features, windows.features)
    assert [len(windows.subset(split)) for split in ("train", "dev", "test")] == [9, 1, 1]
    with pytest.raises(CohortError, match="'validation' has no window"):
        windows.subset("validation")


def test_windows_out_of_order_are_refused():
    windows = build()
    with pytest.raises(CohortError, match="ordered by split"):
        replace(windows, index=windows.index[::-1].reset_index(drop=True))


def test_features_may_end_at_the_sequence_length():
    def clipped(recording):
        features, valid = features_of(recording)
        return features[:20], valid[:20]

    np.testing.assert_array_equal(build(read=clipped).features, build().features)


BAD_TABLES = [
    (RECORDINGS.drop(columns="person"), r"lacks \['person'\]"),
    (RECORDINGS.iloc[:0], "is empty"),
    (pd.concat([RECORDINGS, RECORDINGS.iloc[:1]]), "'t1' occurs more than once"),
    (RECORDINGS.assign(split="validation"), "of an unknown split"),
    (RECORDINGS.assign(bdi=[0.0, np.nan, 1, 2, 3]), "'d1' has the label nan"),
    (RECORDINGS.assign(bdi=[np.inf, 1, 2, 2, 3]), "'t1' has the label inf"),
    (RECORDINGS.assign(bdi=["0", "1", "x", "2", "3"]), "'e1' has the label x"),
    (RECORDINGS.assign(n_frames=[20, 5, 0, 17, 50]), "'e1' has 0 frames"),
    (RECORDINGS.assign(n_frames=[20, np.nan, 8, 17, 50]), "'d1' has nan frames"),
    (RECORDINGS.assign(bdi=[5.0, 1, 2, 5, 5]), "all 3 Train labels are 5"),
    (RECORDINGS[RECORDINGS["split"] != "train"], "no Train recording"),
]


@pytest.mark.parametrize(("table", "message"), BAD_TABLES)
def test_bad_tables_are_refused(table, message):
    with pytest.raises(CohortError, match=message):
        build(table)


BAD_FEATURES = [
    ({"features": lambda f: f[:, :3]}, r"shape \(17, 3\); expected \(n_frames, 4\)"),
    ({"features": lambda f: f[0]}, "expected"),
    ({"features": lambda f: np.where(f == f[2], np.nan, f)}, "'t2' hold NaN or infinity"),
    ({"features": lambda f: np.where(f == f[2], np.inf, f)}, "'t2' hold NaN or infinity"),
    ({"features": lambda f: f[:-1], "valid": lambda v: v[:-1]}, "16 frames and 17"),
    ({"valid": lambda v: v[:-1]}, "one per frame"),
    ({"valid": lambda v: v.astype(float)}, "expected bool"),
    ({"valid": np.zeros_like}, "'t2' has no valid frame"),
    ({"features": lambda f: f[:0], "valid": lambda v: v[:0]}, "0 frames and 17"),
]


@pytest.mark.parametrize(("change", "message"), BAD_FEATURES)
def test_bad_features_are_refused(change, message):
    with pytest.raises(StoreError, match=message):
        build(read=altered(**change))


def test_permuted_labels_keep_each_split_and_break_the_link():
    table = table_of(60, 10, 10, 1, 0).assign(bdi=np.arange(60.0))
    windows = build(table, lambda _: (np.ones((10, 4)), np.ones(10, dtype=bool)))
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
