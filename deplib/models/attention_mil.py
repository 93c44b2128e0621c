"""AttentionMIL: a window is a bag of frames, and attention says how much each counts.

    a_t = softmax over real frames of w' tanh(V x_t)         y = f(sum of a_t x_t)

Attention-based multiple-instance learning (Ilse, Tomczak and Welling 2018, equations 7 and 8). The
order of the frames is lost, as in TemporalMeanMLP, and the regressor is that model's: the two
differ by their weights of the frames alone, uniform there and learnt here.
"""

from torch import Tensor, nn

from deplib.models.blocks import check_input, regressor


class AttentionMIL(nn.Module):
    """Attention pooling over real frames, regressed by 512-256-1.

    Parameters
    ----------
    attention
        Width of the hidden layer that scores a frame.
    """

    def __init__(self, *, channels: int = 512, attention: int = 128, hidden: int = 256) -> None:
        super().__init__()
        self.channels = channels
        self.hidden_proj = nn.Linear(channels, attention)
        self.score = nn.Linear(attention, 1, bias=False)  # a bias would cancel in the softmax
        self.regressor = regressor(channels, hidden)

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, C), (B, T) -> (B, T): how much each frame counts; 0 where masked, sum 1."""
        score = self.score(self.hidden_proj(x).tanh()).squeeze(2)  # (B, T)
        return score.masked_fill(~mask, float("-inf")).softmax(dim=1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        x = check_input(x, mask, channels=self.channels)
        pooled = self.weights(x, mask)[:, None, :].bmm(x).squeeze(1)  # (B, C)
        return self.regressor(pooled).squeeze(1)  # (B,)
