"""LDBM against torch's own convolution, encoder and pooling; its patches and their merging."""

import pytest
import torch
from samples import CHANNELS, batch, close, make, torch_layer
from torch import nn

from deplib.models import build


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
