"""Smoothed targets: the protocol where e = 0, and the sums by hand where it is not."""

import numpy as np
import pandas as pd
import pytest
import torch
from bagged import PROTOCOL, SMALL, make_windows

from deplib import recipes
from deplib.models import build
from deplib.training import train


@pytest.fixture(scope="module")
def windows():
    return make_windows()


@pytest.mark.parametrize("name", ["TemporalMeanMLP", "LDBM", "HybridPooling-dropout"])
def test_without_smoothing_it_is_the_protocol_bit_for_bit(name, windows, monkeypatch):
    monkeypatch.setattr(recipes, "SHARE", 0.0)
    a = recipes.smoothed(name, windows, PROTOCOL, seed=2, config=SMALL)
    b = train(name, windows, PROTOCOL, seed=2, config=SMALL)
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.history, b.history, check_exact=True)
    assert all(torch.equal(a.state_dict[key], b.state_dict[key]) for key in b.state_dict)


def test_the_first_epoch_is_plain_and_the_others_are_not(windows):
    a = recipes.smoothed("TemporalMeanMLP", windows, PROTOCOL, seed=2, config=SMALL).history
    b = train("TemporalMeanMLP", windows, PROTOCOL, seed=2, config=SMALL).history
    pd.testing.assert_frame_equal(a[:1], b[:1], check_exact=True)
    assert (a["train_loss"][1:] != b["train_loss"][1:]).all()


def test_two_epochs_by_hand(windows):
    """A plain loop with targets from a dict of the first epoch's outputs."""
    protocol = PROTOCOL
    result = recipes.smoothed("TemporalMeanMLP", windows, protocol, seed=4, config=SMALL)
    data = windows.subset("train")
    model = build("TemporalMeanMLP", seed=4, **SMALL)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    x, mask = torch.from_numpy(data.features).transpose(1, 2), torch.from_numpy(data.mask)
    keys = list(zip(data.index["recording"], data.index["window"], strict=True))
    labels = dict(zip(keys, data.index["y"], strict=True))
    order, before = np.random.default_rng(4), {}
    for epoch in range(protocol.epochs):
        now, losses = {}, []
        for rows in torch.from_numpy(order.permutation(len(data))).split(16):
            output = model(x[rows], mask[rows])
            targets = []
            for recording, w in (keys[i] for i in rows):
                target = labels[recording, w]
                if before:
                    near = [before[recording, v] for v in (w - 1, w, w + 1)
                            if (recording, v) in before]  # fmt: skip
                    target = 0.7 * target + 0.3 * np.mean(near)
                targets.append(target)
            optimizer.zero_grad()
            (output - torch.tensor(targets, dtype=torch.float32)).abs().mean().backward()
            optimizer.step()
            now |= {keys[i]: y for i, y in zip(rows, output.tolist(), strict=True)}
            losses += [abs(now[keys[i]] - labels[keys[i]]) for i in rows]
        assert result.history["train_loss"][epoch] == pytest.approx(np.mean(losses), abs=1e-5)
        before = now


def test_neighbours_are_windows_of_the_same_recording_side_by_side():
    index = pd.DataFrame(
        {"recording": ["a", "b", "a", "a", "b", "c"], "window": [1, 0, 0, 3, 1, 2]}
    )
    near = recipes.neighbours(index)
    half = 1 / 2
    expected = [
        [half, 0, half, 0, 0, 0],
        [0, half, 0, 0, half, 0],
        [half, 0, half, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],  # its neighbour, window 2, had no real frame and was dropped
        [0, half, 0, 0, half, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    np.testing.assert_array_equal(near, np.float32(expected))
    three = recipes.neighbours(pd.DataFrame({"recording": "a", "window": range(4)}))
    np.testing.assert_allclose(three[1], [1 / 3, 1 / 3, 1 / 3, 0], rtol=1e-6)
