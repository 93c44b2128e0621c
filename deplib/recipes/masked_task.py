"""The objective of masked frames: a causal recurrence predicts what is hidden from it.

Spans of real frames are hidden, and the state as it stands there predicts their embeddings::

    h_t = GRU(W z_t + b + p_t, h_(t-1)) at a visible frame        h_t = h_(t-1) at a hidden one
    x'_t = m + s (G (h_t - k) / r + g)        loss = mean over hidden t of |x_t - x'_t|^2 / (C s^2)

W, b, p and the GRU are the model's own; G and g are thrown away afterwards. m and k are the means
of embeddings and states over the visible frames of the window. s and r are root mean squares of a
component about its window's mean: s of the embeddings, r of the states before training.

**The deviation is predicted**, because an identity embedding is mostly the person: x_t itself is
nearly given by a constant of the window, and says who it is. What is left is what the face did
meanwhile. k does the same for the state: without it, G would have to tell the person from the
deviation, which it learns by heart for the persons it sees. G and g start at 0, so training starts
at the trivial prediction m, whose loss is close to 1: what the loss falls below it is the share
of the variance within a window that was explained.

**A hidden frame takes no step**, as a masked frame of the model takes none, so that pretraining
shows the network nothing which the protocol never will, such as a vector that stands for "hidden".

**z is the standardised frame**, (x - mean) / SD with the mean frame and one SD of all components.
The SD of a component of a unit vector is below 0.05 and would take most of the training to make
up for; afterwards it is folded into W and b, so the model takes x as it did before.

Hiding spans and regressing their frames by a head that is discarded is Liu et al. 2020
("Mockingjay: unsupervised speech representation learning with deep bidirectional transformer
encoders"). There the network sees both sides of a span; this one sees what came before, so it
predicts up to a span ahead, as in Chung et al. 2019 ("An unsupervised autoregressive model for
speech representation learning"). Deviation, scales and held state are choices of this report.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from deplib.errors import ModelError
from deplib.models.blocks import check_input, masked_mean
from deplib.models.mamba_gru import MambaGRU
from deplib.windows import WindowSet


class Scales(NamedTuple):
    """What standardises frames and deviations, over all real frames."""

    mean: np.ndarray  # (C,), the mean frame
    sd: float  # root mean square of a component about the mean frame
    within: float  # s, the same about the mean frame of its own window


class MaskedFrames(nn.Module):
    """A model and what it takes to pretrain it.

    Parameters
    ----------
    model
        Trained in place, on standardised frames until ``fold`` is called.
    scales
        Of the windows that are learnt from.
    """

    def __init__(self, model: MambaGRU, scales: Scales) -> None:
        super().__init__()
        self.model = model
        self.within = scales.within / scales.sd
        self.sd = scales.sd
        self.mean: Tensor
        self.register_buffer("mean", torch.from_numpy(scales.mean.astype(np.float32)))
        self.spread = 1.0  # r
        # G, g; a Linear built in the ordinary way would draw from torch's global generator.
        self.head = nn.utils.skip_init(nn.Linear, model.positions.shape[1], model.channels)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def body(self) -> list[nn.Parameter]:
        """Return the parameters of the model that learn: all but those of its regressor."""
        model = self.model
        return [model.positions, *model.input_proj.parameters(), *model.gru.parameters()]

    def state_deviation(self, z: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool twice -> (B, T, D): h_t less the k of its window."""
        visible = mask & ~hidden
        h = states(self.model, z, visible)  # (B, T, D)
        return h - masked_mean(h, visible)[:, None]

    def forward(self, x: Tensor, mask: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T), (B, T) bool twice -> errors at the hidden frames: two of (n_hidden,).

        Of the network, and of the mean of the visible frames: mean squares over the components.
        """
        z = self.standardised(x, mask)
        h = self.state_deviation(z, mask, hidden)[hidden] / self.spread  # (n, D)
        z = z.transpose(1, 2)  # (B, T, C)
        deviation = (z - masked_mean(z, mask & ~hidden)[:, None])[hidden] / self.within  # (n, C)
        return (deviation - self.head(h)).square().mean(1), deviation.square().mean(1)

    def standardised(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T), (B, T) bool -> (B, C, T): z, and 0 in masked frames."""
        return ((x - self.mean[:, None]) / self.sd).masked_fill(~mask[:, None], 0.0)

    @torch.no_grad()
    def fold(self) -> None:
        """Make the model take frames as they are: W becomes W / SD, and b less that times mean."""
        projection = self.model.input_proj
        projection.weight /= self.sd
        projection.bias -= projection.weight @ self.mean  # type: ignore[misc]


def states(model: MambaGRU, x: Tensor, visible: Tensor) -> Tensor:
    """Return the state of the last layer as it stands at every frame.

    The model gives the last one only. This composes its ``input_proj``, ``positions`` and ``gru``
    as its ``forward`` does; a test holds the two together.

    Parameters
    ----------
    model
        Its ``regressor`` is not used.
    x
        (B, C, T).
    visible
        (B, T) bool: the frames that take a step, each with the position of its own time.

    Returns
    -------
    Tensor
        (B, T, D); what the last visible frame left, and 0 before the first.

    Raises
    ------
    ModelError
        If the batch breaks the model's contract.
    """
    x = check_input(x, visible, channels=model.channels, max_length=len(model.positions))
    T = x.shape[1]
    u = model.input_proj(x) + model.positions[:T]  # (B, T, D)
    seen = visible.cumsum(dim=1)  # (B, T)
    order = torch.argsort(torch.arange(T) + T * ~visible, dim=1)[:, : int(seen.max())]
    h, _ = model.gru(u.gather(1, order[..., None].expand(-1, -1, u.shape[2])))
    h = h.gather(1, (seen - 1).clamp(min=0)[..., None].expand_as(u))  # (B, T, D)
    return h.masked_fill((seen == 0)[..., None], 0.0)


def scales_of(windows: WindowSet, rows: np.ndarray) -> Scales:
    """Measure the real frames of some windows.

    Raises
    ------
    ModelError
        If the frames of every window are all alike, or one is not finite.
    """
    channels = windows.features.shape[2]
    n, total, square, within = 0, np.zeros(channels), 0.0, 0.0
    for row in rows:
        frames = windows.features[row][windows.mask[row]].astype(float)
        n += len(frames)
        total += frames.sum(axis=0)
        square += float((frames**2).sum())
        within += float(((frames - frames.mean(axis=0)) ** 2).sum())
    if not within > 0:
        raise ModelError(
            f"in each of {len(rows)} windows all frames are alike, or one is NaN: there is nothing "
            "to predict; verify the features first"
        )
    mean = total / n
    sd = np.sqrt(square / (n * channels) - (mean**2).mean())
    return Scales(mean, float(sd), float(np.sqrt(within / (n * channels))))
