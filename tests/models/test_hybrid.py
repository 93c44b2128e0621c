"""HybridPooling against plain NumPy, its streams, its scale, and its dropout."""

import numpy as np
import pytest
import torch
from samples import batch, close, make

from deplib.errors import ModelError
from deplib.models import build
from deplib.models.dropout import SeededDropout

STREAMS = [6, 3, 4]
CHANNELS = sum(STREAMS) + len(STREAMS)


def streamed(seed=0, **config):
    return make("HybridPooling", seed=seed, channels=CHANNELS, streams=STREAMS, **config)


def in_streams(n=4, time=20, seed=0):
    """Windows in which streams come and go; the third never comes in window 1, nor 2 frames."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, sum(STREAMS), time)) + rng.normal(size=(n, sum(STREAMS), 1))
    present = rng.random((n, len(STREAMS), time)) < 0.7
    present[:, 0, 0] = True
    present[1, 2] = False
    mask = present.any(axis=1)
    mask[2, 12:] = False
    x = np.concatenate([values * present.repeat(STREAMS, axis=1), present], axis=1)
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(mask)


def reference(model, x, mask):
    """The docstring's equations, a window and a stream at a time, on the frames that count."""
    p = {key: value.double().numpy() for key, value in model.state_dict().items()}
    x, mask = x.double().numpy(), mask.numpy()
    widths = model.widths
    starts = np.cumsum([0, *widths])
    answers = []
    for window, real in zip(x, mask, strict=True):
        summary, shares = [], []
        for k, width in enumerate(widths):
            here = real.copy()
            if model.n_flags:
                here &= window[starts[-1] + k] == 1
                shares.append(here.sum() / real.sum())
            if not here.any():
                summary.append(np.zeros(3 * width + 1))
                continue
            frames = window[starts[k] : starts[k] + width, here].T
            r = np.sqrt((frames**2).mean())
            z = frames / r
            V, b = p[f"pooling.{k}.hidden_proj.weight"], p[f"pooling.{k}.hidden_proj.bias"]
            score = np.array([p[f"pooling.{k}.score.weight"][0] @ np.tanh(V @ f + b) for f in z])
            a = np.exp(score) / np.exp(score).sum()
            length = np.log(np.sqrt((frames**2).sum(axis=1).mean()))
            summary.append(np.r_[z.mean(axis=0), z.std(axis=0), a @ z, length])
        v = np.concatenate([*summary, shares])
        h = np.maximum(p["regressor.0.weight"] @ v + p["regressor.0.bias"], 0)
        answers.append((p["regressor.2.weight"] @ h + p["regressor.2.bias"])[0])
    return answers


def test_the_equations_in_a_plain_loop():
    one, three = (make("HybridPooling", seed=3), *batch()), (streamed(seed=3), *in_streams())
    for model, x, mask in (one, three):
        y = model.double()(x.double(), mask).detach()
        np.testing.assert_allclose(y, reference(model, x, mask), atol=1e-12)


# Scale


