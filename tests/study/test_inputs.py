"""What a run sees: one stream or several, some of them missing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from small_world import COHORT, PROTOCOL
from small_world import inputs as small_inputs

from deplib import results, study
from deplib.errors import CohortError, ResultError
from deplib.extraction import embedded_encoder
from deplib.results import RunSpec
from deplib.study.runs import config_of
from deplib.study.signature import same_features, signature, write_signature
from deplib.windows import split_as

pytestmark = pytest.mark.usefixtures("data")
LDBM, HYBRID = RunSpec("LDBM"), RunSpec("HybridPooling")


@pytest.fixture
def inputs():
    return small_inputs()


@pytest.fixture
def windows(inputs):
    return inputs.windows(LDBM)


def test_labels_and_lost_frames_are_the_runs(inputs, windows):
    assert windows.mask.shape[1] == PROTOCOL.window_length
    permuted = inputs.windows(replace(LDBM, labels="permuted"))
    np.testing.assert_array_equal(permuted.features, windows.features)
    assert not permuted.index["bdi"].equals(windows.index["bdi"])
    lost = inputs.windows(replace(LDBM, lost=0.5))
    assert 0.3 < lost.mask.sum() / windows.mask.sum() < 0.7
    assert lost.index["bdi"].isin(windows.index["bdi"]).all()


def test_another_split_has_other_train_labels_to_scale_by(inputs, windows):
    disjoint = inputs.windows(replace(LDBM, split_rule="disjoint"))
    expected = split_as(COHORT().recordings, "disjoint").set_index("recording")["split"]
    found = disjoint.index.drop_duplicates("recording").set_index("recording")
    assert found["split"].sort_index().equals(expected.sort_index())
    train = found.loc[found["split"] == "train", "bdi"]
    assert (disjoint.label_mean, disjoint.label_std) == (train.mean(), train.std(ddof=0))
    for name in found.index:
        ours, theirs = (w.features[w.index["recording"] == name] for w in (disjoint, windows))
        np.testing.assert_array_equal(ours, theirs)


def test_who_lacks_a_stream_is_the_same_in_every_run(inputs):
    spec = replace(HYBRID, features="identity+action", missing=0.3)
    both = inputs.windows(spec)
    has = both.features[..., 512 + 29 + 1].max(axis=1) == 1
    with_action = set(both.index["recording"][has])
    alone = inputs.windows(replace(spec, features="action"))
    assert set(alone.index["recording"]) == with_action
    assert 0 < len(with_action) < both.index["recording"].nunique() == 9
    assert set(both.index.loc[has, "split"]) == {"train", "dev", "test"}


def test_the_model_is_built_for_its_streams():
    assert config_of(LDBM) == {}
    assert config_of(RunSpec("LDBM", features="action")) == {"channels": 29}
    joined = config_of(replace(HYBRID, features="affect+pulse"))
    assert joined == {"channels": 512 + 23 + 2, "streams": [512, 23]}
    with pytest.raises(CohortError, match="no stream is named"):
        config_of(RunSpec("LDBM", features="voice"))


def test_the_width_is_the_encoders(tiny_cohort, tiny_encoder):
    theirs = study.Inputs(tiny_cohort, tiny_encoder, protocol=PROTOCOL, jobs=1)
    assert theirs.protocol == replace(PROTOCOL, feature_dim=8)  # and so in every key
    assert config_of(LDBM, theirs.protocol) == {"channels": 8}
    joined = replace(HYBRID, features="affect+identity")
    assert config_of(joined, theirs.protocol)["streams"] == [512, 8]
    assert theirs.windows(LDBM).features.shape[2] == 8
    assert theirs.windows(joined).features.shape[2] == 512 + 8 + 2


def test_a_stream_that_a_cohort_does_not_have_is_refused(tiny_cohort):
    theirs = study.Inputs(tiny_cohort, embedded_encoder(), protocol=PROTOCOL, jobs=1)
    with pytest.raises(CohortError, match="has no action of its own: give the folder"):
        theirs.windows(replace(HYBRID, features="action"))


def test_the_small_cohort_is_another_and_says_so():
    small = study.open_cohort("small")
    assert small.name.endswith("default-small")
    assert len(small.recordings) == 30
    assert small.recordings["n_frames"].max() <= 512
    with pytest.raises(CohortError, match="tiny"):
        study.open_cohort("tiny")


def test_a_signature_tells_features_apart_and_no_rounding(windows, versioned):
    assert same_features(windows, "default") is None
    write_signature(windows, "default")
    assert same_features(windows, "default") is True
    assert signature(windows)["n_frames"].sum() == windows.mask.sum()
    noise = 1e-3 * np.random.default_rng(0).standard_normal(windows.features.shape)
    moved = windows.features + noise.astype(np.float32) * windows.mask[..., None]
    assert same_features(replace(windows, features=moved), "default") is True
    rolled = np.roll(windows.features, 1, axis=2)
    assert same_features(replace(windows, features=rolled), "default") is False
    mask = windows.mask.copy()
    mask[0, 0] = False
    assert same_features(replace(windows, mask=mask), "default") is False


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"n_frames": [1]}'])
def test_a_damaged_signature_is_named(windows, versioned, content):
    results.write_whole(results.signature_path("default"), content)
    with pytest.raises(ResultError, match=r"features\.json cannot be read"):
        same_features(windows, "default")


def test_pooled_features_stand_beside_their_signature(windows, versioned):
    write_signature(windows, "default")
    pooled = load_file(versioned / "default" / "pooled.safetensors")["features"]
    first = windows.index["recording"] == windows.index["recording"].min()
    mean = windows.features[first][windows.mask[first]].mean(axis=0)
    np.testing.assert_allclose(pooled[0, :512], mean, atol=1e-3)


@pytest.mark.parametrize("world", ["default", "null"])
def test_versioned_pooled_features_are_those_of_the_results(world):
    pooled = load_file(results.folder() / world / "pooled.safetensors")["features"]
    stated = pd.read_json(results.signature_path(world)).sort_values("recording")
    np.testing.assert_allclose(pooled[:, :4], stated.filter(like="mean_"), atol=2e-3)
