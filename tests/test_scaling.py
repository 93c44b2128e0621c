"""How features are scaled before a model sees them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deplib.errors import CohortError
from deplib.scaling import scaled
from deplib.windows import WindowSet

SPLIT = ["train", "train", "train", "dev", "test"]
RECORDING = ["a", "a", "b", "c", "d"]


@pytest.fixture
def windows() -> WindowSet:
    """Five windows of six frames, the last frames padded; the third channel never moves."""
    rng = np.random.default_rng(0)
    features = rng.normal(3, 2, (5, 6, 3)).astype(np.float32)
    features[..., 2] = 0.1
    mask = np.arange(6) < np.array([6, 3, 5, 6, 4])[:, None]
    features[~mask] = 0
    table = {"recording": RECORDING, "person": RECORDING, "split": SPLIT}
    return WindowSet(features, mask, pd.DataFrame(table).assign(window=0, bdi=9.0, y=0.0), 9.0, 1.0)


def frames(windows: WindowSet, name: str, values: set[str]) -> np.ndarray:
    """The real frames of some windows, in one column a channel."""
    rows = windows.index[name].isin(values).to_numpy()
    return windows.features[rows][windows.mask[rows]].astype(float)


@pytest.mark.parametrize("scaling", ["none", "centred", "z-scored"])
def test_own_or_cohorts_mean_and_sd(windows, scaling):
    out = scaled(windows, scaling)
    train = frames(windows, "split", {"train"})
    for name in "abcd":
        own = frames(windows, "recording", {name})
        mean = train.mean(0) if scaling == "none" else own.mean(0)
        sd = own.std(0) if scaling == "z-scored" else train.std(0)
        expected = (own - mean) / np.where([True, True, False], sd, 1)
        np.testing.assert_allclose(frames(out, "recording", {name}), expected, atol=1e-5)
    assert not out.features[~windows.mask].any()
    assert out.index is windows.index


@pytest.mark.parametrize("scaling", ["none", "centred", "z-scored"])
def test_padding_and_other_recordings_change_nothing(windows, scaling):
    pad = ((0, 0), (0, 7))
    longer = replace(
        windows, features=np.pad(windows.features, (*pad, (0, 0))), mask=np.pad(windows.mask, pad)
    )
    out = scaled(windows, scaling).features
    np.testing.assert_array_equal(scaled(longer, scaling).features[:, :6], out)
    other = replace(windows, features=windows.features.copy())
    other.features[3:][windows.mask[3:]] *= 5  # Dev and Test
    np.testing.assert_array_equal(scaled(other, scaling).features[:3], out[:3])


def test_an_unknown_scaling_is_refused(windows):
    with pytest.raises(CohortError, match="unknown scaling 'minmax': choose one of none, centred"):
        scaled(windows, "minmax")
