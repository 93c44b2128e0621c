"""AttentionMIL against Ilse, Tomczak and Welling 2018."""

import numpy as np
import torch
from samples import batch, close, make


def test_equations_7_and_8_in_a_plain_loop():
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


def test_large_scores_pick_one_frame_without_overflow():
    model = make("AttentionMIL")
    x, mask = batch()
    with torch.no_grad():
        model.score.weight.mul_(1e6)
    a = model.weights(x.transpose(1, 2), mask)
    close(a.max(dim=1).values, torch.ones(3))
    assert torch.isfinite(model(x, mask)).all()
