"""Operations of a training step, counted and not timed: the same on every machine.

``torch.utils.flop_counter`` counts matrix products, two operations a multiply-add, as tensors pass
through a model. Two things would escape it. Fused attention hides its products, so attention is
the plain one here. And everything runs on the meta device, where tensors have shapes and no
numbers, so that a window of a million frames costs nothing; there the models' check of the numbers
cannot be made, and is told, as in an export, to be silent.

Elementwise work is not counted, here or by anyone who quotes FLOPs: beside products of width 128
it is small. The scan of Mamba is the exception, for it is elementwise throughout: it is counted
by hand (``scan_operations``).
"""

from dataclasses import dataclass
from functools import lru_cache
from unittest.mock import patch

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from deplib.cost.ways import WAYS, forward_of, sized
from deplib.models import resolve
from deplib.models.blocks import EncoderLayer

STEP_BY_STEP = ("MambaGRU", "Mamba")
"""Classes whose every frame passes the counter by itself. They are counted at two short lengths and
continued on a straight line, exactly, since each frame costs what the one before it did."""
SHORT = (8, 16)


@dataclass(frozen=True)
class Operations:
    """Floating-point operations for one window.

    Attributes
    ----------
    forward
        Of a forward pass.
    training
        Of forward and backward; the input gets no gradient.
    attention
        Of ``training``, the batched products of a model whose tokens attend to each other: those
        of attention, and the mean over tokens, which is a small one.
    scan
        Elementwise operations of Mamba's scan, forward and backward, in none of the others.
    """

    forward: int
    training: int
    attention: int
    scan: int = 0

    @property
    def together(self) -> int:
        """Of training, the scan included."""
        return self.training + self.scan


@lru_cache(maxsize=256)
def operations(way: str, frames: int) -> Operations:
    """Count the operations for one window.

    Parameters
    ----------
    way
        A name of ``deplib.cost.ways.WAYS``.
    frames
        Length of the window, all real.
    """
    if resolve(WAYS[way])[0] not in STEP_BY_STEP:
        return _counted(way, frames)
    first, second = (_counted(way, short) for short in SHORT)

    def continued(a: int, b: int) -> int:
        per_frame, rest = divmod(b - a, SHORT[1] - SHORT[0])
        assert not rest
        return a + per_frame * (frames - SHORT[0])

    return Operations(
        forward=continued(first.forward, second.forward),
        training=continued(first.training, second.training),
        attention=0,
        scan=sum(scan_operations(sized(WAYS[way], frames), frames)),
    )


def scan_operations(network: nn.Module, frames: int) -> tuple[int, int]:
    """Return the elementwise operations of selective scans, forward and backward, by hand.

    For each frame, channel and state ``deplib.models.selective_scan`` does, forward,

        exp(dt A) h + B u,  y += C h             1 + 1 + 3 + 2 = 7

    and backward the same without y, to have the states again (5), and

        g = g' + C e,  dC += e h,  dB += g u,  du += B g        8
        g' = exp(dt A) g,  g' h,  ds += A g' h,  dA += s g' h   6

    and for each frame and channel 2 forward (u = dt x, D x) and 8 backward. An exponential counts
    as one.
    """
    forward = backward = 0
    for module in network.modules():
        if isinstance(A_log := getattr(module, "A_log", None), nn.Parameter):
            channels, states = A_log.shape
            forward += frames * channels * (7 * states + 2)
            backward += frames * channels * (19 * states + 8)
    return forward, backward


@lru_cache(maxsize=256)
def _counted(way: str, frames: int) -> Operations:
    counter = FlopCounterMode(display=False)
    with torch.device("meta"):
        network, x = sized(WAYS[way], frames), torch.empty(1, frames, 512)
        with patch("torch.compiler.is_compiling", lambda: True), sdpa_kernel(SDPBackend.MATH):
            forward_pass = forward_of(way, network, x)  # the means of HEAD_ONLY are taken here
            with counter:
                output = forward_pass()
                forward = counter.get_total_flops()
                output.abs().mean().backward()
    counts = counter.get_flop_counts()["Global"]
    attends = any(isinstance(module, EncoderLayer) for module in network.modules())
    attention = counts.get(torch.ops.aten.bmm, 0) if attends else 0
    return Operations(forward, counter.get_total_flops(), attention)


def kept_by_plain_attention(way: str, frames: int, *, windows: int) -> int:
    """Return the bytes that a step keeps for its backward pass if attention is not fused.

    Every stored tensor is counted once, parameters and input left out.
    """
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with torch.device("meta"):
        network, x = sized(WAYS[way], frames), torch.empty(windows, frames, 512)
        with (
            patch("torch.compiler.is_compiling", lambda: True),
            sdpa_kernel(SDPBackend.MATH),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            output = forward_of(way, network, x)()
    del output
    own = {tensor.untyped_storage()._cdata for tensor in (x, *network.parameters())}
    return sum(storage.nbytes() for pointer, storage in kept.items() if pointer not in own)
