"""The extraction that failed: zeros, their consequence, and the checks that were put in place."""

import numpy as np
import torch

from deplib.claims.entry import CODE, Finding, claim
from deplib.claims.evidence import Evidence
from deplib.extraction.fallback import fill_invalid
from deplib.metrics import sigma_ratio
from deplib.models import MODELS, build
from deplib.protocol import Protocol

WINDOWS = 8
NORM_TOLERANCE = 1e-5


def spread_on_zeros(model: str) -> float:
    """Return the sigma_ratio of a model with its first weights, given windows of zeros only."""
    protocol = Protocol()
    x = torch.zeros(WINDOWS, protocol.feature_dim, protocol.window_length)
    mask = torch.ones(WINDOWS, protocol.window_length, dtype=torch.bool)
    with torch.no_grad():
        y_hat = build(model, seed=0).eval()(x, mask).double().numpy()
    return sigma_ratio(np.arange(float(WINDOWS)), y_hat)


@claim(
    line=129, says="With 100 % zero features all models collapse: sigma_ratio 0.00", rests_on=CODE
)
def zeros_collapse(evidence: Evidence) -> Finding:
    """Give zeros to each of the four."""
    spread = max(spread_on_zeros(model) for model in MODELS)
    return Finding(
        f"{spread:.2f} at most in the four, before any training: equal windows get equal "
        "predictions whatever the weights, and their PCC is undefined, not 0",
        round(spread, 2) == evidence.study.collapsed_sigma_ratio,
    )


@claim(
    line=132,
    says="L2 norms and the variance of each frame show that features are sound",
    rests_on=CODE,
)
def norms_and_variances(evidence: Evidence) -> Finding:
    """Put random vectors through both checks: they hold no face."""
    dim = Protocol().feature_dim
    rows = np.zeros((WINDOWS, dim))
    filled = fill_invalid(rows, np.zeros(WINDOWS, bool), rng=np.random.default_rng(0))
    norms, variances = np.linalg.norm(filled, axis=1), filled.var(axis=1)
    caught = bool((np.abs(norms - 1) > NORM_TOLERANCE).any() or (variances < 0.5 / dim).any())
    words = "are caught" if caught else "pass both, as a face does"
    return Finding(
        f"random unit vectors, which the study puts in the place of failed frames, {words}: norm "
        f"{norms.mean():.2f}, variance {variances.mean() * dim:.2f} / {dim}",
        caught,
    )
