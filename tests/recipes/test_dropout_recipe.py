"""Monte Carlo dropout: the SD of the recording's mean over thinned networks."""

import numpy as np
import pandas as pd
import pytest
import torch
from bagged import PROTOCOL, SMALL, make_windows

from deplib import recipes
from deplib.errors import ModelError
from deplib.models import build
from deplib.training import train

NAME = "HybridPooling-dropout"


@pytest.fixture(scope="module")
def windows():
    return make_windows()


@pytest.fixture(scope="module")
def run(windows):
    return recipes.dropout(NAME, windows, PROTOCOL, seed=1, config=SMALL)


@pytest.fixture
def model(run):
    model = build(NAME, seed=9, **SMALL)
    model.load_state_dict(run.state_dict)
    return model


def test_predictions_are_those_of_the_protocol_with_one_more_column(windows, run):
    plain = train(NAME, windows, PROTOCOL, seed=1, config=SMALL)
    pd.testing.assert_frame_equal(run.predictions.drop(columns="y_sd"), plain.predictions)
    pd.testing.assert_frame_equal(run.history, plain.history, check_exact=True)
    assert (run.predictions["y_sd"] > 0).all()


def test_the_sd_is_of_the_recordings_mean_over_networks_by_hand(windows, run, model):
    """Masks applied by hooks to whole forward passes in plain loops."""
    seed = int(run.state_dict["dropout.stream"][0])
    x, mask = torch.from_numpy(windows.features).transpose(1, 2), torch.from_numpy(windows.mask)
    y = []
    for k in range(recipes.PASSES):
        kept = np.random.default_rng([seed, 1, k]).random(3 * SMALL["channels"] + 1) >= 0.2
        factor = torch.from_numpy(kept / 0.8).float()
        hook = model.dropout.register_forward_hook(lambda _m, _i, out, by=factor: out * by)
        with torch.no_grad():
            y.append(model.eval()(x, mask).double().numpy())
        hook.remove()
    for _, rows in windows.index.groupby("recording").groups.items():
        expected = np.std([one[rows].mean() for one in y], ddof=1)
        np.testing.assert_allclose(run.predictions.loc[rows, "y_sd"], expected, atol=1e-4)


def test_the_windows_of_a_pass_share_their_network(windows, model):
    """The same window twice is no evidence: its answers agree in every pass."""
    twice = replace_features(windows)
    y = recipes.passes(model, twice, n=5)
    np.testing.assert_allclose(y - y[:, :1], 0, atol=1e-4)
    assert y[:, 0].std() > 1e-3
    np.testing.assert_array_equal(recipes.passes(model, twice, n=3), y[:3])
    np.testing.assert_allclose(recipes.passes(model, twice, n=5, batch_size=7), y, atol=1e-4)


def replace_features(windows):
    features, mask = windows.features.copy(), windows.mask.copy()
    features[:], mask[:] = features[0], mask[0]
    return type(windows)(features, mask, windows.index, windows.label_mean, windows.label_std)


def test_more_dropout_more_spread(windows):
    spread = [
        recipes.dropout("HybridPooling", windows, PROTOCOL, seed=0, config=SMALL | {"dropout": p})
        .predictions["y_sd"]
        .mean()
        for p in (0.02, 0.2, 0.5)
    ]
    assert spread[0] < spread[1] < spread[2]


@pytest.mark.parametrize(
    ("name", "config"),
    [("LDBM", {}), ("HybridPooling", {}), (NAME, {"dropout": 0.0})],
)
def test_a_model_without_dropout_is_refused(name, config, windows):
    with pytest.raises(ModelError, match="has no dropout, so all passes would agree"):
        recipes.dropout(name, windows, PROTOCOL, seed=0, config=SMALL | config)
