"""What is hidden, and whether a network learns to predict it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from behaving import SMALL, make_windows

from deplib.errors import ModelError
from deplib.models import build
from deplib.pretraining import HISTORY_COLUMNS, Pretraining, draw_hidden, pretrain

QUICK = Pretraining(epochs=3, batch_size=8, shortest=3, longest=6, learning_rate=3e-3)


@pytest.fixture(scope="module")
def windows():
    return make_windows()


def learn(windows, settings=QUICK, *, seed=0, **keywords):
    model = build("MambaGRU", seed=seed, **SMALL)
    rng = np.random.default_rng(seed)
    return model, pretrain(model, windows, settings, rng=rng, **keywords)


def runs_of(row):
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, row.astype(int), 0]))
    return edges[1::2] - edges[::2]


def test_only_real_frames_are_hidden_and_as_many_as_asked():
    rng = np.random.default_rng(0)
    mask = rng.random((200, 100)) < rng.random((200, 1))
    for share in (0.1, 0.3, 0.5):
        settings = Pretraining(share=share, shortest=2, longest=5)
        hidden = draw_hidden(mask, settings, rng=rng)
        assert not hidden[~mask].any()
        n_real, n_hidden = mask.sum(axis=1), hidden.sum(axis=1)
        room = n_real >= 20
        np.testing.assert_allclose(n_hidden[room], share * n_real[room], atol=0.5)
        assert hidden.sum() / mask.sum() == pytest.approx(share, abs=0.01)


def test_spans_have_their_lengths_do_not_touch_and_leave_the_first_frame():
    settings = Pretraining(share=0.3, shortest=8, longest=16)
    hidden = draw_hidden(np.ones((300, 512), bool), settings, rng=np.random.default_rng(1))
    lengths = [runs_of(row) for row in hidden]
    assert not hidden[:, 0].any()
    assert all((row < 8).sum() <= 1 for row in lengths)  # the one that makes up the sum
    every = np.concatenate(lengths)
    assert every.max() == 16
    counts = np.bincount(every, minlength=17)[8:]
    assert counts.min() > 0.8 * counts.mean()  # all lengths alike
    where = hidden.mean(axis=0)[32:-32]  # and all places, but for the ends
    assert where.min() > 0.18
    assert where.max() < 0.42


def test_behaviour_that_lasts_is_learnt_and_noise_is_not(windows):
    held_out = windows.index["person"].isin([f"p{i}" for i in range(6)]).to_numpy()
    settings = replace(QUICK, epochs=15)
    _, history = learn(windows, settings, held_out=held_out)
    assert tuple(history) == HISTORY_COLUMNS
    assert history["epoch"].tolist() == list(range(1, 16))
    last, first = history.iloc[-1], history.iloc[0]
    assert last["loss"] < 0.65 * last["baseline"]
    assert last["held_out_loss"] < 0.75 * last["held_out_baseline"]
    assert last["loss"] < 0.7 * first["loss"]
    assert np.ptp(history["held_out_baseline"]) == 0  # the same frames each time
    assert np.ptp(history["baseline"]) > 0

    _, nothing = learn(make_windows(rho=0.0), replace(QUICK, epochs=5), held_out=held_out)
    assert (nothing["held_out_loss"] > 0.98 * nothing["held_out_baseline"]).all()


def test_same_seed_same_weights_other_seed_others(windows):
    state = torch.random.get_rng_state()
    (a, history), (b, again), (c, _) = (learn(windows, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    pd.testing.assert_frame_equal(history, again, check_exact=True)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.input_proj.weight, c.input_proj.weight)


def test_all_but_the_regressor_learns(windows):
    start = build("MambaGRU", seed=0, **SMALL)
    model, _ = learn(windows)
    for (name, before), after in zip(start.named_parameters(), model.parameters(), strict=True):
        assert torch.equal(before, after) == name.startswith("regressor"), name
        assert after.isfinite().all()


def test_the_control_that_learns_nothing_is_the_start_on_standardised_frames(windows):
    model, history = learn(windows, replace(QUICK, learning_rate=0.0))
    np.testing.assert_allclose(history["loss"], history["baseline"], rtol=1e-6)
    real = windows.features[windows.mask].astype(float)
    mean, sd = real.mean(axis=0), np.sqrt(((real - real.mean(axis=0)) ** 2).mean())
    z = torch.from_numpy((windows.features - mean) / sd).float().transpose(1, 2)
    x, mask = torch.from_numpy(windows.features).transpose(1, 2), torch.from_numpy(windows.mask)
    with torch.no_grad():
        expected = build("MambaGRU", seed=0, **SMALL)(z, mask)
        torch.testing.assert_close(model(x, mask), expected, atol=1e-5, rtol=1e-5)


def test_what_cannot_be_learnt_from_is_refused(windows):
    constant = np.ones_like(windows.features)
    with pytest.raises(ModelError, match="all frames are alike"):
        learn(replace(windows, features=constant))
    nan = windows.features.copy()
    nan[0][windows.mask[0]] = np.nan
    with pytest.raises(ModelError, match="one is NaN"):
        learn(replace(windows, features=nan))
    with pytest.raises(ModelError, match="is long enough for a frame to be hidden"):
        learn(windows, replace(QUICK, share=0.001))
    with pytest.raises(ModelError, match=r"the loss is \w+ in epoch"):
        learn(windows, replace(QUICK, learning_rate=1e30))


@pytest.mark.parametrize(
    "change",
    [
        {"share": 0.0},
        {"share": 1.0},
        {"held_out": 1.0},
        {"shortest": 0},
        {"shortest": 17},
        {"epochs": -1},
        {"batch_size": 0},
        {"learning_rate": -1.0},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ModelError, match="must"):
        Pretraining(**change)
