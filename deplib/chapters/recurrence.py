"""MambaGRU beside the true Mamba: what their states do, and how they score at every seed."""

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import softplus

from deplib import evaluation, figures, report, seeds, study
from deplib.chapters.masks import windows
from deplib.chapters.model import source_of_methods
from deplib.chapters.over_seeds import interval
from deplib.chapters.variant import Variant, constant_tables, together
from deplib.models import build, n_parameters
from deplib.models.mamba import Mamba, MambaBlock
from deplib.models.mamba_gru import MambaGRU
from deplib.models.selective_scan import sequential_scan

GRU, MAMBA = "MambaGRU", "Mamba"
LINEAR, NONLINEAR = 1e-10, 1e-2
"""Shares of superposition's failure: below the first an update is linear to rounding, above the
second it is clearly not."""
FAR = 100
"""Frames before the last one; what lies further back is called far."""
NEGLIGIBLE = 1e-6
"""Shares of the influence below this are float32 noise."""
ALIKE = 0.95
"""Correlation of two models, corrected for attenuation, from which they are called alike."""
INITIAL = range(3)
"""Seeds of the initial weights over which the influence of a frame is averaged."""


class Recurrence:
    """The study's "SSM approximation" beside a selective state-space model."""

    def __init__(self) -> None:
        self.variants = {name: Variant(name) for name in (GRU, MAMBA)}
        self.cohort = study.open_cohort()
        self.constant_mae = evaluation.mae_of(constant_tables(self.cohort)["test"])

    # What the states do.

    def superposition(self) -> Markdown:
        """Return whether one step of each is linear in its state."""
        failures = {GRU: gru_failure(build(GRU, seed=0)), MAMBA: scan_failure(build(MAMBA, seed=0))}
        return report.say(
            " ".join(f"{name}: {_linearity(failure)}." for name, failure in failures.items())
        )

    @cached_property
    def influences(self) -> dict[str, np.ndarray]:
        """Share of each frame in the output's gradient by distance from the end, by model."""
        return {
            name: np.mean([influence(build(name, seed=seed)) for seed in INITIAL], axis=0)
            for name in (GRU, MAMBA)
        }

    def forgetting(self) -> Figure:
        """Return how much a frame matters to the output, by its distance from the last one."""
        shown = figures.forgetting(self.influences, ylabel="share of the gradient")
        return figures.stated(shown, figures.MADE_UP, seeds=INITIAL)

    def memory(self) -> Markdown:
        """Return how many of the last frames hold half of the influence."""
        half = {name: half_of(share) for name, share in self.influences.items()}
        far = {name: share[FAR:].sum() for name, share in self.influences.items()}
        return report.say(
            f"Before training, half of what moves the output stands in the last {half[GRU]} frames "
            f"for {GRU} and in the last {half[MAMBA]} for Mamba. What lies more than {FAR} frames "
            f"back holds {_share(far[GRU])} of the influence in {GRU} and {_share(far[MAMBA])} in "
            f"Mamba. (Mean over {len(INITIAL)} sets of initial weights, made-up windows of "
            f"{len(self.influences[GRU])} frames.)"
        )

    def source(self) -> Markdown:
        """Return the source of Mamba's forward pass and of the scan that defines it."""
        scan = f"```python\n{inspect.getsource(sequential_scan).strip()}\n```"
        return Markdown(
            "\n\n".join([source_of_methods(Mamba), source_of_methods(MambaBlock), scan])
        )

    # How they score.

    @cached_property
    def scores(self) -> seeds.Scores:
        """The Test scores of all runs, in the same resamples of persons."""
        return together(list(self.variants.values()))

    def table(self) -> pd.DataFrame:
        """Return parameters and Test scores over seeds, a row a model."""
        rows = []
        for name, variant in self.variants.items():
            mae, pcc = self.scores.summary(name), self.scores.summary(name, "pcc")
            rows.append(
                {
                    "model": name,
                    "parameters": f"{n_parameters(build(name, seed=0)):,}",
                    "Test MAE, mean over seeds (persons)": interval(mae.value, mae.low, mae.high),
                    "SD between seeds": f"{mae.seed_sd:.2f}",
                    "PCC (persons)": interval(pcc.value, pcc.low, pcc.high),
                    "median epoch": f"{np.median(variant.epochs):g}",
                }
            )
        return pd.DataFrame(rows)

    def figure(self) -> Figure:
        """Return Test MAE by seed and its interval, a row a model."""
        rows = [
            variant.strip_row(name, "test", self.constant_mae)
            for name, variant in self.variants.items()
        ]
        shown = figures.scores_over_seeds(pd.DataFrame(rows), xlabel="Test MAE, BDI-II points")
        runs = [spec for variant in self.variants.values() for spec in variant.specs]
        return figures.stated(shown, self.cohort, runs=runs)

    def verdict(self) -> Markdown:
        """Return what the scores say about the GRU in the place of a state-space model."""
        difference = self.scores.difference(GRU, MAMBA)
        alike = self.likeness()
        reading = evaluation.reading(difference, "better than", "worse than")
        return report.say(
            f"Over {len(study.SEEDS)} seeds the mean Test MAE of {GRU} minus that of Mamba is "
            f"{evaluation.signed(difference)} points: {reading} Mamba by its error. An "
            f"approximation would also predict alike. The Test predictions of a run of {GRU} and "
            f"one of Mamba correlate at {alike['across']:.2f} on average, those of two runs of "
            f"{GRU} at {alike[GRU]:.2f}, of two runs of Mamba at {alike[MAMBA]:.2f}: "
            f"{_answer(alike)}."
        )

    def likeness(self) -> dict[str, float]:
        """Return the mean correlation of the Test predictions of two runs.

        Returns
        -------
        dict
            Of two runs of each model, by its name, and ``"across"``: of one run each.
        """
        runs = [
            variant.split("test").pivot_table("bdi_hat", "recording", "seed")
            for variant in self.variants.values()
        ]
        matrix, n = pd.concat(runs, axis=1).corr().to_numpy(), runs[0].shape[1]
        return {
            GRU: _off_diagonal(matrix[:n, :n]),
            MAMBA: _off_diagonal(matrix[n:, n:]),
            "across": float(matrix[:n, n:].mean()),
        }


