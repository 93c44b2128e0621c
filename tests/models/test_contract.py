"""One contract for every registered model, and parity with independent references."""

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from deplib.errors import ModelError
from deplib.models import MODELS, build, n_parameters

CHANNELS = 512
VARIANTS = [
    *((name, {}) for name in MODELS),
    ("LDBM", {"patch": 4}),
    ("LDBM", {"patch": 16}),
    ("LDBM", {"patch": 8, "stride": 4}),
    ("LDBM", {"patch": 8, "stride": 3}),
]
IDS = ["-".join([name, *(f"{k}{v}" for k, v in config.items())]) for name, config in VARIANTS]

every_model = pytest.mark.parametrize(("name", "config"), VARIANTS, ids=IDS)


def make(name, config, *, seed=0):
    return build(name, seed=seed, **config).eval()


def batch(n=3, time=45, seed=0):
    """A batch with a full window, a padded tail, and holes in the middle."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(n, CHANNELS, time)).astype(np.float32))
    mask = torch.ones(n, time, dtype=torch.bool)
    mask[1, 27:] = False
    mask[2:, 5:14] = False
    mask[2:, 20] = False
    return x, mask


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


@every_model
def test_output_is_one_number_a_window(name, config):
    x, mask = batch()
    y = make(name, config)(x, mask)
    assert y.shape == (3,)
    assert y.dtype == torch.float32
    assert torch.isfinite(y).all()
    assert len(set(y.tolist())) == 3  # windows differ, and so do their outputs


@every_model
def test_gradient_reaches_every_parameter(name, config):
    x, mask = batch(n=8)
    model = build(name, seed=0, **config)
    model(x, mask).square().sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().sum() > 0, key


@every_model
@pytest.mark.parametrize("extra", [1, 3, 8, 83])
def test_appended_padding_changes_nothing(name, config, extra):
    x, mask = batch()
    model = make(name, config)
    longer = torch.cat([x, torch.full((3, CHANNELS, extra), 7.0)], dim=2)
    longer_mask = torch.cat([mask, torch.zeros(3, extra, dtype=torch.bool)], dim=1)
    close(model(longer, longer_mask), model(x, mask))


@every_model
@pytest.mark.parametrize("garbage", [-3.0, 1e6, float("nan"), float("inf")])
def test_what_stands_in_a_masked_frame_changes_nothing(name, config, garbage):
    x, mask = batch()
    model = make(name, config)
    spoilt = torch.where(mask[:, None, :], x, torch.tensor(garbage))
    assert torch.equal(model(spoilt, mask), model(x, mask))


@every_model
def test_gradient_stops_at_masked_frames(name, config):
    x, mask = batch()
    x.requires_grad_()
    make(name, config)(x, mask).sum().backward()
    at_frame = x.grad.abs().sum(dim=1)
    assert (at_frame[~mask] == 0).all()
    assert (at_frame[mask] > 0).all()  # every real frame counts


@every_model
def test_masking_a_frame_changes_the_output(name, config):
    x, mask = batch()
    x = x.double()  # a recurrence all but forgets a frame
    fewer = mask.clone()
    fewer[:, 3] = False
    model = make(name, config).double()
    assert ((model(x, fewer) - model(x, mask)).abs() > 1e-10).all()


@every_model
def test_windows_of_a_batch_do_not_mix(name, config):
    x, mask = batch(n=5)
    model = make(name, config)
    y = model(x, mask)
    order = torch.tensor([3, 0, 4, 2, 1])
    close(model(x[order], mask[order]), y[order])
    alone = torch.cat([model(x[i : i + 1], mask[i : i + 1]) for i in range(5)])
    close(alone, y)


@every_model
def test_arguments_are_left_as_they_were(name, config):
    x, mask = batch()
    before, mask_before = x.clone(), mask.clone()
    make(name, config)(x, mask)
    assert torch.equal(x, before)
    assert torch.equal(mask, mask_before)


@every_model
def test_seed_determines_the_weights_and_nothing_else(name, config):
    x, mask = batch()
    state = torch.random.get_rng_state()
    a, b, other = (make(name, config, seed=s)(x, mask) for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_model
def test_weights_survive_safetensors(name, config):
    x, mask = batch()
    model, other = make(name, config), make(name, config, seed=9)
    other.load_state_dict(load(save(model.state_dict())))
    assert torch.equal(other(x, mask), model(x, mask))


@pytest.mark.parametrize(
    ("name", "config", "count"),
    [
        ("TemporalMeanMLP", {}, 131_585),
        ("LDBM", {}, 1_357_825),
        ("VanillaTransformer", {}, 500_737),
        ("MambaGRU", {}, 528_129),
        ("LDBM", {"patch": 4}, 1_127_681),
        ("LDBM", {"patch": 16}, 1_866_113),
        ("LDBM", {"patch": 8, "stride": 4}, 1_389_825),
    ],
)
def test_parameter_count(name, config, count):
    assert n_parameters(build(name, seed=0, **config)) == count


GOLDEN = {
    "TemporalMeanMLP": [0.08716, -0.06093, 0.02671],
    "LDBM": [-0.09766, -0.18399, -0.35923],
    "VanillaTransformer": [-0.12609, -0.08456, -0.0989],
    "MambaGRU": [-0.0465, -0.01091, -0.0301],
}


@pytest.mark.parametrize("name", MODELS)
def test_output_is_the_recorded_one(name):
    """Weights from seed 0, windows from NumPy; 1e-4 allows for another CPU's rounding."""
    x, mask = batch()
    np.testing.assert_allclose(make(name, {})(x, mask).tolist(), GOLDEN[name], atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_order_of_frames_matters_only_to_temporal_models(name):
    x, mask = (part[:1] for part in batch())
    model = make(name, {})
    change = (model(x.flip(2), mask) - model(x, mask)).abs().item()
    assert change < 1e-6 if name == "TemporalMeanMLP" else change > 1e-4


# Bad input


@every_model
def test_bad_input_is_refused(name, config):
    model = make(name, config)
    x, mask = batch()
    empty = mask.clone()
    empty[1] = False
    nan = x.clone()
    nan[0, 0, 0] = float("nan")
    for message, bad_x, bad_mask in [
        ("expected \\(batch, 512, time\\)", x[:, :100], mask),
        ("expected \\(batch, 512, time\\)", x[0], mask),
        ("mask is torch.float32", x, mask.float()),
        ("mask is torch.bool", x, mask[:, :-1]),
        ("window 1 of the batch has no real frame", x, empty),
        ("NaN or infinity", nan, mask),
    ]:
        with pytest.raises(ModelError, match=message):
            model(bad_x, bad_mask)


@pytest.mark.parametrize(
    ("name", "limit"), [("VanillaTransformer", 1000), ("MambaGRU", 2000), ("LDBM", 2000)]
)
def test_window_longer_than_the_positions_is_refused(name, limit):
    model = make(name, {})
    with pytest.raises(ModelError, match=f"{limit} learned positions"):
        model(torch.zeros(1, CHANNELS, limit + 1), torch.ones(1, limit + 1, dtype=torch.bool))


def test_bad_configuration_is_refused():
    with pytest.raises(ModelError, match="unknown model 'Mamba'"):
        build("Mamba", seed=0)
    with pytest.raises(ModelError, match="cannot be built"):
        build("LDBM", seed=0, patches=4)
    with pytest.raises(ModelError, match="stride 9"):
        build("LDBM", seed=0, patch=8, stride=9)
    with pytest.raises(ModelError, match="5 heads"):
        build("VanillaTransformer", seed=0, heads=5)


# Parity with torch's own modules


def torch_layer(ours, feedforward):
    layer = nn.TransformerEncoderLayer(128, 4, feedforward, dropout=0.0, batch_first=True)
    weights = {
        "self_attn.in_proj_": ours.qkv,
        "self_attn.out_proj.": ours.out,
        "linear1.": ours.expand,
        "linear2.": ours.contract,
        "norm1.": ours.norm_attention,
        "norm2.": ours.norm_feedforward,
    }
    layer.load_state_dict(
        {
            f"{key}{part}": getattr(m, part)
            for key, m in weights.items()
            for part in ("weight", "bias")
        }
    )
    return layer


def test_transformer_is_torchs_encoder():
    model = build("VanillaTransformer", seed=3)
    layers = [torch_layer(layer, 128) for layer in model.layers]
    x, mask = batch(n=6, time=70)
    z = model.input_proj(x.transpose(1, 2)) + model.positions[:70]
    for layer in layers:
        z = layer(z, src_key_padding_mask=~mask)
    mean = torch.stack([row[real].mean(dim=0) for row, real in zip(z, mask, strict=True)])
    close(model(x, mask), model.regressor(mean).squeeze(1))


def test_transformer_has_the_gradient_of_torchs_encoder():
    ours = build("VanillaTransformer", seed=3).layers[0]
    theirs = torch_layer(ours, 128)
    _, mask = batch(n=4)
    z = torch.randn(4, 45, 128, generator=torch.Generator().manual_seed(0))
    a, b = z.clone().requires_grad_(), z.clone().requires_grad_()
    (ours(a, mask)[mask] ** 3).sum().backward()
    (theirs(b, src_key_padding_mask=~mask)[mask] ** 3).sum().backward()
    close(a.grad, b.grad, 1e-4)
    close(ours.qkv.weight.grad, theirs.self_attn.in_proj_weight.grad, 1e-3)


def test_mamba_gru_is_torchs_gru_on_packed_real_frames():
    model = build("MambaGRU", seed=3)
    x, mask = batch(n=5, time=60)
    u = model.input_proj(x.transpose(1, 2)) + model.positions[:60]
    packed = nn.utils.rnn.pack_sequence(
        [row[real] for row, real in zip(u, mask, strict=True)], enforce_sorted=False
    )
    _, h = model.gru(packed)
    close(model(x, mask), model.regressor(h[-1]).squeeze(1))


@pytest.mark.parametrize("patch", [4, 8, 16])
def test_ldbm_on_whole_windows_is_convolution_encoder_and_average_pooling(patch):
    model = build("LDBM", seed=3, patch=patch)
    x, _ = batch(n=3, time=patch * 16)
    kernel = model.patch_proj.weight.view(128, patch, CHANNELS).transpose(1, 2)
    z = nn.functional.conv1d(x, kernel, model.patch_proj.bias, stride=patch).transpose(1, 2)
    z = z + model.positions[:16]
    for layer in model.layers:
        z = nn.functional.avg_pool1d(torch_layer(layer, 512)(z).transpose(1, 2), 2).transpose(1, 2)
    y = model(x, torch.ones(3, patch * 16, dtype=torch.bool))
    close(y, model.regressor(z.mean(dim=1)).squeeze(1))


def test_ldbm_merges_over_real_tokens_only():
    model = make("LDBM", {})
    z = torch.arange(10.0).reshape(1, 5, 2)
    mask = torch.tensor([[True, False, False, False, True]])
    merged, real = model.merge_patches(z, mask)
    assert real.tolist() == [[True, False, True]]
    assert merged[0, 0].tolist() == [0.0, 1.0]  # the first of the pair alone
    assert merged[0, 2].tolist() == [8.0, 9.0]  # the odd one out


def test_ldbm_overlapping_patches_cover_the_last_frames():
    model = make("LDBM", {"patch": 8, "stride": 3})
    x = torch.arange(20.0)[None, :, None].expand(1, 20, CHANNELS)
    frames, real = model.patches(x, torch.ones(1, 20, dtype=torch.bool))
    starts = frames[0, :, 0].tolist()
    assert starts == [0, 3, 6, 9, 12, 15, 18]
    assert real.all()
    assert frames[0, -1].unflatten(0, (8, CHANNELS))[:, 0].tolist() == [18, 19, 0, 0, 0, 0, 0, 0]


def test_mean_mlp_from_pooled_frames_is_the_same_function():
    model = make("TemporalMeanMLP", {})
    x, mask = batch()
    pooled = model.pool(x, mask)
    close(pooled[2], x[2][:, mask[2]].mean(dim=1))
    assert torch.equal(model.head(pooled), model(x, mask))
