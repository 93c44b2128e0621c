"""TemporalMeanMLP: pooling once and then the head is the model itself."""

import torch
from samples import batch, close, make


def test_mean_mlp_from_pooled_frames_is_the_same_function():
    model = make("TemporalMeanMLP")
    x, mask = batch()
    pooled = model.pool(x, mask)
    close(pooled[2], x[2][:, mask[2]].mean(dim=1))
    assert torch.equal(model.head(pooled), model(x, mask))