def unit(n=3, time=30, width=512, seed=0):
    """Unit embeddings of persons that differ, and move a little."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width, 1)) + 0.7 * rng.normal(size=(n, width, time))
    return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True)).float()


def test_unit_embeddings_come_to_the_regressor_at_size_one():
    x, mask, model = unit(), torch.ones(3, 30, dtype=torch.bool), make("HybridPooling")
    summary = model.summary(x, mask)
    mean, sd, pooled, length = summary.split([512, 512, 512, 1], dim=1)
    assert x.mean(dim=2).square().mean() < 0.04**2
    close((mean.square() + sd.square()).mean(dim=1), torch.ones(3))
    for part in (mean, sd, pooled):
        assert 0.4 < part.square().mean().sqrt() < 1
    close(length, torch.zeros(3, 1))
    for factor in (1e-3, 50.0):  # another scale moves one number
        scaled = model.summary(factor * x, mask)
        close(scaled[:, :-1], summary[:, :-1])
        close(scaled[:, -1], torch.full((3,), float(np.log(factor))))


@pytest.mark.parametrize("frames", ["one", "alike", "zeros"])
def test_gradients_are_finite_where_nothing_moves(frames):
    x = unit(2)
    x = {"one": x[:, :, :1], "alike": x[:, :, :1].repeat(1, 1, 9), "zeros": 0 * x}[frames]
    x.requires_grad_()
    model = build("HybridPooling", seed=0)
    y = model(x, torch.ones(2, x.shape[2], dtype=torch.bool))
    y.square().sum().backward()
    assert torch.isfinite(y).all()
    for gradient in (x.grad, *(p.grad for p in model.parameters())):
        assert torch.isfinite(gradient).all()


# Streams


@pytest.mark.parametrize("garbage", [5.0, -1e9, float("nan"), float("inf")])
def test_what_stands_in_an_absent_frame_changes_nothing(garbage):
    x, mask = in_streams()
    present = x[:, -len(STREAMS) :].repeat_interleave(torch.tensor(STREAMS), dim=1) > 0
    spoilt = x.clone()
    spoilt[:, : sum(STREAMS)] = torch.where(present, x[:, : sum(STREAMS)], garbage)
    model = streamed()
    y = model(spoilt, mask)
    assert torch.equal(y, model(x, mask))
    y.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("row", [0, -1])  # a value at a frame that is present, and a flag
def test_bad_frames_of_streams_are_refused(row):
    x, mask = in_streams()
    x[0, row, 0] = float("nan")
    with pytest.raises(ModelError, match="NaN or infinity"):
        streamed()(x, mask)


def test_streams_and_dropout_that_cannot_be_are_refused():
    for streams in ([6, 3], [6, 3, 4, 1], [], [16, 0, -3]):
        with pytest.raises(ModelError, match=f"not {CHANNELS}: give both to match"):
            build("HybridPooling", seed=0, channels=CHANNELS, streams=streams)
    for p in (1.0, -0.1, float("nan")):
        with pytest.raises(ModelError, match="must lie between 0 and 1"):
            build("HybridPooling", seed=0, dropout=p)


# Dropout


def test_dropout_acts_in_training_alone_and_changes_no_weight():
    plain, model = make("HybridPooling"), build("HybridPooling-dropout", seed=0)
    x, mask = batch()
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in plain.state_dict().items())
    assert not torch.equal(model(x, mask), plain(x, mask))
    assert torch.equal(model.eval()(x, mask), plain(x, mask))


def test_dropout_draws_from_a_stream_of_its_own():
    x = torch.ones(40, 500)
    layer = build("HybridPooling", seed=1, dropout=0.2).dropout
    again = build("HybridPooling", seed=1, dropout=0.2).dropout
    state = torch.random.get_rng_state()
    a, b = layer(x), layer(x)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(5)  # what others draw does not matter
    assert torch.equal(again(x), a)
    assert not torch.equal(a, b)
    assert set(a.unique().tolist()) == {0.0, 1.25}
    assert (a == 0).double().mean() == pytest.approx(0.2, abs=0.01)
    assert not torch.equal(a[0], a[1])  # every window by itself
    resumed = SeededDropout(0.2)
    resumed.load_state_dict(layer.state_dict())
    assert torch.equal(resumed(x), layer(x))


def test_a_thinned_network_is_the_same_for_all_rows_in_any_mode():
    layer, x = SeededDropout(0.5), torch.ones(3, 400)
    layer.network = 7
    a = layer(x)
    assert torch.equal(a[0], a[1])
    assert torch.equal(layer.eval()(x), a)
    assert layer.stream[1] == 0  # asking it is no draw of the training
    layer.network = 8
    assert not torch.equal(layer(x), a)
    layer.network = None
    assert torch.equal(layer(x), x)