def gru_failure(network: nn.Module) -> float:
    """Return by how much one step of the GRU fails to superpose in its state.

    For states h and k, and what a step F makes of them at one input: the norm of
    F(h + k) - F(h) - F(k) + F(0), as a share of that of F(h + k) - F(0).
    """
    gru = cast(MambaGRU, network.double()).gru
    rng = np.random.default_rng(0)
    u = torch.from_numpy(rng.standard_normal((1, 1, gru.input_size)))
    h, k = torch.from_numpy(rng.uniform(-0.5, 0.5, (2, gru.num_layers, 1, gru.hidden_size)))

    def step(state: Tensor) -> Tensor:
        return gru(u, state)[1]

    return _failure(step, h, k)


def scan_failure(network: nn.Module) -> float:
    """Return the same share for the selective scan of Mamba's first block.

    The frame decides dt, B and C, which stay as they are; the state before the step is set by what
    an earlier step brings in.
    """
    block = cast(MambaBlock, cast(Mamba, network.double()).blocks[0])
    rng = np.random.default_rng(0)
    channels = block.D.shape[0]
    x = torch.from_numpy(rng.standard_normal((1, 2, channels)))
    dt, B, C = block.x_proj(x).split(block.sizes, dim=2)
    dt, A = softplus(block.dt_proj(dt)), -block.A_log.exp()
    h, k = torch.from_numpy(rng.standard_normal((2, 1, 1, channels)))

    def step(brought: Tensor) -> Tensor:
        return sequential_scan(torch.cat([brought, x[:, 1:]], dim=1), dt, A, B, C, block.D)[:, 1]

    return _failure(step, h, k)


def influence(network: nn.Module) -> np.ndarray:
    """Return each frame's share in the gradient of the output, by its distance from the end.

    The norm of the gradient with respect to the frame, summed over windows; shares sum to 1.
    """
    x, mask = windows()
    x.requires_grad_()
    network.eval()(x, mask).sum().backward()
    assert x.grad is not None
    size = x.grad.norm(dim=1).sum(dim=0).flip(0).double()  # (T,), the last frame first
    return (size / size.sum()).numpy()


def half_of(share: np.ndarray) -> int:
    """Return how many of the first entries hold half of the total."""
    return int(np.searchsorted(np.cumsum(share), 0.5) + 1)


def _failure(step: Callable[[Tensor], Tensor], h: Tensor, k: Tensor) -> float:
    with torch.inference_mode():
        origin = step(torch.zeros_like(h))
        together = step(h + k)
        rest = together - step(h) - step(k) + origin
        return float(rest.norm() / (together - origin).norm())


def _linearity(failure: float) -> str:
    if failure < LINEAR:
        return f"linear in the state (superposition fails by less than {LINEAR:g})"
    if failure > NONLINEAR:
        return f"not linear in the state (superposition fails by more than {100 * NONLINEAR:g} %)"
    return "BETWEEN linear and not"


def _answer(alike: dict[str, float]) -> str:
    """Return what remains of the correlation across once the seeds' noise is taken out."""
    own = alike[GRU] * alike[MAMBA]
    if alike[GRU] <= 0 or alike[MAMBA] <= 0:
        return "runs of one model do not agree, so nothing can be said of two"
    without_noise = min(alike["across"] / np.sqrt(own), 1.0)
    word = "predict practically alike" if without_noise >= ALIKE else "do not predict alike"
    return (
        f"without the noise of the seeds the two would correlate at {without_noise:.2f}, so they "
        f"{word} (from {ALIKE:g} on)"
    )


def _share(value: float) -> str:
    return f"less than {NEGLIGIBLE:g}" if value < NEGLIGIBLE else f"{100 * value:.1g} %"


def _off_diagonal(matrix: np.ndarray) -> float:
    return float(matrix[np.triu_indices(len(matrix), k=1)].mean())
