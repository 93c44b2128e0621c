"""The selective scan (S6): the recurrence at the heart of Mamba, plain and fast.

    h_t[d, n] = exp(dt_t[d] A[d, n]) h_(t-1)[d, n] + dt_t[d] B_t[n] x_t[d],   h_(-1) = 0
    y_t[d]    = sum over n of C_t[n] h_t[d, n] + D[d] x_t[d]

Gu and Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", equation 2 and
algorithm 2; A is discretised by a zero-order hold and B by Euler's rule, as in the authors'
``selective_scan_ref``. Shapes in this file: b batch, t time, d channels, n states of a channel.

``sequential_scan`` is the definition, one step after the other under autograd. ``selective_scan``
is the same function compiled for the CPU, gradient included. Autograd would keep the decay and the
state of every step, two tensors of (b, t, d, n); the compiled scan carries the states of 64
channels at a time through the fastest cache, keeps every sixteenth, and on the way back computes
the fifteen between anew. Every decay is the exponential of something negative, so nothing can
overflow, however long the window or large the step.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.autograd.function import once_differentiable

from deplib.errors import ModelError

STEPS = 16
"""Steps from one stored state to the next."""

CHANNELS = 64
"""Channels that are scanned together: a constant, so that their loops become vector code."""

ONNX_DOMAIN = "deplib"
"""Domain of the node ``SelectiveScan`` that a scan is traced as."""


def sequential_scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Scan step by step: the reference, on any device and in any precision.

    Parameters
    ----------
    x
        (b, t, d), the input.
    dt
        (b, t, d), the step sizes, positive.
    A
        (d, n), negative.
    B, C
        (b, t, n), what of the input enters a state, and what of a state is read.
    D
        (d,), the weight of the skip connection.

    Returns
    -------
    Tensor
        (b, t, d).

    Raises
    ------
    ModelError
        If the shapes or types don't fit together.
    """
    _check(x, dt, A, B, C, D)
    h = x.new_zeros(x.shape[0], *A.shape)  # (b, d, n)
    y = []
    for t in range(x.shape[1]):
        decay = torch.exp(dt[:, t, :, None] * A)  # (b, d, n)
        h = decay * h + (dt[:, t] * x[:, t])[..., None] * B[:, t, None, :]  # (b, d, n)
        y.append((h * C[:, t, None, :]).sum(dim=2))  # (b, d)
    return torch.stack(y, dim=1) + D * x


