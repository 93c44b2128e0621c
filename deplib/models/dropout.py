"""Dropout with a stream of its own, so that what it drops is part of the model's state.

torch's dropout draws from the global generator: the same seed would give another result wherever
something else has drawn before, and a training that resumes from a checkpoint would end in other
bits. Here a seed and a count lie among the weights, and the mask is a function of the two.
"""

import numpy as np
import torch
from torch import Tensor, nn

from deplib.errors import ModelError

TRAINING, NETWORK = 0, 1  # two streams that never meet


class SeededDropout(nn.Module):
    """Dropout (Srivastava et al. 2014): zero with probability p, else divide by 1 - p.

    In training every element is dropped by itself; in evaluation nothing is, unless ``network``
    says which of the thinned networks is asked.

    Parameters
    ----------
    p
        Above 0 and below 1.

    Attributes
    ----------
    stream
        int64 (2,): a seed, drawn when the layer is built, and the number of masks drawn since.
    network
        None, or k: the k-th thinned network, whatever the mode. Its mask is one (D,) vector for
        all rows, as a draw of the weights is in Monte Carlo dropout.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 < p < 1:
            raise ModelError(f"dropout is {p}: it must lie between 0 and 1, or be 0 for none")
        self.p = p
        self.network: int | None = None
        self.stream: Tensor
        self.register_buffer("stream", torch.stack([torch.randint(2**31, ()), torch.tensor(0)]))

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, D)."""
        if self.network is not None:
            return x * self._mask((x.shape[1],), NETWORK, self.network, x)
        if not self.training:
            return x
        mask = self._mask(tuple(x.shape), TRAINING, int(self.stream[1]), x)
        self.stream[1] += 1
        return x * mask

    def _mask(self, shape: tuple[int, ...], stream: int, k: int, like: Tensor) -> Tensor:
        rng = np.random.default_rng([int(self.stream[0]), stream, k])
        kept = rng.random(shape) >= self.p
        return torch.from_numpy(kept / (1 - self.p)).to(like)
