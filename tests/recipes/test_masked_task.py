"""The objective: the model's own states, and an error that padding does not reach."""

import numpy as np
import pytest
import torch
from behaving import SMALL, WIDTH

from deplib.models import build
from deplib.pretraining import MaskedFrames, Scales, states

SCALES = Scales(np.full(WIDTH, 0.2), 0.5, 0.3)


@pytest.fixture
def task():
    task = MaskedFrames(build("MambaGRU", seed=3, **SMALL), SCALES)
    with torch.no_grad():
        task.head.weight.copy_(torch.from_numpy(np.random.default_rng(1).normal(size=(WIDTH, 16))))
    return task


def batch(n=4, time=40, seed=0):
    """Real frames with holes and tails, some of them hidden."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(n, WIDTH, time)).astype(np.float32))
    mask = torch.ones(n, time, dtype=torch.bool)
    mask[1, 25:] = False
    mask[2, :3] = False
    mask[2, 10:14] = False
    hidden = torch.zeros(n, time, dtype=torch.bool)
    hidden[:, 6:12] = True
    hidden[:, 20:24] = True
    return x, mask, hidden & mask


def test_the_last_state_through_the_regressor_is_the_model():
    model = build("MambaGRU", seed=3)
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(5, 512, 60)).astype(np.float32))
    mask = torch.from_numpy(rng.random((5, 60)) < 0.7)
    mask[3, 40:] = False
    with torch.no_grad():
        h = states(model, x, mask)
        torch.testing.assert_close(model.regressor(h[:, -1]).squeeze(1), model(x, mask))
        for t in (0, 7, 39, 59):  # the model of the frames up to t, where there is one
            seen = mask[:, : t + 1].any(dim=1)
            expected = model(x[seen, :, : t + 1], mask[seen, : t + 1])
            torch.testing.assert_close(model.regressor(h[seen, t]).squeeze(1), expected)


def test_a_state_is_held_where_no_frame_is_visible():
    model = build("MambaGRU", seed=3, **SMALL)
    x, mask, hidden = batch()
    with torch.no_grad():
        h = states(model, x, mask & ~hidden)
    assert (h[2, :3] == 0).all()
    assert (h[0, 6:12] == h[0, 5]).all()
    assert (h[1, 25:] == h[1, 24]).all()
    assert not torch.equal(h[0, 12], h[0, 5])


def test_hidden_frames_and_later_ones_are_not_seen(task):
    """What a prediction is made of stays the same, whatever the hidden frames hold."""
    x, mask, hidden = batch()
    other = torch.where(hidden[:, None], x + 5, x)
    with torch.no_grad():
        a, b = (task.state_deviation(v, mask, hidden) for v in (x, other))
        later = x.clone()
        later[:, :, 24:] += 1
        h, changed = (states(task.model, v, mask & ~hidden) for v in (x, later))
    assert torch.equal(a, b)
    assert torch.equal(h[:, :24], changed[:, :24])
    assert not torch.equal(h[:, 24:], changed[:, 24:])


def test_errors_by_hand(task):
    x, mask, hidden = batch()
    task.spread = 0.4
    errors, baseline = task(x, mask, hidden)
    k = 0
    for row in range(len(x)):
        visible = mask[row] & ~hidden[row]
        z = (x[row].T - 0.2) / 0.5
        last, h, seen = None, {}, []
        for t in range(x.shape[2]):
            if visible[t]:
                u = task.model.input_proj(z[t]) + task.model.positions[t]
                out, last = task.model.gru(u[None, None], last)
                seen.append(out[0, 0])
            elif hidden[row, t]:
                h[t] = seen[-1]
        mean_state, mean = torch.stack(seen).mean(0), x[row].T[visible].mean(0)
        for t, state in h.items():
            predicted = mean + 0.3 * task.head((state - mean_state) / 0.4)
            error = ((x[row, :, t] - predicted) / 0.3).square().mean()
            torch.testing.assert_close(errors[k], error, atol=1e-4, rtol=1e-4)
            trivial = ((x[row, :, t] - mean) / 0.3).square().mean()
            torch.testing.assert_close(baseline[k], trivial, atol=1e-4, rtol=1e-4)
            k += 1
    assert k == len(errors) == int(hidden.sum())


def test_padding_changes_no_error(task):
    x, mask, hidden = batch()
    pad = (0, 9)
    longer = (
        torch.nn.functional.pad(x, pad, value=float("nan")),
        torch.nn.functional.pad(mask, pad),
        torch.nn.functional.pad(hidden, pad),
    )
    with torch.no_grad():
        for a, b in zip(task(x, mask, hidden), task(*longer), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
        garbage = torch.where(mask[:, None], x, 1e6)
        for a, b in zip(task(x, mask, hidden), task(garbage, mask, hidden), strict=True):
            assert torch.equal(a, b)


def test_folding_is_exact(task):
    x, mask, _ = batch()
    with torch.no_grad():
        z = task.standardised(x, mask)
        expected = task.model(z, mask)
        assert not torch.allclose(task.model(x, mask), expected, atol=1e-3)
        task.fold()
        torch.testing.assert_close(task.model(x, mask), expected, atol=1e-5, rtol=1e-5)