def selective_scan(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Scan fast: ``sequential_scan`` to 1e-5, its gradient included.

    It runs in one thread. The first call of a process compiles it, in some seconds; nothing is kept
    on disk, so no folder need be writable. On another device or in another precision than float32
    the sequential scan stands in. There is no second derivative.

    Parameters
    ----------
    x, dt, A, B, C, D
        As in ``sequential_scan``.

    Returns
    -------
    Tensor
        (b, t, d).

    Raises
    ------
    ModelError
        If the shapes or types don't fit together.
    """
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return sequential_scan(x, dt, A, B, C, D)
    _check(x, dt, A, B, C, D)
    return _Scan.apply(x, dt, A, B, C, D)  # type: ignore[no-any-return, no-untyped-call]


def _check(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> None:
    if x.ndim != 3 or A.ndim != 2 or x.shape[1] == 0:
        raise ModelError(
            f"x {tuple(x.shape)} and A {tuple(A.shape)} must be (batch, time, channels) with at "
            "least one step, and (channels, states)"
        )
    b, t, d = x.shape
    n = A.shape[1]
    given = {"dt": dt, "A": A, "B": B, "C": C, "D": D}
    expected = {"dt": (b, t, d), "A": (d, n), "B": (b, t, n), "C": (b, t, n), "D": (d,)}
    for name, tensor in given.items():
        if tensor.shape != expected[name] or tensor.dtype != x.dtype:
            raise ModelError(
                f"{name} is {tensor.dtype} {tuple(tensor.shape)}; beside x {x.dtype} "
                f"{tuple(x.shape)} it must be {x.dtype} {expected[name]}"
            )


class _Scan(torch.autograd.Function):
    """The compiled scan and its gradient."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        x, dt, A, B, C, D = (tensor.detach().contiguous() for tensor in inputs)
        A = A.T.contiguous()  # (n, d): channels are neighbours in every array
        b, t, _ = x.shape
        y = torch.empty_like(x)
        stored = x.new_empty(b, -(-t // STEPS), *A.shape)
        _forward(*(a.numpy() for a in (x, dt, A, B, C, D, y, stored)))
        ctx.save_for_backward(x, dt, A, B, C, D, stored)
        return y

    @staticmethod
    def symbolic(g: Any, *inputs: Any) -> Any:
        """Add one node to an ONNX graph; ``deplib.deploy.export`` defines what it does."""
        return g.op(f"{ONNX_DOMAIN}::SelectiveScan", *inputs).setType(inputs[0].type())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        saved = ctx.saved_tensors
        grads = [torch.empty_like(t) for t in saved[:2]] + [torch.zeros_like(t) for t in saved[2:6]]
        _backward(*(a.numpy() for a in (dy.contiguous(), *saved, *grads)))
        grads[2] = grads[2].T
        return tuple(grads)


# What follows is compiled. "reassoc" lets a sum over channels be a vector sum; "contract" lets a
# product and a sum be one instruction. NaN and infinity keep their meaning.
_compiled = njit(fastmath={"reassoc", "contract", "nsz"}, nogil=True)


def _constants(*values: float) -> tuple[np.float32, ...]:
    return tuple(map(np.float32, values))


_LOW, _LOG2E, _HALF, _ONE = _constants(-87.0, 1.4426950408889634, 0.5, 1.0)
_LN2_HIGH, _LN2_LOW = _constants(0.693359375, -2.12194440e-4)  # k times the first is exact
_P5, _P4, _P3 = _constants(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3)
_P2, _P1, _P0 = _constants(4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_BIAS, _MANTISSA = np.int32(127), np.int32(23)


@njit(fastmath={"contract"})  # the order of its terms is its precision
def _exp(z: Any) -> Any:
    """Exponential of z <= 0, without a branch, so that a loop over it is vector code.

    exp(z) = 2^k exp(r) with k the integer nearest z / ln 2 and r = z - k ln 2; exp(r) by the
    polynomial of the Cephes library. Relative error 1e-7; below -87 it stays at exp(-87) = 2e-38.
    """
    z = _LOW if z < _LOW else z
    k = np.floor(z * _LOG2E + _HALF)
    r = z - k * _LN2_HIGH - k * _LN2_LOW
    p = ((((_P5 * r + _P4) * r + _P3) * r + _P2) * r + _P1) * r + _P0
    power = np.int32((np.int32(k) + _BIAS) << _MANTISSA).view(np.float32)
    return (p * r * r + r + _ONE) * power


# Each buffer is an array of its own: what the compiler knows not to overlap, it can vectorise.
@_compiled
def _empty(*shape: int) -> Any:
    return np.empty(shape + (CHANNELS,), np.float32)  # noqa: RUF005, what numba compiles


@_compiled
def _load(row: Any, first: int, block: Any) -> None:
    """Fill a block with the channels from ``first`` on; beyond the last one, 0."""
    n = min(len(block), len(row) - first)
    block[:n] = row[first : first + n]
    block[n:] = 0


@_compiled
def _store(block: Any, row: Any, first: int) -> None:
    """Set the channels from ``first`` on, as many as there are."""
    n = min(len(block), len(row) - first)
    row[first : first + n] = block[:n]


@_compiled
def _add(block: Any, row: Any, first: int) -> None:
    """Add to the channels from ``first`` on, as many as there are."""
    n = min(len(block), len(row) - first)
    row[first : first + n] += block[:n]


@_compiled
def _forward(x: Any, dt: Any, A: Any, B: Any, C: Any, D: Any, y: Any, stored: Any) -> None:
    """Set y (b, t, d), and ``stored`` (b, chunk, n, d) to the states before each chunk."""
    batch, T, width = x.shape
    N = len(A)
    a, h = _empty(N), _empty(N)
    s, u, skip, out = _empty(), _empty(), _empty(), _empty()
    for b in range(batch):
        for first in range(0, width, CHANNELS):
            _load(D, first, skip)
            for n in range(N):
                _load(A[n], first, a[n])
            h[:] = 0
            for t in range(T):
                if t % STEPS == 0:
                    for n in range(N):
                        _store(h[n], stored[b, t // STEPS, n], first)
                _load(dt[b, t], first, s)
                _load(x[b, t], first, u)
                for d in range(CHANNELS):
                    out[d] = skip[d] * u[d]
                    u[d] *= s[d]
                for n in range(N):
                    Bn, Cn = B[b, t, n], C[b, t, n]
                    for d in range(CHANNELS):
                        state = _exp(s[d] * a[n, d]) * h[n, d] + Bn * u[d]
                        h[n, d] = state
                        out[d] += Cn * state
                _store(out, y[b, t], first)


@_compiled
def _backward(
    dy: Any, x: Any, dt: Any, A: Any, B: Any, C: Any, D: Any, stored: Any,
    dx: Any, ddt: Any, dA: Any, dB: Any, dC: Any, dD: Any,
) -> None:  # fmt: skip
    """Set dx and ddt, and add to dA, dB, dC and dD, the gradients of sum(dy y).

    g_t = C_t dy_t + exp(dt_(t+1) A) g_(t+1), the gradient of h_t, runs backwards in time.
    """
    batch, T, width = x.shape
    N = len(A)
    h = _empty(STEPS + 1, N)  # h[i]: the state before step i of a chunk
    decay = _empty(STEPS, N)
    s, v, u = _empty(STEPS), _empty(STEPS), _empty(STEPS)  # dt, x and their product
    a, da = _empty(N), _empty(N)
    g_next = _empty(N)  # exp(dt_(t+1) A) g_(t+1)
    zero, tiny = np.float32(0), np.float32(1e-35)
    e, du, ds, skip, dskip = _empty(), _empty(), _empty(), _empty(), _empty()
    for b in range(batch):
        for first in range(0, width, CHANNELS):
            _load(D, first, skip)
            for n in range(N):
                _load(A[n], first, a[n])
            da[:] = 0
            g_next[:] = 0
            dskip[:] = 0
            for chunk in range((T - 1) // STEPS, -1, -1):
                start = chunk * STEPS
                steps = min(STEPS, T - start)
                for n in range(N):
                    _load(stored[b, chunk, n], first, h[0, n])
                for i in range(steps):
                    _load(dt[b, start + i], first, s[i])
                    _load(x[b, start + i], first, v[i])
                    for d in range(CHANNELS):
                        u[i, d] = s[i, d] * v[i, d]
                    for n in range(N):
                        Bn = B[b, start + i, n]
                        for d in range(CHANNELS):
                            decay[i, n, d] = _exp(s[i, d] * a[n, d])
                            h[i + 1, n, d] = decay[i, n, d] * h[i, n, d] + Bn * u[i, d]
                for i in range(steps - 1, -1, -1):
                    t = start + i
                    _load(dy[b, t], first, e)
                    du[:] = 0
                    ds[:] = 0
                    for n in range(N):
                        Bn, Cn = B[b, t, n], C[b, t, n]
                        dBn, dCn = zero, zero
                        for d in range(CHANNELS):
                            g = Cn * e[d] + g_next[n, d]
                            dCn += e[d] * h[i + 1, n, d]
                            dBn += u[i, d] * g
                            du[d] += Bn * g
                            g *= decay[i, n, d]
                            # Denormal numbers, where the loss reads the last frame only, are slow.
                            g_next[n, d] = zero if abs(g) < tiny else g
                            g *= h[i, n, d]
                            ds[d] += a[n, d] * g
                            da[n, d] += s[i, d] * g
                        dB[b, t, n] += dBn
                        dC[b, t, n] += dCn
                    for d in range(CHANNELS):
                        ds[d] += du[d] * v[i, d]
                        du[d] = du[d] * s[i, d] + skip[d] * e[d]
                        dskip[d] += e[d] * v[i, d]
                    _store(ds, ddt[b, t], first)
                    _store(du, dx[b, t], first)
            _add(dskip, dD, first)
            for n in range(N):
                _add(da[n], dA[n], first)
