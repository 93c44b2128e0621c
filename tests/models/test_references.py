"""The study's four and AttentionMIL against torch's own parts, or the equations in a plain loop."""

import numpy as np
import pytest
import torch
from samples import CHANNELS, batch, close, make, torch_layer
from torch import nn

from deplib.models import build


def test_mean_mlp_from_pooled_frames_is_the_same_function():
    model = make("TemporalMeanMLP")
    x, mask = batch()
    pooled = model.pool(x, mask)
    close(pooled[2], x[2][:, mask[2]].mean(dim=1))
    assert torch.equal(model.head(pooled), model(x, mask))


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
    model = make("LDBM")
    z = torch.arange(10.0).reshape(1, 5, 2)
    mask = torch.tensor([[True, False, False, False, True]])
    merged, real = model.merge_patches(z, mask)
    assert real.tolist() == [[True, False, True]]
    assert merged[0, 0].tolist() == [0.0, 1.0]  # the first of the pair alone
    assert merged[0, 2].tolist() == [8.0, 9.0]  # the odd one out


def test_ldbm_overlapping_patches_cover_the_last_frames():
    model = make("LDBM", patch=8, stride=3)
    x = torch.arange(20.0)[None, :, None].expand(1, 20, CHANNELS)
    frames, real = model.patches(x, torch.ones(1, 20, dtype=torch.bool))
    starts = frames[0, :, 0].tolist()
    assert starts == [0, 3, 6, 9, 12, 15, 18]
    assert real.all()
    assert frames[0, -1].unflatten(0, (8, CHANNELS))[:, 0].tolist() == [18, 19, 0, 0, 0, 0, 0, 0]


def test_transformer_is_torchs_encoder_with_its_gradient():
    model = build("VanillaTransformer", seed=3)
    layers = [torch_layer(layer, 128) for layer in model.layers]
    x, mask = batch(n=6, time=70)
    z = model.input_proj(x.transpose(1, 2)) + model.positions[:70]
    for layer in layers:
        z = layer(z, src_key_padding_mask=~mask)
    mean = torch.stack([row[real].mean(dim=0) for row, real in zip(z, mask, strict=True)])
    ours, theirs = model(x, mask), model.regressor(mean).squeeze(1)
    close(ours, theirs)
    for k, layer in enumerate(layers):
        (gradient,) = torch.autograd.grad(ours.sum(), model.layers[k].qkv.weight, retain_graph=True)
        weight = layer.self_attn.in_proj_weight
        close(gradient, torch.autograd.grad(theirs.sum(), weight, retain_graph=True)[0])


def test_mamba_gru_is_torchs_gru_on_packed_real_frames():
    model = build("MambaGRU", seed=3)
    x, mask = batch(n=5, time=60)
    u = model.input_proj(x.transpose(1, 2)) + model.positions[:60]
    rows = [row[real] for row, real in zip(u, mask, strict=True)]
    _, h = model.gru(nn.utils.rnn.pack_sequence(rows, enforce_sorted=False))
    close(model(x, mask), model.regressor(h[-1]).squeeze(1))


def test_attention_mil_is_equations_7_and_8_of_ilse_2018_in_a_plain_loop():
    model = make("AttentionMIL", seed=3).double()
    x, mask = (part.numpy() for part in batch())
    p = {key: value.numpy() for key, value in model.state_dict().items()}
    expected = []
    for window, real in zip(x.astype(np.float64), mask, strict=True):
        scores, bag = [], window.T[real]
        for frame in bag:
            hidden = np.tanh(p["hidden_proj.weight"] @ frame + p["hidden_proj.bias"])
            scores.append(float((p["score.weight"] @ hidden)[0]))
        a = np.exp(scores) / np.exp(scores).sum()
        z = sum(a_k * h_k for a_k, h_k in zip(a, bag, strict=True))
        z = np.maximum(p["regressor.0.weight"] @ z + p["regressor.0.bias"], 0)
        expected.append(float((p["regressor.2.weight"] @ z + p["regressor.2.bias"])[0]))
    y = model(torch.from_numpy(x).double(), torch.from_numpy(mask))
    np.testing.assert_allclose(y.detach(), expected, atol=1e-12)


def test_large_scores_of_attention_mil_pick_one_frame_without_overflow():
    model = make("AttentionMIL")
    x, mask = batch()
    with torch.no_grad():
        model.score.weight.mul_(1e6)
    a = model.weights(x.transpose(1, 2), mask)
    close(a.max(dim=1).values, torch.ones(3))
    assert torch.isfinite(model(x, mask)).all()
