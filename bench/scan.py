"""Time of the selective scan, forward and backward, and of a training step of Mamba.

    python bench/scan.py

The fast scan stands on two levers. Its gradient is written by hand and computes the states anew,
chunk by chunk, so autograd keeps next to nothing; and it is compiled, so each state passes through
the processor once instead of once for every operation. ``ChunkedScan`` has the first lever alone,
in plain torch. One thread; CPU time, the smallest of several rounds in which all take turns.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from deplib.models import build
from deplib.models.mamba import MambaBlock
from deplib.models.selective_scan import selective_scan, sequential_scan

CHANNELS, STATES = 256, 16
SIZES = ((1, 2000), (32, 512))  # windows, frames: a long window, a training batch
CHUNK = 32
MEGABYTE = 2**20


class ChunkedScan(torch.autograd.Function):
    """The scan window by window and chunk by chunk, in place, on buffers that stay in cache."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        """As ``selective_scan``; keeps the state before each chunk."""
        x, dt, A, B, C, D = inputs
        y = torch.empty_like(x)
        stored = x.new_empty(len(x), -(-x.shape[1] // CHUNK), *A.T.shape)  # (b, chunk, n, d)
        decay, h = x.new_empty(CHUNK, *A.T.shape), x.new_zeros(CHUNK + 1, *A.T.shape)
        for b in range(len(x)):
            h[-1] = 0
            for k, start in enumerate(range(0, x.shape[1], CHUNK)):
                now = slice(start, start + CHUNK)
                steps = len(x[b, now])
                stored[b, k] = h[-1]
                states(x[b, now], dt[b, now], A, B[b, now], stored[b, k], decay, h)
                torch.bmm(C[b, now, None], h[1 : steps + 1], out=y[b, now, None])
        ctx.save_for_backward(*inputs, stored)
        return y + D * x

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Gradients, with the states of a chunk computed again."""
        x, dt, A, B, C, D, stored = ctx.saved_tensors
        du, ds, dA = torch.empty_like(x), torch.empty_like(x), torch.zeros_like(A.T)
        dB, dC = torch.empty_like(B), torch.empty_like(C)
        u = dt * x
        decay, h = x.new_empty(CHUNK, *A.T.shape), x.new_empty(CHUNK + 1, *A.T.shape)
        g, g_next = torch.empty_like(decay), torch.empty_like(dA)
        for b in range(len(x)):
            g_next.zero_()
            for k in reversed(range(stored.shape[1])):
                now = slice(k * CHUNK, (k + 1) * CHUNK)
                steps = len(x[b, now])
                states(x[b, now], dt[b, now], A, B[b, now], stored[b, k], decay, h)
                torch.mul(dy[b, now, None], C[b, now, :, None], out=g[:steps])
                g[steps - 1].add_(g_next)
                for i in range(steps - 2, -1, -1):
                    g[i].addcmul_(decay[i + 1], g[i + 1])
                torch.mul(decay[0], g[0], out=g_next)
                dC[b, now] = torch.bmm(h[1 : steps + 1], dy[b, now, :, None]).squeeze(2)
                dB[b, now] = torch.bmm(g[:steps], u[b, now, :, None]).squeeze(2)
                torch.bmm(B[b, now, None], g[:steps], out=du[b, now, None])
                e = decay[:steps].mul_(g[:steps]).mul_(h[:steps])
                torch.sum(torch.mul(e, A.T, out=g[:steps]), dim=1, out=ds[b, now])
                dA += e.mul_(dt[b, now, None]).sum(dim=0)
        return du * dt + dy * D, ds + du * x, dA.T, dB, dC, (dy * x).sum(dim=(0, 1))


def states(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, first: Tensor, decay: Tensor, h: Tensor
) -> None:
    """Fill ``decay`` (t, n, d) and ``h`` (t + 1, n, d) of a chunk; ``h[-1]`` is its last state."""
    steps = len(x)
    torch.mul(dt[:, None], A.T, out=decay[:steps]).exp_()
    torch.mul((dt * x)[:, None], B[:, :, None], out=h[1 : steps + 1])
    h[0] = first
    for i in range(steps):
        h[i + 1].addcmul_(decay[i], h[i])
    h[-1] = h[steps]


