"""VanillaTransformer is torch's own encoder, masks and gradients included."""

import torch
from samples import batch, close, torch_layer

from deplib.models import build


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
