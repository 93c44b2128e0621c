"""VanillaTransformer: every frame attends to every real frame.

    z_t = W x_t + b + p_t         z <- EncoderLayer(z), three times         y = f(mean of z_t)

p_t are learned positions, f the regressor 128-64-1. Time and memory of attention are O(T^2).
"""

from torch import Tensor, nn

from deplib.models.blocks import EncoderLayer, check_input, masked_mean, positions, regressor


class VanillaTransformer(nn.Module):
    """A standard post-norm encoder, averaged over real frames.

    The study states the kind and the parameter count (about 500K); four heads, post-norm, ReLU
    and no dropout are choices of this report.
    """

    def __init__(
        self,
        *,
        channels: int = 512,
        width: int = 128,
        layers: int = 3,
        heads: int = 4,
        feedforward: int = 128,
        n_positions: int = 1000,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.input_proj = nn.Linear(channels, width)
        self.positions = positions(n_positions, width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads=heads, feedforward=feedforward) for _ in range(layers)
        )
        self.regressor = regressor(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        x = check_input(x, mask, channels=self.channels, max_length=len(self.positions))
        z = self.input_proj(x) + self.positions[: x.shape[1]]  # (B, T, D)
        for layer in self.layers:
            z = layer(z, mask)
        return self.regressor(masked_mean(z, mask)).squeeze(1)  # (B,)
