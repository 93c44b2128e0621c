"""LDBM: attention over patches of frames that are merged in pairs from layer to layer.

    z_i = W [x_(iS), ..., x_(iS+P-1)] + b + p_i         patches of P frames, every S frames
    z  <- EncoderLayer(z),  z_i <- mean of (z_(2i), z_(2i+1))         four times
    y   = f(mean of z_i)

The study describes these parts (patches, positions, encoder layers with merging between them, a
mean, a regressor) and removes others; the rest of the architecture is not published. The study's
1.35 M parameters leave none for the merging, so a pair is averaged. With N = T/S tokens the first
layer's attention is O(N^2), the next ones' a quarter each.
"""

from torch import Tensor, nn

from deplib.errors import ModelError
from deplib.models.blocks import (
    EncoderLayer,
    check_input,
    masked_mean,
    pad_time,
    positions,
    regressor,
)


class LDBM(nn.Module):
    """Patch attention with pairwise merging.

    A patch starts at every multiple of ``stride`` below T; the last ones are completed by masked
    zeros. A token is real if its patch holds a real frame, a merged token if one of its two is,
    and only real tokens enter an average: padding changes nothing at any layer.

    Parameters
    ----------
    patch
        Frames in a patch; the study compares 4, 8 and 16.
    stride
        Frames from patch to patch; ``patch`` by default, less for overlap.
    max_length
        Longest window in frames; there is one learned position for each ``stride`` of it.
    """

    def __init__(
        self,
        *,
        patch: int = 8,
        stride: int | None = None,
        channels: int = 512,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        feedforward: int = 512,
        max_length: int = 2000,
    ) -> None:
        super().__init__()
        stride = patch if stride is None else stride
        if not 1 <= stride <= patch:
            raise ModelError(
                f"stride {stride} must be from 1 to patch {patch}: no frame is skipped"
            )
        self.patch, self.stride = patch, stride
        self.channels, self.max_length = channels, max_length
        self.patch_proj = nn.Linear(patch * channels, width)
        self.positions = positions(-(-max_length // stride), width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads=heads, feedforward=feedforward) for _ in range(layers)
        )
        self.regressor = regressor(width)

    def patches(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C), (B, T) -> (B, N, P C), (B, N), with N = ceil(T / S)."""
        P, S = self.patch, self.stride
        n = (x.shape[1] + S - 1) // S
        x, mask = pad_time(x, mask, (n - 1) * S + P)
        if S == P:  # a view: no frame is copied
            return x.reshape(-1, n, P * self.channels), mask.reshape(-1, n, P).any(dim=2)
        frames = x.unfold(1, P, S).transpose(2, 3).flatten(2)  # (B, N, P C)
        return frames, mask.unfold(1, P, S).any(dim=2)

    def merge_patches(self, z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Average neighbours in pairs: (B, N, D), (B, N) -> (B, ceil(N/2), D), (B, ceil(N/2))."""
        n = (z.shape[1] + 1) // 2
        z, mask = pad_time(z, mask, 2 * n)
        pairs = z.reshape(-1, n, 2, z.shape[2])  # (B, n, 2, D)
        real = mask.reshape(-1, n, 2)
        weight = real.to(z.dtype)[..., None]  # (B, n, 2, 1)
        merged = (pairs * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1.0)  # (B, n, D)
        return merged, real.any(dim=2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        x = check_input(x, mask, channels=self.channels, max_length=self.max_length)
        frames, mask = self.patches(x, mask)
        z = self.patch_proj(frames) + self.positions[: frames.shape[1]]  # (B, N, D)
        for layer in self.layers:
            z, mask = self.merge_patches(layer(z, mask), mask)
        return self.regressor(masked_mean(z, mask)).squeeze(1)  # (B,)
