"""Mamba: a selective state-space model, read at the last real frame.

    u = W x_t + b          u <- Block(u), twice          y = f(RMSNorm(u_last))

f is the regressor 128-64-1, and a Block is (Gu and Dao 2023, figure 3 and algorithm 2)

    v             = RMSNorm(u)
    x             = silu(conv(W_in v))                       a frame and the three before it
    dt_t, B_t, C_t = W_x x_t                                 what makes the model selective
    dt_t          = softplus(W_dt dt_t + b_dt)
    h_t           = exp(dt_t A) h_(t-1) + dt_t B_t x_t       equation 2, A = -exp(A_log)
    y_t           = C_t h_t + D x_t
    u            <- u + W_out (y silu(W_gate v))

Glossary, with the paper's symbols and the sizes here:

    b, t       batch and time (the paper's B and L)
    d_model    128 channels of u and v (the paper's D)
    d_inner    256 channels of x and y: E d_model with E = 2
    n          16 states for each of them (the paper's N), all in h (b, d_inner, n)
    dt_rank    8 = d_model / 16, the width of dt_t before W_dt
    dt         the step size (the paper's Delta), one for each frame and channel
    A, D       parameters;  B, C  computed from each frame

There are no learned positions, since the recurrence knows the order; so no window is too long, and
time is O(T). The authors' code: ``mamba_ssm/modules/mamba_simple.py``; W_in and W_gate are the
halves of its ``in_proj``.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu, softplus

from deplib.errors import ModelError
from deplib.models.blocks import check_input, regressor
from deplib.models.selective_scan import selective_scan

DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 0.1, 1e-4
"""Step sizes start log-uniform between the first two, and none below the third."""


def frame_at(u: Tensor, t: Tensor) -> Tensor:
    """(b, t, d), (b,) -> (b, d): one frame of each window."""
    return u.gather(1, t[:, None, None].expand(-1, 1, u.shape[2])).squeeze(1)


class MambaBlock(nn.Module):
    """A residual, pre-norm, causal block: (b, t, d_model) -> the same."""

    def __init__(self, d_model: int, *, expand: int, states: int, conv: int, dt_rank: int) -> None:
        super().__init__()
        d_inner = expand * d_model
        self.sizes = (dt_rank, states, states)
        self.norm = nn.RMSNorm(d_model, eps=1e-5)
        self.in_proj = nn.Linear(d_model, d_inner, bias=False)
        self.gate_proj = nn.Linear(d_model, d_inner, bias=False)
        self.conv = nn.Conv1d(d_inner, d_inner, conv, groups=d_inner)
        self.x_proj = nn.Linear(d_inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(dt_rank, d_inner)
        self.A_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(d_inner, 1))
        self.D = nn.Parameter(torch.ones(d_inner))
        self.out_proj = nn.Linear(d_inner, d_model, bias=False)
        self.start_dt()

    def start_dt(self) -> None:
        """Draw the first step sizes: the bias is the inverse softplus of what they shall be.

        The slowest state then forgets over 1 / dt = 10 to 1000 frames. Torch's own initialisation
        would set every step near softplus(0) = 0.7, and no state would outlast a few frames.
        """
        weight, bias = self.dt_proj.weight, self.dt_proj.bias
        bound = weight.shape[1] ** -0.5
        nn.init.uniform_(weight, -bound, bound)
        spread = torch.rand(len(bias)) * math.log(DT_MAX / DT_MIN)
        dt = (math.log(DT_MIN) + spread).exp().clamp(min=DT_FLOOR)
        with torch.no_grad():
            bias.copy_(dt + (-torch.expm1(-dt)).log())

    def causal_conv(self, x: Tensor) -> Tensor:
        """Convolve each channel over the last frames: (b, t, d_inner) -> the same.

        A sum of shifted products, since ``conv1d`` would have to change the layout and back.
        """
        weight, bias = self.conv.parameters()  # (d_inner, 1, K), (d_inner,)
        T, K = x.shape[1], weight.shape[2]
        x = pad(x, (0, 0, K - 1, 0))  # (b, t + K - 1, d_inner)
        y: Tensor = bias
        for k in range(K):
            y = torch.addcmul(y, weight[:, 0, k], x[:, k : k + T])
        return y

    def ssm(self, x: Tensor) -> Tensor:
        """Algorithm 2: (b, t, d_inner) -> the same."""
        dt, B, C = self.x_proj(x).split(self.sizes, dim=2)  # (b, t, dt_rank), twice (b, t, n)
        dt = softplus(self.dt_proj(dt))  # (b, t, d_inner)
        return selective_scan(x, dt, -self.A_log.exp(), B, C, self.D)

    def forward(self, u: Tensor, last: Tensor | None = None) -> Tensor:
        """(b, t, d_model) -> the same; or, given the frames ``last`` (b,) to read, (b, d_model)."""
        v = self.norm(u)
        y = self.ssm(silu(self.causal_conv(self.in_proj(v))))  # (b, t, d_inner)
        if last is not None:
            u, v, y = frame_at(u, last), frame_at(v, last), frame_at(y, last)
        return u + self.out_proj(y * silu(self.gate_proj(v)))


class Mamba(nn.Module):
    """Mamba blocks over the real frames, regressed from the last one.

    A masked frame takes no step of the recurrence, wherever it stands: as in MambaGRU, real frames
    are moved together first, so neither the convolution nor the scan sees a gap.

    Parameters
    ----------
    width
        The paper's d_model.
    layers
        Number of blocks.
    expand
        Inner channels of a block for each channel of ``width``.
    states
        States of an inner channel.
    conv
        Frames under the causal convolution.
    dt_rank
        Rank of the map from a frame to its step sizes.
    """

    def __init__(
        self,
        *,
        channels: int = 512,
        width: int = 128,
        layers: int = 2,
        expand: int = 2,
        states: int = 16,
        conv: int = 4,
        dt_rank: int = 8,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ModelError(f"Mamba needs at least one block; layers is {layers}")
        self.channels = channels
        self.input_proj = nn.Linear(channels, width)
        self.blocks = nn.ModuleList(
            MambaBlock(width, expand=expand, states=states, conv=conv, dt_rank=dt_rank)
            for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.regressor = regressor(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        x = check_input(x, mask, channels=self.channels)
        T = x.shape[1]
        u = self.input_proj(x)  # (B, T, D)

        # Real frames first, in their order; what follows them cannot reach an earlier state.
        time = torch.arange(T, device=x.device)
        order = torch.argsort(time + T * ~mask, dim=1)  # (B, T); keys are distinct
        u = u.gather(1, order[..., None].expand_as(u))
        for block in self.blocks[:-1]:
            u = block(u)  # (B, T, D)
        u = self.blocks[-1](u, mask.sum(dim=1) - 1)  # (B, D), all that the regressor reads
        return self.regressor(self.norm(u)).squeeze(1)  # (B,)
