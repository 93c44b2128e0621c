"""What the tests of the models share: every entry of the registry, windows, a comparison."""

import numpy as np
import pytest
import torch
from torch import nn

from deplib.models import REGISTRY, build

CHANNELS = 512

every_model = pytest.mark.parametrize("name", REGISTRY)


def make(name, *, seed=0, **config):
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
    for part in ("weight", "bias"):
        layer.load_state_dict({f"{k}{part}": getattr(m, part) for k, m in weights.items()}, False)
    return layer
