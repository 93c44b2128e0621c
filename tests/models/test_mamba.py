"""Mamba against the published equations, written here as a plain loop, and its first step sizes."""

import numpy as np
import pytest
import torch
from samples import batch, close, make
from torch import nn


def silu(a):
    return a / (1 + np.exp(-a))


def rms_norm(u, weight):
    return u / np.sqrt((u**2).mean(axis=-1, keepdims=True) + 1e-5) * weight


def block_by_the_paper(u, p):
    """One window (t, d_model) through a block, frame by frame; p are the block's weights."""
    d_inner, n = p["A_log"].shape
    dt_rank, K = p["dt_proj.weight"].shape[1], p["conv.weight"].shape[2]
    v = rms_norm(u, p["norm.weight"])
    A, h, seen, out = -np.exp(p["A_log"]), np.zeros((d_inner, n)), [], []
    for t in range(len(u)):
        seen.append(p["in_proj.weight"] @ v[t])
        x = p["conv.bias"].copy()
        for back in range(min(K, t + 1)):
            x += p["conv.weight"][:, 0, K - 1 - back] * seen[t - back]
        x = silu(x)
        mixed = p["x_proj.weight"] @ x
        B, C = mixed[dt_rank : dt_rank + n], mixed[dt_rank + n :]
        dt = np.log1p(np.exp(p["dt_proj.weight"] @ mixed[:dt_rank] + p["dt_proj.bias"]))
        for d in range(d_inner):
            h[d] = np.exp(dt[d] * A[d]) * h[d] + dt[d] * B * x[d]
        y = h @ C + p["D"] * x
        out.append(u[t] + p["out_proj.weight"] @ (y * silu(p["gate_proj.weight"] @ v[t])))
    return np.array(out)


def mamba_by_the_paper(model, window, real):
    p = {key: value.numpy() for key, value in model.state_dict().items()}
    u = window.T[real] @ p["input_proj.weight"].T + p["input_proj.bias"]
    for k in range(len(model.blocks)):
        prefix = f"blocks.{k}."
        own = {key.removeprefix(prefix): v for key, v in p.items() if key.startswith(prefix)}
        u = block_by_the_paper(u, own)
    z = p["regressor.0.weight"] @ rms_norm(u[-1], p["norm.weight"]) + p["regressor.0.bias"]
    return float((p["regressor.2.weight"] @ np.maximum(z, 0) + p["regressor.2.bias"])[0])


ODD = {"layers": 3, "width": 24, "expand": 1, "states": 5, "conv": 2, "dt_rank": 3}


@pytest.mark.parametrize("config", [{}, ODD], ids=["default", "odd sizes"])
def test_published_equations_in_a_plain_loop(config):
    model = make("Mamba", seed=3, **config).double()
    for parameter in model.parameters():  # D, A_log and the norms start alike in every channel
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.manual_seed(0)))
    x, mask = batch()
    x = x.double()
    windows = zip(x.numpy(), mask.numpy(), strict=True)
    expected = [mamba_by_the_paper(model, *window) for window in windows]
    np.testing.assert_allclose(model(x, mask).detach(), expected, atol=1e-10)


def test_parameters_start_as_the_authors_have_them():
    for seed in range(3):
        for block in make("Mamba", seed=seed).blocks:
            dt = nn.functional.softplus(block.dt_proj.bias.double())
            assert (dt > 0.999e-3).all()
            assert (dt < 0.1001).all()
            quarters = np.log(np.quantile(dt.detach(), [0.25, 0.5, 0.75]))
            even = np.log(1e-3) + np.log(100) * np.array([0.25, 0.5, 0.75])
            np.testing.assert_allclose(quarters, even, atol=0.6)  # log-uniform
            bound = 8**-0.5
            assert 0.95 * bound < block.dt_proj.weight.abs().max() <= bound
            close(-block.A_log.exp(), -torch.arange(1.0, 17).expand(256, 16))
            assert (block.D == 1).all()
            layers = (block.in_proj, block.gate_proj, block.x_proj, block.out_proj)
            assert all(layer.bias is None for layer in layers)
