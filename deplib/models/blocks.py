"""What the models share: the input check, masked averages, the encoder layer, the regressor.

Symbols: B batch, T time, N tokens, C channels of a frame, D width of the model, H heads.
``True`` in a mask is a real frame (or a token that holds one).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from deplib.errors import ModelError

_TRUSTED = False


@contextmanager
def trusted(yes: bool = True) -> Iterator[None]:
    """Within this, ``check_input`` neither copies nor looks for NaN: the caller has checked.

    All windows must be finite, hold 0 in masked frames, and have a real frame.
    """
    global _TRUSTED
    before, _TRUSTED = _TRUSTED, yes
    try:
        yield
    finally:
        _TRUSTED = before


def check_input(x: Tensor, mask: Tensor, *, channels: int, max_length: int | None = None) -> Tensor:
    """Check a batch against the contract and return it time-major, masked frames set to 0.

    Parameters
    ----------
    x
        (B, C, T), floating point.
    mask
        (B, T) bool.
    channels
        The C that the model was built for.
    max_length
        Number of learned positions, if the model has any.

    Returns
    -------
    Tensor
        (B, T, C). What stood in a masked frame, be it NaN, is gone.

    Raises
    ------
    ModelError
        If a shape or type is wrong, a window is longer than the positions, a window has no real
        frame, or a real frame is not finite.
    """
    if x.ndim != 3 or x.shape[1] != channels:
        raise ModelError(f"x has shape {tuple(x.shape)}; expected (batch, {channels}, time)")
    B, _, T = x.shape
    if mask.dtype != torch.bool or mask.shape != (B, T):
        raise ModelError(
            f"mask is {mask.dtype} {tuple(mask.shape)}; expected torch.bool {(B, T)}, "
            "True = real frame"
        )
    if max_length is not None and max_length < T:
        raise ModelError(
            f"windows of {T} frames are longer than the {max_length} learned positions: "
            "cut them, or build the model with more positions"
        )
    x = x.transpose(1, 2)  # (B, T, C)
    if _TRUSTED:
        return x
    x = x.masked_fill(~mask[..., None], 0.0)
    if len(empty := (~mask.any(dim=1)).nonzero()):
        raise ModelError(f"window {int(empty[0])} of the batch has no real frame: drop it")
    if not torch.isfinite(x.sum()):  # a sum is much cheaper than a test of every element
        raise ModelError("a real frame holds NaN or infinity: verify the features first")
    return x


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over real frames or tokens only: (B, T, D), (B, T) -> (B, D)."""
    weight = mask.to(x.dtype)
    total = torch.bmm(weight[:, None, :], x).squeeze(1)  # (B, D)
    return total / weight.sum(dim=1, keepdim=True)


def pad_time(x: Tensor, mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Append masked zeros until time is ``length``: (B, T, D), (B, T) -> the same, longer."""
    extra = length - x.shape[1]
    return nn.functional.pad(x, (0, 0, 0, extra)), nn.functional.pad(mask, (0, extra))


def positions(n: int, width: int) -> nn.Parameter:
    """Learned positions (n, width), drawn from N(0, 0.02^2)."""
    return nn.Parameter(0.02 * torch.randn(n, width))


def regressor(width: int, hidden: int = 64) -> nn.Sequential:
    """Build width -> hidden -> 1 with one ReLU."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))


class EncoderLayer(nn.Module):
    """Post-norm encoder layer: z <- LN(z + attention(z)), z <- LN(z + W2 relu(W1 z)).

    The same function as ``torch.nn.TransformerEncoderLayer`` without dropout (a test holds the
    two together), with the same initialisation; faster in training on a CPU. Masked tokens are
    never attended to.
    """

    def __init__(self, width: int, *, heads: int, feedforward: int) -> None:
        super().__init__()
        if width % heads:
            raise ModelError(f"{heads} heads do not divide the width {width}")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.expand = nn.Linear(width, feedforward)
        self.contract = nn.Linear(feedforward, width)
        self.norm_attention = nn.LayerNorm(width)
        self.norm_feedforward = nn.LayerNorm(width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def attention(self, z: Tensor, mask: Tensor) -> Tensor:
        """softmax(Q K' / sqrt(D/H)) V over real tokens: (B, N, D), (B, N) -> (B, N, D)."""
        q, k, v = self.qkv(z).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # each (B, H, N, D/H)
        a = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        return self.out(a.transpose(1, 2).flatten(2))  # (B, N, D)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, N, D)."""
        z = self.norm_attention(z + self.attention(z, mask))
        return self.norm_feedforward(z + self.contract(nn.functional.relu(self.expand(z))))
