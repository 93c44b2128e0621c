"""What a run sees: one stream or several, some of them missing, and video without labels."""

from dataclasses import replace

import numpy as np
import pytest
from small_world import COHORT, PROTOCOL, complete

from deplib import study
from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import CohortError
from deplib.extraction import embedded_encoder
from deplib.results import RunSpec
from deplib.study import inputs as inputs_module
from deplib.study.inputs import Inputs
from deplib.study.runs import config_of

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture
def inputs():
    return Inputs(COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1)


def frames(windows, columns):
    return windows.features[..., columns][windows.mask]


def test_the_embeddings_are_those_of_the_store(inputs):
    store, recordings = study.prepare_features(
        COHORT(), embedded_encoder(), protocol=PROTOCOL, jobs=1
    )
    spec = RunSpec("LDBM")
    expected = study.load_windows(recordings, store, spec, protocol=PROTOCOL)
    np.testing.assert_array_equal(inputs.windows(spec).features, expected.features)


def test_streams_stand_side_by_side_with_a_presence_row_each(inputs):
    both = inputs.windows(RunSpec("HybridPooling", features="identity+action"))
    alone = inputs.windows(RunSpec("HybridPooling"))
    assert both.features.shape[-1] == 512 + 29 + 2
    np.testing.assert_array_equal(frames(both, slice(512)), frames(alone, slice(512)))
    action = inputs.windows(RunSpec("HybridPooling", features="action"))
    assert action.features.shape[-1] == 29
    present = frames(both, 512 + 29 + 1) == 1
    assert present.sum() == action.mask.sum()
    np.testing.assert_array_equal(
        frames(both, slice(512, 541))[present], frames(action, slice(None))
    )


def test_who_lacks_a_stream_is_the_same_in_every_run(inputs):
    spec = RunSpec("HybridPooling", features="identity+action", missing=0.3)
    both = inputs.windows(spec)
    has = both.features[..., 512 + 29 + 1].max(axis=1) == 1
    with_action = set(both.index["recording"][has])
    alone = inputs.windows(replace(spec, features="action"))
    assert set(alone.index["recording"]) == with_action
    assert 0 < len(with_action) < both.index["recording"].nunique() == 9
    assert set(both.index.loc[has, "split"]) == {"train", "dev", "test"}


def test_a_run_on_streams_has_a_key_and_a_file_of_its_own(tmp_path):
    specs = [
        RunSpec("HybridPooling"),
        RunSpec("HybridPooling", features="identity+action"),
        RunSpec("HybridPooling", features="action"),
        RunSpec("HybridPooling", features="identity+action", missing=0.5),
        RunSpec("HybridPooling", recipe="smoothed"),
        RunSpec("HybridPooling-dropout", recipe="dropout"),
    ]
    results = complete(specs, tmp_path)
    assert len({r.key for r in results}) == len({r.spec.path for r in results}) == len(specs)
    assert [r.spec for r in complete(specs, tmp_path)] == specs  # read, not computed
    spread = results[-1].predictions["y_sd"]
    assert (spread > 0).all()
    assert "y_sd" not in results[0].predictions
    np.testing.assert_allclose(complete(specs, tmp_path)[-1].predictions["y_sd"], spread, atol=1e-6)


def test_the_model_is_built_for_its_streams():
    assert config_of(RunSpec("LDBM")) == {}
    assert config_of(RunSpec("LDBM", features="action")) == {"channels": 29}
    assert config_of(RunSpec("HybridPooling", features="affect+pulse")) == {
        "channels": 512 + 23 + 2,
        "streams": [512, 23],
    }
    with pytest.raises(CohortError, match="no stream is named"):
        config_of(RunSpec("LDBM", features="voice"))


def test_video_without_labels_is_only_for_who_asks_for_it(inputs, monkeypatch):
    asked = []

    def small(world: str) -> SimulatedCohort:
        asked.append(world)
        return COHORT(world, seed=1)

    monkeypatch.setattr(inputs_module, "unlabelled_cohort", small)
    assert inputs.unlabelled(RunSpec("MambaGRU")) is None
    assert not asked
    windows = inputs.unlabelled(RunSpec("MambaGRU", recipe="pretrained"))
    assert asked == ["default"]
    assert windows is not None
    assert len(windows)
    assert windows.index["y"].isna().all()
    with pytest.raises(CohortError, match="no unlabelled video with the streams"):
        inputs.unlabelled(RunSpec("MambaGRU", recipe="pretrained", features="identity+action"))


def test_a_stream_that_a_cohort_does_not_have_is_refused(tiny_cohort):
    inputs = Inputs(tiny_cohort, embedded_encoder(), protocol=PROTOCOL, jobs=1)
    with pytest.raises(CohortError, match="has no action of its own: give the folder"):
        inputs.windows(RunSpec("HybridPooling", features="action"))