class PlainConv(MambaBlock):
    """In place of shifted products: torch's own convolution, in its own layout."""

    def causal_conv(self, x: Tensor) -> Tensor:
        """(b, t, d_inner) -> the same."""
        padded = nn.functional.pad(x.transpose(1, 2), (self.conv.weight.shape[2] - 1, 0))
        return self.conv(padded).transpose(1, 2)


class PlainRead(MambaBlock):
    """In place of reading the last frame before the gate and the output: after them."""

    def forward(self, u: Tensor, last: Tensor | None = None) -> Tensor:
        """As ``MambaBlock``."""
        u = super().forward(u)
        return u if last is None else u[torch.arange(len(u)), last]


def scan_inputs(windows: int, frames: int) -> list[Tensor]:
    """Arguments of a scan as a block of Mamba gives them at the start of training."""
    g = torch.Generator().manual_seed(0)
    x, u = (torch.randn(windows, frames, CHANNELS, generator=g) for _ in range(2))
    B, C = (torch.randn(windows, frames, STATES, generator=g) for _ in range(2))
    A = -torch.arange(1.0, STATES + 1).repeat(CHANNELS, 1)
    arguments = [x, 0.01 * u.exp(), A, B, C, torch.ones(CHANNELS)]
    return [a.requires_grad_() for a in arguments]


def compare(scan: Callable[..., Tensor]) -> None:
    """Raise AssertionError unless a scan and its gradients are those of the sequential scan."""
    ours, theirs = scan_inputs(2, 70), scan_inputs(2, 70)
    y, expected = scan(*ours), sequential_scan(*theirs)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
    y.square().mean().backward()
    expected.square().mean().backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-4)


def kept(forward: Callable[[], Tensor]) -> float:
    """Megabytes that autograd keeps for the gradient, arguments included."""
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        _y = forward()
    return sum(sizes.values()) / MEGABYTE


def smallest_times(steps: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, float]:
    """CPU-milliseconds of each step and its gradient, the smallest of all rounds."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, forward in steps.items():
            start = time.process_time()
            forward().abs().mean().backward()
            times[name].append(1e3 * (time.process_time() - start))
    return {name: min(taken) for name, taken in times.items()}


def print_scans() -> None:
    """Print what each scan costs at each size."""
    scans: dict[str, Callable[..., Tensor]] = {
        "sequential": sequential_scan,
        "own gradient, torch": ChunkedScan.apply,
        "own gradient, compiled": selective_scan,
    }
    for scan in scans.values():  # compile, and compare like with like
        compare(scan)
    print(f"forward and backward, {CHANNELS} channels x {STATES} states, one thread")
    print("windows x frames  scan                      CPU-ms   gain   kept, MB")
    for windows, frames in SIZES:
        inputs = scan_inputs(windows, frames)
        steps = {name: partial(scan, *inputs) for name, scan in scans.items()}
        ms = smallest_times(steps, rounds=2)
        for name, step in steps.items():
            print(
                f"{windows:>7} x {frames:<8}{name:<24}{ms[name]:>8.0f}"
                f"{ms['sequential'] / ms[name]:>6.1f}x{kept(step):>10.0f}"
            )


def print_steps() -> None:
    """Print what a training step costs, and what it would cost with plain parts."""
    windows, frames = SIZES[-1]
    x = nn.functional.normalize(torch.randn(windows, frames, 512), dim=2).transpose(1, 2)
    mask = torch.ones(windows, frames, dtype=torch.bool)
    mask[::4, frames // 2 :] = False
    models = {
        "MambaGRU": build("MambaGRU", seed=0),
        "Mamba": build("Mamba", seed=0),
        "Mamba, torch's convolution": build("Mamba", seed=0),
        "Mamba, last frame read last": build("Mamba", seed=0),
    }
    for name, plain in zip(list(models)[2:], (PlainConv, PlainRead), strict=True):
        for block in models[name].get_submodule("blocks").children():
            block.__class__ = plain  # the same weights and another method
    ms = smallest_times({name: partial(m, x, mask) for name, m in models.items()}, rounds=4)
    print(f"\ntraining step, {windows} windows of {frames} frames    CPU-ms   x MambaGRU")
    for name, taken in ms.items():
        print(f"{name:<42}{taken:>8.0f}{taken / ms['MambaGRU']:>13.2f}")


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    print_scans()
    print_steps()


if __name__ == "__main__":
    main()
