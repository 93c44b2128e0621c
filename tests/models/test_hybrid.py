"""HybridPooling against plain NumPy, its streams, its scale, and its dropout."""

import numpy as np
import pytest
import torch
from samples import batch, close, make

from deplib.errors import ModelError
from deplib.models import build, n_parameters
from deplib.models.dropout import SeededDropout
from deplib.models.hybrid import HybridPooling

STREAMS = [6, 3, 4]
CHANNELS = sum(STREAMS) + len(STREAMS)


def streamed(seed=0, **config):
    return make("HybridPooling", {"channels": CHANNELS, "streams": STREAMS, **config}, seed=seed)


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
    model = make("HybridPooling", seed=3).double()
    x, mask = batch()
    y = model(x.double(), mask).detach()
    np.testing.assert_allclose(y, reference(model, x, mask), atol=1e-12)


def test_the_equations_of_streams_in_a_plain_loop():
    model = streamed(seed=3).double()
    x, mask = in_streams()
    assert not (x[1, -1] > 0).any()  # one of them is absent throughout
    y = model(x.double(), mask).detach()
    np.testing.assert_allclose(y, reference(model, x, mask), atol=1e-12)


@pytest.mark.parametrize("width", [1, 7])
def test_attention_is_shared_out_among_the_frames_that_are_present(width):
    pooling = HybridPooling(channels=width).pooling[0]
    z = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 9, width))).float()
    present = torch.ones(3, 9, dtype=torch.bool)
    present[1, 4:] = False
    present[2] = False
    a = pooling.weights(z, present)
    assert (a[~present] == 0).all()
    assert (a[present] > 0).all()
    close(a.sum(dim=1), torch.tensor([1.0, 1.0, 0.0]))
    assert a[0].std() > 1e-4  # and not evenly


# Scale


