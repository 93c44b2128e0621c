"""Time of one training step of each model, beside plain torch versions of the same network.

    python bench/training.py

One step is forward and backward on 32 windows of 512 frames, in one thread; a quarter of the
windows is half padded. Times are CPU time, the smallest of several rounds in which all take turns,
so a busy machine hits all alike.
"""

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from deplib.models import MODELS, build, n_parameters
from deplib.models.blocks import masked_mean
from deplib.models.ldbm import LDBM
from deplib.models.mamba_gru import MambaGRU
from deplib.models.mean_mlp import TemporalMeanMLP
from deplib.models.transformer import VanillaTransformer

WINDOWS, FRAMES, CHANNELS = 32, 512, 512
ROUNDS = 5


class PlainEncoder(nn.Module):
    """In place of our encoder layer: ``torch.nn.TransformerEncoderLayer``."""

    def __init__(self, feedforward: int) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(128, 4, feedforward, dropout=0, batch_first=True)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, N, D)."""
        return self.layer(z, src_key_padding_mask=~mask)


class PlainGRU(MambaGRU):
    """In place of moving the real frames together: packed sequences."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B,), padding at the end only."""
        u = self.input_proj(x.transpose(1, 2)) + self.positions[: x.shape[2]]
        packed = nn.utils.rnn.pack_padded_sequence(
            u, mask.sum(dim=1), batch_first=True, enforce_sorted=False
        )
        return self.regressor(self.gru(packed)[1][-1]).squeeze(1)


class PlainMean(TemporalMeanMLP):
    """In place of pooling once for all epochs: averaging in each step."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B,)."""
        return self.head(masked_mean(x.transpose(1, 2), mask))


def plain_models() -> dict[str, tuple[nn.Module, str]]:
    """Return, for each model, the plain version and what is plain in it."""
    ldbm, transformer = LDBM(), VanillaTransformer()
    ldbm.layers = nn.ModuleList(PlainEncoder(512) for _ in ldbm.layers)
    transformer.layers = nn.ModuleList(PlainEncoder(128) for _ in transformer.layers)
    return {
        "TemporalMeanMLP": (PlainMean(), "averaging in each step"),
        "LDBM": (ldbm, "torch's encoder layer"),
        "VanillaTransformer": (transformer, "torch's encoder layer"),
        "MambaGRU": (PlainGRU(), "packed sequences"),
    }


def smallest_times(steps: dict[str, Callable[[], Tensor]]) -> dict[str, float]:
    """CPU-seconds of each step and its gradient, the smallest of all rounds but the first."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS + 1):
        for name, forward in steps.items():
            start = time.process_time()
            forward().abs().mean().backward()
            times[name].append(time.process_time() - start)
    return {name: min(seconds[1:]) for name, seconds in times.items()}


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    frames = torch.randn(WINDOWS, FRAMES, CHANNELS, generator=torch.Generator().manual_seed(0))
    x = nn.functional.normalize(frames, dim=2).transpose(1, 2)  # time-major, as windows are stored
    mask = torch.ones(WINDOWS, FRAMES, dtype=torch.bool)
    mask[::4, FRAMES // 2 :] = False

    models, plain = {name: build(name, seed=0) for name in MODELS}, plain_models()
    mean = TemporalMeanMLP()
    pooled = mean.pool(x, mask)
    steps: dict[str, Callable[[], Tensor]] = {"TemporalMeanMLP": partial(mean.head, pooled)}
    for name, model in models.items():
        steps.setdefault(name, partial(model, x, mask))
        steps[f"plain {name}"] = partial(plain[name][0], x, mask)
    ms = {name: 1e3 * seconds for name, seconds in smallest_times(steps).items()}

    print(f"forward and backward, {WINDOWS} windows of {FRAMES} frames, one thread")
    print("model                 parameters    CPU-ms  x MLP   plain  gain  plain version")
    for name, model in models.items():
        ours, theirs = ms[name], ms[f"plain {name}"]
        print(
            f"{name:<20}{n_parameters(model):>12,}{ours:>10.1f}{ours / ms['TemporalMeanMLP']:>7.0f}"
            f"{theirs:>8.1f}{theirs / ours:>5.1f}x  {plain[name][1]}"
        )


if __name__ == "__main__":
    main()
