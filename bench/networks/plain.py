"""The networks of the grid as plain torch has them, and what is plain in each."""

import torch
from torch import Tensor, nn

from deplib.models import build, resolve
from deplib.models.blocks import masked_mean
from deplib.models.ldbm import LDBM
from deplib.models.mamba import MambaBlock
from deplib.models.mamba_gru import MambaGRU
from deplib.models.mean_mlp import TemporalMeanMLP
from deplib.models.selective_scan import sequential_scan

PLAIN = {
    "TemporalMeanMLP": "the frames averaged in each step",
    "LDBM": "conv1d, torch's encoder layer",
    "VanillaTransformer": "torch's encoder layer",
    "MambaGRU": "packed sequences",
    "Mamba": "a loop over the frames",
}
"""Class -> what stands in the place of the library's own way."""


class PlainMean(TemporalMeanMLP):
    """In place of pooling once for all epochs: averaging in each step."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B,)."""
        return self.head(masked_mean(x.transpose(1, 2), mask))


class PlainEncoder(nn.Module):
    """In place of our encoder layer: ``torch.nn.TransformerEncoderLayer``."""

    def __init__(self, feedforward: int) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(128, 4, feedforward, dropout=0, batch_first=True)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, N, D)."""
        return self.layer(z, src_key_padding_mask=~mask)


class PlainPatches(LDBM):
    """In place of one matrix product of reshaped frames: ``torch.nn.Conv1d``."""

    def __init__(self, *, patch: int = 8) -> None:
        super().__init__(patch=patch)
        self.patch_proj = nn.Conv1d(self.channels, 128, patch, stride=patch)
        self.layers = nn.ModuleList(PlainEncoder(512) for _ in self.layers)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B,), for whole patches."""
        z = self.patch_proj(x).transpose(1, 2)
        mask = mask.unflatten(1, (-1, self.patch)).any(dim=2)
        z = z + self.positions[: z.shape[1]]
        for layer in self.layers:
            z, mask = self.merge_patches(layer(z, mask), mask)
        return self.regressor(masked_mean(z, mask)).squeeze(1)


class PlainGRU(MambaGRU):
    """In place of moving the real frames together: packed sequences."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B,), padding at the end only."""
        u = self.input_proj(x.transpose(1, 2)) + self.positions[: x.shape[2]]
        packed = nn.utils.rnn.pack_padded_sequence(
            u, mask.sum(dim=1), batch_first=True, enforce_sorted=False
        )
        return self.regressor(self.gru(packed)[1][-1]).squeeze(1)


class PlainBlock(MambaBlock):
    """In place of the fast scan: the recurrence, step by step."""

    def ssm(self, x: Tensor) -> Tensor:
        """(B, T, D) -> the same."""
        dt, B, C = self.x_proj(x).split(self.sizes, dim=2)
        dt = nn.functional.softplus(self.dt_proj(dt))
        return sequential_scan(x, dt, -self.A_log.exp(), B, C, self.D)


def plain(name: str) -> nn.Module:
    """Build the plain version of a model of the grid."""
    base, settings = resolve(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if base == "LDBM":
            return PlainPatches(**settings)
        if base in ("TemporalMeanMLP", "MambaGRU"):
            return {"TemporalMeanMLP": PlainMean, "MambaGRU": PlainGRU}[base]()
    model = build(name, seed=0)
    if base == "VanillaTransformer":
        model.layers = nn.ModuleList(PlainEncoder(128) for _ in model.layers)
    else:
        for block in model.blocks:
            block.__class__ = PlainBlock
    return model