def unit(n=3, time=30, width=512, seed=0):
    """Unit embeddings of persons that differ, and move a little."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width, 1)) + 0.7 * rng.normal(size=(n, width, time))
    return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True)).float()


def test_unit_embeddings_come_to_the_regressor_at_size_one():
    x = unit()
    summary = make("HybridPooling").summary(x, torch.ones(3, 30, dtype=torch.bool))
    mean, sd, pooled, length = summary.split([512, 512, 512, 1], dim=1)
    assert x.mean(dim=2).square().mean() < 0.04**2
    close((mean.square() + sd.square()).mean(dim=1), torch.ones(3))
    for part in (mean, sd, pooled):
        assert 0.4 < part.square().mean().sqrt() < 1
    close(length, torch.zeros(3, 1))


def test_another_scale_moves_one_number():
    model, mask = make("HybridPooling"), torch.ones(3, 30, dtype=torch.bool)
    for factor in (1e-3, 50.0):
        once, scaled = model.summary(unit(), mask), model.summary(factor * unit(), mask)
        close(scaled[:, :-1], once[:, :-1])
        close(scaled[:, -1] - once[:, -1], torch.full((3,), float(np.log(factor))))


def test_how_much_a_face_moves_is_kept():
    """What LayerNorm would take away: the same direction of SD, twice as large."""
    mask = torch.ones(1, 30, dtype=torch.bool)
    still, move = unit(1), unit(1) - unit(1).mean(dim=2, keepdim=True)
    little = make("HybridPooling").summary(still - move / 2, mask)[0, 512:1024]
    much = make("HybridPooling").summary(still, mask)[0, 512:1024]
    close(little / little.norm(), much / much.norm())
    assert 1.5 < much.norm() / little.norm() < 2


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


@pytest.mark.parametrize("time", [1, 2, 4096])
def test_any_length_is_a_window(time):
    x, mask = unit(2, time), torch.ones(2, time, dtype=torch.bool)
    y = make("HybridPooling")(x, mask)
    assert torch.isfinite(y).all()
    close(make("HybridPooling")(torch.cat([x, x], dim=2), torch.cat([mask, mask], dim=1)), y)


# Streams


@pytest.mark.parametrize("garbage", [5.0, -1e9, float("nan"), float("inf")])
def test_what_stands_in_an_absent_frame_changes_nothing(garbage):
    x, mask = in_streams()
    present = x[:, -len(STREAMS) :].repeat_interleave(torch.tensor(STREAMS), dim=1) > 0
    spoilt = x.clone()
    spoilt[:, : sum(STREAMS)] = torch.where(present, x[:, : sum(STREAMS)], garbage)
    model = build("HybridPooling", seed=0, channels=CHANNELS, streams=STREAMS)
    y = model(spoilt, mask)
    assert torch.equal(y, model(x, mask))
    y.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_masked_frame_is_in_no_stream():
    x, mask = in_streams()
    x[2, -len(STREAMS) :, 12:] = 1.0  # said to be present where the window has ended
    shorter = x[2:3, :, :12], mask[2:3, :12]
    close(streamed()(x, mask)[2:3], streamed()(*shorter))


def test_an_absent_stream_is_zeros_and_the_regressor_is_told_the_share():
    x, mask = in_streams()
    summary = streamed().summary(x, mask)
    last = summary[:, -len(STREAMS) - (3 * 4 + 1) : -len(STREAMS)]  # of the third stream
    assert (last[1] == 0).all()
    assert (last[[0, 2, 3]] != 0).all()
    share = (x[:, -len(STREAMS) :].bool() & mask[:, None]).sum(dim=2) / mask.sum(dim=1)[:, None]
    close(summary[:, -len(STREAMS) :], share)
    assert share[1, 2] == 0
    assert len(set(share.flatten().tolist())) > 4


def test_streams_have_attention_and_scale_of_their_own():
    x, mask = in_streams()
    louder = x.clone()
    louder[:, : STREAMS[0]] *= 100
    a, b = (streamed().summary(part, mask) for part in (x, louder))
    changed = (a - b).abs().max(dim=0).values > 1e-4
    assert changed.nonzero().flatten().tolist() == [3 * STREAMS[0]]  # the first one's log scale


def test_one_stream_with_flags_is_the_model_without_where_it_is_always_there():
    plain, flagged = make("HybridPooling", {"channels": 6}), HybridPooling(channels=7, streams=[6])
    weights = plain.state_dict()
    share = torch.zeros(256, 1)
    weights["regressor.0.weight"] = torch.cat([weights["regressor.0.weight"], share], dim=1)
    flagged.load_state_dict(weights)
    x, mask = batch()
    x = x[:, :6]
    close(flagged(torch.cat([x, torch.ones(3, 1, 45)], dim=1), mask), plain(x, mask))


def test_bad_frames_of_streams_are_refused():
    x, mask = in_streams()
    for row in (0, CHANNELS - 1):  # a value at a frame that is present, and a flag
        nan = x.clone()
        nan[0, row, 0] = float("nan")
        with pytest.raises(ModelError, match="NaN or infinity"):
            streamed()(nan, mask)
    for wrong in (x[:, :-1], x[0]):
        with pytest.raises(ModelError, match=rf"expected \(batch, {CHANNELS}, time\)"):
            streamed()(wrong, mask)


@pytest.mark.parametrize("streams", [[6, 3], [6, 3, 4, 1], [], [16, 0, -3]])
def test_streams_that_do_not_make_up_the_channels_are_refused(streams):
    with pytest.raises(ModelError, match=f"not {CHANNELS}: give both to match"):
        build("HybridPooling", seed=0, channels=CHANNELS, streams=streams)


def test_every_stream_that_there_is_stays_far_below_five_million_parameters():
    streams = [512, 512, 512, 29, 23]
    model = build("HybridPooling", seed=0, channels=sum(streams) + 5, streams=streams)
    assert n_parameters(model) == 1_427_201
    print(f"{n_parameters(model):,} parameters with five streams")


# Dropout


def test_dropout_acts_in_training_alone_and_changes_no_weight():
    plain, model = make("HybridPooling"), build("HybridPooling-dropout", seed=0)
    x, mask = batch()
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in plain.state_dict().items())
    assert not torch.equal(model(x, mask), plain(x, mask))
    assert torch.equal(model.eval()(x, mask), plain(x, mask))


def test_dropout_draws_from_a_stream_of_its_own():
    x = torch.ones(40, 500)

    def draws():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            layer = SeededDropout(0.2)
        return layer, [layer(x) for _ in range(2)]

    state = torch.random.get_rng_state()
    layer, (a, b) = draws()
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(5)  # what others draw does not matter
    _, (again, _) = draws()
    assert torch.equal(a, again)
    assert not torch.equal(a, b)
    assert set(a.unique().tolist()) == {0.0, 1.25}
    assert (a == 0).double().mean() == pytest.approx(0.2, abs=0.01)
    assert not torch.equal(a[0], a[1])  # every window by itself
    torch.random.set_rng_state(state)
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


@pytest.mark.parametrize("p", [1.0, -0.1, 2.0, float("nan")])
def test_a_dropout_that_is_no_share_is_refused(p):
    with pytest.raises(ModelError, match="must lie between 0 and 1"):
        build("HybridPooling", seed=0, dropout=p)
