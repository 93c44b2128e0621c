"""What a mask does to a model, measured on the built model with made-up windows."""

import numpy as np
import torch
from torch import Tensor, nn

WINDOWS, FRAMES, LOST = 8, 256, 0.1
BOUND = 1e-5
"""z-units: what rounding may change in an output."""


def padding_change(network: nn.Module) -> float:
    """Return the largest change of an output when masked noise is appended, in z-units."""
    x, mask = windows()
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal((WINDOWS, 512, FRAMES)))
    padded = torch.cat([x, noise.float()], dim=2)
    padded_mask = torch.cat([mask, torch.zeros(WINDOWS, FRAMES, dtype=torch.bool)], dim=1)
    return float((_outputs(network, x, mask) - _outputs(network, padded, padded_mask)).abs().max())


def content_change(network: nn.Module) -> float:
    """Return the largest change when the content of masked frames is exchanged, in z-units."""
    x, mask = windows()
    mask = mask & ~gap("middle")
    other = x.where(mask[:, None], torch.tensor(7.0))
    return float((_outputs(network, x, mask) - _outputs(network, other, mask)).abs().max())


def gap_changes(network: nn.Module, place: str) -> dict[str, float]:
    """Return how far outputs move when a tenth of the frames is lost in one gap.

    Parameters
    ----------
    network
        Any model.
    place
        ``"middle"`` or ``"end"``.

    Returns
    -------
    dict
        ``"masked"`` and ``"zeros"`` (a row of zeros that counts as a real frame): mean absolute
        change of the output, in units of the SD of the outputs over windows.
    """
    x, mask = windows()
    lost = gap(place)
    whole = _outputs(network, x, mask)
    changed = {
        "masked": _outputs(network, x, mask & ~lost),
        "zeros": _outputs(network, x.masked_fill(lost, 0.0), mask),
    }
    return {
        way: float((output - whole).abs().mean() / whole.std()) for way, output in changed.items()
    }


def gap(place: str) -> Tensor:
    """Return which frames are lost, (256,): a tenth of them, in the middle or at the end."""
    length = int(LOST * FRAMES)
    start = {"middle": (FRAMES - length) // 2, "end": FRAMES - length}[place]
    time = torch.arange(FRAMES)
    return (time >= start) & (time < start + length)


def windows() -> tuple[Tensor, Tensor]:
    """Return made-up windows (8, 512, 256) and their mask, all real.

    Frames are unit vectors, as embeddings are: what a window has in common, and a drift about it.
    """
    rng = np.random.default_rng(0)
    common = rng.standard_normal((WINDOWS, 512, 1))
    drift = rng.standard_normal((WINDOWS, 512, FRAMES)).cumsum(axis=2) / np.sqrt(FRAMES)
    x = torch.from_numpy((common + drift).astype(np.float32))
    return nn.functional.normalize(x, dim=1), torch.ones(WINDOWS, FRAMES, dtype=torch.bool)


def _outputs(network: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    with torch.inference_mode():
        return network.eval()(x, mask)
