"""TemporalMeanMLP: no temporal modelling at all, the reference that the others must beat.

    m = mean of x_t over real frames         y = w' relu(W m + b) + c

W, b, w and c are learnt.
"""

from torch import Tensor, nn

from deplib.models.blocks import check_input, masked_mean, regressor


class TemporalMeanMLP(nn.Module):
    """Average the frames, then a perceptron 512-256-1; the order of the frames is lost.

    No parameter acts before the average, so training may ``pool`` once and call ``head`` on the
    result: the same function, some hundred times cheaper.
    """

    def __init__(self, *, channels: int = 512, hidden: int = 256) -> None:
        super().__init__()
        self.channels = channels
        self.mlp = regressor(channels, hidden)

    def pool(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) -> (B, C)."""
        return masked_mean(check_input(x, mask, channels=self.channels), mask)

    def head(self, pooled: Tensor) -> Tensor:
        """(B, C) -> (B,)."""
        return self.mlp(pooled).squeeze(1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        return self.head(self.pool(x, mask))
