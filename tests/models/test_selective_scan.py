"""The fast scan against the sequential one in float64, and that one against the paper's formula.

Stated tolerances, as parts of the largest element of a tensor: 1e-5 for an output in float32, 5e-5
for a gradient (the sequential scan in float32 is no closer).
"""

import math

import numpy as np
import pytest
import torch

from deplib.errors import ModelError
from deplib.models.selective_scan import selective_scan, sequential_scan

NAMES = ("x", "dt", "A", "B", "C", "D")
ODD = [
    (1, 1, 1, 1),
    (2, 15, 3, 2),
    (2, 16, 64, 16),
    (3, 17, 65, 5),
    (1, 33, 130, 1),
    (2, 100, 256, 16),
    (1, 2000, 32, 16),
]
STEP_SIZES = {"as at the start": (1e-3, 0.1), "tiny": (1e-8, 1e-6), "huge": (1.0, 1e4)}


def inputs(b, t, d, n, *, low=1e-3, high=0.1, dtype=torch.float32):
    """Random arguments of a scan, with log-uniform step sizes and decays of every speed."""
    rng = np.random.default_rng(0)
    dt = np.exp(rng.uniform(math.log(low), math.log(high), size=(b, t, d)))
    A = -np.arange(1, n + 1) * rng.uniform(size=(d, n))
    B, C = rng.normal(size=(2, b, t, n))
    arrays = rng.normal(size=(b, t, d)), dt, A, B, C, rng.normal(size=d)
    return [torch.from_numpy(np.array(a)).to(dtype).requires_grad_() for a in arrays]


def output_and_gradients(scan, arguments, dtype=torch.float32):
    leaves = [a.detach().to(dtype).requires_grad_() for a in arguments]
    y = scan(*leaves)
    weight = np.random.default_rng(1).normal(size=y.shape)
    gradients = torch.autograd.grad((y * torch.from_numpy(weight).to(dtype)).sum(), leaves)
    return {"y": y.detach(), **dict(zip(NAMES, gradients, strict=True))}


@pytest.mark.parametrize("steps", STEP_SIZES.values(), ids=STEP_SIZES)
@pytest.mark.parametrize("shape", ODD, ids=str)
def test_fast_scan_is_the_sequential_one(shape, steps):
    arguments = inputs(*shape, low=steps[0], high=steps[1])
    reference = output_and_gradients(sequential_scan, arguments, torch.float64)
    for name, ours in output_and_gradients(selective_scan, arguments).items():
        error = (ours.double() - reference[name]).abs().max()
        assert error <= (1e-5 if name == "y" else 5e-5) * reference[name].abs().max(), name


def test_sequential_scan_is_the_papers_recurrence():
    arguments = inputs(2, 12, 3, 4, dtype=torch.float64)
    x, dt, A, B, C, D = (a.detach().numpy() for a in arguments)
    y = np.zeros_like(x)
    for b in range(2):
        for d in range(3):
            for n in range(4):
                h = 0.0
                for t in range(12):
                    h = math.exp(dt[b, t, d] * A[d, n]) * h + dt[b, t, d] * B[b, t, n] * x[b, t, d]
                    y[b, t, d] += C[b, t, n] * h
            y[b, :, d] += D[d] * x[b, :, d]
    np.testing.assert_allclose(sequential_scan(*arguments).detach(), y, atol=1e-13)


def test_decay_is_accurate_wherever_float32_has_it():
    """h_0 = 1 and h_1 = exp(dt_1 A): 4096 channels put the exponential itself to the test."""
    z = torch.linspace(-100, 0, 4096, dtype=torch.float64)
    dt = torch.stack([torch.ones(4096), -z.float()])[None]
    x = torch.tensor([1.0, 0.0])[None, :, None].expand(1, 2, 4096)
    one = torch.ones(1, 2, 1)
    y = selective_scan(x, dt, -torch.ones(4096, 1), one, one, torch.zeros(4096))
    decay, expected = y[0, 1].double(), (-dt[0, 1].double()).exp()
    ordinary = z > -87
    assert ((decay - expected).abs() / expected)[ordinary].max() < 2e-7
    assert decay[~ordinary].max() < 2e-38
    assert decay[-1] == 1


def test_nan_stays_in_its_channel_and_its_future():
    for spoilt in (0, 1):  # x, dt
        arguments = [a.detach() for a in inputs(2, 40, 70, 4)]
        arguments[spoilt][0, 20, 66] = float("nan")
        expected = torch.zeros(2, 40, 70, dtype=torch.bool)
        expected[0, 20:, 66] = True
        assert torch.equal(selective_scan(*arguments).isnan(), expected)


def test_layout_in_memory_does_not_matter():
    arguments = inputs(2, 20, 6, 3)
    strided = [a.detach().mT.contiguous().mT if a.ndim > 1 else a.detach() for a in arguments]
    assert not strided[0].is_contiguous()
    ours = output_and_gradients(selective_scan, strided)
    for name, expected in output_and_gradients(selective_scan, arguments).items():
        assert torch.equal(ours[name], expected)


def test_hardly_anything_is_kept_for_the_gradient():
    def kept(scan):
        sizes = {}

        def note(tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            y = scan(*inputs(1, 160, 64, 16))
        assert y.requires_grad
        return sum(sizes.values())

    every_state = 160 * 64 * 16 * 4  # bytes
    assert kept(sequential_scan) > 2 * every_state  # the state and its decay
    assert kept(selective_scan) < 0.3 * every_state


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_another_precision_takes_the_sequential_scan(dtype):
    other = [a.detach().to(dtype) for a in inputs(1, 5, 3, 2)]
    assert torch.equal(selective_scan(*other), sequential_scan(*other))


@pytest.mark.parametrize("scan", [sequential_scan, selective_scan])
def test_arguments_that_do_not_fit_are_refused(scan):
    good = [a.detach() for a in inputs(2, 5, 3, 4)]
    x, dt, A, B, C, D = good
    for message, bad in [
        ("dt is torch.float32 \\(2, 4, 3\\)", (x, dt[:, :4], A, B, C, D)),
        ("A is torch.float32 \\(4, 3\\)", (x, dt, A.T, B, C, D)),
        ("B is torch.float32 \\(2, 5, 3\\)", (x, dt, A, B[..., :3], C, D)),
        ("C is torch.float64", (x, dt, A, B, C.double(), D)),
        ("D is torch.float32 \\(1,\\)", (x, dt, A, B, C, D[:1])),
        ("at least one step", (x[:, :0], dt[:, :0], A, B[:, :0], C[:, :0], D)),
        ("x \\(5, 3\\)", (x[0], dt[0], A, B[0], C[0], D)),
    ]:
        with pytest.raises(ModelError, match=message):
            scan(*bad)
