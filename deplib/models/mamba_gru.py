"""MambaGRU: a causal recurrence read at its last real frame.

    u_t = W x_t + b + p_t         h_t = GRU(u_t, h_(t-1)), two layers         y = f(h_last)

p_t are learned positions, f the regressor 128-64-1. The study calls the GRU an approximation of a
state-space model; it is a gated recurrence, and this module claims no more. O(T), but sequential.
"""

import torch
from torch import Tensor, nn

from deplib.models.blocks import check_input, positions, regressor


class MambaGRU(nn.Module):
    """Two GRU layers over the real frames, regressed from the last state.

    A masked frame takes no step of the recurrence, wherever it stands: real frames are moved
    together before the GRU, each with the position of its own time, so a gap still shows as a
    jump of p_t. Setting the input of a masked frame to 0 instead would let its gates, and hence
    the number of masked frames, change the state.
    """

    def __init__(
        self,
        *,
        channels: int = 512,
        width: int = 128,
        layers: int = 2,
        n_positions: int = 2000,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.input_proj = nn.Linear(channels, width)
        self.positions = positions(n_positions, width)
        self.gru = nn.GRU(width, width, num_layers=layers, batch_first=True)
        self.regressor = regressor(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        x = check_input(x, mask, channels=self.channels, max_length=len(self.positions))
        T = x.shape[1]
        u = self.input_proj(x) + self.positions[:T]  # (B, T, D)

        # Real frames first, in their order; what follows them cannot reach an earlier state.
        time = torch.arange(T, device=x.device)
        order = torch.argsort(time + T * ~mask, dim=1)  # (B, T); keys are distinct
        u = u.gather(1, order[..., None].expand_as(u))
        h, _ = self.gru(u)  # (B, T, D)
        last = mask.sum(dim=1) - 1  # (B,)
        h_last = h.gather(1, last[:, None, None].expand(-1, 1, h.shape[2])).squeeze(1)  # (B, D)
        return self.regressor(h_last).squeeze(1)  # (B,)
