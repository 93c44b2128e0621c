import numpy as np
import pytest
from drawing import draw
from small import PROTOCOL, SURROGATE

from deplib.cohorts.simulated import SimulatedCohort
from deplib.errors import CohortError


def small(scenario, index=0):
    return draw(scenario, index, SURROGATE, protocol=PROTOCOL, n_recordings=60)


def test_it_has_the_structure_of_a_rendered_cohort():
    cohort = draw("default", 4, SURROGATE)
    table, rendered = cohort.recordings, SimulatedCohort().recordings
    for split in ("train", "dev", "test"):
        assert len(cohort.rows(split)) == (rendered["split"] == split).sum() == 50
        # The splits are balanced: one score in each of 50 equal slices of the marginal.
        bdi = np.sort(table.loc[cohort.rows(split), "bdi"])
        theirs = np.sort(rendered.loc[rendered["split"] == split, "bdi"])
        assert np.abs(bdi - theirs).mean() < 0.8
    assert table["person"].nunique() == rendered["person"].nunique()
    np.testing.assert_array_equal(np.unique(cohort.recording), np.arange(150))
    assert len(cohort.features) > 2 * 150
    assert np.bincount(cohort.recording).max() == 4


def test_persons_recur_unless_they_are_kept_apart():
    together, apart = small("null"), small("null-apart")
    for cohort, recur in ((together, True), (apart, False)):
        splits = cohort.recordings.groupby("person")["split"].nunique()
        assert (splits.max() > 1) == recur


def test_worlds_share_their_draws_and_differ_by_behaviour():
    null, default, published = (small(name) for name in ("null", "default", "published"))
    for other in (default, published):
        assert null.recordings.equals(other.recordings)
        np.testing.assert_array_equal(null.recording, other.recording)
    near = np.abs(default.features - null.features).max()
    far = np.abs(published.features - null.features).max()
    assert 0 < near < far


def test_in_the_null_world_features_are_independent_of_the_scores():
    r = []
    for index in range(40):
        cohort = small("null-apart", index)
        first = np.array([cohort.features[cohort.recording == k, 0].mean() for k in range(60)])
        r.append(np.corrcoef(first, cohort.recordings["bdi"])[0, 1])
    assert abs(np.mean(r)) < 3 / np.sqrt(60 * 40)


def test_an_unknown_scenario_is_named():
    with pytest.raises(CohortError, match="no scenario is named 'nil'"):
        small("nil")
