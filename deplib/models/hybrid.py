"""HybridPooling: what the study recommends, "mean pooling + lightweight attention".

    z_t = x_t / r                        r^2 = mean of x_tc^2 over real frames t and components c
    m = mean of z_t      s = sqrt(mean of (z_t - m)^2)      g = sum of a_t z_t
    a_t = softmax over real frames of w' tanh(V z_t)        y = f(dropout [m, s, g, log(r sqrt(C))])

m is TemporalMeanMLP's summary, s what a mean loses: how much each component moves; g weighs the
frames as AttentionMIL does (Ilse, Tomczak and Welling 2018, equations 7 and 8). None of the three
knows the order of the frames.

The scale r. A component of a unit embedding is about 1/sqrt(512) = 0.04, too small for weights as
they are drawn and for steps of 3e-4: the regressor would hardly see it, and the attention would
stay uniform. Divided by r, summaries are of size 1, for any stream. LayerNorm of each summary
would do that too, but throw away how large s is beside m, that is how much a face moves at all. r
takes one number from a window, its log is handed on beside the summaries, and so nothing is lost;
rows of unit length have r = 1/sqrt(C) and a log of 0.

Several streams (encoders, action units, pulse) stand one below the other, each with a row that
says at which frames it is there. Each is pooled over these frames alone, with an attention of its
own; the regressor is told the share of frames, and a stream that is absent gives zeros.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deplib.errors import ModelError
from deplib.models.blocks import check_input, regressor
from deplib.models.dropout import SeededDropout

SMALLEST = 1e-12
"""r^2 is at least this: frames of zeros stay zeros."""
STEADY = 1e-8
"""s^2 is at least this, so that the gradient is finite where nothing moves, as in one frame."""


class StreamPooling(nn.Module):
    """Scaled mean, SD and attention-pooled summary of one stream, and its log scale.

    Parameters
    ----------
    width
        W, components of a frame.
    attention
        Width of the hidden layer that scores a frame.
    """

    def __init__(self, width: int, attention: int) -> None:
        super().__init__()
        self.width = width
        self.hidden_proj = nn.Linear(width, attention)
        self.score = nn.Linear(attention, 1, bias=False)  # a bias would cancel in the softmax

    def weights(self, z: Tensor, present: Tensor) -> Tensor:
        """(B, T, W) scaled, (B, T) -> (B, T): sum 1; 0 where absent, so all 0 if nothing is."""
        score = self.score(self.hidden_proj(z).tanh()).squeeze(2)  # (B, T)
        # Not -inf: a softmax over nothing would be NaN.
        score = score.masked_fill(~present, torch.finfo(score.dtype).min)
        return score.softmax(dim=1) * present

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """(B, T, W) that is 0 where absent, (B, T) bool -> (B, 3 W + 1)."""
        real = present.to(x.dtype)
        even = (real / real.sum(dim=1, keepdim=True).clamp_min(1))[:, None, :]  # (B, 1, T)
        mean = even.bmm(x)  # (B, 1, W)
        variance = even.bmm((x - mean).square())  # about the mean: a difference would cancel
        power = (mean.square() + variance).mean(dim=2, keepdim=True).clamp_min(SMALLEST)
        r = power.sqrt()  # (B, 1, 1)
        sd = (variance / power).clamp_min(STEADY).sqrt()
        z = x / r
        pooled = self.weights(z, present)[:, None, :].bmm(z)  # (B, 1, W)
        length = (r * self.width**0.5).log()  # of the root mean squared length of a frame
        summary = torch.cat([mean / r, sd, pooled, length], dim=2).squeeze(1)
        return summary * real.amax(dim=1, keepdim=True)  # zeros if the stream is absent


class HybridPooling(nn.Module):
    """Mean, SD and attention over real frames, a stream at a time, regressed by D-256-1.

    Parameters
    ----------
    channels
        C, rows of x.
    streams
        Widths of the streams, if there are several: C = sum(streams) + len(streams), the last
        rows being 1 where a stream is present at a frame and 0 where it is not. What stands in
        the rows of an absent stream, be it NaN, changes nothing.
    attention
        Width of the hidden layer that scores a frame, in each stream.
    hidden
        Width of the regressor's hidden layer.
    dropout
        Share of the summaries' components that the regressor does not see in training.

    Raises
    ------
    ModelError
        If the streams don't make up the channels, or dropout is not from 0 to below 1.
    """

    def __init__(
        self,
        *,
        channels: int = 512,
        streams: Sequence[int] | None = None,
        attention: int = 128,
        hidden: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.widths = [channels] if streams is None else list(streams)
        self.n_flags = 0 if streams is None else len(self.widths)
        if min(self.widths, default=0) < 1 or sum(self.widths) + self.n_flags != channels:
            raise ModelError(
                f"streams of widths {self.widths} and a presence row each make "
                f"{sum(self.widths) + self.n_flags} channels, not {channels}: give both to match, "
                "each width at least 1"
            )
        self.channels = channels
        self.pooling = nn.ModuleList(StreamPooling(width, attention) for width in self.widths)
        n_summary = sum(3 * width + 1 for width in self.widths) + self.n_flags
        self.regressor = regressor(n_summary, hidden)
        # Last, so that the weights are the same with it and without.
        self.dropout = SeededDropout(dropout) if dropout else nn.Identity()

    def summary(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B, D): all that the regressor sees; no dropout is in it."""
        x = check_input(self._without_absent(x), mask, channels=self.channels)  # (B, T, C)
        if not self.n_flags:
            return self.pooling[0](x, mask)
        *values, flags = x.split([*self.widths, self.n_flags], dim=2)
        present = flags > 0.5  # (B, T, S); in a masked frame they are 0 by now
        parts = [
            pool(v, here)
            for pool, v, here in zip(self.pooling, values, present.unbind(2), strict=True)
        ]  # each (B, 3 W + 1)
        share = present.to(x.dtype).sum(dim=1) / mask.sum(dim=1, keepdim=True)  # (B, S)
        return torch.cat([*parts, share], dim=1)

    def answer(self, summary: Tensor) -> Tensor:
        """(B, D) -> (B,)."""
        return self.regressor(self.dropout(summary)).squeeze(1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B,) z-scored BDI-II."""
        return self.answer(self.summary(x, mask))

    def _without_absent(self, x: Tensor) -> Tensor:
        """Set the rows of absent streams to 0; a shape that is wrong is left to the check."""
        if not self.n_flags or x.ndim != 3 or x.shape[1] != self.channels:
            return x
        *values, flags = x.split([*self.widths, self.n_flags], dim=1)
        kept = [
            v.masked_fill(~(here > 0.5)[:, None, :], 0.0)
            for v, here in zip(values, flags.unbind(1), strict=True)
        ]
        return torch.cat([*kept, flags], dim=1)
